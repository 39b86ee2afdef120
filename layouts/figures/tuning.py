"""Curves of a fine-tune: how right it is, and how much it looks where it must not and where it should."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from data.text import gettext as _
from data.text import lazy
from layouts.figures.theme import CATEGORIES, GRID, base_layout

__all__ = ["FIGURES", "curves"]

FIGURES: Mapping[str, str] = {
    "validation_accuracy": lazy("held-out samples right"),
    "taught_accuracy": lazy("taught samples right"),
    "must_not_look": lazy("looks where it must not"),
    "should_look": lazy("looks where it should"),
}
"""What is told of a version that was taught, each a share in [0, 1]."""
_LINES: Mapping[str, tuple[str, str, str]] = {
    "validation_accuracy": (CATEGORIES[0], "solid", "circle"),
    "taught_accuracy": (CATEGORIES[2], "dash", "square"),
    "must_not_look": (CATEGORIES[3], "solid", "x"),
    "should_look": (CATEGORIES[4], "dot", "diamond"),
}


def curves(before: Mapping[str, Any], curve: Sequence[Mapping[str, Any]], kept: int | None = None) -> go.Figure:
    """The figures before the training and after each epoch.

    Args:
        kept: The epoch whose weights were kept, from 1; None while that is open.
    """
    points = [{**before, "epoch": 0}, *curve]
    lines = []
    for name, title in FIGURES.items():
        known = [point for point in points if point.get(name) is not None]
        if not known:
            continue
        colour, dash, symbol = _LINES[name]
        lines.append(
            go.Scatter(
                x=[point["epoch"] for point in known],
                y=[point[name] for point in known],
                name=_(title),
                mode="lines+markers",
                line={"color": colour, "dash": dash, "width": 2.5},
                marker={"symbol": symbol, "size": 7},
                hovertemplate=_("epoch %{x}: %{y:.1%}") + "<extra>%{fullData.name}</extra>",
            )
        )
    axis: dict[str, Any] = {"gridcolor": GRID, "zeroline": False, "fixedrange": True, "automargin": True}
    figure = go.Figure(
        lines,
        base_layout(
            xaxis={**axis, "title": {"text": _("epoch"), "standoff": 6}, "tickformat": "d", "nticks": 10},
            yaxis={**axis, "range": [-0.03, 1.05], "nticks": 5, "tickformat": ".0%"},
            legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"size": 12}},
        ),
    )
    if kept is not None:
        figure.add_vline(x=kept, line={"color": "#7a828e", "width": 1.5, "dash": "dot"})
    return figure
