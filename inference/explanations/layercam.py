"""LayerCAM: Grad-CAM with a weight of its own for each place, so that it serves at early layers too.

Jiang et al. 2021, "LayerCAM: Exploring Hierarchical Class Activation Maps for Localization", equations 4 to 6: each
feature is weighted by its gradient where that is positive; negative sums are cut off.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from inference.explanations.cam import class_activation_map
from inference.explanations.features import LayerFeatures, without_grid
from inference.explanations.protocol import Attribution, Pulse, Question, unheard
from inference.models import LoadedModel

__all__ = ["LayerCam"]


@dataclass(frozen=True, slots=True)
class LayerCam:
    """See `ExplanationMethod`. The cost is that of Grad-CAM."""

    name: ClassVar[str] = "layercam"

    def unsuited(self, loaded: LoadedModel) -> str | None:
        return without_grid(loaded)

    def __call__(self, loaded: LoadedModel, question: Question, pulse: Pulse = unheard) -> Attribution:
        return class_activation_map(loaded, question, self.name, _combine, pulse)


def _combine(features: LayerFeatures) -> Tensor:
    return F.relu((F.relu(features.gradients) * features.activations).sum(1, keepdim=True))
