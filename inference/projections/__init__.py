"""Embeddings laid out in the plane."""

from collections.abc import Mapping

from inference.projections.pca import Pca
from inference.projections.protocol import ProjectionMethod
from inference.projections.umap import Umap, warm_up

__all__ = ["PROJECTIONS", "ProjectionMethod", "warm_up"]

PROJECTIONS: Mapping[str, ProjectionMethod] = {"umap": Umap(), "pca": Pca()}
