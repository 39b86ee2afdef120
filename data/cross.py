"""Two runs on one dataset, counted against each other by SQL: what a comparison is computed from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data.errors import InvalidInput
from data.queries import View
from data.samples import SampleTables
from data.selections import Selection

__all__ = ["Cross", "Outcomes", "cross", "cross_selection"]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Labelled samples by who is right: A is the view's run, B its other run."""

    both_right: int = 0
    fixed: int = 0
    broken: int = 0
    both_wrong: int = 0

    @property
    def samples(self) -> int:
        return self.both_right + self.fixed + self.broken + self.both_wrong

    @property
    def right_a(self) -> int:
        return self.both_right + self.broken

    @property
    def right_b(self) -> int:
        return self.both_right + self.fixed


@dataclass(frozen=True, slots=True)
class Cross:
    """Counts over the samples that have a label which both runs could get right.

    Attributes:
        total: Over all classes.
        per_class: By label, in the order of `names`; labels without a sample are left out.
        names: The dataset's classes, then whatever else either run predicts.
        confusion_a, confusion_b: (K, K) int64 for K names: rows are labels, columns predictions.
    """

    total: Outcomes
    per_class: Mapping[str, Outcomes]
    names: tuple[str, ...]
    confusion_a: np.ndarray
    confusion_b: np.ndarray


def cross(tables: SampleTables, view: View, splits: Sequence[str] = ()) -> Cross:
    """Counts the view's run against its other run, on the given splits or on all samples.

    Raises:
        InvalidInput: The view lacks one of the two runs.
    """
    return cross_selection(tables, view, Selection(splits=tuple(splits)))


def cross_selection(tables: SampleTables, view: View, selection: Selection) -> Cross:
    """As `cross`, on the samples of a selection."""
    if view.run is None or view.other is None:
        raise InvalidInput("A comparison needs two indexed versions; index the second one first")
    question = tables.question(view, selection)
    label, first, second = (question.column(name) for name in ("label", "prediction", "other_prediction"))
    # Of a run whose classes are none of the labels no prediction is right or wrong, so there is nothing to compare.
    question.conditions += [f"{question.column(name)} IS NOT NULL" for name in ("label", "correct", "other_correct")]
    groups = tables.ask(
        question,
        f"SELECT {label}, {first}, {second}, count(*) {question.source()} GROUP BY {label}, {first}, {second}",
    )
    known = (*view.dataset.classes, *view.run.classes, *view.other.classes)
    used = {name for group in groups for name in group[:3]} | set(view.dataset.classes)
    names = tuple(dict.fromkeys([*(name for name in known if name in used), *sorted(used)]))
    place = {name: index for index, name in enumerate(names)}
    confusion_a, confusion_b = np.zeros((2, len(names), len(names)), dtype=np.int64)
    cells = np.zeros((len(names), 4), dtype=np.int64)
    for truth, by_a, by_b, count in groups:
        confusion_a[place[truth], place[by_a]] += count
        confusion_b[place[truth], place[by_b]] += count
        # The order of Outcomes: both right, fixed, broken, both wrong.
        cells[place[truth], 2 * (by_b != truth) + (by_a != truth)] += count
    per_class = {name: Outcomes(*row.tolist()) for name, row in zip(names, cells, strict=True) if row.any()}
    return Cross(Outcomes(*cells.sum(axis=0).tolist()), per_class, names, confusion_a, confusion_b)
