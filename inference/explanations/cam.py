"""What class activation maps have in common: a weighted sum of feature maps, brought to the size of the input."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from inference.explanations.asking import batch_size
from inference.explanations.features import LayerFeatures, layer_features
from inference.explanations.protocol import Attribution, Pulse, Question, unheard
from inference.models import LoadedModel

__all__ = ["class_activation_map", "upsampled"]


def class_activation_map(
    loaded: LoadedModel,
    question: Question,
    method: str,
    combine: Callable[[LayerFeatures], Tensor],
    pulse: Pulse = unheard,
) -> Attribution:
    """Maps from one layer as they are; from several layers the mean, each scaled to a largest value of 1 before.

    Args:
        combine: From a layer's features to its grids, (N, 1, h, w).

    Raises:
        InvalidInput: As `layer_features`.
    """
    size, count = batch_size(loaded), len(question.images)
    maps: list[np.ndarray] = []
    layers: list[str] = []
    for start in range(0, count, size):
        part = replace(
            question, images=question.images[start : start + size], targets=question.targets[start : start + size]
        )
        found = layer_features(loaded, part, method)
        layers = [features.layer for features in found]
        maps.append(upsampled([combine(features) for features in found], question))
        pulse(min((start + size) / count, 1.0))
    return Attribution(np.concatenate(maps), ", ".join(layers))


def upsampled(grids: Sequence[Tensor], question: Question) -> np.ndarray:
    """(N, H, W) at the input's resolution from the grids of one layer or several, (N, 1, h, w) each."""
    size = question.images.shape[2:]
    maps = [F.interpolate(grid, size=size, mode="bilinear", align_corners=False) for grid in grids]
    if len(maps) > 1:
        maps = [values / values.abs().amax((2, 3), keepdim=True).clamp_min(1e-12) for values in maps]
    found: np.ndarray = torch.stack(maps).mean(0)[:, 0].float().cpu().numpy()
    return found
