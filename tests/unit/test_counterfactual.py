"""What must be hidden for another decision: found where it is known, no more than needed, and the same every time."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage

from data.errors import Cancelled
from inference.counterfactual import Counterfactual, Look, counterfactual
from inference.superpixels import superpixels

SIDE = 16
QUARTERS = np.arange(SIDE)[:, None] // 8 * 2 + np.arange(SIDE)[None] // 8  # 0 1 / 2 3
SIXTEENTHS = np.arange(SIDE)[:, None] // 4 * 4 + np.arange(SIDE)[None] // 4


def counted(look: Look) -> tuple[Look, list[int]]:
    """The same, with the number of images of each call."""
    sizes: list[int] = []

    def watched(masks: np.ndarray) -> np.ndarray:
        sizes.append(len(masks))
        return look(masks)

    return watched, sizes


def looks_at(weights: np.ndarray, bias: float = 0.0) -> Look:
    """Class 0 as long as what is to be seen of `weights` is worth more than `bias`; class 2 never."""

    def look(masks: np.ndarray) -> np.ndarray:
        seen = ((~masks) * weights).sum((1, 2)) - bias
        return np.stack([seen, -seen, np.full(len(masks), -99.0)], axis=1).astype(np.float32)

    return look


def corner(size: int = 8) -> np.ndarray:
    weights = np.zeros((SIDE, SIDE))
    weights[-size:, -size:] = 1
    return weights


def test_exactly_the_corner_that_the_network_looks_at_is_found() -> None:
    look, sizes = counted(looks_at(corner(), bias=10))
    found = counterfactual(look, QUARTERS)
    assert found.flipped
    assert found.segments == (3,)
    assert np.array_equal(found.mask, corner().astype(bool))
    assert (found.target, found.rival, found.total) == (0, 1, 4)
    assert found.passes == sum(sizes) == 5
    assert [step.hidden for step in found.steps] == [0, 1]
    assert found.steps[0].target > 0.99 > 0.01 > found.steps[1].target
    assert found.steps[1].rival > 0.99


def test_of_many_segments_the_most_telling_are_hidden_first_and_no_more_than_needed() -> None:
    weights = np.zeros((SIDE, SIDE))
    weights[:4, :4], weights[:4, 4:8], weights[-4:, -4:] = 1, 3, 5  # 16, 48 and 80 in all
    found = counterfactual(looks_at(weights, bias=60), SIXTEENTHS)
    assert found.segments == (1, 15)
    assert [step.hidden for step in found.steps] == [0, 1, 2]
    targets = [step.target for step in found.steps]
    assert targets == sorted(targets, reverse=True)


def pair_or_three(masks: np.ndarray) -> np.ndarray:
    """Segment 0 alone lowers the lead most, but segments 1 and 2 are what decides."""
    hidden = [masks[:, quarter == QUARTERS].all(1) for quarter in range(4)]
    lead = 10 - 4.0 * hidden[0] - 3.0 * hidden[1] - 3.0 * hidden[2] - 5.0 * (hidden[1] & hidden[2])
    return np.stack([lead, np.zeros(len(masks))], axis=1).astype(np.float32)


def test_what_is_not_needed_in_the_end_is_shown_again() -> None:
    found = counterfactual(pair_or_three, QUARTERS)
    assert found.segments == (1, 2)
    assert [step.hidden for step in found.steps] == [0, 1, 2, 3, 2]
    for segment in found.segments:  # minimal: each of them is needed
        rest = np.isin(QUARTERS, [other for other in found.segments if other != segment])
        assert pair_or_three(rest[None])[0].argmax() == found.target


def test_no_set_of_segments_is_looked_at_twice() -> None:
    seen: list[bytes] = []

    def look(masks: np.ndarray) -> np.ndarray:
        seen.extend(mask.tobytes() for mask in masks)
        return pair_or_three(masks)

    found = counterfactual(look, QUARTERS)
    assert len(set(seen)) == len(seen) == found.passes


@pytest.mark.parametrize(
    ("budget", "hidden"),
    [(2000, 16), (1 + 16 + 15, 2), (16, 0)],
    ids=["nothing is left to hide", "the budget ends", "not even one step"],
)
def test_where_the_decision_does_not_turn_it_is_said(budget: int, hidden: int) -> None:
    found = counterfactual(looks_at(np.ones((SIDE, SIDE)), bias=-1), SIXTEENTHS, budget=budget)
    assert not found.flipped
    assert len(found.segments) == len(found.steps) - 1 == hidden
    assert found.passes <= budget
    assert found.mask.sum() == 16 * hidden


def test_equal_choices_are_made_the_same_way_every_time() -> None:
    def run() -> Counterfactual:
        return counterfactual(looks_at(np.ones((SIDE, SIDE)), bias=100), SIXTEENTHS)

    first, second = run(), run()
    assert first.segments == second.segments == tuple(range(10))
    assert first.steps == second.steps


def test_progress_is_told_and_a_cancelled_search_ends_at_once() -> None:
    shares: list[float] = []
    counterfactual(looks_at(np.ones((SIDE, SIDE)), bias=100), SIXTEENTHS, budget=500, pulse=shares.append)
    assert shares == sorted(shares)
    assert 0 <= shares[0] < shares[-1] <= 1

    def cancelled() -> Callable[[float], None]:
        left = iter([0, 0, 0])

        def pulse(_share: float) -> None:
            if next(left, None) is None:
                raise Cancelled("nobody waits")

        return pulse

    look, sizes = counted(looks_at(np.ones((SIDE, SIDE)), bias=100))
    with pytest.raises(Cancelled):
        counterfactual(look, SIXTEENTHS, pulse=cancelled())
    assert len(sizes) == 3


def patch(height: int = 40, width: int = 60) -> np.ndarray:
    """A dark, noisy ground with a bright rectangle that fits no grid."""
    pixels = np.random.default_rng(3).integers(40, 70, (height, width, 3)).astype(np.uint8)
    pixels[21:33, 41:54] = 230
    return pixels


def test_superpixels_follow_edges() -> None:
    labels = superpixels(patch(), 24)
    inside = np.zeros(labels.shape, dtype=bool)
    inside[21:33, 41:54] = True
    mixed = sum(
        min((inside & part).sum(), (~inside & part).sum()) for part in map(labels.__eq__, range(labels.max() + 1))
    )
    assert mixed <= 0.1 * inside.sum()


@pytest.mark.parametrize("size", [(40, 60, 3), (8, 8, 1), (1, 30, 3), (2, 2, 3)])
def test_superpixels_are_numbered_without_gaps_each_in_one_piece(size: tuple[int, int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, size, dtype=np.uint8)
    labels = superpixels(pixels, 24)
    assert labels.shape == size[:2]
    assert np.array_equal(np.unique(labels), np.arange(labels.max() + 1))
    assert labels.max() < 2 * 24
    assert all(ndimage.label(labels == number)[1] == 1 for number in range(labels.max() + 1))
    assert np.array_equal(labels, superpixels(pixels, 24))
