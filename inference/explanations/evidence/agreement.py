"""What other methods say of the same decision: methods that agree may be wrong together, but seldom one alone is right.

Disagreement is common and worth knowing of (Krishna et al. 2022, "The Disagreement Problem in Explainable Machine
Learning", who also compare ranks).
"""

from collections.abc import Mapping

import numpy as np

from data.errors import InvalidInput
from data.explanations import ExplanationRequest
from inference.explanations import METHODS
from inference.explanations.evidence.similarity import rank_correlation
from inference.explanations.service import attribute
from inference.models import LoadedModel

__all__ = ["PANEL", "agreement", "panel"]

PANEL = ("gradcam", "layercam", "saliency")
"""Cheap methods that differ in kind: features weighted as wholes, features weighted place by place, pixels."""


def agreement(maps: Mapping[str, np.ndarray], values: np.ndarray) -> dict[str, float]:
    """The rank correlation of a map with each of the panel's, in [-1, 1]; 0 where one of the two says nothing.

    Args:
        maps: From `panel`.
        values: (H, W), the map.
    """
    return {name: rank_correlation(values, other) or 0.0 for name, other in maps.items()}


def panel(
    loaded: LoadedModel, image: np.ndarray, target: int, contrast: int | None, method: str
) -> dict[str, np.ndarray]:
    """The panel's maps of a decision, (H, W) each, of those methods that suit the network: a few passes for all.

    Args:
        image: (C, H, W) float32, the network's input.
        target, contrast: Indices of logits.
        method: The one whose map is judged, which is not asked to agree with itself; empty for a map from elsewhere.
    """
    found = {}
    for name in PANEL:
        if name == method or METHODS[name].unsuited(loaded) is not None:
            continue
        try:
            found[name] = attribute(loaded, image, ExplanationRequest(name), target, contrast).values[0]
        except InvalidInput:  # the logits do not depend on the layer, which nobody knows before
            continue
    return found
