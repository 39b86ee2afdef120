"""Reasons: finds what is known of a selection, has the rest computed, and shows how far that is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import dash_bootstrap_components as dbc
import numpy as np
from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, no_update

from callbacks.browse import active_filters, page_numbers
from callbacks.context import PageContext, one, resolve
from callbacks.guard import guarded, notify
from callbacks.reasoned import disagreement_of, group_of, look_of, method_of
from callbacks.services import Services
from callbacks.shell import write_address
from data.errors import EngineUnavailable, InvalidInput, VitrineError
from data.explained import Explained, ExplainedStore
from data.selections import Selection
from data.text import gettext as _
from data.types import TERMINAL_STATES, Job, JobState, Run
from data.workspace import content_key
from inference.catalogue import EXPLANATIONS
from inference.explained import (
    AT_ONCE,
    MAX_ROWS,
    PAGE,
    differences_key,
    explained_key,
    rows_digest,
    study_key,
)
from inference.reasons import Differences, Study, kept
from layouts import ids
from layouts.browse import chips, pager
from layouts.jobs import progress_words
from layouts.other_reasons import result as differing
from layouts.parts import empty_state, error_state, number
from layouts.reasons import ALIGNMENTS, CLUSTER, VERSIONS, Start, not_explained, progress, start_buttons, views
from layouts.shared_reasons import result as shared

__all__ = ["register", "second_run"]


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page shows.

    Attributes:
        drawn: Says which result this is; the same one is not drawn again.
        waiting: Whether to look again in a moment.
    """

    message: Any
    result: Any
    drawn: str
    waiting: bool


def register(app: Dash, services: Services) -> None:
    """Adds the page's callbacks."""

    @app.callback(
        Output(ids.REASONS_METHOD, "options"),
        Output(ids.REASONS_METHOD, "value"),
        Output(ids.REASONS_OTHER, "options"),
        Output(ids.REASONS_OTHER, "value"),
        Input(ids.REASONS_CONTROLS, "id"),
        State(ids.REASONS_STATE, "data"),
    )
    @guarded(outputs=4, show=-1)
    def offer(_page: str, state: dict[str, Any] | None) -> tuple[Any, ...]:
        context = resolve(services, state)
        methods = [{"label": _(method.title), "value": name} for name, method in EXPLANATIONS.items()]
        other = second_run(context)
        others = [run.reference for run in context.runs if context.run is None or run.id != context.run.id]
        return methods, method_of(context), others, other.reference if other else ""

    @app.callback(
        Output(ids.REASONS_RESULT, "children"),
        Output(ids.REASONS_MESSAGE, "children"),
        Output(ids.REASONS_DRAWN, "data"),
        Output(ids.REASONS_CLOCK, "disabled"),
        Output(ids.REASONS_VIEWS, "children"),
        Output(ids.REASONS_CHIPS, "children"),
        Input(ids.REASONS_STATE, "data"),
        Input(ids.REASONS_CLOCK, "n_intervals"),
        Input({"type": ids.REASONS_START, "model": ALL, "scope": ALL}, "n_clicks"),
        State(ids.REASONS_DRAWN, "data"),
        State(ids.SHELL_PERSON, "data"),
    )
    @guarded(outputs=6)
    def show(
        state: dict[str, Any] | None,
        _ticks: int | None,
        clicks: Sequence[int | None],
        drawn: str | None,
        person: str | None,
    ) -> tuple[Any, ...]:
        context = resolve(services, state)
        view = VERSIONS if one(context.parameters, "view") == VERSIONS else CLUSTER
        if isinstance(ctx.triggered_id, dict) and any(clicks):
            _start(services, context, ctx.triggered_id["model"], ctx.triggered_id["scope"], person or "guest")
        found = _found(services, context, view)
        result = no_update if found.drawn and found.drawn == drawn else found.result
        return result, found.message, found.drawn, not found.waiting, _views(context, view), _chips(context)

    write_address(app, ids.REASONS_STATE, ids.REASONS_WRITTEN)
    app.clientside_callback(
        ClientsideFunction("pages", "reasonsState"),
        Output(ids.REASONS_STATE, "data"),
        Input(ids.REASONS_METHOD, "value"),
        Input(ids.REASONS_OTHER, "value"),
        Input(ids.REASONS_ALIGN, "value"),
        State(ids.REASONS_STATE, "data"),
        prevent_initial_call=True,
    )


def second_run(context: PageContext) -> Run | None:
    """The version to hold the chosen one against: as the address says, else the nearest of the same model.

    Raises:
        InvalidInput: It is the chosen one itself.
    """
    if context.run is None:
        return None
    if context.other is not None:
        if context.other.id == context.run.id:
            raise InvalidInput(_("{name} is the version itself; choose another one as B", name=context.run.reference))
        return context.other
    chosen = context.run
    rest = [run for run in context.runs if run.id != chosen.id]
    family = [run for run in rest if run.model == chosen.model] or rest
    return min(family, key=lambda run: (abs(run.version - chosen.version), run.version), default=None)


def _found(services: Services, context: PageContext, view: str) -> Shown:
    if context.run is None:
        model = context.version.reference if context.version else "MODEL"
        text = _("The model has not been applied to this dataset yet. Run:")
        command = f"python -m dashboard index {context.dataset.name} {model}"
        return Shown(None, empty_state("lightbulb", _("No predictions yet"), f"{text} {command}"), "", False)
    try:
        method = method_of(context)
        if view == VERSIONS:
            return _versions(services, context, context.run, method)
        return _cluster(services, context, context.run, method)
    except EngineUnavailable as error:
        text = _("{reason}. This page goes on by itself when it is back.", reason=error)
        return Shown(empty_state("wifi-off", _("The engine does not answer"), text), None, "", True)
    except VitrineError as error:  # shown here, so that the clock stops and nobody asks again for what cannot be
        return Shown(None, error_state(str(error)), "", False)


def _cluster(services: Services, context: PageContext, run: Run, method: str) -> Shown:
    rows = np.sort(services.samples.order(context.view, context.selection))
    if not len(rows):
        return _nothing(context)
    few = len(rows) <= MAX_ROWS
    whole = _known(services, run, method)
    known = whole or (_known(services, run, method, rows) if few else None)
    jobs = _jobs(services, run, method, [None, rows] if few else [None])
    starts = [(run.reference, "all", _("Explain all {n} samples", n=number(run.samples)))]
    if not known and few and len(rows) > AT_ONCE and len(rows) < run.samples:
        starts.append((run.reference, "these", _("Only these {n}", n=number(len(rows)))))
    if known is None and len(rows) > AT_ONCE:
        text = _("{method} maps of these {n} samples are needed first.", method=_title(method), n=number(len(rows)))
        return _missing(jobs, text, starts)
    key = study_key(known.key if known else explained_key(run, method, rows.tolist()), rows_digest(rows))
    stored = kept(services.cache, key)
    if stored is None:
        answer = services.engine.ask("study_reasons", {**_payload(context, run, method), "study": key})
        if not answer.done:
            return Shown(progress(_("Looking at {n} samples", n=number(len(rows))), [], answer.share), None, "", True)
        stored = answer.value
    align = one(context.parameters, "align") or "plain"
    if align not in ALIGNMENTS:
        raise InvalidInput.choice("align", align, ALIGNMENTS)
    message = None if whole else _alone(jobs, starts)
    drawn = content_key(key, align, method, context.selection.to_parameters())
    return Shown(message, shared(group_of(services, context, Study.of(stored), align)), drawn, bool(_active(jobs)))


def _versions(services: Services, context: PageContext, run: Run, method: str) -> Shown:
    other = second_run(context)
    if other is None:
        text = _("Only {name} is indexed on {dataset}.", name=run.reference, dataset=context.dataset.name)
        return Shown(None, empty_state("arrow-left-right", _("Two versions are needed"), text), "", False)
    context = replace(context, other=other, parameters={**context.parameters, "other": other.reference})
    rows = np.sort(services.samples.order(context.view, context.selection))
    if not len(rows):
        return _nothing(context)
    a, b = (_known(services, each, method) for each in (run, other))
    if a is None or b is None:
        missing = [each for each, known in ((run, a), (other, b)) if known is None]
        jobs = [job for each in missing for job in _jobs(services, each, method, [None])]
        starts = [(each.reference, "all", _("Explain {name}", name=each.reference)) for each in missing]
        names = ", ".join(each.reference for each in missing)
        text = _("{method} maps of all samples are needed first, by {names}.", method=_title(method), names=names)
        return _missing(jobs, text, starts)
    page = _page(context)
    key = differences_key(a.key, b.key, rows_digest(rows), page)
    stored = kept(services.cache, key)
    if stored is None:
        answer = services.engine.ask("rank_differences", {**_payload(context, run, method), "page": page})
        if not answer.done:
            return Shown(progress(_("Ranking {n} samples", n=number(len(rows))), [], answer.share), None, "", True)
        stored = answer.value
    found = Differences.of(stored)
    shown = differing(disagreement_of(services, context, found, len(rows), page), _pager(context, found, page))
    return Shown(None, shown, content_key(key, method, context.selection.to_parameters()), False)


def _missing(jobs: Sequence[Job], text: str, starts: Sequence[Start]) -> Shown:
    """What to do while maps are missing: wait for the jobs that make them, or start one."""
    active = _active(jobs)
    if active:
        now = datetime.now(UTC)
        shown = progress(
            _("Explaining"), [(job, f"{job.parameters['model']} · {progress_words(job, now)}") for job in active]
        )
        waited = {str(job.parameters["model"]) for job in active}
        rest = [start for start in starts if start[0] not in waited]
        return Shown([shown, *start_buttons(rest)], None, "", True)
    failed = [job for job in jobs if job.state is JobState.FAILED]
    alert = [dbc.Alert(job.error or "", color="danger", className="slim") for job in failed]
    return Shown([*alert, not_explained(text, starts)], None, "", False)


def _alone(jobs: Sequence[Job], starts: Sequence[Start]) -> Any:
    """Beside a group that is explained without the others: how to have them too."""
    active = _active(jobs)
    if active:
        now = datetime.now(UTC)
        return progress(_("Explaining the others"), [(job, progress_words(job, now)) for job in active])
    text = _("These samples are explained alone. With the whole dataset explained, they are held against the others.")
    return dbc.Alert([text, *start_buttons(starts)], color="info", className="slim reasons-alone")


def _nothing(context: PageContext) -> Shown:
    bare = replace(context, selection=Selection()).address("/reasons", **look_of(context))
    clear = dbc.Button(_("Clear all filters"), href=bare, outline=True, color="primary", size="sm")
    shown = empty_state("filter", _("No sample matches"), _("Take a filter off, or clear them all."), clear)
    return Shown(None, shown, "", False)


def _pager(context: PageContext, found: Differences, page: int) -> list[Any]:
    pages = max(-(-found.compared // PAGE), 1)
    addresses = {
        place: context.address("/reasons", **look_of(context), page=str(place)) for place in page_numbers(page, pages)
    }
    return pager(page, pages, addresses, ids.REASONS_STATE)


def _start(services: Services, context: PageContext, model: str, scope: str, person: str) -> None:
    """Queues the job that explains a version's run, or of it only what is selected."""
    run = next((run for run in context.runs if run.reference == model), None)
    if run is None:
        raise InvalidInput.choice("model", model, [run.reference for run in context.runs])
    rows = None
    if scope == "these":
        rows = np.sort(services.samples.order(context.view, context.selection))
        if len(rows) > MAX_ROWS:
            raise InvalidInput(_("These are too many samples to explain alone; explain all of them"))
    job = services.jobs.submit("explain", _job(run, method_of(context), rows), person)
    notify(_("Job {n} explains {name}", n=job.id, name=run.reference), "info")


def _job(run: Run, method: str, rows: np.ndarray | None) -> dict[str, Any]:
    """The parameters of an explain job."""
    named = {"dataset": run.dataset, "model": run.reference, "method": method}
    return named if rows is None else {**named, "rows": rows.tolist()}


def _jobs(services: Services, run: Run, method: str, wanted: Sequence[np.ndarray | None]) -> list[Job]:
    """The last job for each of the sets of rows, where there was one."""
    found = [services.jobs.find("explain", _job(run, method, rows)) for rows in wanted]
    return [job for job in found if job is not None]


def _active(jobs: Sequence[Job]) -> list[Job]:
    return [job for job in jobs if job.state not in TERMINAL_STATES]


def _known(services: Services, run: Run, method: str, rows: np.ndarray | None = None) -> Explained | None:
    key = explained_key(run, method, None if rows is None else rows.tolist())
    return ExplainedStore(services.workspace).find(run.id, key)


def _payload(context: PageContext, run: Run, method: str) -> dict[str, Any]:
    """What the engine needs to find the selected samples by itself."""
    return {
        "dataset": context.dataset.name,
        "model": run.reference,
        "method": method,
        "selection": context.selection.to_parameters(),
        "projection": context.projection.key if context.projection and context.selection.lasso else None,
        "other": context.other.reference if context.other else None,
    }


def _title(method: str) -> str:
    return _(EXPLANATIONS[method].title)


def _page(context: PageContext) -> int:
    text = one(context.parameters, "page") or "1"
    return max(int(text), 1) if text.isascii() and text.isdigit() and len(text) < 8 else 1


def _views(context: PageContext, view: str) -> list[Any]:
    kept_on = {name: value for name, value in look_of(context).items() if name != "view"}
    addresses: Mapping[str, str] = {
        CLUSTER: context.address("/reasons", **kept_on),
        VERSIONS: context.address("/reasons", **kept_on, view=VERSIONS),
    }
    return views(view, addresses)


def _chips(context: PageContext) -> list[Any]:
    return chips([chip for _name, chip in active_filters(context, "/reasons", look_of(context))])
