"""Guided backpropagation: the gradient of which only what is positive passes back through a ReLU.

Springenberg et al. 2015, "Striving for Simplicity: The All Convolutional Net", section 3.4 and figure 1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from data.errors import InvalidInput
from inference.explanations.asking import Logits, batch_size, pixel_attribution
from inference.explanations.protocol import Attribution, Pulse, Question, unheard
from inference.explanations.rules import ActivationRules, replaced
from inference.layers import ACTIVATIONS
from inference.models import LoadedModel

__all__ = ["GuidedBackprop"]

_NO_RELU = "changes the gradient at ReLUs alone; this network has none, so the map would be the plain gradient"
_OWN_KINDS = ("gelu", "silu", "swish", "mish")


@dataclass(frozen=True, slots=True)
class GuidedBackprop:
    """See `ExplanationMethod`. The cost is a forward and a backward pass. ReLUs of all kinds: modules and functions."""

    name: ClassVar[str] = "guided_backprop"

    def unsuited(self, loaded: LoadedModel) -> str | None:
        activations = [module for module in loaded.module.modules() if _is_activation(module)]
        # Where there is no activation among the modules, the network calls functions, which only a pass can show.
        return _NO_RELU if activations and not any(isinstance(one, nn.ReLU) for one in activations) else None

    def __call__(self, loaded: LoadedModel, question: Question, pulse: Pulse = unheard) -> Attribution:
        reason = self.unsuited(loaded)
        if reason is not None:
            raise InvalidInput(f"{self.name} {reason}")
        network = Logits(loaded, self.name, len(question.images), pulse)

        def attribute(images: Tensor, targets: Tensor) -> Tensor:
            rules = ActivationRules(self.name, {"relu": _only_positive}, pool=None, strict=False)
            slopes = network.gradients(images, targets, rules)
            if not rules.met:
                raise InvalidInput(f"{self.name} {_NO_RELU}")
            return slopes

        return pixel_attribution(loaded, question, self.name, batch_size(loaded), attribute)


def _is_activation(module: nn.Module) -> bool:
    """Also those of timm and transformers, which have classes of their own."""
    return isinstance(module, ACTIVATIONS) or any(kind in type(module).__name__.lower() for kind in _OWN_KINDS)


def _only_positive(given: Tensor, function: Callable[[Tensor], Any]) -> Tensor:
    open_gates = given.detach() > 0
    return replaced(given, function(given.detach()), lambda passed: passed.clamp_min(0) * open_gates)
