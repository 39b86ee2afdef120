"""What a change makes of a decision: probabilities and maps before and after, and the smallest change that turns it."""

from collections.abc import Sequence
from dataclasses import dataclass

from dash import html
from dash.development.base_component import Component

from data.text import gettext as _
from data.text import lazy, ngettext
from layouts.parts import icon, percent

__all__ = [
    "FILLS",
    "Change",
    "Flip",
    "SeenMap",
    "change_bars",
    "decision",
    "flip_found",
    "flip_progress",
    "map_pair",
]

FILLS = {"blur": lazy("blurred"), "mean": lazy("in the mean colour")}
_UNCHANGED = 0.0005


@dataclass(frozen=True, slots=True)
class Change:
    """A class's probability before and after the change, in [0, 1]."""

    name: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class SeenMap:
    """An image as the network sees it, under its map.

    Attributes:
        image, overlay: Addresses; no overlay while the map is computed.
        problem: Why there is no map.
    """

    title: str
    image: str
    tiny: bool
    overlay: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Flip:
    """A counterfactual as people read it.

    Attributes:
        flipped: Whether another class wins.
        hidden, total: How many regions are hidden, and how many there are.
        share: Of the pixels that the network sees, in [0, 1].
        steps: (regions hidden, probability of `target`, of the best other class), from the whole image on.
        edit: Digest of the image with the regions hidden.
        fill: One of `FILLS`.
    """

    flipped: bool
    target: str
    rival: str
    hidden: int
    total: int
    share: float
    steps: Sequence[tuple[int, float, float]]
    passes: int
    seconds: float
    edit: str
    fill: str


def decision(before: Change, after: Change, edited: bool) -> Component:
    """What wins, in one line.

    Args:
        before, after: Of the classes that win before and after the change.
        edited: Whether there is a change at all.
    """
    if not edited:
        words, style, name = _("Not changed yet"), "quiet", "dot"
    elif before.name != after.name:
        words, style, name = _("The decision turns"), "edit-turned", "arrow-left-right"
    else:
        words, style, name = _("The decision stays"), "edit-stays", "check-circle"
    shown = [html.Span(before.name, className="look-prediction"), html.Span(percent(before.before))]
    if edited:
        shown += [
            html.Span(icon("arrow-right"), className="quiet"),
            html.Span(after.name, className="look-prediction"),
            html.Span(percent(after.after)),
        ]
    return html.Div(
        [html.Div(shown, className="edit-decision"), html.Span([icon(name), html.Span(words)], className=style)],
        className="edit-verdict",
    )


def change_bars(changes: Sequence[Change], target: str | None, button: str) -> Component:
    """Probabilities before (a mark) and after (the bar), with the difference; a click explains that class.

    Args:
        changes: The class with the highest probability first.
        target: The class that is explained.
        button: `type` of the pattern-matching ids of the bars.
    """
    rows = [
        html.Button(
            [
                html.Span(change.name, className="bar-name"),
                html.Span(
                    [
                        html.Span(className="bar-fill", style={"width": f"{100 * change.after:.2f}%"}),
                        html.Span(className="bar-before", style={"left": f"{100 * change.before:.2f}%"}),
                    ],
                    className="bar-track",
                    **{"aria-hidden": "true"},
                ),
                html.Span(percent(change.after), className="bar-value"),
                _difference(change.after - change.before),
            ],
            id={"type": button, "panel": "edit", "class": change.name},
            className="bar-row" + (" bar-target" if change.name == target else ""),
            title=_("{name}: before {before}, after {after}. Explain this class",
                    name=change.name, before=percent(change.before), after=percent(change.after)),
            **{"aria-pressed": "true" if change.name == target else "false"},
        )
        for change in changes
    ]  # fmt: skip
    return html.Div(
        rows,
        className="bars change-bars",
        role="group",
        **{"aria-label": _("Probabilities before and after; choose one to explain it")},
    )


def _difference(value: float) -> Component:
    """The change in percentage points, by sign and colour."""
    if abs(value) < _UNCHANGED:
        return html.Span("±0", className="bar-change quiet")
    sign, style = ("+", "is-up") if value > 0 else ("−", "is-down")
    return html.Span(f"{sign}{100 * abs(value):.1f}", className=f"bar-change {style}")


def map_pair(pair: Sequence[SeenMap]) -> list[Component]:
    """The maps before and after, side by side; without a change, the first one and where the second will be."""
    waiting = html.Figure(
        [
            html.Figcaption(_("After")),
            html.Div(html.Span(_("Change the image, and its map stands here.")), className="picture-stage edit-vacant"),
        ],
        className="edit-map",
    )
    return [*(_seen_map(one) for one in pair), *([waiting] if len(pair) == 1 else [])]


def _seen_map(shown: SeenMap) -> Component:
    pixels = " pixels" if shown.tiny else ""
    over: Component | None = None
    if shown.overlay:
        over = html.Img(src=shown.overlay, className="picture-map", alt="", draggable="false")
    elif shown.problem is None:
        over = html.Span(
            [html.Span(className="spinner-border spinner-border-sm"), html.Span(_("Explaining…"))],
            className="picture-busy edit-busy",
            role="status",
        )
    return html.Figure(
        [
            html.Figcaption(shown.title),
            html.Div(
                [html.Img(src=shown.image, className=f"picture{pixels}", alt=shown.title, draggable="false"), over],
                className="picture-stage",
            ),
            html.P(shown.problem, className="quiet edit-problem") if shown.problem else None,
        ],
        className="edit-map",
    )


def flip_progress(share: float | None) -> Component:
    """How far the search is."""
    value = round(100 * (share or 0))
    return html.Div(
        [
            html.Span(_("Hiding part after part…"), className="quiet"),
            html.Div(
                html.Div(className="progress-bar", style={"width": f"{value}%"}),
                className="progress flip-bar",
                role="progressbar",
                **{
                    "aria-label": _("Progress of the search"),
                    "aria-valuemin": "0",
                    "aria-valuemax": "100",
                    "aria-valuenow": str(value),
                },
            ),
        ],
        className="flip-progress",
    )


def flip_found(flip: Flip) -> Component:
    """What was found: in words, with its cost, and as a curve."""
    regions = ngettext("{count} of {total} regions", "{count} of {total} regions", flip.hidden, total=flip.total)
    last = flip.steps[-1]
    values = {
        "regions": regions,
        "share": percent(flip.share),
        "target": flip.target,
        "rival": flip.rival,
        "how": _(FILLS[flip.fill]),
    }
    if flip.flipped:
        said = [
            html.P(
                _(
                    "With {regions} {how}, {share} of the image, “{target}” becomes “{rival}” ({probability}).",
                    **values,
                    probability=percent(last[2]),
                ),
                className="flip-words",
            )
        ]
    else:
        said = [
            html.P(
                [
                    html.Strong(_("The decision did not turn.")),
                    " ",
                    _(
                        "With {regions} {how}, {share} of the image, “{target}” still has {probability}.",
                        **values,
                        probability=percent(last[1]),
                    ),
                ],
                className="flip-words",
            )
        ]
    cost = ngettext(
        "{count} pass through the network, {seconds} s",
        "{count} passes through the network, {seconds} s",
        flip.passes,
        seconds=f"{flip.seconds:.1f}",
    )
    keep = html.Button(
        [icon("pencil-square"), html.Span(_("Keep as edit"))],
        className="btn btn-sm btn-outline-primary",
        **{"data-edit": "keep", "data-digest": flip.edit},
    )
    return html.Div(
        [
            *said,
            _curve(flip),
            html.Div([keep, html.Span(cost, className="quiet")], className="flip-foot"),
        ]
    )


def _curve(flip: Flip) -> Component:
    """The two classes' probabilities with each region that was hidden."""
    last = max(len(flip.steps) - 1, 1)
    lines = [
        html.Div(
            className=f"flip-line {style}",
            style={"clipPath": _line([(at / last, step[which]) for at, step in enumerate(flip.steps)])},
        )
        for which, style in ((1, "flip-target"), (2, "flip-rival"))
    ]
    points = [
        html.Span(
            className="flip-step",
            style={"left": f"{100 * at / last:.2f}%"},
            title=_(
                "{n} hidden: {target} {first}, {rival} {second}",
                n=step[0],
                target=flip.target,
                first=percent(step[1]),
                rival=flip.rival,
                second=percent(step[2]),
            ),
        )
        for at, step in enumerate(flip.steps)
    ]
    spoken = "; ".join(f"{step[0]}: {percent(step[1])}, {percent(step[2])}" for step in flip.steps)
    return html.Figure(
        [
            html.Div(
                [*points, *lines],
                className="flip-curve",
                role="img",
                **{"aria-label": _("Probability with each region that was hidden: {values}", values=spoken)},
            ),
            html.Figcaption(
                [
                    html.Span(flip.target, className="flip-key flip-target"),
                    html.Span(_("best other class"), className="flip-key flip-rival"),
                    html.Span(_("regions hidden: 0 to {n}", n=flip.steps[-1][0]), className="quiet"),
                ]
            ),
        ],
        className="flip-figure",
    )


def _line(points: Sequence[tuple[float, float]]) -> str:
    """A line of even strength as a shape that cuts a box, from points in [0, 1] with the origin at the lower left."""
    above = [f"{100 * x:.2f}% calc({100 * (1 - y):.2f}% - 1px)" for x, y in points]
    below = [f"{100 * x:.2f}% calc({100 * (1 - y):.2f}% + 1px)" for x, y in reversed(points)]
    return f"polygon({', '.join([*above, *below])})"
