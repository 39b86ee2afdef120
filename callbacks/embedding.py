"""Embedding: the cloud of points, and what the lasso holds.

The figure is drawn when its data or colours change; a new lasso only changes the panel beside it, since the plot
highlights its own selection.
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np
from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, html, no_update

from callbacks.browse import active_filters
from callbacks.context import PageContext, cards, one, resolve
from callbacks.guard import announced, guarded, notify
from callbacks.services import Services
from callbacks.shell import write_address
from data.errors import InvalidInput
from data.samples import Counts, Points
from data.selections import Outcome, Selection
from data.text import gettext as _
from data.types import Job
from inference.catalogue import PROJECTIONS
from layouts import ids
from layouts.browse import Chip, chips
from layouts.embedding import ALL as EVERY
from layouts.embedding import COLOURS, ClassShare, MissingProjection, compute_buttons, missing, panel
from layouts.figures.embedding import HOVER_LIMIT, Camera, Cloud, Colouring, figure
from layouts.figures.theme import RIGHT, WRONG
from layouts.parts import FEEDBACK, gallery, help_text, icon, number, percent

__all__ = ["camera_of", "class_shares", "cloud_of", "colouring_of", "register"]

_SHOWN = 48  # samples in the panel


def register(app: Dash, services: Services) -> None:
    """Adds the page's callbacks."""

    @app.callback(
        Output(ids.EMBEDDING_DRAWN, "data"),
        Output(ids.EMBEDDING_GRAPH_BOX, "hidden"),
        Input(ids.EMBEDDING_FIGURE_STATE, "data"),
        State(ids.EMBEDDING_STATE, "data"),
        prevent_initial_call=True,
    )
    @announced(outputs=2)
    def draw(_figure_state: dict[str, Any], state: dict[str, Any]) -> tuple[Any, Any]:
        context = resolve(services, state)
        if context.projection is None:
            return no_update, True
        return _figure(services, context), False

    @app.callback(
        Output(ids.EMBEDDING_MESSAGE, "children"),
        Output(ids.EMBEDDING_PROJECTION, "options"),
        Output(ids.EMBEDDING_PROJECTION, "value"),
        Output(ids.EMBEDDING_SPLIT, "options"),
        Output(ids.EMBEDDING_CLOCK, "disabled"),
        Input(ids.EMBEDDING_FIGURE_STATE, "data"),
        Input(ids.EMBEDDING_CLOCK, "n_intervals"),
        Input({"type": ids.EMBEDDING_COMPUTE, "method": ALL}, "n_clicks"),
        State(ids.EMBEDDING_STATE, "data"),
        State(ids.SHELL_PERSON, "data"),
        prevent_initial_call=True,
    )
    @guarded(outputs=5)
    def offer(
        _figure_state: dict[str, Any], _ticks: int, clicks: list[int | None], state: dict[str, Any], person: str | None
    ) -> tuple[Any, ...]:
        context = resolve(services, state)
        if isinstance(ctx.triggered_id, dict) and any(clicks):
            _submit(services, context, str(ctx.triggered_id["method"]), person or "guest")
        return _offer(services, context)

    @app.callback(
        Output(ids.EMBEDDING_PANEL, "children"),
        Output(ids.EMBEDDING_CHIPS, "children"),
        Input(ids.EMBEDDING_STATE, "data"),
    )
    @guarded(outputs=2)
    def select(state: dict[str, Any]) -> tuple[Any, Any]:
        context = resolve(services, state)
        return _panel(services, context), chips(_other_filters(context))

    @app.callback(
        Output(ids.SHELL_GO, "data"),
        Input(ids.EMBEDDING_CLICKED, "data"),
        State(ids.EMBEDDING_STATE, "data"),
        prevent_initial_call=True,
    )
    @announced()
    def open_sample(clicked: dict[str, Any] | None, state: dict[str, Any]) -> Any:
        row = (clicked or {}).get("row")
        if not isinstance(row, int):
            return no_update
        context = resolve(services, state)
        return context.sample_address(services.samples.row(context.view, row).sample)

    _register_clientside(app)


def _register_clientside(app: Dash) -> None:
    write_address(app, ids.EMBEDDING_STATE, ids.EMBEDDING_WRITTEN)
    app.clientside_callback(
        ClientsideFunction("vitrine", "embeddingState"),
        Output(ids.EMBEDDING_STATE, "data"),
        Input(ids.EMBEDDING_COLOUR, "value"),
        Input(ids.EMBEDDING_PROJECTION, "value"),
        Input(ids.EMBEDDING_SPLIT, "value"),
        Input(ids.EMBEDDING_OUTCOME, "value"),
        Input(ids.EMBEDDING_GRAPH, "selectedData"),
        Input(ids.EMBEDDING_GRAPH, "relayoutData"),
        State(ids.EMBEDDING_STATE, "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("vitrine", "embeddingFigureState"),
        Output(ids.EMBEDDING_FIGURE_STATE, "data"),
        Input(ids.EMBEDDING_STATE, "data"),
        State(ids.EMBEDDING_FIGURE_STATE, "data"),
    )
    # The store only hands the figure over: a redraw in the middle of somebody's stroke would break the stroke off.
    app.clientside_callback(
        ClientsideFunction("vitrine", "embeddingShown"),
        Output(ids.EMBEDDING_GRAPH, "figure"),
        Input(ids.EMBEDDING_DRAWN, "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("vitrine", "embeddingClicked"),
        Output(ids.EMBEDDING_CLICKED, "data"),
        Input(ids.EMBEDDING_GRAPH, "clickData"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("vitrine", "embeddingHover"),
        Output(ids.EMBEDDING_HOVER_SHOWN, "data"),
        Input(ids.EMBEDDING_GRAPH, "hoverData"),
        State(ids.EMBEDDING_GRAPH, "figure"),
        prevent_initial_call=True,
    )


def cloud_of(points: Points, shown: np.ndarray | None) -> Cloud:
    """The points as the figure takes them.

    Args:
        shown: Rows that the filter keeps; None for all.
    """
    thousandths = np.rint(np.nan_to_num(points.confidence) * 1000)
    details = np.stack([points.row, points.label, points.prediction, thousandths], axis=1).astype(np.int32)
    kept = np.ones(len(points.row), dtype=bool) if shown is None else np.isin(points.row, shown)
    return Cloud(points.x, points.y, details, kept)


def colouring_of(services: Services, context: PageContext, points: Points, colour: str) -> Colouring:
    """How the points are coloured.

    Raises:
        InvalidInput: The colour is not one of `layouts.embedding.COLOURS`.
    """
    if colour not in COLOURS:
        raise InvalidInput.choice("colour", colour, COLOURS)
    title = _(COLOURS[colour])
    if colour == "confidence":
        return Colouring(title, values=points.confidence)
    if colour == "prediction":
        return Colouring(title, points.prediction, points.prediction_names)
    if colour == "outcome":
        right, wrong = _("right"), _("wrong")
        codes = np.where(points.correct < 0, -1, 1 - points.correct).astype(np.int16)
        return Colouring(title, codes, (right, wrong), {right: (RIGHT, "circle"), wrong: (WRONG, "x")})
    if colour == "feedback":
        kinds = {kind: place for place, kind in enumerate(FEEDBACK)}
        codes = np.full(len(points.row), -1, dtype=np.int16)
        for row, standing in services.feedback.standing(context.dataset.name).items():
            codes[row] = kinds[standing.kind]
        return Colouring(title, codes, tuple(_(text) for _icon, text in FEEDBACK.values()))
    if colour == "split":
        names = tuple(context.dataset.splits)
        codes = np.full(len(points.row), -1, dtype=np.int16)
        for place, name in enumerate(names):
            codes[services.samples.order(context.view, Selection(splits=(name,)))] = place
        return Colouring(title, codes, names)
    return Colouring(title, points.label, points.label_names)


def camera_of(text: str | None) -> Camera | None:
    """Reads `x0,x1,y0,y1`; anything else means the whole cloud."""
    try:
        numbers = [float(part) for part in (text or "").split(",")]
    except ValueError:
        return None
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
        return None
    x0, x1, y0, y1 = numbers
    return x0, x1, y0, y1


def class_shares(counts: Counts, wrong: Counts | None) -> list[ClassShare]:
    """How many samples of each label there are, and how many of them are mistaken."""
    mistaken = wrong.labels if wrong else {}
    return [ClassShare(name, count, mistaken.get(name, 0)) for name, count in counts.labels.items()]


def _figure(services: Services, context: PageContext) -> Any:
    points = services.samples.points(context.view)
    everything = replace(context.selection, lasso=None, sort="row", descending=False)
    shown = None if everything == Selection() else services.samples.order(context.view, everything)
    colouring = colouring_of(services, context, points, one(context.parameters, "colour") or "label")
    projection = context.projection
    key = projection.key if projection else ""
    lasso = context.selection.lasso
    meta = {
        "dataset": context.dataset.name,
        "projection": key,
        "labels": list(points.label_names),
        "predictions": list(points.prediction_names),
        "words": {"label": _("label"), "prediction": _("predicted"), "wrong": _("wrong")},
    }
    return figure(
        cloud_of(points, shown),
        colouring,
        key,
        meta,
        (_("none"), _("other")),
        lasso.polygon if lasso and lasso.projection == key else None,
        camera_of(one(context.parameters, "camera")),
    )


def _panel(services: Services, context: PageContext) -> Any:
    selection, samples, view = context.selection, services.samples, context.view
    counts = samples.counts(view, selection)
    wrong = samples.counts(view, replace(selection, outcome=Outcome.WRONG)) if counts.wrong else None
    judged = counts.right + counts.wrong
    # By loss the surest mistakes come first. The cards carry that order, so that "next" on a sample follows it too.
    listed = replace(context, selection=replace(selection, sort="loss", descending=True)) if judged else context
    rows = samples.page(view, listed.selection, 0, _SHOWN)
    narrowed = replace(selection, sort="row", descending=False) != Selection()
    facts: list[Any] = [_("of {n} samples", n=number(counts.total))] if narrowed else []
    if judged:
        words = _("{n} wrong ({rate})", n=number(counts.wrong), rate=percent(counts.wrong / judged))
        facts.append(html.Span([icon("x-lg"), words], className="tally tally-wrong"))
    title = _("{n} selected", n=number(counts.selected)) if narrowed else _("All {n} samples", n=number(counts.total))
    shown = gallery(cards(listed, rows), _("Selected samples, wrong ones first"), "s") if rows else None
    reasons = context.address("/reasons") if context.run else None
    doors = context.address("/browse"), listed.address("/maps"), reasons
    return panel(title, facts, class_shares(counts, wrong), *doors, shown, selection.lasso is not None)


def _offer(services: Services, context: PageContext) -> tuple[Any, ...]:
    jobs = [
        job
        for job in services.jobs.list(limit=50, active=True)
        if job.parameters.get("dataset") == context.dataset.name
    ]
    existing = {projection.method for projection in context.projections}
    absent = [
        MissingProjection(method.name, _(method.title), _(method.note), _waiting(context, jobs, method.name))
        for method in PROJECTIONS.values()
        if method.name not in existing
    ]
    options = [
        {
            "label": _(PROJECTIONS[found.method].title) if found.method in PROJECTIONS else found.method,
            "value": found.key,
        }
        for found in context.projections
    ]
    chosen = context.projection
    if chosen and all(option["value"] != chosen.key for option in options):
        options.append({"label": _("{method} of another version", method=chosen.method.upper()), "value": chosen.key})
    splits = [{"label": _("All"), "value": EVERY}] + [{"label": name, "value": name} for name in context.dataset.splits]
    model = context.version.reference if context.version else "MODEL"
    command = f"python -m dashboard index {context.dataset.name} {model}"
    if context.run is None or chosen is None:
        message: Any = missing(absent, context.run is not None, command)
    else:
        message = [*compute_buttons(absent), *_limits(chosen.samples)]
    settled = chosen is not None and not any(method.waiting for method in absent)
    return message, options, chosen.key if chosen else "", splits, settled


def _limits(points: int) -> list[Any]:
    """What a cloud of so many points leaves out."""
    if points <= HOVER_LIMIT:
        return []
    words = _(
        "Above {n} points a single point cannot be hovered or clicked; draw a lasso to see its samples.",
        n=number(HOVER_LIMIT),
    )
    return [help_text(words)]


def _submit(services: Services, context: PageContext, method: str, person: str) -> None:
    if method not in PROJECTIONS:
        raise InvalidInput.choice("method", method, PROJECTIONS)
    if context.run is None:
        raise InvalidInput("The model has not been applied to this dataset; index it first")
    wanted = {"dataset": context.dataset.name, "model": context.run.reference, "method": method, "parameters": {}}
    job = services.jobs.submit("project", wanted, person)
    notify(_("Job {n} computes {title}", n=job.id, title=_(PROJECTIONS[method].title)), "info")


def _waiting(context: PageContext, jobs: list[Job], method: str) -> str:
    """What a button says while a job computes its projection; empty if none does."""
    reference = context.version.reference if context.version else None
    for job in jobs:
        if job.kind == "project" and (job.parameters.get("model"), job.parameters.get("method")) == (reference, method):
            share = f" {100 * job.done // job.total} %" if job.total else ""
            return _("Computing {title}{share}", title=_(PROJECTIONS[method].title), share=share)
    return ""


def _other_filters(context: PageContext) -> list[Chip]:
    """The filters of the address that this page has no control for."""
    look = {name: value for name in ("colour", "camera") if (value := one(context.parameters, name))}
    shown = {"splits", "outcome", "lasso"}
    return [chip for name, chip in active_filters(context, "/embedding", look) if name not in shown]
