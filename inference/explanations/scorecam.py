"""Score-CAM: feature maps weighted by what the class scores when only what they mark is seen.

Wang et al. 2020, "Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks", equations 3 to 7:
every feature map, scaled to [0, 1], is a mask on the image; the softmax of the logits that the masked images get are
the weights. No gradient is needed. How a map is enlarged to a mask, corner on corner, is as in pytorch-grad-cam.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from inference.explanations.asking import Logits, batch_size, targets_of
from inference.explanations.cam import upsampled
from inference.explanations.features import layer_features, without_grid
from inference.explanations.protocol import Attribution, Pulse, Question, unheard
from inference.models import LoadedModel

__all__ = ["ScoreCam"]

_TINY = 1e-8


@dataclass(frozen=True, slots=True)
class ScoreCam:
    """See `ExplanationMethod`. The cost is a forward pass for each of the layer's feature maps, in batches."""

    name: ClassVar[str] = "scorecam"

    def unsuited(self, loaded: LoadedModel) -> str | None:
        return without_grid(loaded)

    def __call__(self, loaded: LoadedModel, question: Question, pulse: Pulse = unheard) -> Attribution:
        targets = targets_of(question, loaded.device)
        layers: list[str] = []
        maps: list[np.ndarray] = []
        for at, image in enumerate(question.images):
            alone = Question(image[None], [question.targets[at]], question.layers)
            found = layer_features(loaded, alone, self.name)
            layers = [features.layer for features in found]
            passes = sum(features.activations.shape[1] for features in found) * len(question.images)
            share = at / len(question.images)
            network = Logits(loaded, self.name, passes, lambda done, share=share: pulse(min(share + done, 1.0)))  # type: ignore[misc]
            given = torch.from_numpy(alone.images).to(loaded.device)
            grids = [
                _weighted(network, features.activations, given, targets[at], batch_size(loaded)) for features in found
            ]
            maps.append(upsampled(grids, alone))
        return Attribution(np.concatenate(maps), ", ".join(layers))


def _weighted(network: Logits, activations: Tensor, image: Tensor, target: Tensor, size: int) -> Tensor:
    """(1, 1, h, w) from feature maps (1, C, h, w) of an image (1, C, H, W)."""
    scores = []
    for part in activations[0].split(size):  # type: ignore[no-untyped-call]
        masks = F.interpolate(part[:, None], size=image.shape[2:], mode="bilinear", align_corners=True)
        low, high = masks.amin((2, 3), keepdim=True), masks.amax((2, 3), keepdim=True)
        with torch.no_grad():
            scores.append(network(image * ((masks - low) / (high - low + _TINY)))[:, target])
    weights = torch.cat(scores).softmax(0)
    return F.relu((weights[:, None, None] * activations[0]).sum(0))[None, None]
