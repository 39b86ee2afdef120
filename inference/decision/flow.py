"""How much flows between units of consecutive stages, and how much along paths of drawn units alone.

What flows from unit i through unit j of the next stage to the logit z is, at a point of the way (see
`inference.decision.relevance`),

    e_ij = Σ_p Σ_q ∂z/∂a_j(q) · ∂a_j(q)/∂a_i(p) · da_i(p),

over the places p of i and q of j: the gradient of the one through the other, weighted by what j is worth to the logit
and by how far i moves. By the chain rule all that leaves i over the units j of a stage that everything passes through
adds up to i's contribution, and all that enters j over the units i adds up to j's. The same product over a whole
chain of units is what flows along one path; with the gradient stopped at every unit that is not drawn, one backward
pass adds up all paths of drawn units.

One backward pass through the piece between two stages gives what flows into one unit from all units before it. These
are asked for in the middles of few equal parts of the way, because they are dear; the nodes' own contributions are
measured at more points.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from data.paths import cells
from inference.decision.relevance import Way, by_unit
from inference.decision.stages import unit_axis
from inference.explanations.protocol import Pulse, unheard

__all__ = ["Flow", "by_region", "flows", "strongest"]


@dataclass(frozen=True, slots=True)
class Flow:
    """What flows between drawn units.

    Attributes:
        between: One matrix for each stage but the last, (drawn units of the next stage, of this one), in their order.
        through: Along all paths of drawn units from a drawn region to the logit.
    """

    between: tuple[Tensor, ...]
    through: float


def strongest(contributions: Sequence[Tensor], count: int) -> list[list[int]]:
    """The units of each stage that contribute most, by magnitude; of equals the first. The first stage is the image's.

    Args:
        contributions: Of the pixels, (H, W), then of each stage's units, (C,).
    """
    listed = [by_region(contributions[0][None])[0], *contributions[1:]]
    return [values.abs().sort(descending=True, stable=True).indices[:count].tolist() for values in listed]


def by_region(pixels: Tensor) -> Tensor:
    """(N, cells) sums over `CELLS` × `CELLS` regions, row by row, of (N, H, W); a small image has fewer regions."""
    places = [torch.from_numpy(cells(side)).to(pixels.device) for side in pixels.shape[1:]]
    rows, columns = (int(place[-1]) + 1 for place in places)
    summed = torch.zeros(len(pixels), rows * columns, device=pixels.device, dtype=pixels.dtype)
    regions = (places[0][:, None] * columns + places[1]).flatten()
    return summed.index_add(1, regions, pixels.flatten(1))


def flows(way: Way, drawn: Sequence[Sequence[int]], pulse: Pulse = unheard) -> Flow:
    """Measures what flows between drawn units.

    Args:
        drawn: From `strongest`.

    Raises:
        Cancelled: Nobody waits any more.
    """
    states, slopes = way.middles.states, way.middles.slopes
    between = []
    for stage in range(len(states) - 1):
        rows: list[Tensor] = []
        for unit in drawn[stage + 1]:
            pulse((stage + len(rows) / len(drawn[stage + 1])) / len(states))
            kept = slopes[stage + 1] * _mask(slopes[stage + 1], [unit])
            rows.append(_through(states[stage + 1], states[stage], kept, way.moves[stage], stage)[drawn[stage]])
        between.append(torch.stack(rows))
    return Flow(tuple(between), _along(way, drawn))


def _along(way: Way, drawn: Sequence[Sequence[int]]) -> float:
    """What flows along all paths of drawn units."""
    states, last = way.middles.states, len(way.middles.states) - 1
    slope = way.middles.slopes[last]
    for stage in range(last, 0, -1):
        slope = _back(states[stage], states[stage - 1], slope * _mask(slope, drawn[stage]))
    ending = (slope * way.moves[0]).sum((0, 1))
    return float(by_region(ending[None])[0][drawn[0]].sum())


def _through(output: Tensor, source: Tensor, slope: Tensor, move: Tensor, stage: int) -> Tensor:
    """What flows from each unit or region of a stage, given the slopes in the next stage's output."""
    moved = _back(output, source, slope) * move
    return by_unit(moved).sum(0) if stage else by_region(moved.sum((0, 1))[None])[0]


def _back(output: Tensor, source: Tensor, slope: Tensor) -> Tensor:
    (found,) = torch.autograd.grad(output, source, slope, retain_graph=True, allow_unused=True)
    return torch.zeros_like(source) if found is None else found


def _mask(values: Tensor, units: Sequence[int]) -> Tensor:
    """1 for the units and 0 for all others, of a shape that fits the layer's output."""
    axis = unit_axis(tuple(values.shape))
    kept = torch.zeros(values.shape[axis], device=values.device)
    kept[list(units)] = 1
    return kept.reshape([-1 if at == axis else 1 for at in range(values.ndim)])
