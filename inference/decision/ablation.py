"""Whether the drawn units make the decision: what becomes of it without them, against as many random units.

A unit is set, everywhere in the image, to what it gives for the plain image, against which its contribution was
measured; all that comes after it is computed anew. The random units are drawn from all units of the same stages, as
many from each, so that neither their number nor their depth tells them from the drawn ones.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from data.paths import Ablation
from inference.decision.stages import Site, recorded, unit_axis
from inference.explanations.asking import batch_size
from inference.explanations.protocol import Pulse, unheard
from inference.models import LoadedModel

__all__ = ["SEEDS", "Unit", "ablate", "counted"]

SEEDS = 10
_MOST_POINTS = 12

Unit = tuple[int, int]
"""The place of a site and the number of a unit."""


def ablate(
    loaded: LoadedModel,
    image: Tensor,
    target: tuple[int, str],
    sites: Sequence[Site],
    ranked: Sequence[Unit],
    pulse: Pulse = unheard,
) -> Ablation:
    """Takes away the 1, 2, … strongest of the drawn units, and as many random ones for each of `SEEDS` seeds.

    Args:
        image: (C, H, W), the network's input.
        target: The logit and what its class is called.
        ranked: The drawn units, the strongest first; at least one.

    Raises:
        Cancelled: Nobody waits any more.
    """
    counts = counted(len(ranked))
    trials = [[], *(list(ranked[:count]) for count in counts)]
    for seed in range(SEEDS):
        generator = np.random.default_rng(seed)
        orders = [generator.permutation(site.units) for site in sites]
        taken = [0] * len(sites)
        line: list[Unit] = []
        for place, _unit in ranked:
            line.append((place, int(orders[place][taken[place]])))
            taken[place] += 1
        trials += [line[:count] for count in counts]
    with loaded.lock, torch.inference_mode(), recorded(loaded.module, sites) as plain:
        loaded.module(torch.zeros_like(image)[None])
    found: list[Tensor] = []
    size = batch_size(loaded)
    for start in range(0, len(trials), size):
        pulse(start / len(trials))
        found.append(_without(loaded, image, sites, plain, trials[start : start + size]))
    logits = torch.cat(found).double()
    values = logits[:, target[0]].tolist()
    chances = logits.softmax(1)[:, target[0]].tolist()
    step = len(counts)

    def rows(listed: Sequence[float]) -> tuple[tuple[float, ...], ...]:
        return tuple(tuple(listed[start : start + step]) for start in range(1 + step, len(listed), step))

    return Ablation(
        target=target[1],
        probability=chances[0],
        logit=values[0],
        counts=tuple(counts),
        drawn=tuple(chances[1 : 1 + step]),
        drawn_logits=tuple(values[1 : 1 + step]),
        random=rows(chances),
        random_logits=rows(values),
    )


def counted(total: int) -> list[int]:
    """Up to about a dozen numbers from 1 to the total, closer together where they are small."""
    spread = np.geomspace(1, total, _MOST_POINTS)
    return sorted({round(float(count)) for count in spread})


def _without(
    loaded: LoadedModel, image: Tensor, sites: Sequence[Site], plain: Sequence[Tensor], trials: Sequence[Sequence[Unit]]
) -> Tensor:
    """Logits (N, K) of the image, in each row without the units of one trial."""
    gone = [torch.zeros(len(trials), site.units, dtype=torch.bool, device=image.device) for site in sites]
    for row, trial in enumerate(trials):
        for place, unit in trial:
            gone[place][row, unit] = True

    def change(place: int, output: Tensor) -> Tensor:
        axis = unit_axis(tuple(output.shape))
        shape = [len(trials), *(output.shape[at] if at == axis else 1 for at in range(1, output.ndim))]
        return torch.where(gone[place].reshape(shape), plain[place], output)

    with loaded.lock, torch.inference_mode(), recorded(loaded.module, sites, change):
        logits: Tensor = loaded.module(image.expand(len(trials), *image.shape).clone())
    return logits.float().cpu()
