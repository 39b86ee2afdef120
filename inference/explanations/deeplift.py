"""DeepLIFT: the difference of the logit from that of a plain image, shared out among the differences below.

Shrikumar, Greenside and Kundaje 2017, "Learning Important Features Through Propagating Activation Differences", the
rescale rule (section 3.5.2): an activation's derivative is replaced by Δoutput / Δinput. Max pooling as in Captum, with
which it is held the same; where windows overlap, what several of them say of a place is added up here.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from data.errors import InvalidInput
from inference.explanations.asking import Logits, batch_size, pixel_attribution
from inference.explanations.protocol import Attribution, Pulse, Question, unheard
from inference.explanations.rules import ActivationRules, elementwise, replaced, without_rules
from inference.models import LoadedModel

__all__ = ["DeepLift"]

_RESCALED = frozenset({"elu", "leaky_relu", "relu", "sigmoid", "softplus", "tanh"})
_SAME = 1e-10
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class DeepLift:
    """See `ExplanationMethod`. The cost is a forward and a backward pass of twice the images.

    The plain image is zero at the network's input. The fact `completeness_error` is by which share of the logit's
    difference the map's sum misses it.
    """

    name: ClassVar[str] = "deeplift"

    def unsuited(self, loaded: LoadedModel) -> str | None:
        return without_rules(loaded, _RESCALED)

    def __call__(self, loaded: LoadedModel, question: Question, pulse: Pulse = unheard) -> Attribution:
        reason = self.unsuited(loaded)
        if reason is not None:
            raise InvalidInput(f"{self.name} {reason}")
        network = Logits(loaded, self.name, 2 * len(question.images), pulse)
        errors: list[float] = []

        def attribute(images: Tensor, targets: Tensor) -> Tensor:
            activations = dict.fromkeys(_RESCALED, elementwise(_rescaled))
            pairs = torch.cat([images, torch.zeros_like(images)]).requires_grad_()
            with torch.enable_grad(), ActivationRules(self.name, activations, _pooled, strict=True):
                logits = network(pairs)
            here, plain = logits.gather(1, torch.cat([targets, targets])[:, None]).chunk(2)
            multipliers = torch.autograd.grad(here.sum(), pairs)[0][: len(images)]
            found = images * multipliers
            rise = (here - plain).detach()[:, 0]
            errors.extend(((found.sum((1, 2, 3)) - rise).abs() / rise.abs().clamp_min(_TINY)).tolist())
            return found

        maps = pixel_attribution(loaded, question, self.name, max(batch_size(loaded) // 2, 1), attribute)
        return replace(maps, facts={"completeness_error": errors})


def _rescaled(given: Tensor, value: Tensor, gradient: Tensor) -> Tensor:
    """Multipliers of images and plain images alike, which lie behind each other in the batch."""
    below, above = (here - plain for here, plain in (given.chunk(2), value.chunk(2)))
    multipliers = torch.where(below.abs() < _SAME, gradient.chunk(2)[0], above / below)
    return torch.cat([multipliers, multipliers])


def _pooled(given: Tensor, function: Callable[[Tensor], Any]) -> Tensor:
    """Max pooling: a rise is handed to the image's largest place, a fall to the plain image's."""
    values, places = function(given.detach())
    here, plain = given.detach().chunk(2)
    difference = (here - plain).flatten(2)
    at_here, at_plain = (one.flatten(2) for one in places.chunk(2))
    out_here, out_plain = (one.flatten(2) for one in values.chunk(2))
    larger = torch.maximum(out_here, out_plain)

    def backward(passed: Tensor) -> Tensor:
        wanted = passed.chunk(2)[0].flatten(2)
        empty = torch.zeros_like(difference)
        shared = empty.scatter_add(2, at_here, wanted * (larger - out_plain))
        shared = shared.scatter_add(2, at_plain, wanted * (out_here - larger))
        gradient = empty.scatter_add(2, at_here, wanted)
        multipliers = torch.where(difference.abs() < _SAME, gradient, shared / difference)
        return torch.cat([multipliers.view_as(here), torch.zeros_like(here)])

    return replaced(given, values, backward)
