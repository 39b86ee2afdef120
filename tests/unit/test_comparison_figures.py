"""Figures and words of a comparison."""

import numpy as np
import pytest

from layouts.compare import chance
from layouts.figures.comparison import (
    MAX_CLASSES,
    class_difference,
    confusion,
    confusion_difference,
    shown_classes,
)

A = np.array([[3, 1, 0], [0, 2, 2], [0, 0, 0]])
B = np.array([[4, 0, 0], [1, 3, 0], [0, 0, 0]])
NAMES = ("cat", "dog", "eel")


def test_a_confusion_matrix_shows_counts_and_shares_of_the_label() -> None:
    trace = confusion(NAMES, A).data[0]
    assert trace.z[0] == [0.75, 0.25, None]
    assert trace.z[2] == [None, None, None]  # no sample of that label: nothing, not a division by zero
    assert trace.text[1] == ["", "2", "2"]
    assert tuple(trace.x) == tuple(trace.y) == NAMES


def test_the_difference_is_signed_and_centred() -> None:
    trace = confusion_difference(NAMES, A, B).data[0]
    assert trace.z[0] == [1, -1, None]
    assert trace.text[1] == ["+1", "+1", "-2"]
    assert (trace.zmin, trace.zmax) == (-2, 2)


def test_two_equal_versions_make_an_empty_difference() -> None:
    trace = confusion_difference(NAMES, A, A).data[0]
    assert all(value is None for row in trace.z for value in row)
    assert trace.zmax == 1


def test_labels_run_downwards_as_in_a_table() -> None:
    low, high = confusion(NAMES, A).layout.yaxis.range
    assert low > high


def test_class_differences_are_sorted_and_told_in_points() -> None:
    bar = class_difference(NAMES, [0.1, -0.25, 0.0], [10, 20, 30]).data[0]
    assert list(bar.y) == ["dog", "eel", "cat"]
    assert list(bar.text) == ["-25.0", "0", "+10.0"]
    assert list(bar.customdata) == [20, 30, 10]
    assert len(set(bar.marker.color)) == 3


def test_a_figure_shows_the_classes_with_the_most_errors() -> None:
    many = np.diag(np.full(100, 50))
    many[97, 3] = 9
    shown = shown_classes(many, many)
    assert len(shown) == MAX_CLASSES
    assert {3, 97} <= set(shown)
    assert shown == sorted(shown)
    assert shown_classes(A, B) == [0, 1, 2]


@pytest.mark.parametrize(("p", "words"), [(1e-9, "very unlikely"), (0.01, "unlikely"), (0.6, "may well")])
def test_a_p_value_in_plain_words(p: float, words: str) -> None:
    assert chance(p).startswith(words)
