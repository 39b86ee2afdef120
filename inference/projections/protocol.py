"""What a projection method offers. A new one is one file with an object of this shape, listed in `PROJECTIONS`."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

__all__ = ["ProjectionMethod"]


class ProjectionMethod(Protocol):
    """Lays out embeddings in the plane; the same embeddings and parameters always give the same plane."""

    def parameters(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters, those not given at their default; texts (from a command line) become numbers.

        Raises:
            InvalidInput: A parameter is unknown or its value is not allowed.
        """
        ...

    def project(self, parts: Sequence[np.ndarray], parameters: Mapping[str, Any]) -> np.ndarray:
        """Coordinates (N, 2) float32, finite.

        Args:
            parts: The embeddings, one after the other, each (n, D) float32; they may be memory-mapped.
            parameters: As `parameters` returned them.
        """
        ...
