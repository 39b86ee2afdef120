"""Features in space: whatever a layer gives, as a grid of vectors.

Convolutions give grids with their channels first, ConvNeXt and Swin also with their channels last, and transformers
give tokens: one a patch, row by row, behind a few that stand for no place (class, distillation, registers).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the web process asks for shapes alone
    from torch import Tensor

__all__ = ["feature_grid", "grid_shape", "pool_features", "prefix_tokens"]

_MOST_PREFIX_TOKENS = 16


def grid_shape(shape: tuple[int, ...]) -> tuple[int, int, int] | None:
    """(C, H, W) of the grid in an output of this shape for square images; None if there is none.

    Channels come first unless only the other order makes the grid square, as square images do.
    """
    if len(shape) == 4:
        channels_last = shape[1] == shape[2] != shape[3]
        return (shape[3], shape[1], shape[2]) if channels_last else (shape[1], shape[2], shape[3])
    if len(shape) == 3:
        prefix = prefix_tokens(shape[1])
        if prefix is not None:
            side = math.isqrt(shape[1] - prefix)
            return shape[2], side, side
    return None


def prefix_tokens(tokens: int) -> int | None:
    """How many of the tokens stand for no place, given that the others are a square grid; None if they cannot be."""
    for prefix in range(min(tokens, _MOST_PREFIX_TOKENS + 1)):
        if math.isqrt(tokens - prefix) ** 2 == tokens - prefix:
            return prefix
    return None


def feature_grid(features: Tensor) -> Tensor | None:
    """A layer's output as (N, C, H, W), without the tokens that stand for no place; None if it has no grid.

    Args:
        features: (N, C, H, W), (N, H, W, C) with H = W, or (N, T, C) where all but a few of T tokens are a square.
    """
    found = grid_shape(tuple(features.shape))
    if found is None:
        return None
    channels, height, width = found
    if features.ndim == 4:
        return features if features.shape[1] == channels else features.permute(0, 3, 1, 2)
    patches = features[:, -height * width :]
    return patches.transpose(1, 2).reshape(len(features), channels, height, width)


def pool_features(features: Tensor) -> Tensor:
    """One vector an image, (N, C): grids of either order and tokens are averaged, vectors stay."""
    if features.ndim == 4:
        channels_last = features.shape[1] == features.shape[2] != features.shape[3]
        return features.mean((1, 2) if channels_last else (2, 3))
    return features.mean(1) if features.ndim == 3 else features
