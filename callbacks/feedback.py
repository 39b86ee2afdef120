"""Feedback: lists the log in pages, takes entries back, and hands the whole of it out."""

import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, no_update
from flask import Response, abort, request, send_file

from callbacks.context import one
from callbacks.guard import announced, guarded, notify
from callbacks.judging import GUEST
from callbacks.services import Services
from callbacks.shell import write_address
from data.errors import InvalidInput, NotFound, VitrineError
from data.export import FORMATS, write_feedback
from data.feedback import FeedbackQuery
from data.samples import View
from data.text import gettext as _
from data.types import FeedbackEvent, FeedbackKind, parse_model_reference
from layouts import ids
from layouts.feedback import ANY, EVERYWHERE, FILTERS, KIND_TITLES, export_links, nothing, scopes, summary
from layouts.parts import link, thumb_url
from layouts.verdicts import CHOICE_TITLES

__all__ = ["entry", "query_of", "register"]

_BLOCK = 500
_TYPES = {"csv": "text/csv", "jsonl": "application/x-ndjson", "parquet": "application/vnd.apache.parquet"}
_NAMES = (*FILTERS, "standing")


def register(app: Dash, services: Services) -> None:
    """Adds the page's callbacks and the addresses of its downloads."""
    app.server.add_url_rule("/export/feedback.<form>", "export_feedback", lambda form: _export(services, form))

    @app.callback(
        Output(ids.FEEDBACK_SUMMARY, "children"),
        Output(ids.FEEDBACK_EMPTY, "children"),
        Output(ids.FEEDBACK_GRID_BOX, "hidden"),
        Output(ids.FEEDBACK_EXPORT, "children"),
        Input(ids.FEEDBACK_STATE, "data"),
        Input(ids.FEEDBACK_CHANGED, "data"),
    )
    @guarded(outputs=4, show=1)
    def show(state: dict[str, Any] | None, _changed: Any) -> tuple[Any, ...]:
        return _shown(services, state or {})

    @app.callback(
        Output(ids.FEEDBACK_GRID, "getRowsResponse"),
        Input(ids.FEEDBACK_GRID, "getRowsRequest"),
        State(ids.FEEDBACK_STATE, "data"),
        prevent_initial_call=True,
    )
    @announced()
    def fill_grid(asked: dict[str, Any] | None, state: dict[str, Any] | None) -> Any:
        if not asked:
            return no_update
        query = query_of(state or {})
        start = max(int(asked["startRow"]), 0)
        events = services.feedback.events(query, min(int(asked["endRow"]) - start, _BLOCK), start)
        return {"rowData": _entries(services, events), "rowCount": services.feedback.count(query)}

    @app.callback(
        *(Output(control, "options") for control in FILTERS.values()),
        Input(ids.FEEDBACK_CHANGED, "data"),
        State(ids.FEEDBACK_STATE, "data"),
    )
    def offer(_changed: Any, state: dict[str, Any] | None) -> tuple[Any, ...]:
        return tuple(_options(services, name, one(state or {}, name)) for name in FILTERS)

    @app.callback(
        Output(ids.FEEDBACK_CHANGED, "data"),
        Input(ids.FEEDBACK_UNDO, "data"),
        State(ids.SHELL_PERSON, "data"),
        prevent_initial_call=True,
    )
    @announced()
    def take_back(asked: dict[str, Any] | None, person: str | None) -> Any:
        if not asked or not isinstance(asked.get("event"), int):
            return no_update
        event = services.feedback.undo(asked["event"], (person or GUEST).strip() or GUEST)
        notify(_("Entry {n} was taken back", n=event.undoes), "info")
        return event.id

    _register_clientside(app)


def _register_clientside(app: Dash) -> None:
    write_address(app, ids.FEEDBACK_STATE, ids.FEEDBACK_WRITTEN)
    app.clientside_callback(
        ClientsideFunction("pages", "feedbackState"),
        Output(ids.FEEDBACK_STATE, "data"),
        *(Input(control, "value") for control in FILTERS.values()),
        Input(ids.FEEDBACK_UNDONE, "value"),
        State(ids.FEEDBACK_STATE, "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("pages", "feedbackRefresh"),
        Output(ids.FEEDBACK_REFRESHED, "data"),
        Input(ids.FEEDBACK_STATE, "data"),
        Input(ids.FEEDBACK_CHANGED, "data"),
        prevent_initial_call=True,
    )


def query_of(parameters: Mapping[str, Any]) -> FeedbackQuery:
    """Which entries the address asks for.

    Raises:
        InvalidInput: The kind or the version is not known.
    """
    kind, version = one(parameters, "kind"), one(parameters, "version")
    if kind is not None and kind not in tuple(FeedbackKind):
        raise InvalidInput.choice("kind", kind, FeedbackKind)
    try:
        model, number = parse_model_reference(version) if version else (None, None)
    except ValueError as error:
        raise InvalidInput(str(error)) from error
    return FeedbackQuery(
        dataset=None if one(parameters, "scope") == EVERYWHERE else one(parameters, "dataset"),
        person=one(parameters, "person"),
        kind=FeedbackKind(kind) if kind else None,
        label=one(parameters, "class"),
        model=model,
        version=number,
        undone=one(parameters, "standing") != "1",
    )


def entry(event: FeedbackEvent, thumbnail: str | None, tiny: bool) -> dict[str, Any]:
    """One row of the table, with the fields that its columns and their renderers in the browser read."""
    reference = f"{event.model}@{event.version}" if event.model else ""
    where = {"dataset": event.dataset, "model": reference, "sample": event.sample_id}
    return {
        "id": event.id,
        "thumb": thumbnail,
        "tiny": tiny,
        "href": link("/sample", where),
        "sample_id": event.sample_id,
        "kind": event.kind.value,
        "what": _what(event),
        "person": event.person,
        "comment": event.comment,
        "shown_label": event.shown_label,
        "shown_prediction": event.shown_prediction,
        "version": reference,
        "at": f"{event.at:%Y-%m-%d %H:%M}",
        "undone": event.undone,
        "undo": None if event.undone or event.kind is FeedbackKind.UNDO else event.id,
    }


def _what(event: FeedbackEvent) -> str:
    words = _(KIND_TITLES[event.kind.value])
    if event.kind is FeedbackKind.UNDO:
        words = f"{words} {event.undoes}"
    elif event.choice:
        words = f"{words}: {_(CHOICE_TITLES[event.choice]) if event.choice in CHOICE_TITLES else event.choice}"
    elif event.label:
        words = f"{words}: {event.label}"
    return words + (_(" (taken back)") if event.undone else "")


def _shown(services: Services, state: Mapping[str, Any]) -> tuple[Any, ...]:
    query = query_of(state)
    count = services.feedback.count(query)
    given = {name: value for name in _NAMES if (value := one(state, name))}
    narrowed = bool(given.keys() - {"scope"})
    base = {name: value for name in ("dataset", "model") if (value := one(state, name))}
    if not count:
        return None, nothing(narrowed, base), True, None
    people = len(services.feedback.people(query.dataset)) if query.person is None else 1
    return summary(count, people, narrowed), None, False, export_links({**given, "dataset": query.dataset})


def _entries(services: Services, events: list[FeedbackEvent]) -> list[dict[str, Any]]:
    """Rows for the table; a dataset that is gone costs its pictures only."""
    pictures: dict[tuple[str, int], tuple[str, bool]] = {}
    for name in {event.dataset for event in events}:
        try:
            rows = sorted({event.row for event in events if event.dataset == name})
            found = services.samples.rows(View(services.datasets.get(name)), rows)
        except NotFound:
            continue
        for row in found:
            sample = row.sample
            tiny = max(sample.width, sample.height) <= 64
            pictures[name, sample.row] = thumb_url(name, sample.row, sample.digest), tiny
    return [entry(event, *pictures.get((event.dataset, event.row), (None, False))) for event in events]


def _options(services: Services, name: str, chosen: str | None) -> list[dict[str, str]]:
    """What a filter offers; the chosen value stays on offer even where nobody used it."""
    if name == "scope":
        return scopes()
    if name == "person":
        values = services.feedback.people()
    elif name == "kind":
        values = [kind.value for kind in FeedbackKind]
    elif name == "class":
        values = list(dict.fromkeys(label for dataset in services.datasets.list() for label in dataset.classes))
    else:
        values = [version.reference for version in services.models.list()]
    if chosen and chosen not in values:
        values = [chosen, *values]
    titles = {value: _(title) for value, title in KIND_TITLES.items()} if name == "kind" else {}
    return [{"label": _("any"), "value": ANY}, *({"label": titles.get(v, v), "value": v} for v in values)]


def _export(services: Services, form: str) -> Response:
    if form not in FORMATS:
        abort(404)
    try:
        query = query_of(request.args.to_dict())
    except VitrineError as error:
        abort(400, str(error))
    spool = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it, and it has no name to be left behind
    try:
        write_feedback(services.feedback.stream(query), form, spool)
        spool.seek(0)
        name = f"feedback-{datetime.now(UTC):%Y%m%d}.{form}"
        return send_file(spool, mimetype=_TYPES[form], as_attachment=True, download_name=name)
    except BaseException:
        spool.close()
        raise
