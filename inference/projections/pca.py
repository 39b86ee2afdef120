"""Principal component analysis: the two directions of greatest variance."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from inference.projections.parameters import checked

__all__ = ["Pca"]

_BLOCK = 8192
_EXACT_WIDTH = 2048
_EXTRA, _ROUNDS, _SEED = 14, 12, 0


class Pca:
    """PCA over blocks of rows, so that the embeddings need not fit into memory.

    Up to 2,048 dimensions the covariance matrix is decomposed exactly; above, its first directions are found by
    subspace iteration (Halko, Martinsson, Tropp 2011, algorithm 4.4), which never forms that matrix.
    """

    def parameters(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return checked("pca", {}, given)

    def project(self, parts: Sequence[np.ndarray], parameters: Mapping[str, Any]) -> np.ndarray:
        count, width = sum(map(len, parts)), parts[0].shape[1]
        mean = sum((block.sum(0) for block in _blocks(parts)), np.zeros(width)) / max(count, 1)
        directions = _exact(parts, mean) if width <= _EXACT_WIDTH else _iterated(parts, mean)
        plane = np.zeros((count, 2), dtype=np.float32)
        start = 0
        for block in _blocks(parts):
            plane[start : start + len(block), : directions.shape[1]] = (block - mean) @ directions
            start += len(block)
        return plane


def _blocks(parts: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    for part in parts:
        for start in range(0, len(part), _BLOCK):
            yield np.asarray(part[start : start + _BLOCK], dtype=np.float64)


def _exact(parts: Sequence[np.ndarray], mean: np.ndarray) -> np.ndarray:
    covariance = np.zeros((len(mean), len(mean)))
    for block in _blocks(parts):
        centred = block - mean
        covariance += centred.T @ centred
    _, directions = np.linalg.eigh(covariance)
    return _oriented(directions[:, ::-1][:, :2])


def _iterated(parts: Sequence[np.ndarray], mean: np.ndarray) -> np.ndarray:
    basis = np.random.default_rng(_SEED).normal(size=(len(mean), 2 + _EXTRA))
    for _ in range(_ROUNDS):
        basis, _ = np.linalg.qr(basis)
        product = np.zeros_like(basis)
        for block in _blocks(parts):
            centred = block - mean
            product += centred.T @ (centred @ basis)
        previous, basis = basis, product
    _, rotation = np.linalg.eigh(previous.T @ basis)
    return _oriented(previous @ rotation[:, ::-1][:, :2])


def _oriented(directions: np.ndarray) -> np.ndarray:
    """The same directions with the largest component positive: a decomposition leaves the sign open."""
    largest = np.abs(directions).argmax(0)
    signs = np.sign(directions[largest, np.arange(directions.shape[1])])
    oriented: np.ndarray = directions * np.where(signs == 0, 1, signs)
    return oriented
