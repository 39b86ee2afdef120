"""The figure of a dataset: how many samples each class has."""

from collections.abc import Mapping

import plotly.graph_objects as go

from data.text import gettext as _
from layouts.figures.theme import CATEGORIES, MUTED, base_layout

__all__ = ["MAX_BARS", "class_histogram", "histogram_height", "shown_bars"]

MAX_BARS = 40


def shown_bars(counts: Mapping[str, int]) -> dict[str, int]:
    """The classes that a figure has room for: the largest `MAX_BARS`, in the order in which they are given."""
    if len(counts) <= MAX_BARS:
        return dict(counts)
    kept = set(sorted(counts, key=lambda name: (-counts[name], name))[:MAX_BARS])
    return {name: count for name, count in counts.items() if name in kept}


def histogram_height(bars: int) -> int:
    """Pixels that so many bars need."""
    return max(140, 24 * bars + 50)


def class_histogram(counts: Mapping[str, int]) -> go.Figure:
    """Samples by class, one bar each, the first class on top; `customdata` holds the class's whole name."""
    names = list(counts)
    return go.Figure(
        go.Bar(
            x=list(counts.values()),
            y=names,
            orientation="h",
            marker={"color": CATEGORIES[0]},
            text=[f"{count:,}" for count in counts.values()],
            textposition="outside",
            textfont={"color": MUTED},
            cliponaxis=False,
            hovertemplate=_("%{y}: %{x:,} samples") + "<extra></extra>",
        ),
        base_layout(
            bargap=0.3,
            xaxis={
                "range": [0, 1.15 * max(counts.values(), default=1)],
                "gridcolor": "rgba(128,128,128,0.18)",
                "fixedrange": True,
                "tickformat": ",",
                "nticks": 6,
            },
            yaxis={
                "automargin": True,
                "type": "category",
                "range": [len(names) - 0.5, -0.5],
                "fixedrange": True,
                "ticks": "",
                "dtick": 1,
                "ticktext": [_short(name) for name in names],
                "tickvals": names,
                "ticklabelstandoff": 4,
            },
            showlegend=False,
        ),
    )


def _short(name: str) -> str:
    # Plotly reads some HTML in texts; a name from data stays text.
    text = name if len(name) <= 28 else name[:27] + "…"
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
