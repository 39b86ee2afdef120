"""Input × gradient: each pixel's share of the logit, as far as the network is linear around the image.

Shrikumar et al. 2016, "Not Just a Black Box: Learning Important Features Through Propagating Activation Differences",
section 2. By Captum.
"""

from dataclasses import dataclass
from typing import ClassVar

import captum.attr

from inference.explanations.asking import Logits, batch_size, pixel_attribution
from inference.explanations.protocol import Attribution, Pulse, Question, unheard
from inference.models import LoadedModel

__all__ = ["InputXGradient"]


@dataclass(frozen=True, slots=True)
class InputXGradient:
    """See `ExplanationMethod`. The cost is a forward and a backward pass."""

    name: ClassVar[str] = "input_x_gradient"

    def unsuited(self, loaded: LoadedModel) -> str | None:
        return None

    def __call__(self, loaded: LoadedModel, question: Question, pulse: Pulse = unheard) -> Attribution:
        network = captum.attr.InputXGradient(Logits(loaded, self.name, len(question.images), pulse))
        return pixel_attribution(
            loaded,
            question,
            self.name,
            batch_size(loaded),
            lambda images, targets: network.attribute(images.requires_grad_(), targets),
        )
