"""The colours of maps: what a value looks like, what the sign does, and that browser and server agree."""

import numpy as np
import pytest

from dashboard.colour_maps import DIVERGING, SEQUENTIAL, colour_tables, full_scale, overlay
from dashboard.media import reduced
from layouts.mapping import COLOURS


def test_the_more_a_pixel_matters_the_more_opaque_it_is() -> None:
    shown = np.asarray(overlay(np.array([[0, 1], [2, 4]], np.float32)))
    assert shown[..., 3].ravel().tolist() == [0, 128, 180, 255]


def test_signed_maps_keep_zero_in_the_middle_and_the_sides_apart() -> None:
    shown = np.asarray(overlay(np.array([[-2, 0, 2, 1]], np.float32), signed=True)).astype(int)
    against, nothing, speaking, half = shown[0]
    assert against[2] > against[0]  # blue
    assert speaking[0] > speaking[2]  # orange
    assert nothing[3] == 0
    assert (against[3], speaking[3], half[3]) == (255, 255, 180)


def test_what_all_pixels_have_in_common_is_not_shown() -> None:
    values = np.array([[0, 1], [2, 4]], np.float32)
    assert np.array_equal(np.asarray(overlay(values + 10)), np.asarray(overlay(values)))
    assert np.asarray(overlay(values + 10, signed=True))[..., 3].min() > 200
    assert not np.asarray(overlay(np.full((2, 2), 3, np.float32)))[..., 3].any()
    # Pictures on a scale that is given can be held against each other, and against nothing.
    assert np.asarray(overlay(values + 10, scale=14.0))[..., 3].min() > 200


def test_an_unsigned_map_shows_magnitudes() -> None:
    first, second = (np.asarray(overlay(np.array([[sign, 0.5]], np.float32))) for sign in (-1, 1))
    assert (first == second).all()


@pytest.mark.parametrize("name", SEQUENTIAL)
def test_sequential_colours_grow_lighter_all_the_way(name: str) -> None:
    table = np.frombuffer(bytes.fromhex(colour_tables()[name]), np.uint8).reshape(256, 3)
    lightness = table @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(lightness) >= -0.5).all()
    assert lightness[-1] - lightness[0] > 150


def test_the_picker_offers_the_scales_there_are() -> None:
    assert set(COLOURS) == set(SEQUENTIAL) == set(colour_tables()) - {"diverging"}


def test_the_diverging_scale_is_lightest_at_zero() -> None:
    table = np.frombuffer(bytes.fromhex(colour_tables()["diverging"]), np.uint8).reshape(256, 3).astype(int)
    assert len(DIVERGING) % 2 == 1
    assert table.sum(1).argmax() in {127, 128}


def test_a_few_outliers_do_not_decide_the_scale() -> None:
    values = np.full(1000, 0.5, np.float32)
    values[:3] = 80
    assert full_scale(values.reshape(25, 40)) == 0.5
    assert full_scale(np.array([[0, 7]], np.float32)) == 7  # a small map keeps its largest
    sparse = np.zeros(1000, np.float32)
    sparse[0] = 3
    assert full_scale(sparse.reshape(25, 40)) == 3
    assert full_scale(np.zeros((4, 4), np.float32)) == 0


def test_a_huge_map_is_sent_as_means_of_blocks() -> None:
    values = np.arange(24, dtype=np.float32).reshape(4, 6)
    assert reduced(values, 6) is values
    assert reduced(values, 3).tolist() == [[3.5, 5.5, 7.5], [15.5, 17.5, 19.5]]
    assert reduced(np.zeros((5, 3), np.float32), 2).shape == (1, 1)
