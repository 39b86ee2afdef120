"""One number for how far a map deserves belief, and how often it was right where the truth is known.

The score is a logistic function of three parts:

    score = 1 / (1 + exp(-(bias + faithful · F + agreed · A - drawn · D)))

- F, faithfulness: the area under the insertion curve minus that under the deletion curve, in [-1, 1]; 0 is expected of
  a map that knows nothing.
- A, agreement: the mean rank correlation with other methods' maps, in [-1, 1].
- D, how sure it is that the map could have been drawn without what the network has learnt, in [0, 1]. Where sanity is
  known, from the part of the map that survives the loss of what was learnt: 0 up to 0.8, 1 at 1. Where it is not, from
  the likeness to the image's edges (0 up to 0.6, 1 from 0.85) or to a blob in the centre (0 up to 0.88, 1 at 1),
  whichever is more.

Without other methods to agree with, weights fitted without that part are taken. A map that is the same everywhere says
nothing and scores 0.

On 907 maps of two networks that the weights were not fitted on, 261 of them right, a right map scored higher than a
wrong one in 97.8 % of all pairs; of 264 maps with 0.7 or more 235 (89 %) were right, of 604 below 0.3 598 (99 %) wrong.
docs/trust.md says what was judged and what that does not tell; benchmarks/trust.py reproduces it.
"""

import math

import numpy as np

from inference.explanations.evidence.examining import Parts

__all__ = ["drawn", "faithful", "features", "trust_score"]

_SURVIVES = (0.8, 1.0)
_EDGES = (0.6, 0.85)
_CENTRE = (0.88, 1.0)
_WEIGHTS = (-4.1, 3.7, 7.1, 6.7)  # bias, faithful, agreed, drawn
_WEIGHTS_ALONE = (-1.5, 4.9, 4.7)  # bias, faithful, drawn


def trust_score(parts: Parts) -> float:
    """The score of a map, in [0, 1]."""
    if parts.empty:
        return 0.0
    faith, agreed, suspicion = features(parts)
    if math.isnan(agreed):
        bias, weight, against = _WEIGHTS_ALONE
        return _logistic(bias + weight * faith - against * suspicion)
    bias, weight, with_others, against = _WEIGHTS
    return _logistic(bias + weight * faith + with_others * agreed - against * suspicion)


def features(parts: Parts) -> tuple[float, float, float]:
    """F, A and D; A is not a number where there is no other method."""
    agreed = float(np.mean(list(parts.agreement.values()))) if parts.agreement else math.nan
    return faithful(parts), agreed, drawn(parts)


def faithful(parts: Parts) -> float:
    """F, in [-1, 1]."""
    areas = parts.curves.areas
    return areas["insertion"] - areas["deletion"]


def drawn(parts: Parts) -> float:
    """D, in [0, 1]."""
    if parts.sanity is not None:
        return _ramp(parts.sanity, *_SURVIVES)
    return max(_ramp(parts.edges, *_EDGES), _ramp(parts.centre, *_CENTRE))


def _ramp(value: float, low: float, high: float) -> float:
    """0 up to `low`, 1 from `high`, straight in between."""
    return min(max((value - low) / (high - low), 0.0), 1.0)


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))
