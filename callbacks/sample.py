"""Sample: shows one sample with what its versions say and why, and walks on through the selection."""

from dataclasses import replace
from typing import Any

import numpy as np
from dash import ALL, ClientsideFunction, Dash, Input, Output, State, html, no_update

from callbacks import judging
from callbacks.browse import active_filters
from callbacks.context import EmptyWorkspace, PageContext, Parameters, cards, one, resolve
from callbacks.explaining import (
    ask_again_when_back,
    ask_sample,
    failed,
    pass_ticks,
    register_controls,
    request_of,
    sample_payload,
    shown,
    subject_of,
    top_classes,
    underway,
)
from callbacks.guard import guarded
from callbacks.map_grid import Order, method_orders, register_grid
from callbacks.metadata import sample_metadata
from callbacks.services import Services
from callbacks.shell import write_address
from data.errors import EngineUnavailable, InvalidInput, NotFound, VitrineError
from data.explanations import ExplanationRequest
from data.samples import Row
from data.selections import Selection
from data.text import gettext as _
from data.types import Run, Sample
from inference.catalogue import explanation_key
from inference.preprocessing import seen_part
from layouts import ids
from layouts.explained import PanelIds, probability_bars, problem, verdict
from layouts.judging import class_options
from layouts.mapping import target_options
from layouts.parts import empty_workspace, error_state, image_url, input_url, link
from layouts.sample import CONTROLS, GRID, PANELS, Place, facts, head, neighbours
from layouts.tiles import Tile

__all__ = ["entropy", "find_row", "panel_run", "path_address", "place", "register", "second_run", "whatif_address"]

NEIGHBOURS = 12
_TINY = 96  # pixels; below, a picture is enlarged pixel by pixel


def register(app: Dash, services: Services) -> None:
    """Adds the page's callbacks."""
    _register_show(app, services)
    for name, panel in PANELS.items():
        _register_explanation(app, services, name, panel)
        ask_again_when_back(app, panel.retry)
        pass_ticks(app, panel.clock, panel.tick, panel.map)

    @app.callback(
        Output(ids.SAMPLE_NEIGHBOURS, "children"),
        Input(ids.SAMPLE_SUBJECT, "data"),
        Input(PANELS["a"].retry, "n_clicks"),
        State(ids.SAMPLE_STATE, "data"),
        prevent_initial_call=True,
    )
    @guarded()
    def show_neighbours(subject: dict[str, Any] | None, _retries: int | None, state: dict[str, Any]) -> Any:
        return no_update if not subject else _neighbours(services, resolve(services, state), int(subject["row"]))

    register_controls(app, services, CONTROLS)
    register_grid(app, services, GRID, _orders)
    judging.register(app, services)
    _register_clientside(app)


def _register_show(app: Dash, services: Services) -> None:
    outputs = [
        Output(ids.SAMPLE_MESSAGE, "children"),
        Output(ids.SAMPLE_BODY, "hidden"),
        Output(ids.SAMPLE_HEAD, "children"),
        Output(ids.SAMPLE_SUBJECT, "data"),
        Output(ids.SAMPLE_TARGET, "options"),
        Output(ids.SAMPLE_CLASS_LIST, "children"),
        Output(ids.SAMPLE_FACTS, "children"),
    ]
    for panel in PANELS.values():
        outputs += [
            Output(panel.panel, "hidden"),
            Output(panel.head, "children"),
            Output(panel.image, "src"),
            Output(panel.image, "alt"),
            Output(panel.image, "className"),
            Output(panel.bars, "children"),
        ]

    @app.callback(*outputs, Input(ids.SAMPLE_STATE, "data"), State(ids.SAMPLE_SUBJECT, "data"))
    def show(state: dict[str, Any], before: dict[str, Any] | None) -> tuple[Any, ...]:
        try:
            return None, False, *_shown(services, resolve(services, state), before)
        except EmptyWorkspace:
            trouble = empty_workspace()
        except VitrineError as error:
            trouble = error_state(str(error))
        return trouble, True, *[no_update] * (len(outputs) - 2)


def _register_explanation(app: Dash, services: Services, name: str, panel: PanelIds) -> None:
    @app.callback(
        Output(panel.map, "data-map"),
        Output(panel.map, "hidden"),
        Output(panel.evidence, "children"),
        Output(panel.retry, "hidden"),
        Output(panel.files, "children"),
        Output(panel.clock, "disabled"),
        Input(ids.SAMPLE_STATE, "data"),
        Input(panel.retry, "n_clicks"),
        Input(panel.tick, "data"),
    )
    def explain(state: dict[str, Any], _retries: int | None, _ticks: int | None) -> Any:
        try:
            context = resolve(services, state)
            run = panel_run(context, name)
            if context.version is None or (name == "b" and run is None):
                return "", True, None, True, [], True
            version = services.models.get(run.model, run.version) if run else context.version
            sample = find_row(services, context).sample
            request = request_of(context.parameters)
            dataset = context.dataset.name
            answer = ask_sample(services, version, run, dataset, sample, request)
            if not answer.done:
                return underway(answer.share)
            subject = subject_of(version, dataset, request, row=str(sample.row), sample=sample.sample_id)
            return shown(answer.value, subject)
        except VitrineError as error:
            return failed(error)


def _register_clientside(app: Dash) -> None:
    write_address(app, ids.SAMPLE_STATE, ids.SAMPLE_WRITTEN)
    app.clientside_callback(
        ClientsideFunction("pages", "sampleState"),
        Output(ids.SAMPLE_STATE, "data"),
        Input(ids.SAMPLE_TURN, "data"),
        Input(ids.SAMPLE_METHOD, "value"),
        Input(ids.SAMPLE_TARGET, "value"),
        Input(ids.SAMPLE_CONTRAST, "value"),
        Input(ids.SAMPLE_LAYERS, "value"),
        Input({"type": ids.SAMPLE_TARGET_CLASS, "panel": ALL, "class": ALL}, "n_clicks"),
        Input(ids.SAMPLE_RECORDED, "data"),
        State(ids.SAMPLE_STATE, "data"),
        State(ids.SAMPLE_SUBJECT, "data"),
        prevent_initial_call=True,
    )


def _orders(services: Services, parameters: Parameters) -> list[Order]:
    """Every method that suits the version, for the sample."""
    context = resolve(services, parameters)
    version, run = context.version, context.run
    if version is None:
        return []
    sample = find_row(services, context).sample
    image = input_url(version.model, version.version, context.dataset.name, sample.row, sample.digest)
    model = Tile(title="", image=image, tiny=max(sample.width, sample.height) <= _TINY, picker=ids.SAMPLE_METHOD)

    def task(request: ExplanationRequest) -> tuple[str, dict[str, Any]]:
        return "explain", sample_payload(context.dataset.name, sample, version, request)

    def key(request: ExplanationRequest) -> str | None:
        return None if run is None else explanation_key(version, run.classes, sample.digest, request)

    return method_orders(services, version, request_of(context.parameters), model, task, key)


def find_row(services: Services, context: PageContext) -> Row:
    """The sample that the address names; without a name, the first of the selection.

    Raises:
        NotFound: The dataset has no sample of that name, or the selection is empty.
    """
    sample_id = one(context.parameters, "sample")
    if sample_id:
        return services.samples.by_id(context.view, sample_id)
    first = services.samples.page(context.view, context.selection, 0, 1)
    if not first:
        raise NotFound(_("No sample matches the filters; take one off in Browse"))
    return first[0]


def second_run(context: PageContext) -> Run | None:
    """The run shown beside the first: the one the address names, else of the nearest version, as in Compare."""
    run = context.run
    if run is None or (context.other is not None and context.other.id != run.id):
        return context.other
    rest = [found for found in context.runs if found.id != run.id]
    family = [found for found in rest if found.model == run.model] or rest
    return min(family, key=lambda found: (abs(found.version - run.version), found.version), default=None)


def panel_run(context: PageContext, panel: str) -> Run | None:
    """The run that a panel shows; the second panel is empty without a second run."""
    return context.run if panel == "a" else second_run(context)


def place(services: Services, context: PageContext, row: Row) -> Place:
    """Where the sample stands in the selection, and the ways on and back."""
    beside = services.samples.neighbours_in_order(context.view, context.selection, row.sample.row)
    back = [(_("Browse"), "grid-3x3-gap", context.address("/browse"))]
    if context.projections:
        back.append((_("Embedding"), "bullseye", context.address("/embedding")))

    def turn(sample_id: str | None) -> tuple[str, str] | None:
        return (
            None if sample_id is None else (sample_id, context.address("/sample", **_kept(context), sample=sample_id))
        )

    return Place(
        position=None if beside.position is None else beside.position + 1,
        total=beside.total,
        filters=tuple(chip.text for _field, chip in active_filters(context, "/browse", {})),
        previous=turn(beside.previous),
        following=turn(beside.following),
        back=tuple(back),
    )


def whatif_address(context: PageContext, sample_id: str) -> str | None:
    """Where a sample can be changed, explained as it is here; None without a version to ask."""
    if context.version is None:
        return None
    subject = {"dataset": context.dataset.name, "model": context.version.reference, "sample": sample_id}
    return link("/try", {**subject, **_kept(context)})


def path_address(context: PageContext, sample: Sample) -> str | None:
    """Where the decision about a sample is followed, for the class that is explained here; None without a version."""
    if context.version is None:
        return None
    return context.address("/path", sample=sample.sample_id, other=None, target=one(context.parameters, "target"))


def _kept(context: PageContext) -> dict[str, str]:
    return {
        name: value for name in ("method", "target", "contrast", "layers") if (value := one(context.parameters, name))
    }


def entropy(probabilities: np.ndarray) -> float:
    """Shannon entropy of a distribution, in nats; 0 is certainty, log K the greatest doubt among K classes."""
    positive = probabilities[probabilities > 0]
    return float(-(positive * np.log(positive)).sum()) + 0.0


def _shown(services: Services, context: PageContext, before: dict[str, Any] | None) -> tuple[Any, ...]:
    context = replace(context, other=second_run(context))
    row = find_row(services, context)
    sample = row.sample
    runs = {name: panel_run(context, name) for name in PANELS}
    tops = {name: _top(services, run, sample.row) for name, run in runs.items() if run is not None}
    classes = list(dict.fromkeys([*context.dataset.classes, *(c for run in runs.values() if run for c in run.classes)]))
    where = place(services, context, row)
    subject = {
        "dataset": context.dataset.name,
        "sample": sample.sample_id,
        "row": sample.row,
        "run": context.run.id if context.run else None,
        "quick": classes if len(classes) <= 10 else [name for name, _p in tops.get("a", [])],
        "following": where.following[0] if where.following else None,
        "size": [sample.width, sample.height],
        "frame": [*_frame(context, sample)],
    }
    known = list(dict.fromkeys(c for run in runs.values() if run for c in run.classes)) or list(context.dataset.classes)
    shared = (
        head(
            sample,
            context.dataset.name,
            where,
            whatif_address(context, sample.sample_id),
            path_address(context, sample),
        ),
        no_update if subject == before else subject,
        target_options(known, one(context.parameters, "target")),
        class_options(classes) if len(classes) > 10 else [],
        facts(
            sample,
            [*_run_facts(services, context.run, row), *sample_metadata(services, context.view, sample.row)],
            image_url(context.dataset.name, sample.row, sample.digest),
        ),
    )
    panels = [part for name, run in runs.items() for part in _panel(context, name, row, run, tops.get(name, []))]
    return (*shared, *panels)


def _frame(context: PageContext, sample: Sample) -> tuple[float, float, float, float]:
    """The part of the image that is shown, as shares of its sides: all of it where no network looks at it."""
    if context.version is None:
        return (0.0, 0.0, 1.0, 1.0)
    return seen_part((sample.width, sample.height), context.version.preprocessing)


def _top(services: Services, run: Run, row: int) -> list[tuple[str, float]]:
    return top_classes(run.classes, services.runs.probabilities(run.id, row).tolist())


def _run_facts(services: Services, run: Run | None, row: Row) -> list[tuple[str, str]]:
    if run is None:
        return []
    probabilities = np.sort(services.runs.probabilities(run.id, row.sample.row))[::-1]
    found = [(_("Uncertainty"), _("{value} nats", value=f"{entropy(probabilities):.3f}"))]
    if len(probabilities) > 1:
        found.insert(0, (_("Margin"), f"{100 * float(probabilities[0] - probabilities[1]):.1f} %"))
    return found


def _panel(context: PageContext, name: str, row: Row, run: Run | None, top: list[tuple[str, float]]) -> tuple[Any, ...]:
    """Properties of a panel: hidden, head, image address, alternative text, class, bars."""
    sample, dataset, version = row.sample, context.dataset.name, context.version
    if name == "b" and run is None:
        return True, None, "", "", "picture", None
    if run is not None:
        source = input_url(run.model, run.version, dataset, sample.row, sample.digest)
        title, summary = run.reference, verdict(run.reference, *top[0], sample.label)
        bars = probability_bars(top, sample.label, one(context.parameters, "target"), ids.SAMPLE_TARGET_CLASS, name)
    else:
        source = image_url(dataset, sample.row, sample.digest)
        if version is not None:
            source = input_url(version.model, version.version, dataset, sample.row, sample.digest)
        title = version.reference if version else _("no model")
        summary = [html.Div(html.Span(title, className="look-version"), className="look-name")]
        command = f"python -m dashboard index {dataset} {title if version else 'MODEL'}"
        bars = html.P(
            [_("Not indexed yet, so there are no probabilities to show: "), html.Code(command)], className="quiet"
        )
    tiny = max(sample.width, sample.height) <= _TINY
    alternative = _("{id} as {model} sees it", id=sample.sample_id, model=title)
    return False, summary, source, alternative, "picture pixels" if tiny else "picture", bars


def _neighbours(services: Services, context: PageContext, row: int) -> Any:
    if context.run is None:
        return html.P(_("Neighbours appear once the dataset is indexed with this version."), className="quiet")
    try:
        payload = {"run": context.run.id, "row": row, "k": NEIGHBOURS}
        found = [(int(near), float(distance)) for near, distance in services.engine.call("neighbours", payload)]
    except EngineUnavailable as error:
        return problem(_("The engine does not answer"), str(error))
    except InvalidInput as error:
        return problem(_("No neighbours"), str(error))
    context = replace(context, selection=Selection())
    listed = cards(context, services.samples.rows(context.view, [near for near, _d in found]))
    notes = [f"{distance:.3f}" for _near, distance in found]
    return neighbours([replace(card, note=note) for card, note in zip(listed, notes, strict=True)])
