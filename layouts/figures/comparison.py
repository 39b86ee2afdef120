"""Figures of a comparison: the difference by class, and confusion matrices."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from data.text import gettext as _
from layouts.figures.theme import MUTED, RIGHT, WRONG, base_layout

__all__ = ["MAX_CLASSES", "class_difference", "confusion", "confusion_difference", "shown_classes"]

MAX_CLASSES = 30
_MAX_LABELLED = 15  # beyond, the counts would not fit into the cells
_COUNTS = [[0.0, "#eaf1f8"], [0.25, "#b5d0e8"], [0.5, "#6ea6d3"], [0.75, "#2f78b7"], [1.0, "#0b4a86"]]
# Orange and blue stay apart for every kind of colour vision.
_DIFFERENCE = [[0.0, "#b35806"], [0.25, "#f1a340"], [0.5, "#f2f2f2"], [0.75, "#74a9cf"], [1.0, "#08589e"]]


def shown_classes(confusion_a: np.ndarray, confusion_b: np.ndarray, limit: int = MAX_CLASSES) -> list[int]:
    """The classes that a figure has room for: those with the most errors, kept in their own order.

    Args:
        confusion_a, confusion_b: (K, K) counts; rows are labels, columns predictions.

    Returns:
        At most `limit` places in 0 … K - 1.
    """
    count = len(confusion_a)
    if count <= limit:
        return list(range(count))
    wrong = confusion_a + confusion_b
    wrong = wrong - np.diag(np.diag(wrong))
    errors = wrong.sum(axis=0) + wrong.sum(axis=1)
    return sorted(np.argsort(-errors, kind="stable")[:limit].tolist())


def class_difference(names: Sequence[str], differences: Sequence[float], samples: Sequence[int]) -> go.Figure:
    """By how many points each class is better or worse in B, the greatest loss at the bottom.

    Args:
        differences: B's accuracy minus A's, in [-1, 1].
        samples: How many samples each class has.
    """
    order = sorted(range(len(names)), key=lambda at: (differences[at], names[at]))
    points = [100 * differences[at] for at in order]
    reach = max((abs(value) for value in points), default=0.0) or 1.0
    return go.Figure(
        go.Bar(
            x=points,
            y=[names[at] for at in order],
            orientation="h",
            marker={"color": [RIGHT if value > 0 else WRONG if value < 0 else MUTED for value in points]},
            text=[f"{value:+.1f}" if value else "0" for value in points],
            textposition="outside",
            textfont={"color": MUTED},
            cliponaxis=False,
            customdata=[samples[at] for at in order],
            hovertemplate=_("%{y}: %{x:+.1f} points on %{customdata} samples") + "<extra></extra>",
        ),
        base_layout(
            bargap=0.35,
            xaxis={
                "title": {"text": _("percentage points, B minus A"), "standoff": 12},
                "range": [-1.4 * reach, 1.4 * reach],
                "zeroline": True,
                "zerolinecolor": MUTED,
                "gridcolor": "rgba(128,128,128,0.18)",
                "fixedrange": True,
            },
            yaxis={"automargin": True, "type": "category", "fixedrange": True, "ticks": ""},
            showlegend=False,
        ),
    )


def confusion(names: Sequence[str], counts: np.ndarray) -> go.Figure:
    """A confusion matrix: colour is the share of the label's samples, the text their number; empty cells stay empty.

    Args:
        counts: (K, K) for K names; rows are labels, columns predictions.
    """
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape, dtype=float), where=totals > 0)
    hover = _("label %{y}, predicted %{x}: %{text} samples, %{z:.1%} of the label") + "<extra></extra>"
    return _matrix(
        names,
        np.where(counts > 0, shares, np.nan),
        np.where(counts > 0, counts.astype(str), ""),
        hover,
        {"colorscale": _COUNTS, "zmin": 0.0, "zmax": 1.0},
    )


def confusion_difference(names: Sequence[str], counts_a: np.ndarray, counts_b: np.ndarray) -> go.Figure:
    """What moved between two confusion matrices: B minus A; blue is more in B, orange less, empty is unchanged.

    Args:
        counts_a, counts_b: (K, K) for K names.
    """
    change = counts_b - counts_a
    reach = float(max(np.abs(change).max(initial=0), 1))
    text = np.array([[f"{value:+d}" if value else "" for value in row] for row in change.tolist()], dtype=object)
    hover = _("label %{y}, predicted %{x}: %{text} samples in B") + "<extra></extra>"
    return _matrix(
        names,
        np.where(change != 0, change, np.nan),
        text,
        hover,
        {"colorscale": _DIFFERENCE, "zmin": -reach, "zmax": reach},
    )


def _matrix(
    names: Sequence[str], values: np.ndarray, text: np.ndarray, hover: str, colours: dict[str, Any]
) -> go.Figure:
    axis = {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": list(names),
        "range": [-0.5, len(names) - 0.5],
        "automargin": True,
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
        "ticks": "",
        "tickfont": {"size": 11},
        "ticklabelstandoff": 4,
        "dtick": 1,
    }
    cells = [[None if np.isnan(value) else value for value in row] for row in values.tolist()]
    return go.Figure(
        go.Heatmap(
            x=list(names),
            y=list(names),
            z=cells,
            text=text.tolist(),
            texttemplate="%{text}" if len(names) <= _MAX_LABELLED else None,
            textfont={"size": 11},
            xgap=1,
            ygap=1,
            hoverongaps=False,
            hovertemplate=hover,
            showscale=False,
            **colours,
        ),
        base_layout(
            xaxis={**axis, "title": {"text": _("prediction"), "standoff": 8}, "side": "bottom"},
            yaxis={**axis, "title": {"text": _("label"), "standoff": 8}, "range": [len(names) - 0.5, -0.5]},
        ),
    )
