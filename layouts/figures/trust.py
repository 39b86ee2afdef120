"""A curve of a map beside that of random maps, as a small picture that needs no chart library."""

from collections.abc import Sequence
from urllib.parse import quote

from layouts.figures.theme import CATEGORIES, MUTED

__all__ = ["curve_picture"]

_WIDTH, _HEIGHT, _EDGE = 150, 84, 3


def curve_picture(shares: Sequence[float], of_map: Sequence[float], at_random: Sequence[float]) -> str:
    """The address of an SVG picture: the map's curve drawn through, that of random maps dashed.

    Args:
        shares: Of the pixels, in [0, 1], from left to right.
        of_map, at_random: Probabilities in [0, 1], from the bottom to the top.
    """
    frame = f"M{_EDGE} {_EDGE}V{_HEIGHT - _EDGE}H{_WIDTH - _EDGE}"
    drawn = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" fill="none">'
        f'<path d="{frame}" stroke="{MUTED}" opacity="0.6"/>'
        f'<path d="{_path(shares, at_random)}" stroke="{MUTED}" stroke-width="2" stroke-dasharray="4 3"/>'
        f'<path d="{_path(shares, of_map)}" stroke="{CATEGORIES[0]}" stroke-width="2.5" stroke-linejoin="round"/>'
        "</svg>"
    )
    return f"data:image/svg+xml,{quote(drawn)}"


def _path(shares: Sequence[float], heights: Sequence[float]) -> str:
    across, up = _WIDTH - 2 * _EDGE, _HEIGHT - 2 * _EDGE
    points = [
        f"{_EDGE + share * across:.1f} {_HEIGHT - _EDGE - height * up:.1f}"
        for share, height in zip(shares, heights, strict=True)
    ]
    return "M" + "L".join(points)
