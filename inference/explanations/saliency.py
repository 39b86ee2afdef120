"""Saliency: how steeply the class's logit rises or falls with each pixel.

Simonyan, Vedaldi and Zisserman 2014, "Deep Inside Convolutional Networks: Visualising Image Classification Models and
Saliency Maps", section 3: the magnitude of the gradient. By Captum.
"""

from dataclasses import dataclass
from typing import ClassVar

import captum.attr

from inference.explanations.asking import Logits, batch_size, pixel_attribution
from inference.explanations.protocol import Attribution, Pulse, Question, unheard
from inference.models import LoadedModel

__all__ = ["Saliency"]


@dataclass(frozen=True, slots=True)
class Saliency:
    """See `ExplanationMethod`. The cost is a forward and a backward pass."""

    name: ClassVar[str] = "saliency"

    def unsuited(self, loaded: LoadedModel) -> str | None:
        return None

    def __call__(self, loaded: LoadedModel, question: Question, pulse: Pulse = unheard) -> Attribution:
        network = captum.attr.Saliency(Logits(loaded, self.name, len(question.images), pulse))
        return pixel_attribution(
            loaded,
            question,
            self.name,
            batch_size(loaded),
            lambda images, targets: network.attribute(images.requires_grad_(), targets),
        )
