"""Grad-CAM: which places of the last feature maps speak for a class; of a transformer's tokens likewise.

Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", equations
1 and 2: each feature map is weighted by the mean gradient of the class's logit over it; negative sums are cut off.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from inference.explanations.cam import class_activation_map
from inference.explanations.features import LayerFeatures, without_grid
from inference.explanations.protocol import Attribution, Pulse, Question, unheard
from inference.models import LoadedModel

__all__ = ["GradCam"]


@dataclass(frozen=True, slots=True)
class GradCam:
    """See `ExplanationMethod`. The cost is one forward pass, and a backward pass through what lies behind the layer."""

    name: ClassVar[str] = "gradcam"

    def unsuited(self, loaded: LoadedModel) -> str | None:
        return without_grid(loaded)

    def __call__(self, loaded: LoadedModel, question: Question, pulse: Pulse = unheard) -> Attribution:
        return class_activation_map(loaded, question, self.name, _combine, pulse)


def _combine(features: LayerFeatures) -> Tensor:
    weights = features.gradients.mean((2, 3), keepdim=True)
    return F.relu((weights * features.activations).sum(1, keepdim=True))
