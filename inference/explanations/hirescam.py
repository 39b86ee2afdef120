"""HiResCAM: Grad-CAM without its averaging, so that every place counts as the network counts it.

Draelos and Carin 2020, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks",
equation 2: gradient × feature, added up over the channels; negative sums are cut off.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from inference.explanations.cam import class_activation_map
from inference.explanations.features import LayerFeatures, without_grid
from inference.explanations.protocol import Attribution, Pulse, Question, unheard
from inference.models import LoadedModel

__all__ = ["HiResCam"]


@dataclass(frozen=True, slots=True)
class HiResCam:
    """See `ExplanationMethod`. The cost is that of Grad-CAM."""

    name: ClassVar[str] = "hirescam"

    def unsuited(self, loaded: LoadedModel) -> str | None:
        return without_grid(loaded)

    def __call__(self, loaded: LoadedModel, question: Question, pulse: Pulse = unheard) -> Attribution:
        return class_activation_map(loaded, question, self.name, _combine, pulse)


def _combine(features: LayerFeatures) -> Tensor:
    return F.relu((features.gradients * features.activations).sum(1, keepdim=True))
