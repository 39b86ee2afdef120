"""Superpixels: patches of like colour, as the parts of an image that are covered together.

SLIC, Achanta et al. 2012, "SLIC Superpixels Compared to State-of-the-Art Superpixel Methods", section 4: k-means over
colour and place, begun on a grid. Colours are those of the network's input instead of CIELAB, and every pixel is held
against every centre, which for a few dozen of them is fast enough.
"""

import numpy as np

__all__ = ["superpixels"]

_ROUNDS = 5


def superpixels(image: np.ndarray, wanted: int, compactness: float = 0.5) -> np.ndarray:
    """(H, W) int64, which superpixel each pixel belongs to: numbers from 0 without gaps.

    Args:
        image: (C, H, W) float32.
        wanted: About how many.
        compactness: How much place counts beside colour; 1 gives nearly squares.
    """
    channels, height, width = image.shape
    rows = max(round((wanted * height / width) ** 0.5), 1)
    columns = max(round(wanted / rows), 1)
    rows, columns = min(rows, height), min(columns, width)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    spread = max(float(image.std()), 1e-6)
    place = np.stack([y * rows / height, x * columns / width]) * compactness
    points = np.concatenate([image / spread / channels**0.5, 2 * place]).reshape(channels + 2, -1).T
    cell = (y * rows // height * columns + x * columns // width).astype(np.int64).reshape(-1)
    for _ in range(_ROUNDS):
        counts = np.bincount(cell, minlength=cell.max() + 1)
        centres = np.stack([np.bincount(cell, weights=column) for column in points.T], axis=1) / counts[:, None]
        distances = (centres**2).sum(1) - 2 * points @ centres.T  # the square of the point itself is common to all
        cell = np.unique(distances.argmin(1), return_inverse=True)[1]
    found: np.ndarray = cell.reshape(height, width).astype(np.int64)
    return found
