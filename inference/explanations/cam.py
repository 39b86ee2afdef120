"""What class activation maps have in common: a weighted sum of feature maps, brought to the size of the input."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from inference.explanations.features import LayerFeatures, layer_features
from inference.explanations.protocol import Attribution, Question
from inference.models import LoadedModel

__all__ = ["class_activation_map"]


def class_activation_map(
    loaded: LoadedModel, question: Question, method: str, combine: Callable[[LayerFeatures], Tensor]
) -> Attribution:
    """Maps from one layer as they are; from several layers the mean, each scaled to a largest value of 1 before.

    Args:
        combine: From a layer's features to its grids, (N, 1, h, w).

    Raises:
        InvalidInput: As `layer_features`.
    """
    found = layer_features(loaded, question, method)
    size = question.images.shape[2:]
    maps = [F.interpolate(combine(features), size=size, mode="bilinear", align_corners=False) for features in found]
    if len(maps) > 1:
        maps = [values / values.abs().amax((2, 3), keepdim=True).clamp_min(1e-12) for values in maps]
    values = torch.stack(maps).mean(0)[:, 0]
    return Attribution(values.float().cpu().numpy(), ", ".join(features.layer for features in found))
