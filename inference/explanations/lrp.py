"""Layer-wise relevance propagation: the logit handed down layer by layer, each unit's share to what made it up.

Bach et al. 2015, "On Pixel-Wise Explanations for Non-Linear Classifier Decisions by Layer-Wise Relevance Propagation",
equation 58 (the ε rule) with a vanishing ε. That equals input × gradient with each activation's derivative f'(z)
replaced by f(z) / z (Ancona et al. 2018, proposition 1), which also holds across skip connections and functions.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from data.errors import InvalidInput
from inference.explanations.asking import Logits, batch_size, pixel_attribution
from inference.explanations.protocol import Attribution, Pulse, Question, unheard
from inference.explanations.rules import ActivationRules, elementwise, without_rules
from inference.models import LoadedModel

__all__ = ["Lrp"]

_THROUGH_ZERO = frozenset(
    {"celu", "elu", "gelu", "hardswish", "hardtanh", "leaky_relu", "mish", "relu", "relu6", "selu", "silu", "tanh"}
)


@dataclass(frozen=True, slots=True)
class Lrp:
    """See `ExplanationMethod`. The cost is a forward and a backward pass.

    For activations through the origin; not for products of activations (attention, gates) and norms by statistics.
    """

    name: ClassVar[str] = "lrp"

    def unsuited(self, loaded: LoadedModel) -> str | None:
        return without_rules(loaded, _THROUGH_ZERO)

    def __call__(self, loaded: LoadedModel, question: Question, pulse: Pulse = unheard) -> Attribution:
        reason = self.unsuited(loaded)
        if reason is not None:
            raise InvalidInput(f"{self.name} {reason}")
        network = Logits(loaded, self.name, len(question.images), pulse)
        rule = elementwise(_share)

        def attribute(images: Tensor, targets: Tensor) -> Tensor:
            rules = ActivationRules(self.name, dict.fromkeys(_THROUGH_ZERO, rule), pool=None, strict=True)
            return images * network.gradients(images, targets, rules)

        return pixel_attribution(loaded, question, self.name, batch_size(loaded), attribute)


def _share(given: Tensor, value: Tensor, gradient: Tensor) -> Tensor:
    return torch.where(given == 0, gradient, value / given)
