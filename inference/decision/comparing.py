"""What two decision paths have in common. Without torch: the web process compares what is cached."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data.paths import DecisionPath, PathStage

__all__ = ["Common", "common", "partner"]


@dataclass(frozen=True, slots=True)
class Common:
    """One stage that both paths have.

    Attributes:
        place: Among the first path's stages.
        shared, first, second: Units that are drawn in both, in the first and in the second alone.
        likeness: Cosine of the contributions of all the stage's units, in [-1, 1]; None where one path has none, or
            their numbers differ.
    """

    place: int
    layer: str
    shared: tuple[int, ...]
    first: tuple[int, ...]
    second: tuple[int, ...]
    likeness: float | None


def partner(stage: PathStage, other: DecisionPath) -> int | None:
    """The place of the same stage in another path: the same call of the layer of that name; None if it has none."""
    for place, candidate in enumerate(other.stages):
        if (candidate.layer, candidate.call) == (stage.layer, stage.call):
            return place
    return None


def common(
    first: DecisionPath, second: DecisionPath, arrays: Sequence[Mapping[str, np.ndarray] | None] = (None, None)
) -> list[Common]:
    """The stages that both paths have, in the first one's order.

    Args:
        arrays: Of both, see `inference.decision.keys.cached_arrays`.
    """
    found = []
    for place, stage in enumerate(first.stages):
        at = partner(stage, second)
        if at is None:
            continue
        ours = [unit.number for unit in stage.units]
        theirs = [unit.number for unit in second.stages[at].units]
        found.append(
            Common(
                place=place,
                layer=stage.layer,
                shared=tuple(unit for unit in ours if unit in theirs),
                first=tuple(unit for unit in ours if unit not in theirs),
                second=tuple(unit for unit in theirs if unit not in ours),
                likeness=_likeness(_values(arrays[0], place), _values(arrays[1], at)),
            )
        )
    return found


def _values(arrays: Mapping[str, np.ndarray] | None, place: int) -> np.ndarray | None:
    values = None if arrays is None else arrays.get(f"contributions_{place}" if place else "pixels")
    return None if values is None else np.asarray(values, np.float64).ravel()


def _likeness(first: np.ndarray | None, second: np.ndarray | None) -> float | None:
    if first is None or second is None or first.shape != second.shape:
        return None
    lengths = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / lengths if lengths > 0 else None
