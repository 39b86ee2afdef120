"""Grad-CAM++: Grad-CAM whose weights count each place where a feature map rises with the class.

Chattopadhay et al. 2018, "Grad-CAM++: Generalized Gradient-based Visual Explanations for Deep Convolutional Networks",
equations 5 and 19, which hold for an exponential of the logit.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from inference.explanations.cam import class_activation_map
from inference.explanations.features import LayerFeatures, without_grid
from inference.explanations.protocol import Attribution, Pulse, Question, unheard
from inference.models import LoadedModel

__all__ = ["GradCamPlusPlus"]

_TINY = 1e-6


@dataclass(frozen=True, slots=True)
class GradCamPlusPlus:
    """See `ExplanationMethod`. The cost is that of Grad-CAM."""

    name: ClassVar[str] = "gradcam_plus_plus"

    def unsuited(self, loaded: LoadedModel) -> str | None:
        return without_grid(loaded)

    def __call__(self, loaded: LoadedModel, question: Question, pulse: Pulse = unheard) -> Attribution:
        return class_activation_map(loaded, question, self.name, _combine, pulse)


def _combine(features: LayerFeatures) -> Tensor:
    slopes, squares = features.gradients, features.gradients.square()
    sums = features.activations.sum((2, 3), keepdim=True)
    shares = squares / (2 * squares + sums * squares * slopes + _TINY)
    weights = (torch.where(slopes != 0, shares, 0) * F.relu(slopes)).sum((2, 3), keepdim=True)
    return F.relu((weights * features.activations).sum(1, keepdim=True))
