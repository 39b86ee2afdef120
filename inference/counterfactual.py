"""The least that must be hidden in an image for the network to decide otherwise, and what it cost to find it.

After SEDC, Vermeire et al. 2022, "Explainable image classification with evidence counterfactual": the image's segments
are hidden until the class changes. Of the paper's best-first search only the best branch is followed, and the answer is
then pruned, so that every segment that is left in it is needed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from inference.explanations.protocol import Pulse, unheard
from inference.prediction import softmax

__all__ = ["Counterfactual", "Look", "Step", "counterfactual"]

Look = Callable[[np.ndarray], np.ndarray]
"""From masks (N, H, W) bool, true where the image is hidden, to logits (N, K) float32."""
_BATCH = 16


@dataclass(frozen=True, slots=True)
class Step:
    """What the network says with some segments hidden.

    Attributes:
        hidden: How many segments.
        target, rival: Probability of the class that was predicted at first, and of the best other one, in [0, 1].
    """

    hidden: int
    target: float
    rival: float


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """What was found.

    Attributes:
        flipped: Whether another class wins with `mask` hidden; if not, the budget ended, or nothing was left to hide.
        mask: (H, W) bool, true where the image is hidden.
        segments: Numbers of the hidden segments, in ascending order; `total` is how many there are.
        target, rival: Indices of the class that was predicted at first, and of the best other one with `mask` hidden.
        steps: From the whole image on, one a segment that was hidden; the last one is `mask`.
        passes: How many images went through the network.
    """

    flipped: bool
    mask: np.ndarray
    segments: tuple[int, ...]
    total: int
    target: int
    rival: int
    steps: tuple[Step, ...]
    passes: int


def counterfactual(look: Look, segments: np.ndarray, budget: int = 2000, pulse: Pulse = unheard) -> Counterfactual:
    """Hides one segment after the other, each time the one that lowers the class's lead most; then prunes.

    The lead is the class's logit less the best other one: unlike a probability it still tells segments apart where the
    network is sure. Nothing is drawn by lot.

    Args:
        segments: (H, W) int, numbers from 0 up without gaps, see `inference.superpixels`.
        budget: Passes after which the search ends, a step being begun only if it fits; pruning k segments takes at
            most k (k + 1) / 2 more.

    Raises:
        Cancelled: Nobody waits any more.
    """
    search = _Search(look, segments, budget, pulse)
    steps = [search.step(())]
    hidden: tuple[int, ...] = ()
    left = set(range(search.total))
    while left and not search.flips(hidden) and search.passes + len(left) <= budget:
        hidden = search.best([(*hidden, segment) for segment in sorted(left)])
        left.remove(hidden[-1])
        steps.append(search.step(hidden))
    flipped = search.flips(hidden)
    kept = search.pruned(hidden) if flipped else hidden
    if kept != hidden:
        steps.append(search.step(kept))
    return Counterfactual(
        flipped=flipped,
        mask=search.mask(kept),
        segments=tuple(sorted(kept)),
        total=search.total,
        target=search.target,
        rival=search.rival(kept),
        steps=tuple(steps),
        passes=search.passes,
    )


class _Search:
    """What the network says for sets of hidden segments, each looked at once; counts the passes."""

    def __init__(self, look: Look, segments: np.ndarray, budget: int, pulse: Pulse) -> None:
        self.passes = 0
        self.total = int(segments.max()) + 1
        self._look, self._segments, self._budget, self._pulse = look, segments, budget, pulse
        self._seen: dict[frozenset[int], np.ndarray] = {}
        self._ask([()])
        self.target = int(self._logits(()).argmax())

    def best(self, candidates: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
        """The candidate with the smallest lead, the first of equals."""
        self._ask(candidates)
        return min(candidates, key=self._lead)

    def flips(self, hidden: tuple[int, ...]) -> bool:
        return self._lead(hidden) < 0

    def pruned(self, hidden: tuple[int, ...]) -> tuple[int, ...]:
        """As few of the segments as still flip the decision: none of them can be shown again."""
        while len(hidden) > 1:
            best = self.best([tuple(other for other in hidden if other != segment) for segment in hidden])
            if not self.flips(best):
                break
            hidden = best
        return hidden

    def step(self, hidden: tuple[int, ...]) -> Step:
        shares = softmax(self._logits(hidden)[None])[0]
        return Step(len(hidden), float(shares[self.target]), float(shares[self.rival(hidden)]))

    def rival(self, hidden: tuple[int, ...]) -> int:
        others = self._logits(hidden).astype(np.float64)
        others[self.target] = -np.inf
        return int(others.argmax())

    def mask(self, hidden: tuple[int, ...]) -> np.ndarray:
        mask: np.ndarray = np.isin(self._segments, hidden)
        return mask

    def _lead(self, hidden: tuple[int, ...]) -> float:
        logits = self._logits(hidden)
        return float(logits[self.target]) - float(logits[self.rival(hidden)])

    def _logits(self, hidden: tuple[int, ...]) -> np.ndarray:
        return self._seen[frozenset(hidden)]

    def _ask(self, candidates: Sequence[tuple[int, ...]]) -> None:
        unseen = [one for one in candidates if frozenset(one) not in self._seen]
        for start in range(0, len(unseen), _BATCH):
            self._pulse(min(self.passes / self._budget, 1.0))
            batch = unseen[start : start + _BATCH]
            for hidden, logits in zip(batch, self._look(np.stack([self.mask(one) for one in batch])), strict=True):
                self._seen[frozenset(hidden)] = logits
            self.passes += len(batch)
