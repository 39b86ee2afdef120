"""Integrated gradients: the gradient summed up on the straight way from a plain image to the one asked about.

Sundararajan, Taly and Yan 2017, "Axiomatic Attribution for Deep Networks", equation 1. By Captum, with the points of
Gauss and Legendre, which need fewer steps than equal ones. The plain image is zero at the network's input: the mean
colour of what the network was trained on.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import captum.attr
from torch import Tensor

from inference.explanations.asking import Logits, batch_size, pixel_attribution
from inference.explanations.protocol import Attribution, Pulse, Question, unheard
from inference.models import LoadedModel

__all__ = ["IntegratedGradients"]

_ENDS = 2
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class IntegratedGradients:
    """See `ExplanationMethod`. The cost is `steps` forward and backward passes, in batches.

    The map's sum should be the logit's rise from the plain image to this one (completeness, proposition 1); by which
    share of the rise it is not is the fact `completeness_error`.
    """

    name: ClassVar[str] = "integrated_gradients"
    steps: int = 50

    def unsuited(self, loaded: LoadedModel) -> str | None:
        return None

    def __call__(self, loaded: LoadedModel, question: Question, pulse: Pulse = unheard) -> Attribution:
        size = batch_size(loaded)
        passes = len(question.images) * (self.steps + _ENDS)
        network = captum.attr.IntegratedGradients(Logits(loaded, self.name, passes, pulse))
        errors: list[float] = []

        def attribute(images: Tensor, targets: Tensor) -> Tensor:
            found, delta = network.attribute(
                images,
                target=targets,
                n_steps=self.steps,
                internal_batch_size=max(size, len(images)),
                return_convergence_delta=True,
            )
            rise = found.sum((1, 2, 3)) - delta
            errors.extend((delta.abs() / rise.abs().clamp_min(_TINY)).tolist())
            return found  # type: ignore[no-any-return]

        maps = pixel_attribution(loaded, question, self.name, size, attribute)
        return replace(maps, facts={"completeness_error": errors})
