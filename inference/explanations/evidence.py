"""Evidence on whether a map points at what the network uses, not at what pleases the eye.

Deletion, after Samek et al. 2017, "Evaluating the visualization of what a deep neural network has learned": where the
map is highest the image is painted over; if these places mattered, the class's probability falls, and falls more than
when as many pixels elsewhere are painted over.
"""

from collections.abc import Mapping

import numpy as np

from inference.models import LoadedModel
from inference.prediction import predict

__all__ = ["deletion_check"]

_SHARE = 0.2
_TRIALS = 3
_SEED = 0


def deletion_check(loaded: LoadedModel, image: np.ndarray, values: np.ndarray, target: int) -> Mapping[str, float]:
    """Compares painting over the map's top 20 % with painting over the same pattern moved to random places.

    The moved pattern, which wraps around at the borders, has the same number of pixels in pieces of the same form, so
    that only the place differs.

    Args:
        image: (C, H, W) float32, the network's input; painted pixels take its mean colour.
        values: (H, W), the map.
        target: Index of the explained class.

    Returns:
        `deletion_drop` and `random_drop` (mean of three): how much the target's probability falls, in [-1, 1];
        negative where it rises.
    """
    height, width = values.shape
    top = np.zeros(values.size, dtype=bool)
    # The sort is stable, so that equal values (a map of zeros) always give the same pixels.
    top[np.argsort(-values.reshape(-1), kind="stable")[: max(round(_SHARE * values.size), 1)]] = True
    pattern = top.reshape(height, width)
    generator = np.random.default_rng(_SEED)
    moves = [(generator.integers(height), generator.integers(width)) for _ in range(_TRIALS)]
    masks = [np.zeros_like(pattern), pattern, *(np.roll(pattern, move, axis=(0, 1)) for move in moves)]
    colour = image.mean((1, 2), keepdims=True)
    batch = np.stack([np.where(mask, colour, image) for mask in masks]).astype(np.float32)
    whole, deleted, *moved = predict(loaded, batch).probabilities[:, target].tolist()
    return {"deletion_drop": whole - deleted, "random_drop": whole - sum(moved) / len(moved)}
