"""What if: an editor for the image that is tried, and beside it what each change makes of the decision.

The picture is changed in the browser (`vitrine_whatif.js`), which finds its tools by `data-edit`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from data.text import gettext as _
from data.text import lazy
from layouts import ids
from layouts.changed import FILLS
from layouts.parts import help_text, icon

__all__ = ["editor", "invitation", "sources"]

_TOOLS = (
    ("paint", "brush", lazy("Paint over"), "p"),
    ("blur", "droplet-half", lazy("Blur"), "b"),
    ("patch", "intersect", lazy("Paste from another image"), "v"),
    ("crop", "crop", lazy("Crop"), "c"),
    ("rotate", "arrow-clockwise", lazy("Rotate"), "r"),
    ("light", "brightness-high", lazy("Brightness"), "l"),
)
_BRUSHES = "paint blur patch"


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
                            html.Canvas(
                                id=ids.TRY_EDIT_SOURCE,
                                width=1,
                                height=1,
                                className="edit-source",
                                tabIndex=0,
                                role="img",
                                **{"aria-label": _("The image to paste from; arrow keys choose the place")},
                            ),
                            html.Span(
                                _("The same place is pasted; click for another, or use the arrow keys."),
                                className="quiet",
                            ),
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
