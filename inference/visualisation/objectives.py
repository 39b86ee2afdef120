"""What an image is to excite: one number an image, from a layer of the network or from its logits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from data.errors import InvalidInput
from data.visualisations import VisualisationRequest, read_direction
from inference.models import LoadedModel
from inference.visualisation.probing import Probe, probe

__all__ = ["Objective", "likeness", "objective_of"]


@dataclass(frozen=True, slots=True)
class Objective:
    """A number to climb on.

    Attributes:
        features: From the network's input (N, C, H, W) to (N, D, h, w), what the objective is read from.
        value: From these to one number an image, (N,).
        strongest: The same where the image answers most: what is compared with samples.
    """

    features: Callable[[Tensor], Tensor]
    value: Callable[[Tensor], Tensor]
    strongest: Callable[[Tensor], Tensor]


def objective_of(loaded: LoadedModel, request: VisualisationRequest, classes: Sequence[str]) -> Objective:
    """The objective of a request on a network.

    Args:
        classes: Names in the order of the logits.

    Raises:
        InvalidInput: There is no such layer, unit or class.
    """
    if request.objective in ("logit", "difference"):
        return _of_logits(loaded, request, classes)
    found = probe(loaded, request.layer)
    weights = {request.unit: 1.0} if request.objective == "unit" else read_direction(request.direction)
    if max(weights) >= found.units:
        raise InvalidInput(f"unit {max(weights)} is not in layer {found.name!r}; it has units 0 to {found.units - 1}")
    return _of_units(loaded, found, weights, request.where)


def _of_units(loaded: LoadedModel, found: Probe, weights: dict[int, float], where: str) -> Objective:
    units = torch.tensor(list(weights), device=loaded.device)
    factors = torch.tensor(list(weights.values()), device=loaded.device)[:, None, None]
    down, right = found.grid[0] // 2, found.grid[1] // 2

    def response(features: Tensor) -> Tensor:
        return (features[:, units] * factors).sum(1)

    def value(features: Tensor) -> Tensor:
        answer = response(features)
        return answer[:, down, right] if where == "centre" else answer.mean((1, 2))

    return Objective(
        lambda batch: found.read(loaded.module, batch), value, lambda features: response(features).amax((1, 2))
    )


def _of_logits(loaded: LoadedModel, request: VisualisationRequest, classes: Sequence[str]) -> Objective:
    for what in ("target", "contrast") if request.objective == "difference" else ("target",):
        if getattr(request, what) not in classes:
            raise InvalidInput.choice(what, getattr(request, what), classes)
    target = list(classes).index(request.target)
    contrast = list(classes).index(request.contrast) if request.objective == "difference" else None
    if contrast == target:
        raise InvalidInput(f"contrast {request.contrast!r} is the class itself; choose another class")

    def features(batch: Tensor) -> Tensor:
        logits: Tensor = loaded.module(batch)
        return logits[:, :, None, None]

    def value(given: Tensor) -> Tensor:
        logits = given[:, :, 0, 0]
        return logits[:, target] if contrast is None else logits[:, target] - logits[:, contrast]

    return Objective(features, value, value)


def likeness(features: Tensor) -> Tensor:
    """How alike images are to the network: the mean cosine similarity of their features' Gram matrices, all pairs.

    Olah et al. 2017, section "Diversity". Where there is one cell only, of the features themselves.

    Args:
        features: (N, D, h, w), N above 1.
    """
    flat = features.flatten(2)
    style = flat[:, :, 0] if flat.shape[2] == 1 else torch.einsum("ndi,nei->nde", flat, flat).flatten(1)
    style = F.normalize(style, dim=1)
    pairs = style @ style.T
    count = len(style)
    return (pairs.sum() - pairs.diagonal().sum()) / (count * (count - 1))
