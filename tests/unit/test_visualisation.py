"""Activation maximisation on networks whose optimum is known."""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from callbacks.services import Services
from data.errors import Cancelled, InvalidInput
from data.types import ModelVersion, Preprocessing
from data.visualisations import VisualisationRequest, read_direction
from inference.models import LoadedModel
from inference.visualisation.ascent import Sight, ascend, settled
from inference.visualisation.keys import seen, units_in, visualisation_key
from inference.visualisation.objectives import likeness
from inference.visualisation.parametrisation import Canvas, Colours
from inference.visualisation.probing import forgiving_relus, probe
from inference.visualisation.service import Source, mosaic, visualise
from inference.visualisation.transforms import moved
from inference.worker import looking
from tests.unit.looking_world import DEAD, RED, SIDE, World, build

STILL = {"jitter": 0, "rotation": 0, "scaling": 0}


def loaded(network: nn.Module, size: int, channels: int = 3) -> LoadedModel:
    preprocessing = Preprocessing(size, size, (0.0,) * channels, (1.0,) * channels)
    version = ModelVersion(
        "net", 1, "d" * 64, "factory:none", (), 2, 1, preprocessing, 1, "x", None, None, datetime.now(UTC)
    )
    return LoadedModel(version, network.eval().requires_grad_(False), torch.device("cpu"))


def linear(weights: Tensor) -> nn.Module:
    layer = nn.Linear(weights[0].numel(), len(weights), bias=False)
    with torch.no_grad():
        layer.weight.copy_(weights.flatten(1))
    return nn.Sequential(nn.Flatten(), layer)


def request(**fields: Any) -> VisualisationRequest:
    return VisualisationRequest.of({"layer": "1", **STILL, **fields})


@pytest.mark.parametrize("parametrisation", ["pixels", "fourier"])
def test_a_linear_unit_is_maximised_by_the_sign_of_its_weights(parametrisation: str) -> None:
    weights = torch.randn(2, 1, 4, 4, generator=torch.Generator().manual_seed(3))
    model = loaded(linear(weights), 4, channels=1)
    found = ascend(model, request(unit=1, parametrisation=parametrisation, steps=600, rate=0.2), ("a", "b"))
    best = float(weights[1].clamp_min(0).sum())  # pixels are in [0, 1]
    assert found.values[0] == pytest.approx(best, rel=0.03)
    strong = weights[1].abs() > 0.4
    assert torch.equal(found.images[0][strong] > 127, weights[1][strong] > 0)


def test_minimising_a_unit_reaches_the_other_end() -> None:
    weights = torch.randn(1, 1, 4, 4, generator=torch.Generator().manual_seed(3))
    found = ascend(loaded(linear(weights), 4, 1), request(minimise="1", steps=600, rate=0.2), ("a",))
    assert found.values[0] == pytest.approx(float(weights.clamp_max(0).sum()), rel=0.03)


def test_a_class_against_another_is_the_difference_of_their_weights() -> None:
    weights = torch.randn(2, 1, 4, 4, generator=torch.Generator().manual_seed(5))
    model = loaded(linear(weights), 4, channels=1)
    found = ascend(model, request(objective="difference", target="a", contrast="b", steps=600, rate=0.2), ("a", "b"))
    assert found.values[0] == pytest.approx(float((weights[0] - weights[1]).clamp_min(0).sum()), rel=0.05)


def test_a_direction_is_a_weighted_sum_of_units() -> None:
    weights = torch.eye(4).reshape(4, 1, 2, 2)
    found = ascend(
        loaded(linear(weights), 2, 1), request(objective="direction", direction="0:2, 3:-1", steps=800, rate=0.3), ()
    )
    assert found.values[0] == pytest.approx(2.0, abs=0.1)
    assert found.images[0, 0, 0, 0] > 240
    assert found.images[0, 0, 1, 1] < 15


def each_pixel() -> nn.Module:
    """One unit that gives each pixel as it is."""
    layer = nn.Conv2d(1, 1, 1, bias=False)
    nn.init.ones_(layer.weight)
    return nn.Sequential(nn.Identity(), layer)


def test_a_unit_is_excited_at_the_centre_or_everywhere() -> None:
    model = loaded(each_pixel(), 5, channels=1)
    centre = ascend(model, request(parametrisation="pixels", steps=100, rate=0.3), ()).images[0, 0]
    everywhere = ascend(model, request(parametrisation="pixels", where="everywhere", steps=100, rate=0.3), ())
    assert int(centre[2, 2]) > 240
    assert int(centre[0, 0]) < 160
    assert int(everywhere.images.min()) > 240


def test_the_same_seed_gives_the_same_image_and_another_does_not() -> None:
    model = loaded(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU()), 8)
    asked = VisualisationRequest.of({"layer": "1", "unit": 2, "steps": 30})
    first, again, other = (ascend(model, one, ()).images for one in (asked, asked, replace(asked, seed=1)))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_diverse_images_of_one_unit_are_less_alike() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Tanh())
    model = loaded(network, 8)
    alike = []
    for weight in (0, 20):
        found = ascend(model, request(images=3, diversity=weight, where="everywhere", steps=80), ())
        with torch.no_grad():
            alike.append(float(likeness(network(found.images / 255))))
        assert len(found.values) == 3
    assert alike[1] < alike[0] - 0.1


def test_likeness_is_one_for_equal_images_and_less_for_others() -> None:
    features = torch.rand(1, 3, 2, 2).repeat(2, 1, 1, 1)
    assert float(likeness(features)) == pytest.approx(1)
    orthogonal = torch.eye(2)[:, :, None, None]
    assert float(likeness(orthogonal)) == 0


@pytest.mark.parametrize("name", ["variation", "energy"])
def test_a_penalty_makes_the_image_calmer(name: str) -> None:
    weights = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    model = loaded(linear(weights), 8, channels=1)

    def restless(weight: float) -> float:
        image = ascend(model, request(**{name: weight, "steps": 120}), ()).images.float() / 255
        if name == "energy":
            return float((image - 0.5).square().mean())
        return float((image[:, :, 1:] - image[:, :, :-1]).abs().mean())

    assert restless(100.0) < 0.6 * restless(0.0)


def test_a_silent_unit_is_climbed_all_the_same() -> None:
    layer = nn.Conv2d(1, 1, 1)
    nn.init.ones_(layer.weight)
    assert layer.bias is not None
    nn.init.constant_(layer.bias, -0.8)  # the first image gives less than that anywhere
    found = ascend(loaded(nn.Sequential(layer, nn.ReLU()), 4, channels=1), request(steps=200, rate=0.3), ())
    assert found.curve[0] == 0
    assert found.values[0] == pytest.approx(0.2, abs=0.02)


def test_rectifiers_forgive_only_images_without_any_slope_and_never_downwards() -> None:
    given = torch.tensor([[-1.0, -2.0], [-1.0, 2.0]], requires_grad=True)
    with forgiving_relus():
        out = nn.functional.relu(given)
    assert out.tolist() == [[0, 0], [0, 2]]
    (slope,) = torch.autograd.grad(out, given, torch.tensor([[-1.0, 1.0], [-1.0, -1.0]]))
    assert slope.tolist() == [[-1, 0], [0, -1]]  # a loss is lowered: a positive slope would push further down


def test_the_ascent_ends_when_it_has_settled() -> None:
    assert not settled(list(range(200)))
    assert settled([0.0, *[1.0] * 100])
    assert settled([0.0, *[-1.0] * 100], minimise=True)
    assert not settled([1.0] * 20)
    model = loaded(linear(torch.ones(1, 1, 2, 2)), 2, channels=1)
    found = ascend(model, request(steps=2000, rate=0.5), ())
    assert found.converged
    assert len(found.curve) < 2000


def test_starting_from_a_sample_begins_at_that_image() -> None:
    start = torch.rand(3, 6, 6, generator=torch.Generator().manual_seed(2)) * 0.8 + 0.1
    colours = Colours.of(torch.rand(20, 3, 6, 6, generator=torch.Generator().manual_seed(4)))
    for parametrisation in ("fourier", "pixels"):
        canvas = Canvas((2, 3, 6, 6), parametrisation, colours, torch.Generator().manual_seed(0), start)
        with torch.no_grad():
            assert float((canvas() - start).abs().max()) < 0.15
            assert float((canvas() - start).abs().mean()) < 0.03


def test_decorrelated_colours_have_the_covariance_of_the_samples() -> None:
    generator = torch.Generator().manual_seed(0)
    true = torch.tensor([[0.1, 0.0, 0.0], [0.08, 0.03, 0.0], [0.02, 0.0, 0.05]])
    pixels = torch.einsum("cd,ndhw->nchw", true, torch.randn(50, 3, 8, 8, generator=generator)) + 0.5
    found = Colours.of(pixels)
    covariance, known = found.mixing @ found.mixing.T, true @ true.T
    assert torch.allclose(covariance / covariance.trace(), known / known.trace(), atol=0.03)
    assert torch.equal(Colours.of(pixels, decorrelate=False).mixing, torch.eye(3))


def test_an_unmoved_image_stays_and_a_moved_one_is_another_view_of_it() -> None:
    images = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(0)
    assert moved(images, 0, 0, 0, generator) is images
    shifted = moved(images, 0.2, 0, 0, generator)
    assert shifted.shape == images.shape
    assert not torch.allclose(shifted, images)
    assert float(shifted.min()) >= 0
    assert float(shifted.max()) <= 1


class Tokens(nn.Module):
    """A class token and 2 × 2 patches, as a transformer has them."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 5, 2, 2)
        self.norm = nn.LayerNorm(5)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.patches(images).flatten(2).transpose(1, 2)
        given: Tensor = self.norm(torch.cat([torch.zeros_like(tokens[:, :1]), tokens], dim=1))
        return given[:, 0]


def test_any_layer_is_read_whatever_its_shape() -> None:
    found = probe(loaded(Tokens(), 4), "norm")
    assert (found.units, found.grid) == (5, (2, 2))
    assert ascend(loaded(Tokens(), 4), VisualisationRequest.of({"layer": "norm", "unit": 4, "steps": 3}), ()).curve
    last = probe(loaded(nn.Sequential(nn.Conv2d(3, 2, 1), nn.Flatten()), 4), "1")
    assert (last.units, last.grid) == (32, (1, 1))
    assert [units_in(shape) for shape in ((64, 8, 8), (8, 8, 64), (197, 384), (10,), ())] == [64, 64, 384, 10, 0]


def test_a_module_used_twice_is_read_at_its_last_use() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.act = nn.ReLU(inplace=True)

        def forward(self, images: Tensor) -> Tensor:
            given: Tensor = self.act(self.act(images.clone()) - 0.5)
            return given

    network = Twice()
    found = probe(loaded(network, 2), "act")
    assert found.calls == 2
    assert float(found.read(network, torch.ones(1, 3, 2, 2)).max()) == 0.5
    assert not network.act._forward_hooks


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"objective": "beauty"}, "objective 'beauty'"),
        ({"steps": "0"}, "steps '0'"),
        ({"seed": "x"}, "seed 'x'"),
        ({"rate": "nan"}, "rate 'nan'"),
        ({"objective": "direction", "direction": "a:b"}, "direction 'a:b'"),
        ({"objective": "direction"}, "direction ''"),
    ],
)
def test_what_is_not_allowed_is_refused_by_name(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        VisualisationRequest.of(given)


def test_what_has_no_say_does_not_change_a_request() -> None:
    plain = VisualisationRequest.of({"objective": "logit", "target": "a"})
    assert VisualisationRequest.of({"objective": "logit", "target": "a", "layer": "x", "unit": "7"}) == plain
    assert VisualisationRequest.of(asdict(plain)) == plain
    assert read_direction("3, 17:-0.5") == {3: 1.0, 17: -0.5}


@pytest.fixture
def world(services: Services, tmp_path: Path) -> Iterator[World]:
    yield from build(services, tmp_path)


def show(world: World, asked: VisualisationRequest, pulse: Any = lambda share: None) -> str:
    source = Source(world.context.datasets, world.context.samples, world.dataset)
    return visualise(
        world.context.workspace, world.context.cache, world.version, ("red", "green"), asked, source, pulse
    )


def test_an_image_is_made_once_and_tells_how(world: World) -> None:
    asked = VisualisationRequest.of({"layer": "1", "unit": RED, "parametrisation": "pixels", "where": "everywhere"})
    key = show(world, asked)
    assert key == visualisation_key(world.version, world.dataset, asked)
    known = seen(world.context.cache, key)
    assert known is not None
    assert known["done"]
    assert known["recipe"]["request"] == asdict(asked)
    assert known["recipe"]["version_digest"] == world.version.digest
    path = world.context.cache.get("visualisations", key, ".png")
    assert path is not None
    with Image.open(path) as picture:
        assert picture.size == (SIDE, SIDE)
        assert np.asarray(picture)[..., 0].mean() > 200
    stamp = path.stat().st_mtime_ns
    assert show(world, asked) == key
    assert path.stat().st_mtime_ns == stamp


def test_an_ascent_that_is_left_keeps_what_was_seen(world: World) -> None:
    asked = VisualisationRequest.of({"layer": "1", "unit": RED, "steps": 80})

    def leave(share: float) -> None:
        if share > 0.25:
            raise Cancelled("left")

    with pytest.raises(Cancelled):
        show(world, asked, leave)
    known = seen(world.context.cache, visualisation_key(world.version, world.dataset, asked))
    assert known is not None
    assert (known["done"], known["step"]) == (False, 21)
    key = show(world, asked)
    finished = seen(world.context.cache, key)
    assert finished is not None
    assert finished["curve"][:21] == known["curve"]


def test_the_task_makes_several_and_refuses_what_is_not_there(world: World) -> None:
    payload = {"model": "units", "version": 1, "dataset": "pictures"}
    small = [{"layer": "1", "unit": unit, "steps": 2} for unit in (RED, DEAD)]
    keys = looking.visualise(world.context, {**payload, "requests": small})
    assert len(set(keys)) == 2
    for wrong, words in (({"layer": "1", "unit": 9}, "unit 9"), ({"layer": "nowhere"}, "layer 'nowhere'")):
        with pytest.raises(InvalidInput, match=words):
            looking.visualise(world.context, {**payload, "requests": [wrong]})
    start = {"layer": "1", "start": "red/00.png", "steps": 1}
    with pytest.raises(InvalidInput, match="needs a dataset"):
        looking.visualise(world.context, {**payload, "dataset": None, "requests": [start]})
    (key,) = looking.visualise(world.context, {**payload, "requests": [start]})
    path = world.context.cache.get("visualisations", key, ".json")
    assert path is not None
    assert json.loads(path.read_bytes())["recipe"]["request"]["start"] == "red/00.png"


def test_several_images_lie_side_by_side() -> None:
    pictures = np.stack([np.full((3, 32, 32), value, np.uint8) for value in (10, 20, 30)])
    whole = mosaic(pictures)
    assert whole.size == (65, 65)
    assert whole.getpixel((0, 0)) == (10, 10, 10, 255)
    assert whole.getpixel((64, 64)) == (0, 0, 0, 0)


def test_an_ascent_tells_its_values_one_an_image() -> None:
    found = ascend(loaded(each_pixel(), 5, 1), request(images=2, steps=2), ())
    assert isinstance(found, Sight)
    assert len(found.values) == len(found.images) == 2
