"""The colours of attribution maps: scales that keep their order for colour-blind people and in grey."""

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image
from plotly.colors import hex_to_rgb, sequential

__all__ = ["DIVERGING", "SEQUENTIAL", "colour_tables", "full_scale", "overlay"]

SEQUENTIAL: Mapping[str, Sequence[str]] = {
    "inferno": sequential.Inferno,
    "viridis": sequential.Viridis,
    "cividis": sequential.Cividis,
}
# ColorBrewer's Blues and Oranges, joined at their light ends: against the class, nothing, for the class.
DIVERGING = ("#08306b", "#2171b5", "#6baed6", "#c6dbef", "#f7f7f7", "#fdd0a2", "#fd8d3c", "#d94801", "#7f2704")
_STEPS = 256
_FULL = 0.995


def full_scale(values: npt.NDArray[np.float32]) -> float:
    """The magnitude that gets the full colour: one that a few outliers among the pixels do not decide.

    It is the 99.5th percentile, the next value upwards, so that a small map keeps its largest. `vitrine_maps.js`
    computes the same.
    """
    magnitude = np.abs(np.nan_to_num(values))
    if not magnitude.size:
        return 0.0
    return float(np.quantile(magnitude, _FULL, method="higher")) or float(magnitude.max())


def overlay(
    values: npt.NDArray[np.float32], scale: float | None = None, colours: str = "inferno", signed: bool = False
) -> Image.Image:
    """An attribution map as a picture to lay over the image: the more a pixel matters, the more opaque.

    Args:
        values: (H, W), any range.
        scale: The magnitude that gets the full colour, zero getting none; None takes the map's own, see `full_scale`,
            and gives none to the least magnitude of an unsigned map.
        colours: One of `SEQUENTIAL`, for the magnitude.
        signed: Whether to tell negative from positive values, by the diverging scale with zero in its middle.

    Returns:
        RGBA of size (W, H).
    """
    finite = np.nan_to_num(np.asarray(values, dtype=np.float32))
    shown = finite if signed else np.abs(finite)
    # What all pixels have in common tells none from another: RISE gives each its share of the mean prediction.
    low = 0.0 if signed or scale is not None else float(shown.min())
    full = full_scale(finite) if scale is None else scale
    full = full if full > low else float(shown.max())
    level = np.clip((shown - low) / (full - low), -1.0, 1.0) if full > low else np.zeros_like(shown)
    place = (level + 1) / 2 if signed else level
    table = _table(DIVERGING if signed else tuple(SEQUENTIAL[colours]))
    alpha = np.rint(np.sqrt(np.abs(level)) * 255).astype(np.uint8)
    return Image.fromarray(np.dstack([table[np.rint(place * (_STEPS - 1)).astype(np.uint8)], alpha]), "RGBA")


def colour_tables() -> Mapping[str, str]:
    """Every scale as 256 colours, `rrggbb` after `rrggbb`, for the browser; the diverging one as `diverging`."""
    scales = {**{name: tuple(anchors) for name, anchors in SEQUENTIAL.items()}, "diverging": DIVERGING}
    return {name: _table(anchors).tobytes().hex() for name, anchors in scales.items()}


@cache
def _table(anchors: tuple[str, ...]) -> npt.NDArray[np.uint8]:
    """256 colours between the anchors, (256, 3)."""
    colours = np.array([hex_to_rgb(colour) for colour in anchors], dtype=np.float32)
    places, known = np.linspace(0, len(anchors) - 1, _STEPS), np.arange(len(anchors))
    channels = [np.interp(places, known, colours[:, channel]) for channel in range(3)]
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8)
