"""Two versions on one dataset, with statistics that say what the difference is worth. Without torch, for the web."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data.cross import Outcomes, cross
from data.errors import InvalidInput
from data.queries import View
from data.samples import SampleTables

__all__ = ["ClassComparison", "Comparison", "compare", "mcnemar_p", "wilson_interval"]

_Z95 = 1.959963984540054
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class ClassComparison:
    """The samples of one class. `difference` is B's accuracy minus A's; accuracies are in [0, 1]."""

    samples: int
    accuracy_a: float
    accuracy_b: float
    difference: float
    fixed: int
    broken: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Version A against version B, over labelled samples alone.

    Attributes:
        interval_a, interval_b: Wilson's 95 % intervals of the accuracies.
        fixed: Samples that A has wrong and B right; `broken` is the reverse.
        mcnemar_p: Two-sided exact McNemar test of the hypothesis that both are right equally often, in [0, 1].
        per_class: By label, in the order of `names`.
        names: K classes, the rows and columns of the confusion matrices.
        confusion_a, confusion_b: (K, K) int64; rows are labels, columns predictions.
    """

    samples: int
    accuracy_a: float
    accuracy_b: float
    interval_a: Interval
    interval_b: Interval
    fixed: int
    broken: int
    both_right: int
    both_wrong: int
    mcnemar_p: float
    per_class: Mapping[str, ClassComparison]
    names: tuple[str, ...]
    confusion_a: np.ndarray
    confusion_b: np.ndarray


def compare(tables: SampleTables, view: View, splits: Sequence[str] = ()) -> Comparison:
    """Compares the view's run (A) with its other run (B), on the given splits or on all samples.

    Raises:
        InvalidInput: The view lacks one of the two runs, or no sample has a label.
    """
    counted = cross(tables, view, splits)
    total = counted.total
    if not total.samples:
        where = f" in {', '.join(splits)}" if splits else ""
        raise InvalidInput(
            f"{view.dataset.name} has no sample{where} with a label that both versions could get right, "
            "so nothing can be compared"
        )
    return Comparison(
        samples=total.samples,
        accuracy_a=total.right_a / total.samples,
        accuracy_b=total.right_b / total.samples,
        interval_a=wilson_interval(total.right_a, total.samples),
        interval_b=wilson_interval(total.right_b, total.samples),
        fixed=total.fixed,
        broken=total.broken,
        both_right=total.both_right,
        both_wrong=total.both_wrong,
        mcnemar_p=mcnemar_p(total.fixed, total.broken),
        per_class={name: _of_class(outcomes) for name, outcomes in counted.per_class.items()},
        names=counted.names,
        confusion_a=counted.confusion_a,
        confusion_b=counted.confusion_b,
    )


def wilson_interval(right: int, samples: int) -> Interval:
    """95 % confidence interval of a share, `right` of `samples` > 0.

    Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference".
    """
    share, z2 = right / samples, _Z95**2
    centre = share + z2 / (2 * samples)
    spread = _Z95 * math.sqrt(share * (1 - share) / samples + z2 / (4 * samples**2))
    scale = 1 + z2 / samples
    return max((centre - spread) / scale, 0.0), min((centre + spread) / scale, 1.0)


def mcnemar_p(fixed: int, broken: int) -> float:
    """The chance of a split at least as uneven as fixed : broken, were both equally likely; exact, two-sided.

    McNemar 1947, "Note on the sampling error of the difference between correlated proportions or percentages".
    """
    discordant = fixed + broken
    if not discordant:
        return 1.0
    from scipy.special import bdtr  # here: a tenth of a second that most pages never need

    return min(1.0, 2 * float(bdtr(float(min(fixed, broken)), discordant, 0.5)))


def _of_class(outcomes: Outcomes) -> ClassComparison:
    accuracy_a, accuracy_b = outcomes.right_a / outcomes.samples, outcomes.right_b / outcomes.samples
    return ClassComparison(
        samples=outcomes.samples,
        accuracy_a=accuracy_a,
        accuracy_b=accuracy_b,
        difference=accuracy_b - accuracy_a,
        fixed=outcomes.fixed,
        broken=outcomes.broken,
    )
