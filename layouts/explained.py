"""An image beside what a model makes of it: the map laid over it, the probabilities, and what the map is worth.

The sample page and the page for uploads are built from these pieces.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from data.text import gettext as _
from layouts.parts import icon, outcome_badge

__all__ = [
    "DEFAULT",
    "PanelIds",
    "explaining",
    "map_controls",
    "panel",
    "probability_bars",
    "problem",
    "shortcut",
    "target_options",
    "verdict",
]

# A select cannot show an option whose value is empty, so that "no choice" has a name of its own.
DEFAULT = "(default)"


@dataclass(frozen=True, slots=True)
class PanelIds:
    """The ids of one panel's parts."""

    panel: str
    head: str
    image: str
    map: str
    bars: str
    evidence: str
    retry: str


def panel(ids: PanelIds, hidden: bool = False) -> Component:
    """The skeleton of one version's view: head, image with its map, probabilities, evidence."""
    stage = html.Div(
        [
            html.Img(id=ids.image, className="picture", alt="", draggable="false"),
            html.Img(id=ids.map, className="picture-map", alt="", hidden=True, draggable="false"),
            html.Span(
                [
                    html.Span(className="spinner-border spinner-border-sm", **{"aria-hidden": "true"}),
                    html.Span(_("Explaining…")),
                ],
                className="picture-busy",
                role="status",
            ),
        ],
        className="picture-stage",
    )
    reading = html.Div(
        [
            html.Div(id=ids.bars, className="bars-box"),
            html.Div(id=ids.evidence, className="evidence-box", **{"aria-live": "polite"}),
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


def map_controls(method: str, target: str, opacity: str, shown: str, values: Mapping[str, Any]) -> Component:
    """Which map to lay over the image, and how strongly.

    Args:
        method, target, opacity, shown: Ids of the pickers, of the slider and of the text that tells its value.
        values: The page's parameters, of which `method` and `target` preset the pickers; their options come later.
    """
    named, chosen = values.get("method"), values.get("target")
    return html.Div(
        [
            html.Div(
                [
                    dbc.Label(_("Explanation"), html_for=method, className="field-label"),
                    dbc.Select(
                        id=method,
                        size="sm",
                        value=named or DEFAULT,
                        options=[{"label": named, "value": named}] if named else [],
                    ),
                ],
                className="map-control",
            ),
            html.Div(
                [
                    dbc.Label(_("Explained class"), html_for=target, className="field-label"),
                    dbc.Select(id=target, size="sm", value=chosen or DEFAULT, options=target_options((), chosen)),
                ],
                className="map-control",
            ),
            html.Div(
                [
                    html.Div(
                        [
                            dbc.Label(_("Map opacity"), html_for=opacity, className="field-label"),
                            html.Output(id=shown, className="field-value"),
                        ],
                        className="field-line",
                    ),
                    dbc.Input(
                        id=opacity,
                        type="range",
                        min=0,
                        max=100,
                        step=5,
                        value=65,
                        persistence="map-opacity",
                        persistence_type="local",
                        className="form-range opacity-range",
                    ),
                ],
                className="map-control map-control-wide",
            ),
        ],
        className="map-controls",
    )


def target_options(classes: Sequence[str], chosen: str | None = None) -> list[dict[str, str]]:
    """What may be explained: the predicted class, whichever it is, or one of all classes."""
    listed = list(classes) if not chosen or chosen in classes else [chosen, *classes]
    return [{"label": _("Predicted class"), "value": DEFAULT}, *({"label": name, "value": name} for name in listed)]


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


def explaining() -> Component:
    """Shown until the first explanation is there."""
    return html.Div(_("Computing the explanation…"), className="quiet")


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
