"""The embedding as a WebGL scatter plot: one trace a category, or one trace with a colour scale."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from layouts.figures.theme import MAX_CATEGORIES, MUTED, SCALE, base_layout, category

__all__ = ["HOVER_LIMIT", "Camera", "Cloud", "Colouring", "figure"]

HOVER_LIMIT = 20_000
_OUTLINE = {"color": "#4c74e6", "width": 2, "dash": "solid"}
Camera = tuple[float, float, float, float]
Corners = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Colouring:
    """How points are coloured.

    Attributes:
        codes: (N,) index into `names`, below 0 for none; None with `values`.
        names: Categories in the order of the legend.
        styles: (colour, symbol) by name where a category has one of its own.
        values: (N,) float32 in [0, 1] for a colour scale; None with `codes`.
        title: Of the legend or the scale.
    """

    title: str
    codes: npt.NDArray[np.int16] | None = None
    names: tuple[str, ...] = ()
    styles: dict[str, tuple[str, str]] | None = None
    values: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class Cloud:
    """The points, each array of length N in the same order.

    Attributes:
        x, y: float32.
        details: (N, 4) int32 for the card under the pointer: row, code of label, code of prediction (-1 for none),
            confidence in thousandths.
        shown: Whether the filter keeps the point; the others stay as a grey backdrop.
    """

    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.float32]
    details: npt.NDArray[np.int32]
    shown: npt.NDArray[np.bool_]


def figure(
    cloud: Cloud,
    colouring: Colouring,
    revision: str,
    meta: dict[str, Any],
    words: tuple[str, str],
    lasso: Corners | None = None,
    camera: Camera | None = None,
) -> go.Figure:
    """Draws the cloud.

    Args:
        revision: As long as it stays the same, the reader's zoom stays.
        meta: What the card under the pointer needs besides `details`: names and addresses.
        words: What the points without a category, and the categories beyond the legend's room, are called.
        lasso: A selection that is drawn and highlighted at once.
        camera: (x0, x1, y0, y1), what is in view; None for all.
    """
    hovering = len(cloud.x) <= HOVER_LIMIT
    size = float(np.clip(9 - 1.35 * np.log10(max(len(cloud.x), 10)), 2.5, 7.5))
    traces = []
    if not cloud.shown.all():
        traces.append(
            _trace(cloud, np.flatnonzero(~cloud.shown), "", size * 0.8, False, {"color": MUTED, "opacity": 0.25})
        )
        traces[0].update(
            showlegend=False, selected={"marker": {"opacity": 0.25}}, unselected={"marker": {"opacity": 0.12}}
        )
    shown = np.flatnonzero(cloud.shown)
    if colouring.values is not None:
        bar = {"title": {"text": colouring.title, "side": "right"}, "thickness": 12, "len": 0.7, "outlinewidth": 0}
        scale = {"color": colouring.values[shown], "colorscale": SCALE, "cmin": 0, "cmax": 1, "showscale": True}
        traces.append(_trace(cloud, shown, colouring.title, size, hovering, {**scale, "colorbar": bar}))
    else:
        for name, members, (colour, symbol) in _groups(colouring, shown, words):
            traces.append(_trace(cloud, members, name, size, hovering, {"color": colour, "symbol": symbol}))
    return go.Figure(data=traces, layout=_layout(colouring, revision, {**meta, "hover": hovering}, lasso, camera))


def _groups(
    colouring: Colouring, shown: npt.NDArray[np.intp], words: tuple[str, str]
) -> list[tuple[str, npt.NDArray[np.intp], tuple[str, str]]]:
    """Name, members and style of each trace; small categories beyond the room for colours go together."""
    if colouring.codes is None:
        return []
    none, other = words
    codes = colouring.codes[shown]
    counts = np.bincount(codes[codes >= 0], minlength=len(colouring.names))
    kept = np.arange(len(colouring.names))
    if len(kept) > MAX_CATEGORIES:
        kept = np.sort(np.argsort(-counts, kind="stable")[: MAX_CATEGORIES - 1])
    styles = colouring.styles or {}
    groups = [
        (colouring.names[code], shown[codes == code], styles.get(colouring.names[code]) or category(place))
        for place, code in enumerate(kept.tolist())
        if counts[code]
    ]
    rest = shown[(codes >= 0) & ~np.isin(codes, kept)]
    if len(rest):
        groups.append((other, rest, (MUTED, "circle-open")))
    missing = shown[codes < 0]
    if len(missing):
        groups.insert(0, (none, missing, (MUTED, "circle")))
    return groups


def _trace(
    cloud: Cloud, members: npt.NDArray[np.intp], name: str, size: float, hovering: bool, marker: dict[str, Any]
) -> go.Scattergl:
    return go.Scattergl(
        x=cloud.x[members],
        y=cloud.y[members],
        customdata=cloud.details[members] if hovering else None,
        mode="markers",
        name=name,
        marker={"size": size, "opacity": 0.85, "line": {"width": 0}, **marker},
        hoverinfo="none" if hovering else "skip",
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 0.1}},
    )


def _layout(
    colouring: Colouring, revision: str, meta: dict[str, Any], lasso: Corners | None, camera: Camera | None
) -> go.Layout:
    axis = {"showgrid": False, "zeroline": False, "showticklabels": False, "ticks": "", "title": None}
    x, y = {**axis}, {**axis, "scaleanchor": "x", "scaleratio": 1}
    if camera:
        x["range"], y["range"] = list(camera[:2]), list(camera[2:])
    return base_layout(
        xaxis=x,
        yaxis=y,
        dragmode="lasso",
        hovermode="closest",
        uirevision=revision,
        selectionrevision=revision,
        meta=meta,
        margin={"l": 8, "r": 8, "t": 36, "b": 8},
        # Below the plot, where it takes no width from it: on a telephone there is none to spare.
        legend={
            "title": {"text": colouring.title, "side": "top"},
            "itemsizing": "constant",
            "orientation": "h",
            "x": 0,
            "y": 0,
            "yanchor": "top",
        },
        selections=[{"type": "path", "path": _path(lasso), "xref": "x", "yref": "y", "line": _OUTLINE}]
        if lasso
        else [],
        newselection={"line": _OUTLINE},
    )


def _path(corners: Corners) -> str:
    return "M" + "L".join(f"{x:.6g},{y:.6g}" for x, y in corners) + "Z"
