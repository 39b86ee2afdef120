"""One unit's dossier: samples with maps, classes, relatives, ablation."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from dash import dcc, html
from dash.development.base_component import Component

from data.text import gettext as _
from data.text import ngettext
from layouts import ids
from layouts.parts import help_text, icon, number, percent
from layouts.vision import progress

__all__ = [
    "Ablation",
    "Relative",
    "Strike",
    "ablation",
    "ablation_box",
    "answer_chart",
    "class_pushes",
    "head",
    "relatives",
    "samples_box",
    "trouble",
]

_SHOWN_PUSHES = 5


@dataclass(frozen=True, slots=True)
class Strike:
    """A sample with how strongly a unit answers to it.

    Attributes:
        image: Address of what the network sees; `overlay` of where the unit answers, empty until it is known.
    """

    sample_id: str
    href: str
    image: str
    overlay: str
    value: float
    label: str | None
    tiny: bool


@dataclass(frozen=True, slots=True)
class Relative:
    """A unit whose answers correlate with this one's."""

    number: int
    href: str
    correlation: float


@dataclass(frozen=True, slots=True)
class Ablation:
    """Accuracy with and without a unit; `classes` are (name, samples, before, after), the greatest change first."""

    samples: int
    changed: int
    before: float | None
    after: float | None
    classes: Sequence[tuple[str, int, float, float]]


def head(
    unit: int, layer: str, facts: Sequence[tuple[str, str]], turns: tuple[tuple[int, str] | None, ...], mark: str
) -> Component:
    """Which unit this is, with the ways to the one before and after.

    Args:
        facts: Names and values.
        turns: (unit, address) of the one before and the one after; None at the ends.
        mark: What is odd about it, if anything.
    """

    def turn(target: tuple[int, str] | None, name: str, key: str, text: str) -> Component | None:
        if target is None:
            return None
        return html.A(
            icon(name, text),
            href=target[1],
            className="btn btn-sm btn-outline-secondary",
            title=text,
            **{"data-unit": str(target[0]), "data-shortcut": key, "aria-keyshortcuts": key},
        )

    return html.Section(
        [
            html.Div(
                [
                    html.H2([_("Unit {n}", n=unit), " ", html.Span(layer, className="quiet unit-layer")]),
                    html.Div(
                        [
                            turn(turns[0], "chevron-left", "ArrowLeft", _("Previous unit")),
                            turn(turns[1], "chevron-right", "ArrowRight", _("Next unit")),
                        ],
                        className="turns",
                    ),
                ],
                className="section-head",
            ),
            html.P([icon("info-circle"), mark], className="help-text") if mark else None,
            html.Dl(
                [html.Div([html.Dt(name), html.Dd(value)], className="unit-fact") for name, value in facts],
                className="unit-facts",
            )
            if facts
            else None,
        ],
        className="surface",
    )


def answer_chart(figure: go.Figure, note: str) -> Component:
    """The histogram of answers."""
    graph = dcc.Graph(figure=figure, config={"displayModeBar": False}, responsive=True, style={"height": "270px"})
    return html.Section(
        [html.H2(_("How strongly which class is answered")), graph, help_text(note)], className="surface"
    )


def relatives(found: Sequence[Relative], auc: Sequence[tuple[str, float]]) -> Component:
    """How well the unit alone tells classes apart, and the units most like it."""
    bars = [
        html.Tr(
            [
                html.Th(name, scope="row"),
                html.Td(html.Span(className="bar", style={"--share": f"{100 * value:.0f}%"}), className="bar-cell"),
                html.Td(f"{value:.3f}", className="figures"),
            ]
        )
        for name, value in auc
    ]
    links = [
        html.Li(
            html.A(
                [html.Span(_("Unit {n}", n=one.number)), html.Span(f"{one.correlation:.2f}", className="quiet")],
                href=one.href,
                className="relative",
                **{"data-unit": str(one.number)},
            )
        )
        for one in found
    ]
    return html.Div(
        [
            html.Section(
                [
                    html.H2(_("Tells classes apart")),
                    html.Table(
                        [
                            html.Caption(_("Area under the ROC curve, class against the rest"), className="table-note"),
                            html.Tbody(bars),
                        ],
                        className="auc-table",
                    )
                    if bars
                    else help_text(_("The dataset has no labels, so there are no classes to tell apart.")),
                ],
                className="surface",
            ),
            html.Section(
                [
                    html.H2(_("Most alike")),
                    html.Ul(links, className="relatives")
                    if links
                    else help_text(_("No other unit of the layer answers to the same samples.")),
                ],
                className="surface",
            ),
        ],
        className="unit-pair",
    )


def samples_box(title: str, strikes: Sequence[Strike], note: str, pending: bool) -> Component:
    """Samples with where the unit answers in them, the network's view."""
    listed = [html.Li(_strike(strike)) for strike in strikes]
    return html.Section(
        [
            html.Div(
                [html.H2(title), html.Span(progress(_("looking where"), True), className="quiet") if pending else None],
                className="section-head",
            ),
            html.Ul(listed, className="gallery gallery-s strikes", **{"aria-label": title}),
            help_text(note),
        ],
        className="surface",
    )


def _strike(strike: Strike) -> Component:
    looks = "pixels" if strike.tiny else None
    overlay = html.Img(src=strike.overlay, alt="", className="strike-map") if strike.overlay else None
    line = [
        html.Span(strike.label or "", className="card-name"),
        html.Span(f"{strike.value:.3g}", className="card-confidence"),
    ]
    return html.A(
        [
            html.Span(
                [html.Img(src=strike.image, alt=strike.sample_id, className=looks), overlay], className="card-image"
            ),
            html.Span(html.Span(line, className="card-line"), className="card-text"),
        ],
        href=strike.href,
        title=strike.sample_id,
        className="sample-card",
    )


def class_pushes(pushes: Sequence[tuple[str, float]] | None) -> Component:
    """The classes that the unit raises and lowers most."""
    title = html.H2(_("Classes it pushes up and down"))
    if pushes is None:
        text = _("The logits do not depend on this layer, so the unit pushes no class.")
        return html.Section([title, help_text(text)], className="surface")
    ordered = sorted(pushes, key=lambda push: -push[1])
    shown = ordered if len(ordered) <= 2 * _SHOWN_PUSHES else [*ordered[:_SHOWN_PUSHES], *ordered[-_SHOWN_PUSHES:]]
    most = max((abs(value) for _name, value in shown), default=0.0) or 1.0
    rows = [
        html.Tr(
            [
                html.Th(name, scope="row"),
                html.Td(
                    html.Span(
                        className=f"push push-{'up' if value > 0 else 'down'}",
                        style={"--share": f"{50 * abs(value) / most:.1f}%"},
                    ),
                    className="push-cell",
                ),
                html.Td(f"{value:+.3g}", className="figures"),
            ]
        )
        for name, value in shown
    ]
    note = _("Gradient × activation on the samples that excite it most: by how much it changes each logit there.")
    return html.Section(
        [title, html.Table(html.Tbody(rows), className="push-table"), help_text(note)], className="surface"
    )


def ablation_box() -> Component:
    """What becomes of the predictions without the unit; computed when asked for."""
    return html.Section(
        [
            html.Div(
                [
                    html.H2(_("Without this unit")),
                    html.Button(
                        [icon("eraser"), html.Span(_("Set it to 0 and measure"))],
                        id=ids.INSIDE_ABLATE,
                        className="btn btn-sm btn-outline-secondary",
                    ),
                ],
                className="section-head",
            ),
            html.Div(id=ids.INSIDE_ABLATION, role="status"),
        ],
        id=ids.INSIDE_ABLATION_BOX,
        className="surface",
        hidden=True,
    )


def ablation(found: Ablation) -> Component:
    """The result: accuracy overall and by class."""
    changed = ngettext(
        "{count} of {samples} predictions becomes another class.",
        "{count} of {samples} predictions become another class.",
        found.changed,
        samples=number(found.samples),
    )
    if found.before is None or found.after is None:
        return html.P(changed)
    rows = [
        html.Tr(
            [
                html.Th(name, scope="row"),
                html.Td(percent(before), className="figures"),
                html.Td(percent(after), className="figures"),
                html.Td(_points(after - before), className="figures"),
            ]
        )
        for name, _count, before, after in found.classes
    ]
    titles = ((_("Class"), ""), (_("with"), "figures"), (_("without"), "figures"), (_("points"), "figures"))
    whole = html.Tr(
        [
            html.Th(_("all"), scope="row"),
            html.Td(percent(found.before), className="figures"),
            html.Td(percent(found.after), className="figures"),
            html.Td(_points(found.after - found.before), className="figures"),
        ],
        className="table-total",
    )
    table = html.Table(
        [
            html.Thead(html.Tr([html.Th(title, scope="col", className=style) for title, style in titles])),
            html.Tbody([whole, *rows]),
        ],
        className="table table-sm version-table",
    )
    return html.Div([html.P(changed), html.Div(table, className="table-responsive")])


def _points(difference: float) -> Component | str:
    points = round(100 * difference, 1)
    if not points:
        return "0"
    return html.Span(f"{points:+.1f}", className="is-better" if points > 0 else "is-worse")


def trouble(text: str) -> Component:
    """Why something is not there, in place of it."""
    return html.P([icon("exclamation-circle"), text], className="help-text", role="alert")
