"""Embedding: the dataset as the model sees it, near what it takes for alike; a lasso picks a cluster out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from data.selections import Outcome, Selection
from data.text import gettext as _
from data.text import lazy
from layouts import ids
from layouts.figures.theme import plot_words
from layouts.parts import empty_state, field, icon, number, page_header, percent

__all__ = ["ALL", "COLOURS", "ClassShare", "MissingProjection", "class_bars", "layout", "missing", "panel"]

COLOURS = {
    "label": lazy("Label"),
    "prediction": lazy("Prediction"),
    "outcome": lazy("Right or wrong"),
    "confidence": lazy("Confidence"),
    "feedback": lazy("Feedback"),
    "split": lazy("Split"),
}
CLOCK_SECONDS = 2
ALL = "all"  # a native select cannot have an empty choice


@dataclass(frozen=True, slots=True)
class ClassShare:
    """How a class appears in the selection: of `count` samples with that label, `wrong` are mistaken."""

    name: str
    count: int
    wrong: int


@dataclass(frozen=True, slots=True)
class MissingProjection:
    """A projection that can be made on request; `waiting` where a job is at it already."""

    method: str
    title: str
    note: str
    waiting: str = ""


def layout(**parameters: Any) -> Component:
    """The skeleton, its controls as the address says.

    Raises:
        InvalidInput: A filter in the address is not allowed.
    """
    selection = Selection.from_parameters(parameters)
    colour = parameters["colour"] if parameters.get("colour") in COLOURS else "label"
    return html.Div(
        [
            dcc.Store(id=ids.EMBEDDING_STATE, data=parameters),
            dcc.Store(id=ids.EMBEDDING_WRITTEN),
            dcc.Store(id=ids.EMBEDDING_FIGURE_STATE),
            dcc.Store(id=ids.EMBEDDING_DRAWN),
            dcc.Store(id=ids.EMBEDDING_HOVER_SHOWN),
            dcc.Store(id=ids.EMBEDDING_CLICKED),
            dcc.Interval(id=ids.EMBEDDING_CLOCK, interval=CLOCK_SECONDS * 1000, disabled=True),
            page_header(
                _("Embedding"),
                _("What the model takes for alike lies close together. Draw a lasso around a group to look into it."),
            ),
            _controls(selection, str(colour), str(parameters.get("projection") or "")),
            html.Div(id=ids.EMBEDDING_CHIPS, className="chips"),
            html.Div(
                [
                    html.Section(
                        [html.Div(id=ids.EMBEDDING_MESSAGE), _graph()],
                        className="plot-card",
                        **{"aria-label": _("Embedding plot")},
                    ),
                    html.Aside(
                        dcc.Loading(html.Div(id=ids.EMBEDDING_PANEL), delay_show=400, className="loading"),
                        className="panel",
                        **{"aria-label": _("Selected samples"), "aria-live": "polite"},
                    ),
                ],
                className="with-panel",
            ),
            html.Div(id=ids.EMBEDDING_HOVER, className="hover-card", hidden=True),
        ],
        className="page page-embedding",
    )


def panel(
    title: str,
    facts: Sequence[Component | str],
    shares: Sequence[ClassShare],
    browse: str,
    maps: str,
    reasons: str | None,
    shown: Component | None,
    lassoed: bool,
) -> Component:
    """What is selected: how many, how good, of which classes, and the samples themselves.

    Args:
        browse, maps, reasons: Addresses of the pages that show the same samples, explain each, and say what they share
            in where the model looks.
    """
    buttons = [
        dbc.Button([icon("grid-3x3-gap"), _("Open in Browse")], href=browse, color="primary", size="sm"),
        dbc.Button([icon("layers"), _("Explain these")], href=maps, color="primary", outline=True, size="sm"),
        dbc.Button([icon("lightbulb"), _("Why these?")], href=reasons, color="primary", outline=True, size="sm")
        if reasons
        else None,
        html.Button(
            [icon("x"), _("Clear lasso")],
            className="btn btn-sm btn-outline-secondary",
            hidden=not lassoed,
            **{"data-action": "clear-lasso"},
        ),
    ]
    hint = (
        None
        if lassoed
        else html.P(
            [icon("hand-index-thumb"), _("Draw around points to select them. Double-click in the plot clears.")],
            className="help-text",
        )
    )
    return html.Div(
        [
            html.H2(title),
            html.Div(list(facts), className="summary-line"),
            hint,
            html.Div(buttons, className="button-row"),
            class_bars(shares),
            shown,
        ]
    )


def class_bars(shares: Sequence[ClassShare], room: int = 12) -> Component | None:
    """Counts by label with their share of errors, the largest first."""
    if not shares:
        return None
    ordered = sorted(shares, key=lambda share: -share.count)
    most = max(ordered[0].count, 1)
    rows = [
        html.Tr(
            [html.Th(_("Label"), scope="col"), html.Th(_("Samples"), scope="col"), html.Th(_("Wrong"), scope="col")],
            className="visually-hidden",
        )
    ]
    rows += [_bar(share, most) for share in ordered[:room]]
    table = html.Table([html.Caption(_("By label"), className="field-label"), html.Tbody(rows)], className="class-bars")
    more = (
        html.P(_("and {n} more classes", n=number(len(ordered) - room)), className="quiet")
        if len(ordered) > room
        else None
    )
    return html.Div([table, more])


def missing(methods: Sequence[MissingProjection], indexed: bool, command: str) -> Component:
    """In place of the plot: why there is none, and how to get one."""
    if not indexed:
        text = html.Div([html.P(_("The model has not been applied to this dataset yet. Run:")), html.Code(command)])
        return empty_state("bullseye", _("No embeddings yet"), text)
    return empty_state(
        "bullseye",
        _("No projection yet"),
        _("The embeddings are there; they need to be laid out in the plane."),
        list(compute_buttons(methods)),
    )


def compute_buttons(methods: Sequence[MissingProjection]) -> list[Component]:
    """One button for each projection that could be made."""
    return [
        dbc.Button(
            [
                icon("hourglass-split" if method.waiting else "play-circle"),
                method.waiting or _("Compute {title}", title=method.title),
            ],
            id={"type": ids.EMBEDDING_COMPUTE, "method": method.method},
            outline=True,
            color="primary",
            size="sm",
            disabled=bool(method.waiting),
            title=method.note,
        )
        for method in methods
    ]


def _bar(share: ClassShare, most: int) -> Component:
    rate = percent(share.wrong / share.count, 0) if share.count else "—"
    style = {
        "--share": f"{100 * share.count / most:.1f}%",
        "--wrong": f"{100 * share.wrong / max(share.count, 1):.1f}%",
    }
    return html.Tr(
        [
            html.Th(share.name, scope="row", title=share.name),
            html.Td([html.Span(className="bar", style=style), html.Span(number(share.count))], className="bar-cell"),
            html.Td([icon("x-lg"), _("{rate} wrong", rate=rate)] if share.wrong else "", className="wrong-share"),
        ]
    )


def _controls(selection: Selection, colour: str, projection: str) -> Component:
    return html.Div(
        [
            field(
                _("Colour by"),
                dbc.Select(
                    id=ids.EMBEDDING_COLOUR,
                    value=colour,
                    options=[{"label": _(title), "value": value} for value, title in COLOURS.items()],
                    size="sm",
                ),
            ),
            field(_("Projection"), dbc.Select(id=ids.EMBEDDING_PROJECTION, value=projection, options=[], size="sm")),
            field(
                _("Split"),
                dbc.Select(
                    id=ids.EMBEDDING_SPLIT,
                    value=selection.splits[0] if selection.splits else ALL,
                    options=[{"label": _("All"), "value": ALL}],
                    size="sm",
                ),
            ),
            field(
                _("Outcome"),
                dbc.Select(
                    id=ids.EMBEDDING_OUTCOME,
                    value=selection.outcome or ALL,
                    options=[
                        {"label": _("All"), "value": ALL},
                        {"label": _("Right"), "value": Outcome.RIGHT},
                        {"label": _("Wrong"), "value": Outcome.WRONG},
                    ],
                    size="sm",
                ),
            ),
        ],
        className="control-row",
    )


def _graph() -> Component:
    return html.Div(
        dcc.Graph(
            id=ids.EMBEDDING_GRAPH,
            responsive=True,
            clear_on_unhover=True,
            style={"height": "100%"},
            config={
                "displaylogo": False,
                "scrollZoom": True,
                "modeBarButtons": [
                    ["lasso2d", "select2d", "pan2d", "zoom2d"],
                    ["zoomIn2d", "zoomOut2d", "resetScale2d"],
                ],
                "doubleClick": False,
                "displayModeBar": True,
                **plot_words(),
            },
        ),
        id=ids.EMBEDDING_GRAPH_BOX,
        className="embedding-graph",
        hidden=True,
    )
