import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from data.cross import Cross, Outcomes
from data.errors import InvalidInput
from inference import comparison
from inference.comparison import compare, mcnemar_p, wilson_interval

CROSS = Cross(
    total=Outcomes(both_right=60, fixed=25, broken=10, both_wrong=5),
    per_class={"cat": Outcomes(30, 15, 0, 5), "dog": Outcomes(30, 10, 10, 0)},
    names=("cat", "dog"),
    confusion_a=np.array([[30, 20], [10, 40]]),
    confusion_b=np.array([[45, 5], [10, 40]]),
)


def compared(monkeypatch: pytest.MonkeyPatch, counted: Cross, splits: tuple[str, ...] = ()) -> comparison.Comparison:
    monkeypatch.setattr(comparison, "cross", lambda tables, view, given: counted if given == splits else None)
    anything: Any = SimpleNamespace(dataset=SimpleNamespace(name="pets"))
    return compare(anything, anything, splits)


def test_counts_become_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    found = compared(monkeypatch, CROSS, ("test",))
    assert (found.samples, found.accuracy_a, found.accuracy_b) == (100, 0.7, 0.85)
    assert (found.fixed, found.broken, found.both_right, found.both_wrong) == (25, 10, 60, 5)
    cat = found.per_class["cat"]
    assert (cat.samples, cat.accuracy_a, cat.accuracy_b, cat.fixed, cat.broken) == (50, 0.6, 0.9, 15, 0)
    assert cat.difference == pytest.approx(0.3)
    assert found.confusion_b[0, 1] == 5


def test_without_labels_there_is_nothing_to_compare(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match="pets has no sample in test with a label that both"):
        compared(monkeypatch, replace(CROSS, total=Outcomes()), ("test",))


def test_wilsons_interval() -> None:
    # Values of Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0, 0.1611), abs=5e-5)
    assert wilson_interval(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)
    assert wilson_interval(29, 29)[1] == 1


@pytest.mark.parametrize(
    ("fixed", "broken", "expected"),
    [(0, 0, 1.0), (5, 5, 1.0), (1, 0, 1.0), (6, 0, 2 / 64), (0, 6, 2 / 64), (8, 2, 2 * (1 + 10 + 45) / 1024)],
)
def test_mcnemars_exact_test(fixed: int, broken: int, expected: float) -> None:
    assert mcnemar_p(fixed, broken) == pytest.approx(expected)


def test_the_webs_side_of_inference_needs_no_tensor_library() -> None:
    program = (
        "import sys, inference.catalogue, inference.comparison, inference.preprocessing, inference.recipes\n"
        "heavy = {'torch', 'torchvision', 'captum', 'umap', 'numba', 'sklearn', 'scipy', 'pandas'}\n"
        "print(*sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
