"""What many maps say together, on maps whose answers are known."""

from pathlib import Path

import numpy as np
import pytest

from data.cache import FileCache
from data.explained import FIGURES
from inference.explained import REGIONS, differences_key, rows_digest, study_key
from inference.measuring import measure, pooled
from inference.reasons import (
    REASON_CACHE,
    Differences,
    Study,
    centred,
    distances,
    keep,
    kept,
    moves_of,
    rank,
    ranked_page,
    study,
)
from layouts.shared_reasons import Group, OnObject, lead_of, object_sentence, place_of, result, sentence

CORNER, MIDDLE = REGIONS * REGIONS - 1, (REGIONS * REGIONS) // 2


def spot(row: int, column: int, side: int = 10, size: int = 2) -> np.ndarray:
    """A map that is 1 on a square and 0 elsewhere."""
    values = np.zeros((side, side), np.float32)
    values[row : row + size, column : column + size] = 1
    return values


def figure(figures: np.ndarray, name: str) -> np.ndarray:
    return figures[:, FIGURES.index(name)]


@pytest.mark.parametrize(("fine", "coarse"), [(64, 32), (64, 5), (10, 3), (7, 7), (3, 5)])
def test_pooling_preserves_sums_and_puts_things_where_they_are(fine: int, coarse: int) -> None:
    maps = np.random.default_rng(1).random((4, fine, fine))
    cells = pooled(maps, coarse)
    assert cells.shape == (4, coarse, coarse)
    assert np.allclose(cells.sum((1, 2)), maps.sum((1, 2)))
    ramp = np.arange(fine)[None, :, None] * np.ones((1, 1, fine))
    assert (np.diff(pooled(ramp, coarse)[0], axis=0) > 0).all()
    assert np.allclose(np.diff(pooled(ramp, coarse)[0], axis=1), 0, atol=1e-9)


def test_figures_are_measured_at_full_resolution() -> None:
    maps = np.stack([spot(8, 8), -3 * spot(0, 4), np.zeros((10, 10), np.float32), np.ones((10, 10), np.float32)])
    masks = np.zeros((4, 10, 10), bool)
    masks[0, 8:, 9:] = True  # half of the first spot
    masks[3, :5] = True
    grids, figures = measure(maps, masks)
    assert grids.shape == (4, 10, 10)
    assert grids.sum((1, 2)) == pytest.approx([1, 1, 0, 1])
    assert figure(figures, "mass") == pytest.approx([4, 12, 0, 100])
    assert figure(figures, "inside")[[0, 3]] == pytest.approx([0.5, 0.5])
    assert np.isnan(figure(figures, "inside")[[1, 2]]).all()  # no mask, no map
    assert figure(figures, "covered")[0] == pytest.approx(0.02)
    assert figure(figures, "centre_x")[:2] == pytest.approx([0.9, 0.5])
    assert figure(figures, "centre_y")[:2] == pytest.approx([0.9, 0.1])
    assert figure(figures, "region").tolist()[:3] == [CORNER, 2, -1]
    assert figure(figures, "entropy")[[0, 3]] == pytest.approx([np.log(4) / np.log(100), 1])
    # A square of two pixels: every one is half a pixel from the centre in both directions.
    assert figure(figures, "spread")[0] == pytest.approx(np.sqrt(2) * 0.05)


def test_large_maps_become_small_grids() -> None:
    grids, figures = measure(np.random.default_rng(0).normal(size=(2, 224, 224)))
    assert grids.shape == (2, 32, 32)
    assert grids.min() >= 0
    assert np.isnan(figure(figures, "inside")).all()


def test_maps_are_moved_to_the_middle_and_nothing_comes_in() -> None:
    maps = np.stack([spot(0, 0), spot(8, 4), spot(4, 4)])
    _, figures = measure(maps)
    moves = moves_of(figure(figures, "centre_y"), figure(figures, "centre_x"), 10)
    assert moves.tolist() == [[4, 4], [-4, 0], [0, 0]]
    assert np.array_equal(centred(maps, moves), np.stack([spot(4, 4)] * 3))
    assert np.array_equal(centred(maps[..., None], moves)[..., 0], np.stack([spot(4, 4)] * 3))
    assert centred(spot(0, 0)[None], np.array([[-5, 0]])).sum() == 0


def group() -> tuple[list[np.ndarray], np.ndarray, np.ndarray, np.ndarray]:
    """Ten maps in two parts, rows 100 to 109: six selected, four of them at the corner, one elsewhere, one empty."""
    selected = [spot(8, 8)] * 4 + [spot(0, 0), np.zeros((10, 10), np.float32)]
    others = [spot(4, 4)] * 3 + [spot(8, 8)]
    masks = np.zeros((10, 10, 10), bool)
    masks[:, 4:6, 4:6] = True
    grids, figures = measure(np.stack(selected + others), masks)
    chosen = np.arange(10) < 6
    return [grids[:4].astype(np.float16), grids[4:].astype(np.float16)], figures, np.arange(100, 110), chosen


def test_a_group_is_held_against_the_rest() -> None:
    parts, figures, rows, chosen = group()
    found, grids = study("ab" * 16, parts, figures, rows, chosen)
    assert (found.selected, found.rest, found.empty) == (6, 4, 1)
    assert found.regions[CORNER] == 4
    assert found.regions[0] == 1
    assert sum(found.regions) == 5
    assert (found.rest_regions[CORNER], found.rest_regions[MIDDLE]) == (1, 3)
    mean, middle, rest_mean, _ = grids[:4]
    assert mean[8, 8] == pytest.approx(0.25 * 4 / 5, abs=1e-3)
    assert mean[0, 0] == pytest.approx(0.25 / 5, abs=1e-3)
    assert middle[4:6, 4:6].sum() == pytest.approx(1, abs=1e-3)
    assert rest_mean[4:6, 4:6].sum() == pytest.approx(0.75, abs=1e-3)


def test_who_is_explained_unlike_the_rest_comes_first() -> None:
    parts, figures, rows, chosen = group()
    found, grids = study("ab" * 16, parts, figures, rows, chosen)
    mean = np.array([0.2, 0.05])  # of the corner's and of the other place's cells; four cells each
    expected = 1 - mean[1] / np.hypot(*mean)
    assert found.unlike[0] == [104, pytest.approx(expected, abs=1e-3)]
    assert [row for row, _ in found.unlike[1:]] == [100, 101, 102, 103]
    assert np.array_equal(grids[4] > 0, spot(0, 0) > 0)
    assert len(grids) == 4 + len(found.unlike)


def test_the_share_on_the_object_tells_the_group_from_the_rest() -> None:
    parts, figures, rows, chosen = group()
    found, _ = study("ab" * 16, parts, figures, rows, chosen)
    inside = found.inside
    assert inside is not None
    assert (inside.median, inside.rest_median) == (0, 1)
    assert inside.covered == pytest.approx(0.04)
    assert inside.bins[0] == 5
    assert (inside.rest_bins[-1], inside.rest_bins[0]) == (3, 1)


def test_without_others_or_masks_nothing_is_made_up() -> None:
    grids, figures = measure(np.stack([spot(8, 8)] * 3))
    found, stack = study("ab" * 16, [grids], figures, np.arange(3), np.ones(3, bool))
    assert (found.rest, found.inside, sum(found.rest_regions)) == (0, None, 0)
    assert not stack[2].any()
    assert found.alike == pytest.approx(1)


def test_empty_maps_alone_are_said_to_be_empty() -> None:
    grids, figures = measure(np.zeros((3, 10, 10)))
    found, stack = study("ab" * 16, [grids], figures, np.arange(3), np.ones(3, bool))
    assert (found.empty, found.unlike, len(stack)) == (3, [], 4)
    assert "empty" in sentence(lead_of(found.regions, found.rest_regions))


def test_distance_knows_same_apart_and_between() -> None:
    grids, _ = measure(np.stack([spot(4, 4), spot(0, 0), spot(4, 5), 7 * spot(4, 4)]))
    assert distances([grids], np.arange(4), grids[0]) == pytest.approx([0, 1, 0.5, 0], abs=1e-6)


def test_two_versions_are_ranked_by_how_far_they_look_apart() -> None:
    a, _ = measure(np.stack([spot(4, 4), spot(4, 4), spot(0, 0), spot(4, 4), spot(0, 0)]))
    b, _ = measure(np.stack([spot(4, 4), spot(4, 5), spot(8, 8), np.zeros((10, 10)), spot(0, 0)]))
    apart = rank([a[:2], a[2:]], [b[:2], b[2:]])
    assert apart[[0, 1, 2, 4]] == pytest.approx([0, 0.5, 1, 0], abs=1e-6)
    assert np.isnan(apart[3])
    codes = np.array([0, 0, 1, 1, -1])  # the last two differ, or were not asked for
    found, grids = ranked_page("cd" * 16, [a[:2], a[2:]], [b], apart, codes, ("cat", "dog"), slice(0, 2))
    assert (found.agreed, found.compared, found.median) == (4, 3, 0.5)
    assert [row for row, _ in found.ranked] == [2, 1]
    assert found.classes["dog"] == [1, 1, 1, 1, 1, 1]
    assert found.classes["cat"][0] == 2
    assert found.classes["cat"][3] == pytest.approx(0.25)
    assert np.allclose(grids[2], grids[1] - grids[0])
    assert grids[2][8, 8] > 0 > grids[2][0, 0]
    following, _ = ranked_page("cd" * 16, [a], [b], apart, codes, ("cat", "dog"), slice(2, 4))
    assert [row for row, _ in following.ranked] == [0]


def test_versions_of_other_sizes_can_be_held_against_each_other() -> None:
    small, _ = measure(np.stack([spot(4, 4)]))
    large, _ = measure(np.stack([spot(8, 8, side=20, size=4)]))
    assert rank([small], [large]) == pytest.approx([0], abs=1e-6)


def test_what_is_kept_is_read_back(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 2**20)
    parts, figures, rows, chosen = group()
    found, grids = study("ab" * 16, parts, figures, rows, chosen)
    assert kept(cache, found.key) is None
    keep(cache, found, grids)
    stored = kept(cache, found.key)
    assert stored is not None
    assert Study.of(stored) == found
    cache.path(REASON_CACHE, found.key, ".npy").unlink()
    assert kept(cache, found.key) is None
    other = Differences("cd" * 16, 3, 2, 0.5, [[1, 0.5]], {"cat": [2, 0, 0, 0.5, 1, 1]})
    keep(cache, other, grids)
    again = kept(cache, other.key)
    assert again is not None
    assert Differences.of(again) == other


def test_keys_follow_from_what_was_asked() -> None:
    rows = rows_digest([1, 2, 3])
    assert rows == rows_digest(np.array([1, 2, 3], dtype=np.int64))
    assert rows != rows_digest([1, 2])
    assert study_key("a", rows) != study_key("b", rows)
    assert differences_key("a", "b") != differences_key("b", "a")
    assert len({differences_key("a", "b", rows, page) for page in (1, 2)} | {differences_key("a", "b")}) == 3


@pytest.mark.parametrize(
    ("cell", "place"), [(0, (0, 0)), (4, (0, 2)), (2, (0, 1)), (10, (1, 0)), (12, (1, 1)), (8, (1, 1)), (24, (2, 2))]
)
def test_cells_have_places(cell: int, place: tuple[int, int]) -> None:
    assert place_of(cell, 5) == place


def counts(**cells: int) -> list[int]:
    found = [0] * 25
    for name, count in cells.items():
        found[int(name[1:])] = count
    return found


def test_the_sentence_names_what_sets_the_group_apart() -> None:
    lead = lead_of(counts(_24=67, _12=33), counts(_24=4, _12=96))
    assert sentence(lead) == "67 % of these look at the lower right corner; of the others 4 %."
    # More look at the middle, but so does everybody.
    lead = lead_of(counts(_24=40, _12=60), counts(_24=2, _12=98))
    assert lead is not None
    assert lead.place == (2, 2)
    assert lead.excess == pytest.approx(0.38)


def test_the_sentence_says_when_nothing_does() -> None:
    assert (
        sentence(lead_of(counts(_12=58, _1=42), counts(_12=55, _1=45)))
        == "No place sets these apart: 58 % look at the middle, and so do 55 % of the others."
    )
    assert sentence(lead_of(counts(_20=3, _12=1), [0] * 25)) == "75 % of these look at the lower left corner."


def shown(on_object: OnObject | None, **cells: int) -> str:
    regions, others = counts(**cells), counts(_12=10)
    return str(result(Group(10, 10, 0, regions, others, on_object, 0.9, "", "", "", "", "", "", ())))


def test_a_shortcut_is_called_one_only_off_the_object() -> None:
    off, on = OnObject(0.1, 0.5, 0.1, [1], [1]), OnObject(0.5, 0.5, 0.1, [1], [1])
    assert "how a shortcut looks" in shown(off, _24=10)
    assert "shortcut" not in shown(on, _24=10)
    assert "shortcut" not in shown(off, _12=10)
    assert "may be a shortcut" in shown(None, _24=10)


def test_the_object_sentence_gives_the_chance_too() -> None:
    words = object_sentence(OnObject(0.09, 0.29, 0.08, [], []))
    assert words == "9 % of the attribution lies on the object, which covers 8 % of the picture; of the others 29 %."
    assert "others" not in object_sentence(OnObject(0.09, None, 0.08, [], []))
