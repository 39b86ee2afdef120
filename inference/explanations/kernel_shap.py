"""Kernel SHAP on superpixels: each patch's fair share of the logit, from what sets of patches score.

Lundberg and Lee 2017, "A Unified Approach to Interpreting Model Predictions", theorem 2: Shapley values as the
solution of a weighted regression. Few patches are tried in all sets; of many, sets and their complements are drawn by
the kernel's weights (Covert and Lee 2021, "Improving KernelSHAP: Practical Shapley Value Estimation via Linear
Regression", section 3.3), and the values' sum is held to the logit's rise exactly (equation 7 there). Captum's draws
from the process's generator, see `smoothgrad`, and only comes near the sum.
"""

from dataclasses import dataclass
from math import comb
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from inference.explanations.asking import Logits, batch_size, pixel_attribution
from inference.explanations.protocol import Attribution, Pulse, Question, unheard
from inference.models import LoadedModel
from inference.superpixels import superpixels

__all__ = ["KernelShap", "patches", "shapley_values"]


@dataclass(frozen=True, slots=True)
class KernelShap:
    """See `ExplanationMethod`. Every pixel has its patch's value. The cost is `samples` forward passes, in batches.

    Attributes:
        patches: About how many superpixels.
        samples: How many sets of patches are tried, at most.
    """

    name: ClassVar[str] = "kernel_shap"
    patches: int = 50
    samples: int = 600
    seed: int = 0

    def unsuited(self, loaded: LoadedModel) -> str | None:
        return None

    def __call__(self, loaded: LoadedModel, question: Question, pulse: Pulse = unheard) -> Attribution:
        network = Logits(loaded, self.name, len(question.images) * (self.samples + 2), pulse)
        size = batch_size(loaded)

        def attribute(images: Tensor, targets: Tensor) -> Tensor:
            places = torch.from_numpy(patches(images[0].float().cpu().numpy(), self.patches)).to(images.device)
            count = int(places.max()) + 1
            sets, weights = _coalitions(count, self.samples, self.seed)
            ends = np.stack([np.zeros(count, dtype=bool), np.ones(count, dtype=bool)])
            scores = []
            for part in torch.from_numpy(np.concatenate([ends, sets])).to(images.device).split(size):  # type: ignore[no-untyped-call]
                with torch.no_grad():
                    scores.append(network(images * part[:, None, places])[:, targets[0]].cpu().double())
            none, whole, *_rest = found = torch.cat(scores).numpy()
            values = shapley_values(sets, weights, found[2:] - none, whole - none)
            return torch.from_numpy(values).float().to(images.device)[places][None, None]

        return pixel_attribution(loaded, question, self.name, 1, attribute)


def patches(image: np.ndarray, wanted: int) -> np.ndarray:
    """(H, W) int64, which superpixel each pixel of a network's input (C, H, W) belongs to."""
    least, most = float(image.min()), float(image.max())
    pixels = np.rint((image - least) * (255 / max(most - least, 1e-12))).astype(np.uint8)
    return superpixels(pixels.transpose(1, 2, 0), wanted)


def shapley_values(sets: np.ndarray, weights: np.ndarray, gains: np.ndarray, total: float) -> np.ndarray:
    """The values (M,) whose sums over the sets come nearest to the gains and whose sum is the total.

    Args:
        sets: (S, M) bool, who is in each set.
        weights: (S,), how much each set counts.
        gains: (S,), what each set has more than the empty one.
    """
    members = sets.astype(np.float64)
    inverse = np.linalg.pinv(members.T @ (weights[:, None] * members)) if len(sets) else np.eye(sets.shape[1])
    free = inverse @ (members.T @ (weights * gains))
    ones = inverse.sum(1)
    found: np.ndarray = free - ones * (free.sum() - total) / ones.sum()
    return found


def _coalitions(count: int, samples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sets of patches without the empty and the full one, (S, M) bool, and how much each counts."""
    sizes = np.arange(1, count)
    kernel = (count - 1) / (sizes * (count - sizes))  # of all sets of a size together
    if 2 ** min(count, 32) - 2 <= samples:
        numbers = np.arange(1, 2**count - 1)
        sets = (numbers[:, None] >> np.arange(count) & 1).astype(bool)
        shares = kernel / [comb(count, int(size)) for size in sizes]
        return sets, shares[sets.sum(1) - 1]
    generator = np.random.default_rng(seed)
    half = samples // 2
    drawn = generator.choice(sizes, size=half, p=kernel / kernel.sum())
    ranks = generator.random((half, count)).argsort(1)
    sets = ranks < drawn[:, None]
    return np.concatenate([sets, ~sets]), np.ones(2 * half)
