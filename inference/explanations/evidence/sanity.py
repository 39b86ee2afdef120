"""Whether a map depends on what the network has learnt, or would look the same if it had learnt nothing.

Adebayo et al. 2018, "Sanity Checks for Saliency Maps", section 3: the top layers are given fresh random weights and
the method is asked again. A map that survives, as that of an edge detector does, cannot explain the network.
"""

import copy
import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from torch import nn

from inference.explanations.evidence.similarity import rank_correlation
from inference.models import LoadedModel
from inference.seeding import seeded

__all__ = ["sanity", "unlearnt"]

_SEED = 0


def unlearnt(loaded: LoadedModel) -> LoadedModel | None:
    """A private copy whose upper half of layers, by the order in which they are defined, is initialised anew.

    The lower half stays, because the deeper one randomises, the less any map survives; what remains above it is what
    turns features into a decision. None where no layer knows how to initialise itself. The same layers get the same
    weights each time.
    """
    network = copy.deepcopy(loaded.module)
    layers = [layer for layer in network.modules() if callable(getattr(layer, "reset_parameters", None))]
    learnt = [layer for layer in layers if next(layer.parameters(recurse=False), None) is not None]
    if not learnt:
        return None
    with seeded(_SEED):
        for layer in learnt[len(learnt) // 2 :]:
            _initialise(layer)
    return replace(loaded, module=network.eval().requires_grad_(False), lock=threading.Lock())


def sanity(explain: Callable[[LoadedModel], np.ndarray], loaded: LoadedModel, values: np.ndarray) -> float | None:
    """How much of the map survives, in [0, 1]: 0 where nothing does, or only what is the contrary.

    Args:
        explain: The method that made the map, asked of another network; gives (H, W).
        values: (H, W), the map.

    Returns:
        The rank correlation of both maps, not below 0. None where the question has no answer: the map is the same
        everywhere, or no layer can be initialised anew.
    """
    random = unlearnt(loaded)
    if random is None or not np.ptp(values):
        return None
    return max(rank_correlation(values, explain(random)) or 0.0, 0.0)


def _initialise(layer: nn.Module) -> None:
    reset: Callable[[], object] = layer.reset_parameters  # type: ignore[assignment]
    reset()
