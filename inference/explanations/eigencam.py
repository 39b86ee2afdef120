"""Eigen-CAM: the pattern that most of a layer's features share, whatever the class.

Muhammad and Yeasin 2020, "Eigen-CAM: Class Activation Map using Principal Components", equation 4: the features
projected on their first principal component. As in pytorch-grad-cam, features are centred, and of the direction, which
a decomposition leaves open, that of LAPACK is taken; negative values are cut off.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from inference.explanations.cam import class_activation_map
from inference.explanations.features import LayerFeatures, without_grid
from inference.explanations.protocol import Attribution, Pulse, Question, unheard
from inference.models import LoadedModel

__all__ = ["EigenCam"]


@dataclass(frozen=True, slots=True)
class EigenCam:
    """See `ExplanationMethod`. The cost is that of Grad-CAM, and a singular value decomposition."""

    name: ClassVar[str] = "eigencam"

    def unsuited(self, loaded: LoadedModel) -> str | None:
        return without_grid(loaded)

    def __call__(self, loaded: LoadedModel, question: Question, pulse: Pulse = unheard) -> Attribution:
        return class_activation_map(loaded, question, self.name, _combine, pulse)


def _combine(features: LayerFeatures) -> Tensor:
    _images, channels, *grid = features.activations.shape
    maps = []
    for one in features.activations.float().cpu().numpy():
        places = one.reshape(channels, -1).T
        centred = places - places.mean(0)
        direction = np.linalg.svd(centred, full_matrices=False)[2][0]
        maps.append(np.maximum(centred @ direction, 0).reshape(1, *grid))
    return torch.from_numpy(np.stack(maps))
