"""UMAP: a plane in which neighbours stay neighbours.

McInnes, Healy, Melville 2018, "UMAP: Uniform Manifold Approximation and Projection for Dimension Reduction".
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from inference.projections.knn import nearest_neighbours
from inference.projections.parameters import Choice, Number, checked
from inference.projections.pca import Pca

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="Tensorflow not installed", category=ImportWarning)
    from umap import UMAP, layouts, umap_

__all__ = ["Umap", "warm_up"]

_PARAMETERS: Mapping[str, Number | Choice] = {
    "n_neighbors": Number(15, 2, 200),
    "min_dist": Number(0.1, 0.0, 0.99),
    "metric": Choice("euclidean", ("euclidean", "cosine")),
    "n_epochs": Number(300, 10, 2000),
    "random_state": Number(42, 0, 2**31 - 1),
}
_SPECTRAL_FROM = 64  # below, the eigenvectors that the layout starts from may not converge
_EXACT_UP_TO = 30_000
_FEWEST = 4


class Umap:
    """UMAP with a fixed seed, hence on one thread: with several, its result depends on their timing."""

    def parameters(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return checked("umap", _PARAMETERS, given)

    def project(self, parts: Sequence[np.ndarray], parameters: Mapping[str, Any]) -> np.ndarray:
        count = sum(map(len, parts))
        if count < _FEWEST:  # no neighbourhood to keep
            return Pca().project(parts, {})
        return _fit(np.concatenate(parts), dict(parameters))


def warm_up() -> None:
    """Compiles UMAP's code, or reads what an earlier process compiled, on a few points."""
    points = np.random.default_rng(0).normal(size=(128, 8)).astype(np.float32)
    _fit(points, Umap().parameters({"n_epochs": 10}))


def _fit(embeddings: np.ndarray, parameters: dict[str, Any]) -> np.ndarray:
    count = len(embeddings)
    neighbours = min(parameters["n_neighbors"], count - 1)
    options: dict[str, Any] = {"n_jobs": 1, "init": "spectral" if count >= _SPECTRAL_FROM else "random"}
    if count <= _EXACT_UP_TO:
        indices, distances = nearest_neighbours(embeddings, neighbours, parameters["metric"])
        # Without the force, UMAP would do the work again for small numbers of samples.
        options |= {"precomputed_knn": (indices, distances, None), "force_approximation_algorithm": True}
    with warnings.catch_warnings():
        # Embeddings that are far apart or alike leave parts of the neighbourhood graph unconnected; UMAP then starts
        # from another layout, says so at length, and the result is as good.
        warnings.filterwarnings("ignore", category=UserWarning, module=r"(umap|sklearn|scipy|pynndescent)\b")
        reducer = UMAP(**{**parameters, "n_neighbors": neighbours}, **options)
        plane = reducer.fit_transform(embeddings)
    # Points that stand quite alone get no place.
    placed: np.ndarray = np.nan_to_num(plane, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)
    return placed


def _keep_compiled_code() -> None:
    """Lets the functions that UMAP itself compiles anew in every process be read from the disk, as its others are."""
    for compiled in (
        umap_.smooth_knn_dist,
        umap_.compute_membership_strengths,
        layouts._nb_optimize_layout_euclidean_single_epoch,
    ):
        try:
            compiled.enable_caching()
        except RuntimeError:  # no folder to write to: compiled each time then
            return


_keep_compiled_code()
