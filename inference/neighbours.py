"""The samples most like one sample, as the network sees them: exact search through the embeddings."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from data.errors import NotFound
from data.runs import RunStore

__all__ = ["Neighbour", "nearest"]

_BLOCK_BYTES = 64 * 2**20
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A sample's row, and its cosine distance, 1 - cos of the angle between the embeddings, in [0, 2]."""

    row: int
    distance: float


def nearest(runs: RunStore, run_id: str, row: int, k: int) -> list[Neighbour]:
    """The `k` nearest samples of the run by cosine distance, nearest first, the sample itself left out.

    The embeddings are read block by block, so memory stays bounded for any number of samples.

    Raises:
        NotFound: The run has no such row.
    """
    parts = runs.embeddings(run_id)
    query = _row(parts, row, run_id)
    best = np.empty(0, np.float64)
    rows = np.empty(0, np.int64)
    for start, block in _blocks(parts):
        found = _distances(block, query)
        if start <= row < start + len(block):
            found[row - start] = np.inf
        best = np.concatenate([best, found])
        rows = np.concatenate([rows, np.arange(start, start + len(block))])
        # By distance, then by row: equal distances give the same answer however the blocks are cut.
        kept = np.lexsort((rows, best))[:k] if len(best) <= 4 * k else _smallest(best, rows, k)
        best, rows = best[kept], rows[kept]
    return [Neighbour(int(at), float(far)) for at, far in zip(rows, best, strict=True) if np.isfinite(far)]


def _row(parts: list[np.memmap], row: int, run_id: str) -> np.ndarray:
    start = 0
    for part in parts:
        if 0 <= row - start < len(part):
            return np.asarray(part[row - start], dtype=np.float32)
        start += len(part)
    raise NotFound(f"Run {run_id} has no row {row}")


def _blocks(parts: list[np.memmap]) -> Iterator[tuple[int, np.ndarray]]:
    start = 0
    for part in parts:
        step = max(_BLOCK_BYTES // max(part.shape[1] * 4, 1), 1)
        for at in range(0, len(part), step):
            block = np.asarray(part[at : at + step])
            yield start, block
            start += len(block)


def _distances(block: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Cosine distances (N,) float64; a vector of zeros is at distance 1 from everything."""
    lengths = np.sqrt(np.einsum("nd,nd->n", block, block, dtype=np.float32)).astype(np.float64)
    length = float(np.linalg.norm(query))
    similarity = (block @ query) / np.maximum(lengths * length, _TINY)
    distances: np.ndarray = np.clip(1 - similarity.astype(np.float64), 0, 2)
    return distances


def _smallest(distances: np.ndarray, rows: np.ndarray, k: int) -> np.ndarray:
    limit = np.partition(distances, k - 1)[k - 1]
    candidates = np.flatnonzero(distances <= limit)
    return candidates[np.lexsort((rows[candidates], distances[candidates]))][:k]
