"""Captum's two metrics, on request: they cost dozens of passes or of explanations.

Yeh et al. 2019, "On the (In)fidelity and Sensitivity of Explanations": how far a map is from predicting what noise does
to the logit, and how much the map itself changes under noise that nobody sees.
"""

from collections.abc import Callable

import numpy as np
import torch
from captum.metrics import infidelity as captum_infidelity
from captum.metrics import sensitivity_max as captum_sensitivity
from torch import Tensor

from inference.models import LoadedModel
from inference.seeding import seeded

__all__ = ["infidelity", "sensitivity"]

_SEED = 0
_NOISE = 0.2  # standard deviation, in units of the normalised input
_SAMPLES = 32
_AT_ONCE = 16
_RADIUS = 0.02
_REPEATS = 5


def infidelity(
    loaded: LoadedModel, image: np.ndarray, values: np.ndarray, target: int, contrast: int | None = None
) -> float:
    """The mean squared error with which the map foretells the change of the logit under noise; 0 is perfect.

    The map is scaled as suits it best first, because most methods give numbers without a unit.

    Args:
        image: (C, H, W) float32, the network's input.
        values: (H, W), the map; each channel gets an equal part of it.
    """

    def forward(batch: Tensor) -> Tensor:
        with loaded.lock, torch.no_grad():
            logits: Tensor = loaded.module(batch)
        return logits[:, target] if contrast is None else logits[:, target] - logits[:, contrast]

    def disturbed(batch: Tensor) -> tuple[Tensor, Tensor]:
        noise = _NOISE * torch.randn(batch.shape).to(batch.device)
        return noise, batch - noise

    given = torch.from_numpy(image[None]).to(loaded.device)
    spread = torch.from_numpy(values.astype(np.float32)).to(loaded.device).expand_as(given) / len(image)
    with seeded(_SEED):
        found = captum_infidelity(
            forward,
            disturbed,
            given,
            spread,
            n_perturb_samples=_SAMPLES,
            max_examples_per_batch=_AT_ONCE,
            normalize=True,
        )
    return float(found[0])


def sensitivity(explain: Callable[[np.ndarray], np.ndarray], image: np.ndarray) -> float:
    """The largest relative change of the map under noise of at most 0.02 a value; 0 where it does not change.

    Args:
        explain: The method, asked of other images: (N, C, H, W) to (N, H, W).
        image: (C, H, W) float32, the network's input.
    """

    def maps(batch: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (torch.from_numpy(explain(batch[0].numpy())),)

    with seeded(_SEED):
        found = captum_sensitivity(
            maps, (torch.from_numpy(image[None]),), perturb_radius=_RADIUS, n_perturb_samples=_REPEATS
        )
    return float(found[0])
