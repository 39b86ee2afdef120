"""Colours and the frame that all figures share. Text and grid lines take the page's colours from the stylesheet."""

from typing import Any

import plotly.graph_objects as go

from data.text import current_language, lazy
from data.text import gettext as _

__all__ = [
    "CATEGORIES",
    "GRID",
    "MAX_CATEGORIES",
    "MUTED",
    "RIGHT",
    "SCALE",
    "WRONG",
    "base_layout",
    "category",
    "plot_words",
]

# Okabe and Ito's colours, which people with any colour vision tell apart, without black and with their yellow darkened
# for a white page; then a second round of darker and lighter tones, drawn with another symbol.
CATEGORIES = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#B8A000", "#8C6BB1", "#7F7F7F", "#A6761D",
)  # fmt: skip
_SYMBOLS = ("circle", "diamond")
MAX_CATEGORIES = len(CATEGORIES) * len(_SYMBOLS)
RIGHT, WRONG, MUTED = "#5B8DB8", "#D55E00", "#9AA0A6"
SCALE = "Viridis"
GRID = "rgba(128,134,142,0.22)"
# What the buttons of a plot are called by Plotly, word for word.
_BUTTONS = (
    lazy("Lasso Select"),
    lazy("Box Select"),
    lazy("Pan"),
    lazy("Zoom"),
    lazy("Zoom in"),
    lazy("Zoom out"),
    lazy("Reset axes"),
)


def category(place: int) -> tuple[str, str]:
    """Colour and symbol of the category at `place`, unique for the first `MAX_CATEGORIES`."""
    return CATEGORIES[place % len(CATEGORIES)], _SYMBOLS[(place // len(CATEGORIES)) % len(_SYMBOLS)]


def plot_words() -> dict[str, Any]:
    """Options of a graph's `config` that name its buttons in the person's language."""
    language = current_language()
    return {"locale": language, "locales": {language: {"dictionary": {word: _(word) for word in _BUTTONS}}}}


def base_layout(**changes: Any) -> go.Layout:
    """Transparent, without margins to speak of, in the page's font; legible on light and dark."""
    frame: dict[str, Any] = {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif", "size": 13, "color": "#7a828e"},
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "colorway": list(CATEGORIES),
        "legend": {"itemsizing": "constant", "font": {"size": 12}},
        "hoverlabel": {"font": {"size": 13}},
    }
    return go.Layout({**frame, **changes})
