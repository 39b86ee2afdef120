"""Figures of a unit: the objective against the steps, and the answers by class."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from data.text import gettext as _
from layouts.figures.theme import CATEGORIES, MUTED, base_layout

__all__ = ["answers", "ascent"]

_GRID = "rgba(128,128,128,0.18)"
_MOST_CLASSES = 10


def ascent(curve: Sequence[float], best_sample: float | None = None) -> go.Figure:
    """The objective after each step, and as a dashed line the best sample's answer, where it is known."""
    line = go.Scatter(
        x=list(range(1, len(curve) + 1)),
        y=list(curve),
        mode="lines",
        line={"color": CATEGORIES[0], "width": 2},
        hovertemplate=_("step %{x}: %{y:.3g}") + "<extra></extra>",
    )
    shapes: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    if best_sample is not None:
        shapes = [
            {
                "type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": best_sample, "y1": best_sample,
                "line": {"color": CATEGORIES[1], "width": 1.5, "dash": "dash"},
            }
        ]  # fmt: skip
        notes = [
            {
                "text": _("best sample"), "xref": "paper", "x": 1, "y": best_sample, "xanchor": "right",
                "yanchor": "bottom", "showarrow": False, "font": {"size": 11},
            }
        ]  # fmt: skip
    axis = {"gridcolor": _GRID, "zeroline": False, "fixedrange": True, "automargin": True}
    return go.Figure(
        line,
        base_layout(
            xaxis={**axis, "title": {"text": _("step"), "standoff": 6}, "nticks": 6, "rangemode": "tozero"},
            yaxis={**axis, "title": {"text": _("activation"), "standoff": 6}, "nticks": 5},
            shapes=shapes,
            annotations=notes,
            showlegend=False,
        ),
    )


def answers(histogram: np.ndarray, classes: Sequence[str], lowest: float, highest: float) -> go.Figure:
    """How many samples of each class answer how strongly, the classes with the strongest answers first.

    The scale is that of the root: most units are silent on most samples, and would leave nothing else to be seen.

    Args:
        histogram: (K, bins) counts between `lowest` and `highest`; K is 1 without classes.
    """
    bins = histogram.shape[1]
    width = (highest - lowest) / bins or 1.0
    centres = [lowest + width * (at + 0.5) for at in range(bins)]
    strength = (histogram * np.arange(bins)).sum(1) / np.maximum(histogram.sum(1), 1)
    order = np.argsort(-strength, kind="stable")
    shown = order[: _MOST_CLASSES if len(order) <= _MOST_CLASSES else _MOST_CLASSES - 1]
    rest = np.setdiff1d(order, shown)
    layers = [(classes[at] if classes else _("all samples"), histogram[at]) for at in shown]
    if len(rest):
        layers.append((_("{n} other classes", n=len(rest)), histogram[rest].sum(0)))
    bars = [
        go.Bar(
            x=centres,
            y=np.sqrt(counts).tolist(),
            customdata=counts.tolist(),
            width=width,
            name=_text(name),
            marker={"color": CATEGORIES[place] if place < len(CATEGORIES) else MUTED, "line": {"width": 0}},
            hovertemplate="%{fullData.name}: %{customdata:,}<extra></extra>",
        )
        for place, (name, counts) in enumerate(layers)
    ]
    peak = float(np.sqrt(histogram).sum(0).max(initial=1))
    axis = {"fixedrange": True, "automargin": True}
    return go.Figure(
        bars,
        base_layout(
            barmode="stack",
            bargap=0,
            xaxis={
                **axis,
                "title": {"text": _("strongest activation in the sample"), "standoff": 6},
                "showgrid": False,
            },
            yaxis={**axis, "range": [0, 1.05 * peak], "showticklabels": False, "gridcolor": _GRID, "nticks": 4},
            legend={"orientation": "h", "y": -0.24, "x": 0, "font": {"size": 11}, "itemsizing": "constant"},
        ),
    )


def _text(name: str) -> str:
    # Plotly reads some HTML in texts; a name from data stays text.
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
