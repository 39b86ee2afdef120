"""Reliability diagrams: how sure a version is, against how often it is right."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from data.text import gettext as _
from layouts.figures.theme import CATEGORIES, GRID, MUTED, base_layout

__all__ = ["Curve", "reliability"]

Curve = tuple[Sequence[float], Sequence[float], Sequence[float]]
"""Of each bin the mean confidence, the share that is right, and the share of the samples, all in [0, 1]."""


def reliability(before: Curve, after: Curve) -> go.Figure:
    """Both curves beside the diagonal, on which a version is as sure as it is right; larger marks have more samples."""
    diagonal = go.Scatter(
        x=[0, 1], y=[0, 1], mode="lines", name=_("as sure as right"), hoverinfo="skip",
        line={"color": MUTED, "width": 1.5, "dash": "dot"},
    )  # fmt: skip
    lines = [
        _line(before, _("before"), CATEGORIES[3], "square", "dash"),
        _line(after, _("after"), CATEGORIES[0], "circle", "solid"),
    ]
    axis: dict[str, Any] = {
        "gridcolor": GRID, "zeroline": False, "fixedrange": True, "automargin": True, "range": [-0.03, 1.05],
        "tickformat": ".0%", "nticks": 5,
    }  # fmt: skip
    return go.Figure(
        [diagonal, *lines],
        base_layout(
            xaxis={**axis, "title": {"text": _("how sure"), "standoff": 6}},
            yaxis={**axis, "title": {"text": _("how often right"), "standoff": 6}},
            legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"size": 12}},
        ),
    )


def _line(curve: Curve, name: str, colour: str, symbol: str, dash: str) -> go.Scatter:
    confidence, right, weight = curve
    return go.Scatter(
        x=list(confidence),
        y=list(right),
        customdata=list(weight),
        name=name,
        mode="lines+markers",
        line={"color": colour, "width": 2, "dash": dash},
        marker={"symbol": symbol, "size": [6 + 14 * share**0.5 for share in weight], "opacity": 0.8},
        hovertemplate=_("sure %{x:.1%}, right %{y:.1%}, %{customdata:.1%} of the samples")
        + "<extra>%{fullData.name}</extra>",
    )
