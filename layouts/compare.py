"""Compare: two versions on one dataset, with what the difference is worth and the samples behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dash_bootstrap_components as dbc
import plotly.graph_objects as go
from dash import dcc, html
from dash.development.base_component import Component

from data.text import gettext as _
from data.text import ngettext
from layouts import ids
from layouts.parts import empty_state, field, help_text, icon, number, page_header, percent

__all__ = [
    "ALL_SPLITS",
    "ClassRow",
    "Figures",
    "Side",
    "Tally",
    "cards",
    "chance",
    "charts",
    "class_table",
    "layout",
    "needs_two",
]

ALL_SPLITS = "all"
_CHART = {"height": "390px"}


@dataclass(frozen=True, slots=True)
class Side:
    """One version's accuracy, in [0, 1], with its 95 % interval."""

    letter: str
    version: str
    accuracy: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Tally:
    """Samples by who is right; `addresses` lead to those of `fixed`, `broken`, `both_right` and `both_wrong`."""

    samples: int
    fixed: int
    broken: int
    both_right: int
    both_wrong: int
    mcnemar_p: float
    addresses: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class in the table; accuracies in [0, 1], `address` leads to its samples."""

    name: str
    samples: int
    accuracy_a: float
    accuracy_b: float
    fixed: int
    broken: int
    address: str


@dataclass(frozen=True, slots=True)
class Figures:
    """The charts; `shown` of `classes` fit into them."""

    by_class: go.Figure
    confusion_a: go.Figure
    confusion_b: go.Figure
    difference: go.Figure
    shown: int
    classes: int

    @property
    def bars_style(self) -> dict[str, str]:
        """The height that the bars of `by_class` need."""
        return {"height": f"{max(220, 26 * self.shown + 80)}px"}


def layout(**parameters: Any) -> Component:
    """The skeleton; the pickers fill themselves."""
    return html.Div(
        [
            dcc.Store(id=ids.COMPARE_STATE, data=parameters),
            dcc.Store(id=ids.COMPARE_WRITTEN),
            dcc.Store(id=ids.COMPARE_OPENED),
            page_header(
                _("Compare"),
                _("What a new version fixed, what it broke, and whether the difference is more than chance."),
            ),
            _pickers(parameters),
            html.Div(id=ids.COMPARE_RESULT, className="compare-result"),
            html.Div(_chart_boxes(), id=ids.COMPARE_CHARTS, className="compare-charts", hidden=True),
            html.Div(id=ids.COMPARE_TABLE),
        ],
        className="page page-compare",
    )


def _pickers(parameters: Mapping[str, Any]) -> Component:
    def select(title: str, control: str, value: str | None) -> Component:
        known = [{"label": value, "value": value}] if value else []
        return field(title, dbc.Select(id=control, value=value or "", options=known, size="sm"))

    return html.Div(
        [
            select(_("Version A"), ids.COMPARE_A, parameters.get("model") if parameters.get("other") else None),
            html.Button(
                [icon("arrow-left-right"), html.Span(_("Swap"))],
                id=ids.COMPARE_SWAP,
                className="btn btn-sm btn-outline-secondary swap",
                title=_("Swap A and B"),
            ),
            select(_("Version B"), ids.COMPARE_B, parameters.get("other")),
            select(_("Split"), ids.COMPARE_SPLIT, parameters.get("split")),
        ],
        id=ids.COMPARE_PICKERS,
        className="filter-row compare-pickers",
    )


def _chart_boxes() -> list[Component]:
    def box(title: str, graph: str, hint: str, wide: bool = False) -> Component:
        shown = dcc.Graph(id=graph, config={"displayModeBar": False}, figure=go.Figure(), responsive=True, style=_CHART)
        return html.Figure(
            [html.Figcaption([html.H2(title), help_text(hint)]), shown],
            className="surface chart-box" + (" chart-wide" if wide else ""),
        )

    open_them = _("Click a cell to open its samples.")
    return [
        box(
            _("Accuracy by class"),
            ids.COMPARE_CLASSES,
            _("Right of the line B is better. Click a bar to open the class."),
            True,
        ),
        box(_("Confusion of A"), ids.COMPARE_CONFUSION_A, open_them),
        box(_("Confusion of B"), ids.COMPARE_CONFUSION_B, open_them),
        box(
            _("B minus A"),
            ids.COMPARE_CONFUSION_DIFFERENCE,
            _("Blue: more in B, orange: fewer. Good is blue on the diagonal and orange beside it."),
        ),
    ]


def needs_two(dataset: str, indexed: Sequence[str]) -> Component:
    """What to do while there are no two versions to compare."""
    have = _("Only {name} is indexed on {dataset}.", name=indexed[0], dataset=dataset) if indexed else ""
    text = html.Div(
        [
            html.P([have, " ", _("Index a second version, then come back:")]),
            html.Pre(html.Code(f"python -m dashboard index {dataset} MODEL@VERSION"), tabIndex="0"),
        ]
    )
    return empty_state("arrow-left-right", _("Two versions are needed"), text)


def chance(p: float) -> str:
    """A p-value in plain words."""
    if p < 0.001:
        return _("very unlikely to be chance")
    if p < 0.05:
        return _("unlikely to be chance")
    return _("may well be chance")


def _p(value: float) -> str:
    return "p < 0.0001" if value < 0.0001 else f"p = {value:.3g}"


def cards(a: Side, b: Side, tally: Tally, reasons: str) -> Component:
    """Accuracies, their difference, the four counts as doors to the samples, and the one to different reasons.

    Args:
        reasons: Address of the samples that both have right, ranked by how far apart the two look.
    """
    points = 100 * (b.accuracy - a.accuracy)
    word = _("better") if points > 0 else _("worse") if points < 0 else _("the same")
    name = "arrow-up" if points > 0 else "arrow-down" if points < 0 else "dot"
    difference = html.Div(
        [
            html.Div(_("B is"), className="stat-title"),
            html.Div(
                [icon(name), html.Span(_("{n} points {word}", n=f"{abs(points):.1f}", word=word) if points else word)],
                className="stat-value difference " + ("is-better" if points > 0 else "is-worse" if points < 0 else ""),
            ),
            html.Div(
                f"{chance(tally.mcnemar_p)} ({_p(tally.mcnemar_p)})",
                className="stat-note",
                title=_("Exact two-sided McNemar test on the samples that only one of the two has right"),
            ),
        ],
        className="surface accuracy-card",
    )
    doors = (
        ("fixed", "check-circle", _("Fixed"), tally.fixed, _("A wrong, B right")),
        ("broken", "x-circle", _("Broken"), tally.broken, _("A right, B wrong")),
        ("both_right", "check2", _("Both right"), tally.both_right, ""),
        ("both_wrong", "x-lg", _("Both wrong"), tally.both_wrong, ""),
    )
    return html.Div(
        [
            html.Div([_accuracy(a), _accuracy(b), difference], className="accuracy-cards"),
            html.Div([_door(*door, tally) for door in doors], className="count-cards"),
            html.Div(
                [
                    html.Span(
                        ngettext("Over {count} labelled sample", "Over {count} labelled samples", tally.samples),
                        className="quiet",
                    ),
                    html.A([icon("lightbulb"), html.Span(_("Right for another reason"))], href=reasons),
                ],
                className="summary-line",
            ),
        ],
        className="compare-cards",
    )


def _accuracy(side: Side) -> Component:
    low, high = side.interval
    scale = html.Span(
        [
            html.Span(className="interval", style={"left": f"{100 * low:.2f}%", "width": f"{100 * (high - low):.2f}%"}),
            html.Span(className="interval-mark", style={"left": f"{100 * side.accuracy:.2f}%"}),
        ],
        className="interval-scale",
        **{"aria-hidden": "true"},
    )
    return html.Div(
        [
            html.Div([html.Span(side.letter, className="letter"), side.version], className="stat-title"),
            html.Div(percent(side.accuracy, 2), className="stat-value"),
            scale,
            html.Div(
                _("{low} to {high} (95 %)", low=percent(low), high=percent(high)),
                className="stat-note",
                title=_("Wilson's interval: where the accuracy would lie on more samples of this kind"),
            ),
        ],
        className="surface accuracy-card",
    )


def _door(name: str, icon_name: str, title: str, count: int, note: str, tally: Tally) -> Component:
    words = [
        html.Span([icon(icon_name), html.Span(title)], className="stat-title"),
        html.Span(number(count), className="stat-value"),
        html.Span(note or percent(count / max(tally.samples, 1)), className="stat-note"),
    ]
    if not count:
        return html.Div(words, className=f"count-card count-{name} is-empty")
    return html.A(
        words, href=tally.addresses[name], className=f"count-card count-{name}", title=_("Open these samples")
    )


def class_table(rows: Sequence[ClassRow]) -> Component:
    """Every class with both accuracies and what changed; a row's name opens its samples."""
    titles = (_("Class"), _("Samples"), _("A"), _("B"), _("Points"), _("Fixed"), _("Broken"))
    head = [html.Th(title, scope="col", className="figures" if at else None) for at, title in enumerate(titles)]
    return html.Details(
        [
            html.Summary([html.H2(_("All classes in numbers")), icon("chevron-down")]),
            html.Div(
                html.Table(
                    [html.Thead(html.Tr(head)), html.Tbody([_class_row(row) for row in rows])],
                    className="table table-sm class-table",
                ),
                className="table-responsive",
            ),
        ],
        className="surface table-box",
    )


def _class_row(row: ClassRow) -> Component:
    points = 100 * (row.accuracy_b - row.accuracy_a)
    values = (
        number(row.samples),
        percent(row.accuracy_a),
        percent(row.accuracy_b),
        f"{points:+.1f}",
        number(row.fixed),
        number(row.broken),
    )
    return html.Tr(
        [
            html.Th(html.A(row.name, href=row.address), scope="row"),
            *(html.Td(value, className="figures") for value in values),
        ]
    )


def charts(figures: Figures) -> Component | None:
    """A note where not all classes fit into the charts."""
    if figures.shown == figures.classes:
        return None
    return help_text(
        _(
            "The charts show the {n} classes with the most errors out of {total}.",
            n=figures.shown,
            total=figures.classes,
        )
    )
