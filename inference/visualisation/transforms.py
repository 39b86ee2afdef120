"""Moving the image a little at every step, so that what excites the network does so wherever it lies exactly.

Olah et al. 2017, "Feature Visualization": transformation robustness. One resampling does all three moves.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["moved"]


def moved(images: Tensor, jitter: float, rotation: float, scaling: float, generator: torch.Generator) -> Tensor:
    """Each image shifted, turned and scaled at random, what lies beyond the border mirrored in.

    Args:
        images: (N, C, H, W).
        jitter: Largest shift, in shares of the side.
        rotation: Largest turn, in degrees.
        scaling: Largest change of size: 0.05 for 0.95 to 1.05.
    """
    if not (jitter or rotation or scaling):
        return images
    draw = torch.rand(len(images), 4, generator=generator) * 2 - 1
    angle = draw[:, 0] * math.radians(rotation)
    size = 1 + draw[:, 1] * scaling
    cosine, sine = torch.cos(angle) / size, torch.sin(angle) / size
    shift = 2 * jitter * draw[:, 2:]  # the sides reach from -1 to 1
    rows = [cosine, -sine, shift[:, 0], sine, cosine, shift[:, 1]]
    matrices = torch.stack(rows, dim=1).reshape(-1, 2, 3).to(images.device)
    grid = F.affine_grid(matrices, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
