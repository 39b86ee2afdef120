"""What if: an editor for the image that is tried, and beside it what each change makes of the decision.

The picture is changed in the browser (`vitrine_whatif.js`), which finds its tools by `data-edit`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from data.text import gettext as _
from data.text import lazy, ngettext
from layouts import ids
from layouts.parts import help_text, icon, percent

__all__ = [
    "FILLS",
    "Change",
    "Flip",
    "SeenMap",
    "change_bars",
    "decision",
    "editor",
    "flip_found",
    "flip_progress",
    "invitation",
    "map_pair",
    "sources",
]

FILLS = {"blur": lazy("blurred"), "mean": lazy("in the mean colour")}
_TOOLS = (
    ("paint", "brush", lazy("Paint over"), "p"),
    ("blur", "droplet-half", lazy("Blur"), "b"),
    ("patch", "intersect", lazy("Paste from another image"), "v"),
    ("crop", "crop", lazy("Crop"), "c"),
    ("rotate", "arrow-clockwise", lazy("Rotate"), "r"),
    ("light", "brightness-high", lazy("Brightness"), "l"),
)
_BRUSHES = "paint blur patch"
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


def invitation() -> Component:
    """The way into the editor."""
    return html.Div(
        [
            html.Div(
                [
                    html.H2(_("What if…")),
                    help_text(_("Change the image, and see at once what that makes of the decision.")),
                ]
            ),
            html.Button(
                [icon("brush"), html.Span(_("Edit the image"))],
                id=ids.TRY_EDIT_OPEN,
                className="btn btn-outline-primary",
            ),
        ],
        className="surface edit-invitation",
    )


def editor(parameters: Mapping[str, Any]) -> Component:
    """The skeleton; with an original in the address the editor opens by itself."""
    stores = (
        ids.TRY_EDIT_BEGUN,
        ids.TRY_EDIT_SUBJECT,
        ids.TRY_EDIT_READ,
        ids.TRY_EDIT_FILE,
        ids.TRY_EDIT_KEPT,
        ids.TRY_EDIT_SHOWN,
        ids.TRY_EDIT_ASKED,
        ids.TRY_FLIP_SEARCH,
    )
    return html.Section(
        [
            *(dcc.Store(id=store) for store in stores),
            dcc.Interval(id=ids.TRY_EDIT_CLOCK, interval=250, disabled=True),
            dcc.Interval(id=ids.TRY_FLIP_CLOCK, interval=300, disabled=True),
            html.Header(
                [
                    html.Div([html.H2(_("What if…")), html.Span(_("Change the image and watch the decision."))]),
                    html.Button(
                        [icon("x-lg"), html.Span(_("Close the editor"))],
                        className="btn btn-sm btn-outline-secondary",
                        **{"data-edit": "close"},
                    ),
                ],
                className="edit-head",
            ),
            html.Div(id=ids.TRY_EDIT_MESSAGE, role="alert"),
            html.Div([_desk(), _reading()], className="edit-columns"),
        ],
        id=ids.TRY_EDIT,
        className="surface edit",
        hidden=not parameters.get("original"),
        **{"aria-label": _("What if: edit the image"), "data-tool": "paint"},
    )


def _desk() -> Component:
    tools = [
        html.Button(
            [icon(icon_name), html.Span(_(title))],
            className="edit-tool",
            title=f"{_(title)} ({key.upper()})",
            **{
                "data-edit": "tool",
                "data-tool": tool,
                "data-shortcut": key,
                "aria-keyshortcuts": key,
                "aria-pressed": "true" if tool == "paint" else "false",
            },
        )
        for tool, icon_name, title, key in _TOOLS
    ]
    past = [
        _act("undo", "arrow-90deg-left", _("Undo"), "Ctrl+Z", disabled=True),
        _act("redo", "arrow-90deg-right", _("Redo"), "Ctrl+Y", disabled=True),
        _act("reset", "arrow-counterclockwise", _("Start again from the original"), "", disabled=True),
        html.Button(
            [icon("eye"), html.Span(_("Original"))],
            className="edit-act edit-compare",
            title=_("Hold to see the original (O)"),
            **{"data-edit": "compare", "aria-keyshortcuts": "o"},
        ),
    ]
    return html.Div(
        [
            html.Div(
                [
                    html.Div(tools, className="edit-tools", role="toolbar", **{"aria-label": _("Tools")}),
                    html.Div(past, className="edit-past", role="toolbar", **{"aria-label": _("History")}),
                ],
                className="edit-bar",
            ),
            _options(),
            _stage(),
            html.P(
                [
                    _keys("←", "↑", "↓", "→"),
                    _("move, "),
                    _keys(_("Space")),
                    _("apply, "),
                    _keys("[", "]"),
                    _("brush size, "),
                    _keys("O"),
                    _("original"),
                ],
                className="edit-keys quiet",
            ),
        ],
        className="edit-desk",
    )


def _keys(*names: str) -> Component:
    return html.Span([html.Kbd(name) for name in names], className="keys")


def _act(action: str, icon_name: str, text: str, key: str, disabled: bool = False) -> Component:
    return html.Button(
        icon(icon_name),
        className="edit-act",
        title=f"{text} ({key})" if key else text,
        disabled=disabled,
        **{"data-edit": action, "aria-label": text},
    )


def _stage() -> Component:
    """The picture, with what lies over it: the outline of a found region, the brush, the frame of a cut."""
    return html.Div(
        [
            html.Canvas(
                id=ids.TRY_EDIT_CANVAS,
                width=1,
                height=1,
                className="edit-canvas",
                tabIndex="0",
                role="application",
                **{
                    "aria-label": _(
                        "The image. Arrow keys move the tool, Shift moves it by one pixel, Space applies it."
                    ),
                },
            ),
            html.Img(id=ids.TRY_FLIP_REGION, className="edit-region", alt="", hidden=True),
            html.Div(className="edit-cursor", hidden=True),
            html.Div(className="edit-frame", hidden=True),
            html.Span(_("Original"), className="edit-original", hidden=True),
        ],
        className="edit-stage",
    )


def _options() -> Component:
    """What the chosen tool lets one choose; the browser shows the row's parts that belong to it."""
    return html.Div(
        [
            html.Div(
                [
                    html.Span(className="edit-swatch", role="img", **{"aria-label": _("Colour of the brush")}),
                    _option("pick", "eyedropper", _("Pick"), "i", _("Take a colour from the image")),
                    _option("mean", "circle-half", _("Mean"), "m", _("Take the image's mean colour")),
                ],
                className="edit-option",
                **{"data-for": "paint"},
            ),
            html.Div(
                [
                    html.Div(id=ids.TRY_EDIT_SOURCES, className="edit-sources", role="group"),
                    dcc.Upload(
                        html.Span([icon("upload"), html.Span(_("A file"))]),
                        id=ids.TRY_EDIT_SOURCE_FILE,
                        accept="image/png,image/jpeg,image/webp",
                        className="drop-zone edit-source-file",
                        className_active="drop-zone edit-source-file is-over",
                    ),
                    html.Div(
                        [
                            html.Canvas(id=ids.TRY_EDIT_SOURCE, width=1, height=1, className="edit-source"),
                            html.Span(_("The same place is pasted; click for another."), className="quiet"),
                        ],
                        className="edit-from",
                        hidden=True,
                    ),
                ],
                className="edit-option edit-patch",
                **{"data-for": "patch"},
            ),
            html.Div(
                [_slider(ids.TRY_EDIT_SIZE, _("Brush size"), 1, 60, 12, "%")],
                className="edit-option",
                **{"data-for": _BRUSHES},
            ),
            html.Div(
                [
                    html.Span(_("Draw a frame around what stays."), className="quiet"),
                    _option("cut", "crop", _("Cut"), "x"),
                ],
                className="edit-option",
                **{"data-for": "crop"},
            ),
            html.Div(
                [
                    _slider(ids.TRY_EDIT_ANGLE, _("Angle"), -180, 180, 0, "°"),
                    _option("quarter", "arrow-clockwise", _("A quarter turn"), "q"),
                ],
                className="edit-option",
                **{"data-for": "rotate"},
            ),
            html.Div(
                [_slider(ids.TRY_EDIT_LIGHT, _("Brightness"), -100, 100, 0, "%")],
                className="edit-option",
                **{"data-for": "light"},
            ),
        ],
        className="edit-options",
    )


def _option(action: str, icon_name: str, text: str, key: str, hint: str | None = None) -> Component:
    return html.Button(
        [icon(icon_name), html.Span(text)],
        className="btn btn-sm btn-outline-secondary",
        title=f"{hint or text} ({key.upper()})",
        **{"data-edit": action, "data-shortcut": key, "aria-keyshortcuts": key},
    )


def _slider(component: str, text: str, low: int, high: int, value: int, unit: str) -> Component:
    return html.Div(
        [
            dbc.Label(text, html_for=component, className="field-label"),
            dbc.Input(id=component, type="range", min=low, max=high, step=1, value=value, className="form-range"),
            html.Output(f"{value} {unit}", className="field-value", **{"data-unit": unit}),
        ],
        className="edit-slider",
    )


def sources(images: Sequence[tuple[str, str]]) -> list[Component]:
    """Samples to paste from: (title, address) each."""
    return [
        html.Button(
            html.Img(src=address, alt=title),
            className="edit-source-pick",
            title=title,
            **{"data-edit": "source", "aria-pressed": "false"},
        )
        for title, address in images
    ]


def _reading() -> Component:
    return html.Div(
        [
            html.Div(id=ids.TRY_EDIT_BARS, className="edit-bars", **{"aria-live": "polite"}),
            html.Div(id=ids.TRY_EDIT_MAPS, className="edit-maps"),
            _flip_card(),
        ],
        className="edit-reading",
    )


def _flip_card() -> Component:
    fills = [{"label": _("Hidden parts {how}", how=_(text)), "value": fill} for fill, text in FILLS.items()]
    return html.Div(
        [
            html.H3(_("The smallest change that turns the decision")),
            html.Div(
                [
                    html.Button(
                        [icon("search"), html.Span(_("Find it"))],
                        id=ids.TRY_FLIP_START,
                        className="btn btn-sm btn-primary",
                    ),
                    html.Button(
                        [icon("stop-circle"), html.Span(_("Stop"))],
                        id=ids.TRY_FLIP_STOP,
                        hidden=True,
                        className="btn btn-sm btn-outline-secondary",
                    ),
                    dbc.Label(_("How parts are hidden"), html_for=ids.TRY_FLIP_FILL, className="visually-hidden"),
                    dbc.Select(
                        id=ids.TRY_FLIP_FILL,
                        size="sm",
                        value="blur",
                        options=fills,
                        className="flip-fill",
                    ),
                ],
                className="flip-controls",
            ),
            html.Div(id=ids.TRY_FLIP_FOUND, className="flip-found", **{"aria-live": "polite"}),
        ],
        className="flip",
    )


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
