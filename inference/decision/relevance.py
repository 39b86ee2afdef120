"""How much every unit of every stage contributes to a logit: conductance.

Dhamdhere, Sundararajan and Yan 2018, "How Important Is a Neuron?", equation 1. On the straight way from the plain image
x' to the image x, a unit's conductance is the integral of the logit's slope in the unit times the unit's own change,

    C_i = ∫ Σ_p ∂z/∂a_i(p) · da_i(p),

over its places p. Unlike activation × gradient, which is a slope at one point, it is complete: in each layer that
everything passes through, the units' contributions add up to z(x) − z(x'). So "this unit makes up 30 % of the logit's
rise" means something, and stages can be compared. (Of ResNet-20 on CIFAR pictures the activation × gradient of an early
stage adds up to something that is as far from the logit as zero is, in the median: biases have no part in it.) The
integral is added up in equal steps by the trapezoid rule, with the unit's change from step to step taken as it is
instead of as a slope, as in Shrikumar et al. 2018, "Computationally Efficient Measures of Internal Neuron Importance":
so the last stages, on which the logit depends almost linearly, come out almost exactly, however few the steps.

Zero at the network's input is the plain image, as for integrated gradients; the conductance of pixels is just those.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from data.errors import InvalidInput
from inference.decision.stages import Site, recorded, unit_axis
from inference.explanations.asking import batch_size, gradients_allowed
from inference.explanations.protocol import Pulse, unheard
from inference.models import LoadedModel
from inference.prediction import decided

__all__ = ["Passage", "Way", "by_unit", "walk"]

_MIDDLES = 4  # steps of the way for each of the parts, in whose middles flows are measured
_TRACE = 1e-6  # of the image in the plain one: rectifiers without biases have no slope at zero itself


@dataclass(frozen=True, slots=True)
class Passage:
    """Some points of the way, passed through the network, with the graph.

    Attributes:
        states: The images, then what each site gives, (P, …) each.
        slopes: Of the logit in each of them.
    """

    points: tuple[int, ...]
    states: tuple[Tensor, ...]
    slopes: tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """The way from the plain image to the image.

    Attributes:
        logits: (steps + 1, K).
        contributions: Of the pixels, (H, W), then of each site's units, (C,).
        answers: What each site gives for the image itself, (1, …).
        plain: The same for the plain image.
        middles: The points in the middle of equal parts of the way.
        moves: How far each state moves on each of these parts, the images first, (parts, …) each.
    """

    logits: Tensor
    contributions: tuple[Tensor, ...]
    answers: tuple[Tensor, ...]
    plain: tuple[Tensor, ...]
    middles: Passage
    moves: tuple[Tensor, ...]


def walk(
    loaded: LoadedModel,
    image: Tensor,
    target: int | None,
    sites: Sequence[Site],
    steps: int,
    pulse: Pulse = unheard,
) -> tuple[int, Way]:
    """Passes the points of the way through the network; the price is `steps` + 1 forward and backward passes.

    Args:
        image: (C, H, W), the network's input.
        target: The logit; None for the largest.
        steps: A multiple of 4, at least 4.

    Returns:
        The logit that was followed, and the way.

    Raises:
        InvalidInput: The logits do not depend on the image by a gradient, or are no finite numbers.
        Cancelled: Nobody waits any more.
    """
    ways = torch.linspace(0, 1, steps + 1, device=image.device)
    ways[0] = _TRACE
    images = ways.reshape(-1, 1, 1, 1) * image
    middles = tuple(range(_MIDDLES // 2, steps, _MIDDLES))
    others = [point for point in (*range(steps, -1, -1),) if point not in middles]  # the image itself first
    size = max(batch_size(loaded), 1)
    batches = [others[start : start + size] for start in range(0, len(others), size)]
    states: list[dict[int, Tensor]] = [{} for _ in range(len(sites) + 1)]
    slopes: list[dict[int, Tensor]] = [{} for _ in range(len(sites) + 1)]
    logits: dict[int, Tensor] = {}
    kept: Passage | None = None
    for place, points in enumerate([*batches, list(middles)]):
        pulse(place / (len(batches) + 1))
        found, passage = _pass(loaded, images[points], target, sites, points, keep=place == len(batches))
        target = decided(loaded, found[0]) if target is None else target
        logits |= dict(zip(points, found, strict=True))
        for at, (state, slope) in enumerate(zip(passage.states, passage.slopes, strict=True)):
            states[at] |= dict(zip(points, state.detach(), strict=True))
            slopes[at] |= dict(zip(points, slope, strict=True))
        kept = passage
    assert target is not None  # for the type checker: there is a point at least
    assert kept is not None
    ends = range(0, steps + 1, _MIDDLES)
    moves = tuple(torch.stack([state[end] for end in ends]).diff(dim=0) for state in states)
    contributions = [_added_up(states[0], slopes[0], steps).sum(0)]
    contributions += [by_unit(_added_up(*pair, steps)[None])[0] for pair in zip(states[1:], slopes[1:], strict=True)]
    return target, Way(
        torch.stack([logits[point] for point in range(steps + 1)]),
        tuple(contributions),
        tuple(state[steps][None] for state in states[1:]),
        tuple(state[0][None] for state in states[1:]),
        kept,
        moves,
    )


def by_unit(values: Tensor, combine: Callable[..., Tensor] = torch.sum) -> Tensor:
    """(N, C) from what is said of every place of every unit, (N, …) as the layer gives it.

    Args:
        combine: Reduces axes, `torch.amax` for instance.
    """
    axis = unit_axis(tuple(values.shape))
    rest = tuple(other for other in range(1, values.ndim) if other != axis)
    return combine(values, dim=rest) if rest else values


def _pass(
    loaded: LoadedModel,
    images: Tensor,
    target: int | None,
    sites: Sequence[Site],
    points: Sequence[int],
    keep: bool,
) -> tuple[Tensor, Passage]:
    """Logits (P, K) and the passage of a batch; the graph is kept for those that ask it again."""
    given = images.detach().requires_grad_()
    with loaded.lock, torch.enable_grad(), recorded(loaded.module, sites) as found:
        logits = loaded.module(given.clone())  # the network may change its input in place
    if not logits.requires_grad:
        raise InvalidInput("This network cannot be followed: its logits have no gradient down to the image")
    missing = [site.layer for site, state in zip(sites, found, strict=True) if not state.numel()]
    if missing:
        raise InvalidInput(f"layer {missing[0]!r} cannot be a stage: not every image passes through it; choose another")
    if not logits.isfinite().all():
        raise InvalidInput("This network cannot be followed: its logits for this image are no finite numbers")
    states = (given, *found)
    asked = logits[:, decided(loaded, logits[0]) if target is None else target].sum()
    with gradients_allowed("The decision path"):
        slopes = torch.autograd.grad(asked, states, retain_graph=keep, allow_unused=True)
    known = tuple(
        torch.zeros_like(state) if slope is None else slope for state, slope in zip(states, slopes, strict=True)
    )
    return logits.detach(), Passage(tuple(points), states if keep else tuple(one.detach() for one in states), known)


def _added_up(states: dict[int, Tensor], slopes: dict[int, Tensor], steps: int) -> Tensor:
    """The integral of slope times change by the trapezoid rule, for every number of a state."""
    total = torch.zeros_like(states[0])
    for step in range(steps):
        total += (slopes[step] + slopes[step + 1]) * (states[step + 1] - states[step]) / 2
    return total
