"""The measurements on one map, all of them, at a fixed price."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from inference.explanations.evidence.agreement import agreement, panel
from inference.explanations.evidence.faithfulness import Curves, faithfulness
from inference.explanations.evidence.pictures import centre_likeness, edge_likeness
from inference.explanations.evidence.sanity import sanity
from inference.explanations.protocol import Pulse, unheard
from inference.models import LoadedModel

__all__ = ["Maker", "Parts", "Subject", "examine"]

_FAITHFULNESS, _AGREEMENT = 0.7, 0.85  # how much of the work is done after these, for the pulse

Maker = Callable[[LoadedModel], np.ndarray]
"""Makes the map again, by the same method for the same image and class, of another network; gives (H, W)."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a map is said to explain.

    Attributes:
        image: (C, H, W) float32, the network's input.
        target, contrast: Indices of logits; with a contrast, why the one and not the other.
        method: The name of the one that made the map; empty for a map from elsewhere.
    """

    image: np.ndarray
    target: int
    contrast: int | None = None
    method: str = ""


@dataclass(frozen=True, slots=True)
class Parts:
    """What was measured of a map; each is explained in the module that measures it.

    Attributes:
        sanity: How much of the map survives, in [0, 1]; None where that was not asked or cannot be told.
        agreement: With each method of the panel, in [-1, 1].
        edges, centre: Likeness to pictures that need no network, in [-1, 1].
        empty: Whether the map is the same everywhere.
    """

    curves: Curves
    sanity: float | None
    agreement: Mapping[str, float] = field(default_factory=dict)
    edges: float = 0.0
    centre: float = 0.0
    empty: bool = False


def examine(
    loaded: LoadedModel, subject: Subject, values: np.ndarray, maker: Maker | None = None, pulse: Pulse = unheard
) -> Parts:
    """Measures every part.

    Args:
        values: (H, W), the map.
        maker: For the sanity check, which costs as much as the map did; None leaves it out.

    Raises:
        Cancelled: Nobody waits any more.
    """
    image, target, contrast = subject.image, subject.target, subject.contrast
    curves = faithfulness(loaded, image, values, target, contrast, lambda share: pulse(_FAITHFULNESS * share))
    agreed = agreement(panel(loaded, image, target, contrast, subject.method), values)
    pulse(_AGREEMENT)
    survived = None if maker is None else sanity(maker, loaded, values)
    return Parts(curves, survived, agreed, edge_likeness(image, values), centre_likeness(values), not np.ptp(values))
