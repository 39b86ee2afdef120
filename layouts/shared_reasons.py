"""What a group of samples shares in where the model looks: one sentence, mean maps, places, and who differs."""

from collections.abc import Sequence
from dataclasses import dataclass

from dash import html
from dash.development.base_component import Component

from data.text import gettext as _
from data.text import lazy, ngettext
from layouts.parts import Card, gallery, help_text, icon, number, percent

__all__ = ["Group", "Lead", "OnObject", "lead_of", "object_sentence", "place_of", "result", "sentence"]

# Nine places in a square of 5 × 5 cells: the corner cells, the edges between them, and all else.
_PLACES = {
    (0, 0): lazy("the upper left corner"),
    (0, 1): lazy("the upper edge"),
    (0, 2): lazy("the upper right corner"),
    (1, 0): lazy("the left edge"),
    (1, 1): lazy("the middle"),
    (1, 2): lazy("the right edge"),
    (2, 0): lazy("the lower left corner"),
    (2, 1): lazy("the lower edge"),
    (2, 2): lazy("the lower right corner"),
}
_TELLING = 0.1  # by so much a place's share must exceed that of the others to be news
_SHORTCUT = 0.3
_MUCH_LESS = 0.6


@dataclass(frozen=True, slots=True)
class Lead:
    """The place that says most about a group.

    Attributes:
        place: One of the nine, as (row, column).
        share, rest_share: Of the samples whose map peaks there, in [0, 1]; None where there are no others.
    """

    place: tuple[int, int]
    share: float
    rest_share: float | None

    @property
    def excess(self) -> float:
        """By how much the group's share exceeds that of the others, in [-1, 1]; 0 where there are none."""
        return 0.0 if self.rest_share is None else self.share - self.rest_share


@dataclass(frozen=True, slots=True)
class OnObject:
    """How much of the attribution lies on the object; see `inference.reasons.Inside`."""

    median: float | None
    rest_median: float | None
    covered: float
    bins: Sequence[int]
    rest_bins: Sequence[int]


@dataclass(frozen=True, slots=True)
class Group:
    """What is shown of a group.

    Attributes:
        selected, rest, empty: Samples, see `inference.reasons.Study`.
        regions, rest_regions: Samples by cell of peak, row by row.
        alike: Mean cosine of the maps to their mean, in [0, 1].
        image, rest_image: Addresses of the mean images.
        ground, rest_ground: The same of the images as they are, to lay the places over that are counted in them.
        map, rest_map: Addresses of the mean maps.
        unlike: The samples that are explained unlike the rest of the group, the most different first.
    """

    selected: int
    rest: int
    empty: int
    regions: Sequence[int]
    rest_regions: Sequence[int]
    on_object: OnObject | None
    alike: float
    image: str
    rest_image: str
    ground: str
    rest_ground: str
    map: str
    rest_map: str
    unlike: Sequence[Card]


def place_of(cell: int, cells: int) -> tuple[int, int]:
    """Which of the nine places a cell lies in.

    Args:
        cell: Row by row, from 0.
        cells: Along each side.
    """
    row, column = divmod(cell, cells)
    across = {0: 0, cells - 1: 2}
    return across.get(row, 1), across.get(column, 1)


def lead_of(regions: Sequence[int], rest_regions: Sequence[int]) -> Lead | None:
    """The place whose share exceeds that of the others most; the most common one where none does by much.

    Returns:
        None if no map of the group peaks anywhere.
    """
    total, rest_total = sum(regions), sum(rest_regions)
    if not total:
        return None
    shares, rest_shares = _by_place(regions), _by_place(rest_regions)
    leads = [
        Lead(place, shares[place] / total, rest_shares[place] / rest_total if rest_total else None) for place in shares
    ]
    telling = max(leads, key=lambda lead: (lead.excess, lead.share))
    return telling if telling.excess >= _TELLING else max(leads, key=lambda lead: lead.share)


def _by_place(regions: Sequence[int]) -> dict[tuple[int, int], int]:
    cells = round(len(regions) ** 0.5)
    counts = dict.fromkeys(_PLACES, 0)
    for cell, count in enumerate(regions):
        counts[place_of(cell, cells)] += count
    return counts


def sentence(lead: Lead | None) -> str:
    """The lead in plain words."""
    if lead is None:
        return _("All maps of these samples are empty: the method finds nothing that speaks for the class.")
    place, share = _(_PLACES[lead.place]), percent(lead.share, 0)
    if lead.rest_share is None:
        return _("{share} of these look at {place}.", share=share, place=place)
    rest = percent(lead.rest_share, 0)
    if lead.excess >= _TELLING:
        return _("{share} of these look at {place}; of the others {rest}.", share=share, place=place, rest=rest)
    return _(
        "No place sets these apart: {share} look at {place}, and so do {rest} of the others.",
        share=share,
        place=place,
        rest=rest,
    )


def object_sentence(on_object: OnObject) -> str:
    """How much of the attribution lies on the object, in plain words."""
    share, covered = percent(on_object.median, 0), percent(on_object.covered, 0)
    if on_object.rest_median is None:
        return _("{share} of the attribution lies on the object, which covers {covered} of the picture.",
                 share=share, covered=covered)  # fmt: skip
    return _(
        "{share} of the attribution lies on the object, which covers {covered} of the picture; of the others {rest}.",
        share=share,
        covered=covered,
        rest=percent(on_object.rest_median, 0),
    )


def result(group: Group) -> Component:
    """All that is known of a group, the sentence on top."""
    lead = lead_of(group.regions, group.rest_regions)
    return html.Div(
        [
            _headline(group, lead),
            html.Div(
                [
                    _mean(_("These together"), group.selected, group.image, group.map),
                    _mean(_("The others together"), group.rest, group.rest_image, group.rest_map)
                    if group.rest
                    else None,
                    _peaks(_("Where these peak"), group.regions, group.ground),
                    _peaks(_("Where the others peak"), group.rest_regions, group.rest_ground) if group.rest else None,
                ],
                className="reason-tiles",
            ),
            _distribution(group.on_object) if group.on_object else None,
            _unlike(group.unlike),
        ],
        className="reason-parts",
    )


def _headline(group: Group, lead: Lead | None) -> Component:
    inside = group.on_object
    striking = lead is not None and lead.excess >= _SHORTCUT and lead.place != (1, 1)
    suspicious = striking and inside is not None and _off_object(inside)
    advice = None
    if suspicious:
        advice = _("This is how a shortcut looks: look at the samples below, and compare versions.")
    elif striking and inside is None:
        advice = _("It may be a shortcut, or just where their object lies: without masks only the samples tell.")
    facts = [ngettext("{count} sample", "{count} samples", group.selected)]
    if group.rest:
        facts.append(_("held against {n} others", n=number(group.rest)))
    facts.append(_("maps {share} alike", share=percent(group.alike, 0)))
    if group.empty:
        facts.append(_("{n} empty maps left out", n=number(group.empty)))
    return html.Section(
        [
            html.Span(icon("exclamation-triangle-fill" if suspicious else "lightbulb"), className="reason-sign"),
            html.Div(
                [
                    html.P(sentence(lead), className="reason-sentence"),
                    html.P(object_sentence(inside)) if inside is not None else None,
                    html.P(advice) if advice else None,
                    html.P(" · ".join(facts), className="quiet"),
                ]
            ),
        ],
        className="surface reason-headline" + (" is-suspicious" if suspicious else ""),
    )


def _off_object(inside: OnObject) -> bool:
    """Whether much less of the attribution lies on the object than is usual for the others."""
    if inside.median is None or inside.rest_median is None:
        return False
    return inside.median < _MUCH_LESS * inside.rest_median


def _mean(title: str, count: int, image: str, overlay: str) -> Component:
    stage = html.Div(
        [
            html.Img(src=image, alt="", className="reason-image"),
            html.Img(src=overlay, alt=_("Mean map of {n} samples", n=number(count)), className="reason-map"),
        ],
        className="reason-stage",
    )
    caption = html.Figcaption([html.H2(title), html.Span(_("mean of the maps"), className="quiet")])
    return html.Figure([caption, stage], className="surface reason-tile")


def _peaks(title: str, regions: Sequence[int], image: str) -> Component:
    total = max(sum(regions), 1)
    most = max(max(regions), 1)
    cells = [
        html.Span(
            html.Span(percent(count / total, 0)) if count / total >= 0.005 else "",
            className="reason-cell",
            style={"--weight": f"{count / most:.3f}"},
        )
        for count in regions
    ]
    side = round(len(regions) ** 0.5)
    stage = html.Div(
        [
            html.Img(src=image, alt="", className="reason-image is-faint"),
            html.Div(cells, className="reason-cells", style={"--side": str(side)}),
        ],
        className="reason-stage",
        role="img",
        **{"aria-label": _("Share of samples by the place where their map is highest")},
    )
    caption = html.Figcaption([html.H2(title), html.Span(_("share of samples"), className="quiet")])
    return html.Figure([caption, stage], className="surface reason-tile")


def _distribution(inside: OnObject) -> Component:
    """Two histograms back to back, each in shares of its own samples."""

    def bars(bins: Sequence[int], name: str) -> Component:
        total = max(sum(bins), 1)
        marks = [
            html.Span(
                className="reason-bar",
                style={"--height": f"{100 * count / total / top:.2f}%"},
                title=_(
                    "{share} of the samples have {low} to {high} inside",
                    share=percent(count / total, 1),
                    low=percent(at / len(bins), 0),
                    high=percent((at + 1) / len(bins), 0),
                ),
            )
            for at, count in enumerate(bins)
        ]
        return html.Div(marks, className=f"reason-bars {name}", style={"--bins": str(len(bins))})

    groups = [inside.bins, inside.rest_bins]
    top = max(count / max(sum(bins), 1) for bins in groups for count in bins) or 1
    chart = html.Div(
        [
            bars(inside.bins, "of-these"),
            bars(inside.rest_bins, "of-others") if sum(inside.rest_bins) else None,
            html.Span(
                className="reason-chance",
                style={"left": f"{100 * inside.covered:.2f}%"},
                title=_("By chance: the object covers {share} of the picture", share=percent(inside.covered, 0)),
            ),
        ],
        className="reason-histogram",
        role="img",
        **{"aria-label": object_sentence(inside)},
    )
    legend = html.Div(
        [
            html.Span([html.Span(className="swatch of-these"), _("these")]),
            html.Span([html.Span(className="swatch of-others"), _("the others")]) if sum(inside.rest_bins) else None,
            html.Span([html.Span(className="swatch of-chance"), _("by chance")]),
        ],
        className="reason-legend quiet",
    )
    axis = html.Div([html.Span(f"{share} %") for share in (0, 25, 50, 75, 100)], className="reason-axis quiet")
    head = html.Div([html.H2(_("Attribution on the object")), legend], className="reason-head")
    return html.Section(
        [head, help_text(_("Samples by the share of their map that lies on the object.")), chart, axis],
        className="surface reason-card",
    )


def _unlike(cards: Sequence[Card]) -> Component | None:
    if not cards:
        return None
    return html.Section(
        [
            html.H2(_("Explained unlike the rest")),
            help_text(_("The samples of this group whose map is farthest from the group's mean, farthest first.")),
            gallery(cards, _("Samples explained unlike the rest of the group")),
        ],
        className="reason-card",
    )
