"""Cuts a picture into small regions that follow its edges, so that parts of it can be hidden as wholes."""

import numpy as np
from scipy import ndimage

__all__ = ["superpixels"]

_SMALLEST = 4  # pixels of a region, where the picture is tiny
_NEARBY = tuple((down, right) for down in (-1, 0, 1) for right in (-1, 0, 1))


def superpixels(pixels: np.ndarray, count: int = 64, compactness: float = 0.2, rounds: int = 10) -> np.ndarray:
    """SLIC: k-means on colour and place, each pixel compared with the regions around it only.

    Achanta et al. 2012, "SLIC superpixels compared to state-of-the-art superpixel methods". Begins on a regular grid,
    so that nothing is drawn by lot: the same picture always has the same regions.

    Args:
        pixels: (H, W, C) uint8.
        count: How many regions, about; a tiny picture has fewer.
        compactness: How far a colour may be off, in [0, 1], to weigh as much as a pixel that is one region's side
            away. The larger, the more regular the regions.

    Returns:
        (H, W) int64, the number of each pixel's region, from 0 up without gaps; each region is in one piece.
    """
    height, width, _channels = pixels.shape
    side = max((height * width / count) ** 0.5, _SMALLEST**0.5)
    rows, columns = max(round(height / side), 1), max(round(width / side), 1)
    down, right = np.indices((height, width))
    # Texture of single pixels is no edge.
    colours = ndimage.gaussian_filter(pixels.astype(np.float64) / 255, (min(side / 8, 1.0),) * 2 + (0,))
    features = np.dstack([colours / compactness, down / side, right / side]).reshape(height * width, -1)
    row, column = (down * rows // height).ravel(), (right * columns // width).ravel()
    around = np.stack([_number(row + up, column + along, rows, columns) for up, along in _NEARBY])
    labels = _number(row, column, rows, columns)
    centres = np.zeros((rows * columns, features.shape[1]))
    for _round in range(rounds):
        sizes = np.bincount(labels, minlength=len(centres))
        sums = np.stack([np.bincount(labels, column, len(centres)) for column in features.T], axis=1)
        centres = np.where(sizes[:, None] > 0, sums / np.maximum(sizes, 1)[:, None], centres)
        distances = np.stack([((features - centres[near]) ** 2).sum(1) for near in around])
        labels = np.take_along_axis(around, distances.argmin(0)[None], axis=0)[0]
    return _in_one_piece(labels.reshape(height, width))


def _number(row: np.ndarray, column: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The number of a grid's cell; beyond the border, that of the nearest."""
    number: np.ndarray = np.clip(row, 0, rows - 1) * columns + np.clip(column, 0, columns - 1)
    return number


def _in_one_piece(labels: np.ndarray) -> np.ndarray:
    """Keeps the largest piece of each region; what lies astray goes to the region next to it."""
    astray = np.ones(labels.shape, dtype=bool)
    for number, box in enumerate(ndimage.find_objects(labels + 1)):
        if box is not None:
            pieces, found = ndimage.label(labels[box] == number)
            largest = np.bincount(pieces.ravel())[1:].argmax() + 1 if found else 0
            astray[box] &= pieces != largest
    nearest = ndimage.distance_transform_edt(astray, return_distances=False, return_indices=True)
    numbers: np.ndarray = np.unique(labels[tuple(nearest)], return_inverse=True)[1]
    return numbers.reshape(labels.shape)
