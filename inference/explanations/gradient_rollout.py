"""Gradient rollout: attention followed through all layers, as far as the class's logit rises with it.

Chefer, Gur and Wolf 2021, "Generic Attention-model Explainability for Interpreting Bi-Modal and Encoder-Decoder
Transformers", equations 5 and 6: R ← R + Ā R with Ā = E_h[(∇A ⊙ A)⁺], begun with the identity. It follows their
"Transformer Interpretability Beyond Attention Visualization" of the same year, whose equation 13 has the relevance of
LRP in the place of A.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from data.errors import InvalidInput
from inference.explanations.asking import batch_size, batches, gradients_allowed
from inference.explanations.attention import read_out
from inference.explanations.cam import upsampled
from inference.explanations.protocol import Attribution, Pulse, Question, unheard
from inference.explanations.tokens import attend, token_grid, without_attention
from inference.models import LoadedModel

__all__ = ["GradientRollout"]


@dataclass(frozen=True, slots=True)
class GradientRollout:
    """See `ExplanationMethod`. The cost is a forward and a backward pass."""

    name: ClassVar[str] = "gradient_rollout"

    def unsuited(self, loaded: LoadedModel) -> str | None:
        return without_attention(loaded)

    def __call__(self, loaded: LoadedModel, question: Question, pulse: Pulse = unheard) -> Attribution:
        maps: list[np.ndarray] = []
        for images, targets in batches(loaded, question, batch_size(loaded)):
            found = attend(loaded, images, self.name, graph=True)
            asked = found.logits.gather(1, targets[:, None]).sum()
            with gradients_allowed(self.name):
                slopes = torch.autograd.grad(asked, found.weights, allow_unused=True)
            tokens = found.weights[0].shape[-1]
            relevance = torch.eye(tokens, device=images.device).expand(len(images), -1, -1)
            for weights, slope in zip(found.weights, slopes, strict=True):
                if slope is None:
                    raise InvalidInput(f"{self.name} cannot work here: the logits do not depend on the attention")
                passed = (slope * weights.detach()).clamp_min(0).mean(1)
                relevance = relevance + passed @ relevance
            own = torch.eye(tokens, device=images.device)
            maps.append(upsampled([token_grid(read_out(relevance - own))], question))
            pulse(sum(map(len, maps)) / len(question.images))
        return Attribution(np.concatenate(maps), "all attention layers")
