"""What an explanation method offers. A new one is one file with a function of this shape, listed in `METHODS`."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from inference.models import LoadedModel

__all__ = ["Attribution", "ExplanationMethod"]


@dataclass(frozen=True, slots=True)
class Attribution:
    """A map as the method gives it.

    Attributes:
        values: (H, W) float32 at the network's input resolution: not normalised, not smoothed, signed where the
            method is signed.
        layer: Where it was taken; `input` for methods that work on pixels.
    """

    values: np.ndarray
    layer: str


class ExplanationMethod(Protocol):
    """Attributes one logit to the pixels of one image."""

    def __call__(self, loaded: LoadedModel, image: np.ndarray, target: int) -> Attribution:
        """Computes the map; takes the model's lock while the network runs, and leaves no hook and no gradient.

        Args:
            image: (C, H, W) float32, the network's input.
            target: Index of the logit.

        Raises:
            InvalidInput: The method cannot work on this network.
        """
        ...
