"""What is kept of attribution maps: a small grid, and figures that are measured at full resolution."""

from functools import lru_cache

import numpy as np

from data.explained import FIGURES, MAX_SIDE
from inference.explained import REGIONS

__all__ = ["measure", "pooled", "shares"]


def measure(maps: np.ndarray, masks: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Grids and figures of maps.

    Args:
        maps: (N, H, W), of any range; magnitudes count.
        masks: (N, H, W) bool, true on the object; one that is false everywhere means that none is known.

    Returns:
        Grids (N, side, side) float32 in [0, 1] with a sum of 1, or of 0 for an empty map, where side is H or
        `MAX_SIDE`, whichever is less; and figures (N, len(FIGURES)) float32, see `data.explained.FIGURES`.
    """
    share, mass = shares(maps)
    height, width = maps.shape[1:]
    empty = mass == 0
    down, across = (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width
    rows, columns = share.sum(2), share.sum(1)
    centre_y, centre_x = rows @ down, columns @ across
    variance = rows @ down**2 - centre_y**2 + columns @ across**2 - centre_x**2
    logs = np.log(share, out=np.zeros_like(share), where=share > 0)
    inside, covered = _on_object(share, masks)
    found = {
        "mass": mass,
        "inside": inside,
        "covered": covered,
        "centre_x": centre_x,
        "centre_y": centre_y,
        "region": pooled(share, REGIONS).reshape(len(maps), -1).argmax(1).astype(np.float64),
        "entropy": -(share * logs).sum((1, 2)) / max(np.log(height * width), 1.0),
        "spread": np.sqrt(np.maximum(variance, 0)),
    }
    for name in found.keys() - {"mass", "covered", "region"}:
        found[name] = np.where(empty, np.nan, found[name])
    found["region"] = np.where(empty, -1, found["region"])
    figures = np.stack([found[name] for name in FIGURES], axis=1).astype(np.float32)
    return pooled(share, min(MAX_SIDE, height)).astype(np.float32), figures


def shares(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each map's magnitudes divided by their sum, (N, H, W) float64, and the sums, (N,) float64."""
    magnitude = np.abs(np.nan_to_num(np.asarray(maps, dtype=np.float64), posinf=0.0, neginf=0.0))
    mass = magnitude.sum((1, 2))
    return magnitude / np.where(mass > 0, mass, 1.0)[:, None, None], mass


def pooled(grids: np.ndarray, side: int) -> np.ndarray:
    """Grids in `side` × `side` cells; a value goes to the cells that it overlaps, so that sums are preserved.

    Args:
        grids: (N, H, W).
    """
    down, across = _overlap(grids.shape[1], side), _overlap(grids.shape[2], side)
    result: np.ndarray = down @ grids @ across.T
    return result


@lru_cache(maxsize=64)
def _overlap(fine: int, coarse: int) -> np.ndarray:
    """Which share of each of `fine` equal pieces of a line lies in each of `coarse` ones: (coarse, fine), columns 1."""
    edges = np.arange(fine + 1) / fine * coarse
    cells = np.arange(coarse)[:, None]
    lengths = np.minimum(edges[None, 1:], cells + 1) - np.maximum(edges[None, :-1], cells)
    overlap: np.ndarray = np.clip(lengths, 0, None) * fine / coarse
    overlap /= overlap.sum(0, keepdims=True)
    overlap.flags.writeable = False
    return overlap


def _on_object(share: np.ndarray, masks: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """The share of attribution on the object, and the share of the picture that the object covers; (N,) each."""
    unknown = np.full(len(share), np.nan)
    if masks is None:
        return unknown, unknown
    covered = masks.mean((1, 2), dtype=np.float64)
    known = covered > 0
    return np.where(known, (share * masks).sum((1, 2)), np.nan), np.where(known, covered, np.nan)
