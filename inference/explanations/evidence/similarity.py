"""How alike two maps are, whatever their scale and however fine their grain."""

import numpy as np
import torch
import torch.nn.functional as F

__all__ = ["CELLS", "coarse", "rank_correlation"]

CELLS = 14
"""Cells a side to which maps are averaged before they are compared: the grid of a large network's last features."""


def coarse(values: np.ndarray) -> np.ndarray:
    """The map's mean in each of `CELLS` × `CELLS` cells, fewer where it has fewer pixels; (H, W) to (h, w), float64."""
    height, width = (min(side, CELLS) for side in values.shape)
    grid = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float64))[None, None]
    averaged: np.ndarray = F.adaptive_avg_pool2d(grid, (height, width))[0, 0].numpy()
    return averaged


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float | None:
    """Spearman's correlation of what speaks for the class in two maps, in [-1, 1]; None where one of them says nothing.

    Ranks do not mind that one method's numbers are a thousand times another's, and cells do not mind that one marks
    pixels and the other regions. What speaks against the class is left out before cells are averaged: within a cell it
    would cancel what speaks for it, and most methods do not tell it.

    Args:
        first, second: (H, W), of one size.
    """
    one, other = (_ranks(coarse(np.maximum(values, 0))) for values in (first, second))
    if not np.ptp(one) or not np.ptp(other):
        return None
    return float(np.corrcoef(one, other)[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    """Places in ascending order, equal values sharing the mean of theirs; flat."""
    _, inverse, counts = np.unique(values.reshape(-1), return_inverse=True, return_counts=True)
    ends = counts.cumsum()
    shared: np.ndarray = (ends - (counts - 1) / 2)[inverse]
    return shared
