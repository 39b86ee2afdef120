"""The nearest neighbours of every sample, exactly, by matrix products over blocks.

UMAP's own search is approximate and, for any number of samples, first compiled for half a minute. Up to some tens of
thousands of samples this one is done sooner.
"""

import numpy as np

__all__ = ["nearest_neighbours"]

_BLOCK_BYTES = 64 * 2**20
_SPARE = 8


def nearest_neighbours(vectors: np.ndarray, k: int, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """The `k` nearest of each vector, itself first, then nearest first; equal distances by row.

    Args:
        vectors: (N, D) float32.
        k: At most N.
        metric: `euclidean`, or `cosine`: 1 - cos of the angle.

    Returns:
        Indices (N, k) int32 and distances (N, k) float32.
    """
    points = vectors - vectors.mean(0) if metric == "euclidean" else _unit(vectors)
    squares = np.einsum("nd,nd->n", points, points)
    count = len(points)
    indices = np.empty((count, k), np.int32)
    distances = np.empty((count, k), np.float32)
    step = max(_BLOCK_BYTES // (4 * count), 1)
    for start in range(0, count, step):
        rows = np.arange(start, min(start + step, count))
        rough = squares - 2 * (points[rows] @ points.T)  # the row's own square is the same for all its neighbours
        rough[np.arange(len(rows)), rows] = -np.inf
        wanted = min(k + _SPARE, count)
        near = np.sort(np.argpartition(rough, wanted - 1, axis=1)[:, :wanted], axis=1)
        # Differences of large squares lose digits, so the few candidates are measured again.
        exact = ((points[near].astype(np.float64) - points[rows, None]) ** 2).sum(2)
        exact[near == rows[:, None]] = -1
        order = np.argsort(exact, axis=1, kind="stable")[:, :k]
        indices[rows] = np.take_along_axis(near, order, 1)
        squared = np.maximum(np.take_along_axis(exact, order, 1), 0)
        # Of unit vectors, half the squared distance is 1 - cos.
        distances[rows] = np.sqrt(squared) if metric == "euclidean" else squared / 2
    return indices, distances


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: np.ndarray = vectors / np.where(lengths > 0, lengths, 1)
    return unit
