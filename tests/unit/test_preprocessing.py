from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from PIL import Image

from data.types import INTERPOLATIONS, Preprocessing
from inference.adapters.torchvision import TorchvisionAdapter
from inference.preprocessing import to_array, to_input_image, to_pixels
from inference.vision import torchvision

transforms = pytest.importorskip("torchvision.transforms")

SIZES = [(33, 47), (47, 33), (224, 224), (225, 301), (31, 500), (5, 7), (224, 223), (1, 9), (257, 256)]
RGB = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def noise(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(width * 1000 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def by_torchvision(image: Image.Image, p: Preprocessing) -> torch.Tensor:
    steps = transforms.Compose(
        [
            transforms.Resize(p.resize, transforms.InterpolationMode(p.interpolation)),
            transforms.CenterCrop(p.image_size),
            transforms.ToTensor(),
            transforms.Normalize(p.mean, p.std),
        ]
    )
    found: torch.Tensor = steps(image)
    return found


@pytest.mark.parametrize(("size", "sides"), list(product(SIZES, [(32, 32), (33, 40), (40, 33), (57, 64)])))
def test_colour_images_become_what_torchvision_makes_of_them_bit_for_bit(
    size: tuple[int, int], sides: tuple[int, int]
) -> None:
    preprocessing = Preprocessing(*sides, *RGB)
    found = to_array(noise(*size), preprocessing)
    assert found.dtype == np.float32
    assert found.shape == (3, sides[0], sides[0])
    assert found.tobytes() == by_torchvision(noise(*size), preprocessing).numpy().tobytes()


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_every_interpolation_is_torchvisions(interpolation: str) -> None:
    preprocessing = Preprocessing(33, 40, *RGB, interpolation)
    expected = by_torchvision(noise(225, 301), preprocessing).numpy()
    assert to_array(noise(225, 301), preprocessing).tobytes() == expected.tobytes()


def test_squashing_resizes_both_sides() -> None:
    squashed = noise(225, 301).resize((40, 40), Image.Resampling.BILINEAR)
    expected = by_torchvision(squashed, Preprocessing(33, 40, *RGB)).numpy()
    assert np.array_equal(to_array(noise(225, 301), Preprocessing(33, 40, *RGB, squash=True)), expected)


def test_grey_networks_see_one_channel() -> None:
    preprocessing = Preprocessing(28, 30, (0.1307,), (0.3081,))
    expected = by_torchvision(noise(41, 52).convert("L"), preprocessing).numpy()
    assert to_array(noise(41, 52), preprocessing).tobytes() == expected.tobytes()


def test_the_presets_of_torchvision_weights_give_the_same_input() -> None:
    for name in ("resnet18", "efficientnet_b0", "swin_t"):  # the latter two: bicubic, at other sizes
        weights = torchvision.models.get_model_weights(name).DEFAULT
        expected = weights.transforms()(noise(301, 222)).numpy()
        assert np.array_equal(to_array(noise(301, 222), TorchvisionAdapter(name).preset()), expected)


def test_what_people_are_shown_is_what_the_network_sees() -> None:
    shown = to_input_image(noise(60, 90), Preprocessing(32, 40, *RGB))
    assert (shown.mode, shown.size) == ("RGB", (32, 32))
    plain = to_array(noise(60, 90), Preprocessing(32, 40, (0.0,) * 3, (1.0,) * 3))
    assert np.array_equal(np.asarray(shown), np.rint(plain.transpose(1, 2, 0) * 255))


@pytest.mark.parametrize("squash", [False, True])
@pytest.mark.parametrize(("size", "sides"), list(product([(32, 32), (33, 47), (5, 7)], [(32, 32), (32, 40), (40, 32)])))
@pytest.mark.parametrize("statistics", [RGB, ((0.5,), (0.25,))])
def test_bare_pixels_are_treated_as_the_picture_that_they_are(size, sides, statistics, squash):
    image, p = noise(*size), replace(Preprocessing(*sides, *statistics), squash=squash)
    pixels = to_pixels(image, p)
    assert pixels.shape == (sides[0], sides[0], len(statistics[0]))
    assert np.array_equal(to_pixels(np.asarray(image), p), pixels)
