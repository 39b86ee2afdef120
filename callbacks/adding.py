"""Adding a dataset from the browser: every step is an address, and the server decides what it may name.

A request never holds a source or a path of the file system: it names a built-in source, or one of the operator's
folders by its number and a place below it, which `data.roots` checks.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from dash import Dash, Input, Output, State, no_update, set_props

from callbacks.context import one
from callbacks.guard import announced, guarded, notify
from callbacks.services import Services
from data.errors import Cancelled, EngineUnavailable, InvalidInput, NotFound, VitrineError
from data.sources.preview import Preview
from data.text import gettext as _
from data.types import TERMINAL_STATES, JobState
from data.workspace import check_name
from layouts import ids
from layouts.adding import BUILT_IN, CHOOSE, PREVIEW, WATCH, Choice, Look, Picture, SourceRow, refused, steps
from layouts.adding import choose as choosing
from layouts.adding import look as looking
from layouts.adding import progress as progressing
from layouts.figures.datasets import class_histogram, shown_bars
from layouts.parts import link, number

__all__ = ["free_name", "register", "source_of"]

_PREVIEW_SECONDS = 30.0
_JUST_NOW = timedelta(seconds=3)  # a job may be done before the page that watches it is there
_ICONS = {"imagefolder": "folder2-open", "csv": "table", "parquet": "table", "zip": "boxes", "tar": "boxes"}
_UNFIT = re.compile(r"[^a-z0-9._-]+", re.ASCII | re.IGNORECASE)


def register(app: Dash, services: Services) -> None:
    """Adds the callbacks of the wizard."""

    @app.callback(Output(ids.DATASETS_STEP, "children"), Input(ids.DATASETS_STATE, "data"))
    @guarded()
    def show_step(state: dict[str, Any] | None) -> Any:
        step = one(state or {}, "add")
        if step is None:
            return None
        if step not in (PREVIEW, WATCH):
            step = CHOOSE
        return [steps(step), choosing(choice_of(services, state or {})) if step == CHOOSE else None]

    @app.callback(
        Output(ids.DATASETS_PREVIEW, "children"),
        Output(ids.DATASETS_FORM, "hidden"),
        Output(ids.DATASETS_NAME, "value"),
        Input(ids.DATASETS_STATE, "data"),
        State(ids.DATASETS_TICKET, "data"),
        running=[(Output(ids.DATASETS_STOP, "hidden"), False, True)],
    )
    def show_preview(state: dict[str, Any] | None, ticket: str | None) -> tuple[Any, ...]:
        if one(state or {}, "add") != PREVIEW:
            return None, True, no_update
        try:
            source, confined = source_of(services, state or {})
            payload = {"source": source, "confined": confined}
            with services.engine.tickets.held(ticket or "") as wanted:
                found: Preview = services.engine.call("preview_source", payload, _PREVIEW_SECONDS, wanted)
        except Cancelled:
            return None, True, no_update
        except EngineUnavailable as error:
            return refused(str(error), link("/datasets", state)), True, no_update
        except VitrineError as error:
            return refused(str(error)), True, no_update
        return looking(look_of(found)), False, free_name(services, source)

    @app.callback(
        Output(ids.DATASETS_STOPPED, "data"),
        Input(ids.DATASETS_STOP, "n_clicks"),
        State(ids.DATASETS_TICKET, "data"),
        State(ids.DATASETS_STATE, "data"),
        prevent_initial_call=True,
    )
    def stop_preview(clicks: int | None, ticket: str | None, state: dict[str, Any] | None) -> Any:
        if not clicks:
            return no_update
        services.engine.tickets.give_up(ticket or "")
        set_props(ids.SHELL_GO, {"data": chosen_from(state or {})})
        return clicks

    @app.callback(
        Output(ids.DATASETS_SUBMITTED, "data"),
        Input(ids.DATASETS_ADD, "n_clicks"),
        Input(ids.DATASETS_NAME, "n_submit"),
        State(ids.DATASETS_NAME, "value"),
        State(ids.DATASETS_STATE, "data"),
        State(ids.SHELL_PERSON, "data"),
        prevent_initial_call=True,
    )
    @announced()
    def submit(
        clicks: int | None, submits: int | None, name: str | None, state: dict[str, Any] | None, person: str | None
    ) -> Any:
        if not clicks and not submits:
            return no_update
        source, confined = source_of(services, state or {})
        chosen = check_name("dataset", (name or "").strip())
        if chosen in {dataset.name for dataset in services.datasets.list()}:
            raise InvalidInput(_("There is a dataset {name} already; choose another name", name=chosen))
        job = services.jobs.submit("add", {"name": chosen, "source": source, "confined": confined}, person or "guest")
        set_props(ids.SHELL_GO, {"data": link("/datasets", {"add": WATCH, "job": str(job.id)})})
        return job.id

    @app.callback(
        Output(ids.DATASETS_PROGRESS, "children"),
        Output(ids.DATASETS_CLOCK, "disabled"),
        Output(ids.DATASETS_CANCEL, "hidden"),
        Input(ids.DATASETS_STATE, "data"),
        Input(ids.DATASETS_CLOCK, "n_intervals"),
        Input(ids.DATASETS_CANCELLED, "data"),
    )
    @guarded(outputs=3)
    def watch(state: dict[str, Any] | None, ticks: int | None, _cancelled: Any) -> tuple[Any, ...]:
        if one(state or {}, "add") != WATCH:
            return None, True, True
        job = services.jobs.get(job_of(state or {}))
        ended = job.state in TERMINAL_STATES
        now = datetime.now(UTC)
        if job.state is JobState.DONE and (ticks or now - (job.finished_at or now) < _JUST_NOW):
            set_props(ids.SHELL_GO, {"data": link("/browse", {"dataset": str(job.parameters["name"])})})
        return progressing(job, now), ended, ended

    @app.callback(
        Output(ids.DATASETS_CANCELLED, "data"),
        Input(ids.DATASETS_CANCEL, "n_clicks"),
        State(ids.DATASETS_STATE, "data"),
        prevent_initial_call=True,
    )
    @announced()
    def cancel(clicks: int | None, state: dict[str, Any] | None) -> Any:
        if not clicks:
            return no_update
        job = services.jobs.cancel(job_of(state or {}))
        notify(_("Job {n} was cancelled; what it had finished is kept", n=job.id), "info")
        return job.id


def choice_of(services: Services, state: Mapping[str, Any]) -> Choice:
    """What the first step offers, in the folder that the address names."""
    roots = services.roots.roots
    names = tuple(
        (folder.name or str(folder), link("/datasets", {"add": CHOOSE, "root": str(place)}))
        for place, folder in enumerate(roots)
    )
    if one(state, "root") is None:
        return Choice(names)
    root, path = place_of(state)
    trail = [names[root]] if 0 <= root < len(names) else []
    parts = path.split("/") if path else []
    for depth, name in enumerate(parts[:32], start=1):
        inner = {"add": CHOOSE, "root": str(root), "path": "/".join(parts[:depth])}
        trail.append((name[:80], link("/datasets", inner)))
    try:
        listing = services.roots.list(root, path)
    except InvalidInput as error:
        return Choice(names, tuple(trail) or names[:1], problem=str(error))
    rows = []
    for entry in listing.entries:
        here = {"root": str(root), "path": entry.path}
        opens = link("/datasets", {"add": CHOOSE, **here}) if entry.folder else None
        rows.append(SourceRow(entry.name, _ICONS[entry.kind], opens, link("/datasets", {"add": PREVIEW, **here})))
    takes = link("/datasets", {"add": PREVIEW, "root": str(root), "path": path})
    return Choice(names, tuple(trail), tuple(rows), takes, listing.others, listing.whole)


def chosen_from(state: Mapping[str, Any]) -> str:
    """Address of the first step at the folder in which the source of this address was chosen."""
    above = (one(state, "path") or "").rpartition("/")[0]
    return link("/datasets", {"add": CHOOSE, "root": one(state, "root"), "path": above or None})


def source_of(services: Services, state: Mapping[str, Any]) -> tuple[str, bool]:
    """The source that an address means, as on the command line, and whether it must keep to its own folder.

    Raises:
        InvalidInput: It means none that may be added from a page.
    """
    built_in = one(state, "source")
    if built_in is not None:
        if built_in not in BUILT_IN:
            raise InvalidInput.choice("source", built_in[:80], BUILT_IN)
        return built_in, False
    return services.roots.source(*place_of(state)), True


def place_of(state: Mapping[str, Any]) -> tuple[int, str]:
    """Number of the root and the path below it.

    Raises:
        InvalidInput: The number is none.
    """
    root = one(state, "root") or ""
    if not root.isascii() or not root.isdigit() or len(root) > 4:
        raise InvalidInput(_("The address names no source; choose one"))
    return int(root), one(state, "path") or ""


def job_of(state: Mapping[str, Any]) -> int:
    """Number of the job that the address watches.

    Raises:
        NotFound: It names none.
    """
    text = one(state, "job") or ""
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise NotFound(_("The address names no job; the Jobs page lists them"))
    return int(text)


def look_of(found: Preview) -> Look:
    """A preview as the page shows it."""
    total = found.total if found.total is not None else found.read
    files = number(total) if found.whole or found.total is not None else _("more than {n}", n=number(found.read))
    splits = ", ".join(f"{name} {number(count)}" for name, count in found.splits.items())
    facts = [(_("Source"), found.source), (_("Files"), files), (_("Classes"), number(len(found.labels)))]
    if splits:
        facts.append((_("Splits"), splits))
    if found.unlabelled:
        facts.append((_("Without a label"), number(found.unlabelled)))
    if found.refused:
        facts.append((_("Refused by the source"), number(found.refused)))
    if found.metadata:
        facts.append((_("Metadata"), ", ".join(list(found.metadata)[:20])))
    bars = shown_bars(found.labels)
    return Look(
        source=found.source,
        facts=tuple(facts),
        pictures=tuple(Picture(item.sample_id, item.label, item.thumbnail, item.problem) for item in found.items),
        figure=class_histogram(bars) if bars else None,
        bars=len(bars),
        hidden=len(found.labels) - len(bars),
        partly=not found.whole,
    )


def free_name(services: Services, source: str) -> str:
    """A name for the dataset of a source that no dataset has yet."""
    _kind, _colon, where = source.partition(":")
    last = (where or source).rstrip("/").rpartition("/")[2].partition(".")[0]
    base = _UNFIT.sub("-", last).strip("-._")[:56] or "dataset"
    taken = {dataset.name for dataset in services.datasets.list()}
    numbered = (f"{base}-{place}" for place in range(2, len(taken) + 3))
    return next(name for name in (base, *numbered) if name not in taken)
