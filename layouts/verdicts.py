"""What a person says about the reason that a map shows: one of four verdicts, and the regions that they mark on it."""

from collections.abc import Mapping

from dash import html
from dash.development.base_component import Component

from data.masks import Role
from data.text import gettext as _
from data.text import lazy
from data.types import FlagReason, Verdict
from layouts.explained import shortcut
from layouts.parts import icon

__all__ = [
    "CHOICE_TITLES",
    "FLAG_KEYS",
    "FLAG_TITLES",
    "ROLE_TITLES",
    "VERDICT_KEYS",
    "VERDICT_TITLES",
    "flag_reasons",
    "marking",
    "verdict_buttons",
]

VERDICT_TITLES = {
    Verdict.RIGHT_REASON: lazy("right for the right reason"),
    Verdict.WRONG_REASON: lazy("right for the wrong reason"),
    Verdict.UNDERSTANDABLE: lazy("wrong for an understandable reason"),
    Verdict.ARTEFACT: lazy("artefact"),
}
FLAG_TITLES = {
    FlagReason.AMBIGUOUS: lazy("ambiguous"),
    FlagReason.BAD_IMAGE: lazy("bad image"),
    FlagReason.OUT_OF_SCOPE: lazy("out of scope"),
    FlagReason.DUPLICATE: lazy("duplicate"),
}
CHOICE_TITLES: Mapping[str, str] = {str(choice): title for choice, title in {**VERDICT_TITLES, **FLAG_TITLES}.items()}
VERDICT_KEYS = dict(zip(Verdict, "asdx", strict=True))
FLAG_KEYS = dict(zip(FlagReason, "hiop", strict=True))
ROLE_TITLES = {
    Role.SHOULD_LOOK: lazy("Should have looked here"),
    Role.MUST_NOT_LOOK: lazy("Must not look here"),
}
_VERDICT_HINTS = {
    Verdict.RIGHT_REASON: lazy("The answer is right, and it looks at what makes it right"),
    Verdict.WRONG_REASON: lazy("The answer is right, but it looks at something else: a shortcut"),
    Verdict.UNDERSTANDABLE: lazy("The answer is wrong, but a person could have been misled in the same way"),
    Verdict.ARTEFACT: lazy("What it looks at is no part of the scene: a watermark, a border, noise"),
}
_ROLE_KEYS = {Role.SHOULD_LOOK: "l", Role.MUST_NOT_LOOK: "n"}
_TOOLS = (
    ("brush", "brush", lazy("Brush"), "b"),
    ("polygon", "pentagon", lazy("Polygon"), "y"),
    ("eraser", "eraser", lazy("Eraser"), "v"),
)


def verdict_buttons() -> Component:
    """The four verdicts; plain buttons, whose clicks the browser's own script passes on."""
    return html.Div(
        [
            html.Button(
                [html.Span(_(VERDICT_TITLES[verdict])), shortcut(key)],
                className="judge-button",
                title=f"{_(_VERDICT_HINTS[verdict])} ({key})",
                **{"data-judge": f"verdict:{verdict}", "data-shortcut": key, "aria-keyshortcuts": key},
            )
            for verdict, key in VERDICT_KEYS.items()
        ],
        className="judge-list",
        role="group",
        **{"aria-label": _("Is the reason right?")},
    )


def flag_reasons() -> Component:
    """Why a sample is flagged, at one stroke each."""
    return html.Div(
        [
            html.Button(
                [html.Span(_(FLAG_TITLES[reason])), shortcut(key)],
                className="judge-button",
                title=_("Flag it: {reason} (key {key})", reason=_(FLAG_TITLES[reason]), key=key),
                **{"data-judge": f"flag:{reason}", "data-shortcut": key, "aria-keyshortcuts": key},
            )
            for reason, key in FLAG_KEYS.items()
        ],
        className="judge-list judge-pairs",
        role="group",
        **{"aria-label": _("Flag it as")},
    )


def marking() -> Component:
    """The door to drawing on the map, and the tools behind it."""
    roles = [
        html.Button(
            [html.Span(className=f"mark-swatch mark-{role}", **{"aria-hidden": "true"}), html.Span(_(title))]
            + [shortcut(_ROLE_KEYS[role])],
            className="judge-button",
            **{
                "data-mark": f"role:{role}",
                "data-shortcut": _ROLE_KEYS[role],
                "aria-keyshortcuts": _ROLE_KEYS[role],
                "aria-pressed": "true" if role is Role.SHOULD_LOOK else "false",
            },
        )
        for role, title in ROLE_TITLES.items()
    ]
    tools = [
        html.Button(
            [icon(name), html.Span(_(title)), shortcut(key)],
            className="judge-button",
            **{
                "data-mark": f"tool:{tool}",
                "data-shortcut": key,
                "aria-keyshortcuts": key,
                "aria-pressed": "true" if tool == "brush" else "false",
            },
        )
        for tool, name, title, key in _TOOLS
    ]
    return html.Div(
        [
            html.Button(
                [icon("pencil"), html.Span(_("Mark regions on the map")), shortcut("e")],
                className="btn btn-sm btn-outline-primary",
                **{"data-mark": "draw", "data-shortcut": "e", "aria-keyshortcuts": "e", "aria-expanded": "false"},
            ),
            html.Div(
                [
                    html.Div(roles, className="judge-list", role="group", **{"aria-label": _("What the region says")}),
                    html.Div(
                        tools, className="judge-list mark-tools", role="group", **{"aria-label": _("Drawing tool")}
                    ),
                    html.Label(
                        [
                            html.Span(_("Size"), className="field-label"),
                            html.Span(className="mark-size", **{"data-mark-size": "8"}),
                        ],
                        className="mark-size-line",
                        title=_("Size of brush and eraser, in percent of the image (keys [ and ])"),
                    ),
                    html.Div(
                        [
                            html.Button(
                                [icon(name), html.Span(title)],
                                className="btn btn-sm btn-outline-secondary",
                                **{"data-mark": act},
                            )
                            for act, name, title in (
                                ("undo", "arrow-90deg-left", _("Back")),
                                ("clear", "trash", _("Clear")),
                                ("keep", "check2", _("Keep the marks")),
                            )
                        ],
                        className="mark-acts",
                    ),
                    html.P(
                        _(
                            "By keys: the arrows move the brush (with Shift by a pixel), Space draws or sets a corner, "
                            "Enter closes a polygon, [ and ] change the size, Escape ends. A verdict keeps what is drawn."
                        ),
                        className="quiet mark-help",
                    ),
                ],
                className="mark-box",
                hidden=True,
                **{"data-mark-box": ""},
            ),
            html.Div(className="quiet mark-told", role="status", **{"data-mark-told": ""}),
        ],
        className="marking",
    )
