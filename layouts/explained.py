"""An image beside what a model makes of it: the map laid over it, the probabilities, and what the map is worth.

The sample page and the page for uploads are built from these pieces.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from dash import dcc, html
from dash.development.base_component import Component

from data.text import gettext as _
from layouts.mapping import map_figure
from layouts.parts import icon, outcome_badge

__all__ = [
    "PanelIds",
    "explaining",
    "panel",
    "probability_bars",
    "problem",
    "shortcut",
    "verdict",
]

_LOOK_AGAIN = 400  # milliseconds


@dataclass(frozen=True, slots=True)
class PanelIds:
    """The ids of one panel's parts.

    Attributes:
        clock: Ticks while a dear map is missing; `tick` hands a tick on unless the last one is not answered yet.
    """

    panel: str
    head: str
    image: str
    map: str
    files: str
    clock: str
    tick: str
    bars: str
    evidence: str
    retry: str


def panel(ids: PanelIds, hidden: bool = False, marked: bool = False) -> Component:
    """The skeleton of one version's view: head, image with its map, probabilities, evidence.

    Args:
        marked: Whether people mark regions on the map.
    """
    image = html.Img(id=ids.image, className="picture", alt="", draggable="false")
    stage = map_figure(image, ids.map, ids.files, marked)
    reading = html.Div(
        [
            html.Div(id=ids.bars, className="bars-box"),
            html.Div(id=ids.evidence, className="evidence-box", **{"aria-live": "polite"}),
            dcc.Store(id=ids.tick),
            dcc.Interval(id=ids.clock, interval=_LOOK_AGAIN, disabled=True),
            html.Button(
                [icon("arrow-repeat"), html.Span(_("Try again"))],
                id=ids.retry,
                hidden=True,
                className="btn btn-sm btn-outline-primary",
            ),
        ],
        className="look-reading",
    )
    return html.Article(
        [html.Header(id=ids.head, className="look-head"), html.Div([stage, reading], className="look-body")],
        id=ids.panel,
        className="look",
        hidden=hidden,
    )


def verdict(version: str, prediction: str, confidence: float, label: str | None, note: str = "") -> list[Component]:
    """A panel's head: which version, what it says, how sure it is, and whether that is right."""
    correct = None if label is None else prediction == label
    return [
        html.Div(
            [html.Span(version, className="look-version"), html.Span(note, className="quiet") if note else None],
            className="look-name",
        ),
        html.Div(
            [
                html.Span(prediction, className="look-prediction"),
                html.Span(f"{100 * confidence:.1f} %", className="look-confidence"),
                outcome_badge(correct),
            ],
            className="look-verdict",
        ),
    ]


def probability_bars(
    top: Sequence[tuple[str, float]], label: str | None, target: str | None, button: str, where: str
) -> Component:
    """The most probable classes as bars; a click explains that class.

    Args:
        top: (class, probability in [0, 1]), the most probable first.
        label: The dataset's label, marked with a sign.
        target: The class that is explained.
        button: `type` of the pattern-matching ids of the bars; `where` tells panels apart.
    """
    rows = [
        html.Button(
            [
                html.Span([name, icon("tag", _("label")) if name == label else None], className="bar-name"),
                html.Span(
                    html.Span(className="bar-fill", style={"width": f"{100 * value:.2f}%"}),
                    className="bar-track",
                    **{"aria-hidden": "true"},
                ),
                html.Span(_probability(value), className="bar-value"),
            ],
            id={"type": button, "panel": where, "class": name},
            className="bar-row" + (" bar-label" if name == label else "") + (" bar-target" if name == target else ""),
            title=_("Explain {name}", name=name),
            **{"aria-pressed": "true" if name == target else "false"},
        )
        for name, value in top
    ]
    return html.Div(
        rows, className="bars", role="group", **{"aria-label": _("Probabilities; choose one to explain it")}
    )


def _probability(value: float) -> str:
    return f"{100 * value:.1f} %" if value >= 0.001 or value == 0 else "< 0.1 %"


def explaining(share: float | None) -> Component:
    """How much of a map that takes its time is done, in [0, 1]; None where that is not known."""
    done = f"{100 * (share or 0):.0f}"
    measured = {"aria-valuenow": done, "aria-valuemin": "0", "aria-valuemax": "100", "aria-label": _("Explaining…")}
    return html.Div(
        [
            html.Div([html.Span(_("This method takes its time.")), html.Span(f"{done} %")], className="field-line"),
            html.Div(
                html.Span(className="bar-fill", style={"width": f"{done}%"}),
                className="bar-track",
                role="progressbar",
                **measured,
            ),
            html.P(_("Choose another method or leave the page to stop it."), className="quiet"),
        ],
        className="evidence",
    )


def problem(title: str, text: str) -> Component:
    """Why there is no map, and what still works."""
    return html.Div(
        [
            html.Div([icon("exclamation-circle"), html.Strong(title)], className="evidence-verdict evidence-weak"),
            html.P(text),
        ],
        className="evidence",
        role="alert",
    )


def shortcut(key: str) -> Component:
    """The key that does the same, shown on a button."""
    return html.Kbd(key, **{"aria-hidden": "true"})
