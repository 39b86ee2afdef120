"""The histogram of classes is bounded, keeps the order, and takes names as text."""

from layouts.figures.datasets import MAX_BARS, class_histogram, histogram_height, shown_bars


def test_few_classes_are_all_shown_in_their_order() -> None:
    counts = {"b": 2, "a": 5}
    (bars,) = class_histogram(shown_bars(counts)).data
    assert (list(bars.y), list(bars.x)) == (["b", "a"], [2, 5])


def test_of_many_classes_the_largest_are_kept_in_their_order() -> None:
    counts = {f"{place:03d}": 1 + place % 7 for place in range(200)}
    shown = shown_bars(counts)
    assert len(shown) == MAX_BARS
    assert list(shown) == sorted(shown)
    assert min(shown.values()) >= 6


def test_a_name_that_looks_like_markup_is_written_as_it_is() -> None:
    axis = class_histogram({"<b>&rose": 1, "x" * 50: 1}).layout.yaxis
    assert axis.ticktext[0] == "&lt;b&gt;&amp;rose"
    assert len(axis.ticktext[1]) == 28


def test_no_class_gives_an_empty_figure() -> None:
    assert not class_histogram({}).data[0].x
    assert histogram_height(0) < histogram_height(40)
