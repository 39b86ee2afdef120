"""Attention rollout: attention followed through all layers, from the class token down to the patches.

Abnar and Zuidema 2020, "Quantifying Attention Flow in Transformers", equation 1: the layers' mean attention over heads,
half of it the skip connection's identity, multiplied.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from inference.explanations.asking import batch_size, batches
from inference.explanations.attention import read_out
from inference.explanations.cam import upsampled
from inference.explanations.protocol import Attribution, Pulse, Question, unheard
from inference.explanations.tokens import attend, token_grid, without_attention
from inference.models import LoadedModel

__all__ = ["AttentionRollout"]


@dataclass(frozen=True, slots=True)
class AttentionRollout:
    """See `ExplanationMethod`. The cost is a forward pass. The map is the same for every class."""

    name: ClassVar[str] = "attention_rollout"

    def unsuited(self, loaded: LoadedModel) -> str | None:
        return without_attention(loaded)

    def __call__(self, loaded: LoadedModel, question: Question, pulse: Pulse = unheard) -> Attribution:
        maps: list[np.ndarray] = []
        for images, _targets in batches(loaded, question, batch_size(loaded)):
            found = attend(loaded, images, self.name)
            identity = torch.eye(found.weights[0].shape[-1], device=images.device)
            flow = identity.expand(len(images), -1, -1)
            for weights in found.weights:
                flow = (weights.mean(1) + identity) / 2 @ flow
            maps.append(upsampled([token_grid(read_out(flow))], question))
            pulse(sum(map(len, maps)) / len(question.images))
        return Attribution(np.concatenate(maps), "all attention layers")
