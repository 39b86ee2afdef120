"""Right for another reason: samples on which two versions agree in class, ranked by how far their maps are apart."""

from collections.abc import Sequence
from dataclasses import dataclass

from dash import html
from dash.development.base_component import Component

from data.text import gettext as _
from layouts.parts import Card, empty_state, help_text, icon, number, outcome_badge, percent

__all__ = ["ClassSpread", "Disagreement", "Pair", "result"]


@dataclass(frozen=True, slots=True)
class ClassSpread:
    """How far the maps of one class are apart: quantiles of the distance at 10, 25, 50, 75 and 90 %, in [0, 1].

    Attributes:
        chosen: Whether this class alone is shown; `address` then leads back to all.
    """

    name: str
    samples: int
    quantiles: Sequence[float]
    address: str
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """One sample with both maps; `image_b` differs from the card's image where the versions see another cut."""

    card: Card
    distance: float
    image_b: str
    map_a: str
    map_b: str
    difference: str


@dataclass(frozen=True, slots=True)
class Disagreement:
    """What is shown of two versions.

    Attributes:
        agreed, compared, total: Samples of the same class under both; of them those with two maps; all selected.
        median: Of the distance, in [0, 1]; None if nothing could be compared.
        first: 0-based place of the first pair in the ranking.
    """

    a: str
    b: str
    agreed: int
    compared: int
    total: int
    median: float | None
    classes: Sequence[ClassSpread]
    pairs: Sequence[Pair]
    first: int


def result(found: Disagreement, pager: Sequence[Component]) -> Component:
    """All that is known of two versions' reasons, the sentence on top."""
    if found.median is None:
        text = _("On none of these samples do both versions predict the same class with a map that is not empty.")
        return empty_state("arrow-left-right", _("Nothing to compare"), text)
    return html.Div(
        [
            _headline(found, found.median),
            _classes(found.classes),
            html.Section(
                [
                    html.Div(
                        [
                            html.H2(_("Same answer, most different reasons")),
                            html.Div(
                                [
                                    html.Span([html.Span(className="swatch of-more"), _("B looks more")]),
                                    html.Span([html.Span(className="swatch of-less"), _("A looks more")]),
                                ],
                                className="reason-legend quiet",
                            ),
                        ],
                        className="reason-head",
                    ),
                    html.Ol(
                        [html.Li(_pair(pair, found)) for pair in found.pairs],
                        className="pair-list",
                        start=found.first + 1,
                    ),
                    html.Nav(list(pager), className="pager", **{"aria-label": _("Pages")}),
                ],
                className="reason-card",
            ),
        ],
        className="reason-parts",
    )


def _headline(found: Disagreement, median: float) -> Component:
    apart = max(found.classes, key=lambda one: one.quantiles[2], default=None)
    words = _(
        "On {n} of {total} samples both versions give the same class; their maps differ by {median} (median).",
        n=number(found.agreed),
        total=number(found.total),
        median=percent(median, 0),
    )
    more = None
    if apart is not None and len(found.classes) > 1:
        more = _("They look most apart on “{name}”: {median}.", name=apart.name, median=percent(apart.quantiles[2], 0))
    note = _(
        "The difference is 1 − cosine of the two maps: 0 % where both spread alike over the picture, 100 % where they "
        "have no place in common. How strong a map is does not matter."
    )
    left = found.agreed - found.compared
    return html.Section(
        [
            html.Span(icon("arrow-left-right"), className="reason-sign"),
            html.Div(
                [
                    html.P(words, className="reason-sentence"),
                    html.P(more) if more else None,
                    html.P(_("{n} samples with an empty map are left out.", n=number(left))) if left else None,
                    html.P(note, className="quiet"),
                ]
            ),
        ],
        className="surface reason-headline",
    )


def _classes(classes: Sequence[ClassSpread]) -> Component:
    ordered = sorted(classes, key=lambda one: -one.quantiles[2])
    scale = html.Div([html.Span(f"{share} %") for share in (0, 50, 100)], className="reason-axis quiet")
    return html.Section(
        [
            html.H2(_("Difference by class")),
            help_text(_("The mark is the median, the bar half of the samples, the line four in five. Click a class.")),
            html.Ul([html.Li(_spread(one)) for one in ordered], className="spread-list"),
            html.Div([html.Span(), scale, html.Span()], className="spread-row spread-scale", **{"aria-hidden": "true"}),
        ],
        className="surface reason-card",
    )


def _spread(one: ClassSpread) -> Component:
    low, quarter, median, third, high = (100 * value for value in one.quantiles)
    box = html.Span(
        [
            html.Span(className="spread-line", style={"left": f"{low:.2f}%", "width": f"{high - low:.2f}%"}),
            html.Span(className="spread-box", style={"left": f"{quarter:.2f}%", "width": f"{third - quarter:.2f}%"}),
            html.Span(className="spread-mark", style={"left": f"{median:.2f}%"}),
        ],
        className="spread",
        **{"aria-hidden": "true"},
    )
    words = f"{one.name}: {percent(median / 100, 0)}, {number(one.samples)}"
    return html.A(
        [
            html.Span([one.name, icon("x") if one.chosen else None], className="spread-name"),
            box,
            html.Span(
                [percent(median / 100, 0), html.Span(f" · {number(one.samples)}", className="quiet")],
                className="spread-words",
            ),
        ],
        href=one.address,
        className="spread-row" + (" is-chosen" if one.chosen else ""),
        **{"aria-label": words, **({"aria-current": "true"} if one.chosen else {})},
    )


def _pair(pair: Pair, found: Disagreement) -> Component:
    def stage(letter: str, name: str, image: str, overlay: str, more: str = "") -> Component:
        return html.Figure(
            [
                html.Div(
                    [
                        html.Img(src=image, alt="", className="reason-image" + more),
                        html.Img(src=overlay, alt=name, className="reason-map"),
                    ],
                    className="reason-stage",
                ),
                html.Figcaption(letter, title=name),
            ]
        )

    card = pair.card
    return html.A(
        [
            html.Div(
                [
                    stage("A", found.a, card.image, pair.map_a),
                    stage("B", found.b, pair.image_b, pair.map_b),
                    stage("B − A", _("Difference"), card.image, pair.difference, " is-faint"),
                ],
                className="pair-stages",
            ),
            html.Div(
                [
                    html.Span([html.Strong(card.prediction), outcome_badge(card.correct)], className="pair-line"),
                    html.Span(_("{share} apart", share=percent(pair.distance, 0)), className="pair-line pair-distance"),
                    html.Span(card.sample_id, className="pair-line quiet pair-id", title=card.sample_id),
                ],
                className="pair-words",
            ),
        ],
        href=card.href,
        className="surface pair-card sample-card",
    )
