"""Raw attention: how much a token takes from each patch, in one layer.

Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words", equation 6 of appendix A. As a method: from the class token,
mean over the heads of the last layer. From any patch, layer and head: `attention_from`.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from data.errors import InvalidInput
from inference.explanations.asking import batch_size, batches
from inference.explanations.cam import upsampled
from inference.explanations.protocol import Attribution, Pulse, Question, unheard
from inference.explanations.tokens import Attended, attend, token_grid, without_attention
from inference.grids import prefix_tokens
from inference.models import LoadedModel

__all__ = ["Attention", "attention_from", "read_out"]


@dataclass(frozen=True, slots=True)
class Attention:
    """See `ExplanationMethod`. The cost is a forward pass. The map is the same for every class."""

    name: ClassVar[str] = "attention"

    def unsuited(self, loaded: LoadedModel) -> str | None:
        return without_attention(loaded)

    def __call__(self, loaded: LoadedModel, question: Question, pulse: Pulse = unheard) -> Attribution:
        maps: list[np.ndarray] = []
        layers: tuple[str, ...] = ()
        for images, _targets in batches(loaded, question, batch_size(loaded)):
            found = attend(loaded, images, self.name)
            layers = question.layers or found.names[-1:]
            grids = [token_grid(read_out(_layer(found, name).mean(1))) for name in layers]
            maps.append(upsampled(grids, question))
            pulse(sum(map(len, maps)) / len(question.images))
        return Attribution(np.concatenate(maps), ", ".join(layers))


def attention_from(
    loaded: LoadedModel, image: np.ndarray, layer: str, head: int | None, patch: tuple[int, int] | None
) -> np.ndarray:
    """How much a token takes from each patch: (h, w) float32 on the grid of patches, in [0, 1].

    Args:
        image: (C, H, W) float32, the network's input.
        head: From 0 up; None for the mean of all.
        patch: (row, column) on the grid; None for the token that the logits are read from.

    Raises:
        InvalidInput: The network has no attention between all tokens, or no such layer, head or patch.
    """
    found = _layer(attend(loaded, torch.from_numpy(image[None]).to(loaded.device), "attention"), layer)
    heads, tokens = found.shape[1:3]
    if head is not None and not 0 <= head < heads:
        raise InvalidInput(f"head {head} is not known; {layer} has 0 to {heads - 1}")
    weights = found.mean(1) if head is None else found[:, head]
    if patch is None:
        rows = read_out(weights)
    else:
        prefix = prefix_tokens(tokens) or 0
        side = round((tokens - prefix) ** 0.5)
        if not all(0 <= at < side for at in patch):
            raise InvalidInput(f"patch {patch} is not on the grid; rows and columns are 0 to {side - 1}")
        rows = weights[:, prefix + patch[0] * side + patch[1]]
    grid: np.ndarray = token_grid(rows)[0, 0].float().cpu().numpy()
    return grid


def read_out(weights: Tensor) -> Tensor:
    """The rows of the token that the logits are read from, (N, T), out of (N, T, T).

    That is the first token where some stand for no place, and otherwise all patches alike.
    """
    return weights[:, 0] if prefix_tokens(weights.shape[-1]) else weights.mean(1)


def _layer(found: Attended, name: str) -> Tensor:
    if name not in found.names:
        raise InvalidInput.choice("attention layer", name, found.names)
    return found.weights[found.names.index(name)]
