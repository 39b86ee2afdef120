"""Occlusion: how far the class's logit falls when a square of the image is covered.

Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks", section 4.2. By Captum; covered pixels
become zero at the network's input, which is the mean colour of what it was trained on. A pixel's value is the mean over
the squares that covered it.
"""

from dataclasses import dataclass
from typing import ClassVar

import captum.attr
from torch import Tensor

from inference.explanations.asking import Logits, batch_size, pixel_attribution
from inference.explanations.protocol import Attribution, Pulse, Question, unheard
from inference.models import LoadedModel

__all__ = ["Occlusion"]


@dataclass(frozen=True, slots=True)
class Occlusion:
    """See `ExplanationMethod`. Squares are half over each other.

    Attributes:
        share: Of the image's side that the square's side has.
    """

    name: ClassVar[str] = "occlusion"
    share: float = 1 / 7

    def unsuited(self, loaded: LoadedModel) -> str | None:
        return None

    def __call__(self, loaded: LoadedModel, question: Question, pulse: Pulse = unheard) -> Attribution:
        channels, *sides = question.images.shape[1:]
        window = [max(round(side * self.share), 1) for side in sides]
        stride = [max(side // 2, 1) for side in window]
        squares = 1
        for side, covered, step in zip(sides, window, stride, strict=True):
            squares *= -(-(side - covered) // step) + 1
        network = captum.attr.Occlusion(Logits(loaded, self.name, len(question.images) * (squares + 1), pulse))

        def attribute(images: Tensor, targets: Tensor) -> Tensor:
            found: Tensor = network.attribute(
                images,
                (channels, *window),
                (channels, *stride),
                target=targets,
                perturbations_per_eval=batch_size(loaded),
            )
            return found[:, :1]  # a square covers all channels, which therefore have the same values

        return pixel_attribution(loaded, question, self.name, 1, attribute)
