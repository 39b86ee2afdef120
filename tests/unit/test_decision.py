"""Decision paths on networks whose contributions and flows are computed by hand, and on some that are not."""

import copy
import functools
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor, nn

from callbacks.services import Services
from dashboard.services import build_services
from dashboard.settings import Settings
from data.errors import Cancelled, InvalidInput
from data.paths import Ablation, DecisionPath, PathRequest
from data.samples import View
from inference.decision.ablation import ablate, counted
from inference.decision.flow import by_region, flows, strongest
from inference.decision.keys import PATH_CACHE, cached_ablation, cached_arrays, cached_path, path_key
from inference.decision.relevance import Way, by_unit, walk
from inference.decision.service import ranking, stages_of, trace
from inference.decision.stages import Site, chosen, named, sites, unit_axis
from inference.models import LoadedModel
from inference.networks import digits_cnn
from inference.worker import deciding
from tests.unit.explained_networks import ARCHITECTURES, Functional, by_name
from tests.unit.looking_world import GREEN, RED, World, build
from tests.unit.networks_in_memory import in_memory

CLASSES = ("first", "second")


def dense(*weights: list[list[float]]) -> nn.Sequential:
    """Linear layers with these weights and rectifiers between them, without biases."""
    layers: list[nn.Module] = [nn.Flatten()]
    for rows in weights:
        layer = nn.Linear(len(rows[0]), len(rows), bias=False)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(rows))
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def by_hand() -> LoadedModel:
    """Of a 2 × 2 image (a, b / c, d): h = relu(a + b, 2c − d, −a), logits (2 h0 − h1 + 5 h2, h1)."""
    return in_memory(dense([[1, 1, 0, 0], [0, 0, 2, -1], [-1, 0, 0, 0]], [[2, -1, 5], [0, 1, 0]]), 2, 1)


IMAGE = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])  # h = (3, 2, 0), logits (4, 2)


def followed(loaded: LoadedModel, image: Tensor = IMAGE, **asked: Any) -> DecisionPath:
    return trace(loaded, image, CLASSES, PathRequest(**asked))[0]


def numbers(path: DecisionPath, stage: int) -> dict[int, Any]:
    return {unit.number: pytest.approx(unit.contribution, abs=1e-4) for unit in path.stages[stage].units}


def test_contributions_and_flows_are_those_computed_by_hand() -> None:
    path = followed(by_hand())
    assert (path.target, path.prediction) == ("first", "first")
    assert (path.logit, path.plain) == pytest.approx((4, 0), abs=1e-4)
    assert [stage.layer for stage in path.stages] == ["", "2"]
    assert numbers(path, 0) == {0: 2, 1: 4, 2: -6, 3: 4}
    assert numbers(path, 1) == {0: 6, 1: -2, 2: 0}
    assert [unit.number for unit in path.stages[0].units] == [2, 1, 3, 0]  # by magnitude; of equals the first
    assert [unit.answer for unit in path.stages[1].units] == pytest.approx([3, 2, 0])
    assert path.stages[1].strongest == ((0, 3.0), (1, 2.0), (2, 0.0))
    flow = {(edge.source, edge.target): edge.flow for edge in path.edges if abs(edge.flow) > 1e-4}
    assert flow == pytest.approx({(0, 0): 2, (1, 0): 4, (2, 1): -6, (3, 1): 4}, abs=1e-4)
    assert path.through == pytest.approx(4, abs=1e-4)
    assert path.share(path.through) == pytest.approx(1)


def test_the_share_of_the_paths_is_what_drawn_units_pass_on_to_each_other() -> None:
    one = followed(by_hand(), units=1)
    assert [stage.units[0].number for stage in one.stages] == [2, 0]
    assert one.through == 0  # nothing leads from that region through that unit
    two = followed(by_hand(), units=2)
    assert two.through == pytest.approx(-6 + 4, abs=1e-4)
    assert two.stages[0].drawn == pytest.approx(-2, abs=1e-4)
    assert two.stages[1].drawn == pytest.approx(4, abs=1e-4)


def test_another_class_has_a_path_of_its_own() -> None:
    path = followed(by_hand(), target="second")
    assert (path.target, path.prediction, path.logit) == ("second", "first", 2)
    assert numbers(path, 1) == {0: 0, 1: 2, 2: 0}
    assert path.probability == pytest.approx(1 / (1 + np.exp(2)))


def test_a_logit_that_does_not_move_has_no_shares() -> None:
    path = followed(by_hand(), torch.zeros(1, 2, 2))
    assert path.share(path.through) is None
    assert all(unit.contribution == 0 for stage in path.stages for unit in stage.units)


def test_a_threshold_on_the_way_is_added_up_in_steps() -> None:
    network = dense([[1]], [[1]])
    network[1].bias = nn.Parameter(torch.tensor([-0.5]))
    loaded = in_memory(network, 1, 1)
    image = torch.ones(1, 1, 1)
    coarse, fine = (trace(loaded, image, ("only",), PathRequest(steps=steps))[0] for steps in (8, 64))
    # h = relu(α − 0.5): the unit's own change is known exactly, the pixel's slope is 0 up to the middle and then 1.
    assert coarse.stages[1].total == fine.stages[1].total == pytest.approx(0.5)
    assert coarse.stages[0].total == pytest.approx(3 / 8 + 1 / 16)
    assert fine.stages[0].total == pytest.approx(31 / 64 + 1 / 128)


class Twice(nn.Module):
    """One layer that is called twice and rectifiers that are functions: h = relu(turned x), g = relu(turned h)."""

    def __init__(self) -> None:
        super().__init__()
        self.turn = nn.Linear(2, 2, bias=False)
        self.head = nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            self.turn.weight.copy_(torch.tensor([[0.0, 1.0], [2.0, 0.0]]))
            self.head.weight.copy_(torch.tensor([[1.0, 1.0], [0.0, 3.0]]))

    def forward(self, images: Tensor) -> Tensor:
        once = F.relu(self.turn(images.mean(1).diagonal(dim1=1, dim2=2)), inplace=True)
        logits: Tensor = self.head(torch.relu_(self.turn(once)))
        return logits


def test_a_module_that_is_called_twice_is_two_stages() -> None:
    # The diagonal (1, 4): once = (4, 2), twice = (2, 8), logits (10, 24).
    loaded = in_memory(Twice(), 2, 1)
    assert [(site.layer, site.call, site.calls) for site in sites(loaded)] == [("turn", 1, 2), ("turn", 2, 2)]
    path = followed(loaded, IMAGE)
    assert path.target == "second"
    assert numbers(path, 1) == {0: 24, 1: 0}
    assert numbers(path, 2) == {0: 0, 1: 24}
    assert numbers(path, 0) == {0: 0, 1: 0, 2: 0, 3: 24}
    assert {(e.stage, e.source, e.target) for e in path.edges if abs(e.flow) > 1e-4} == {(0, 3, 0), (1, 0, 1)}
    (last,) = named(loaded, ["turn"])
    assert (last.call, last.calls) == (2, 2)


def test_a_network_that_is_only_a_head_goes_from_the_image_to_the_logit() -> None:
    path = followed(in_memory(dense([[1, 0, 0, 0], [0, 1, 0, -1]]), 2, 1))
    assert [stage.layer for stage in path.stages] == [""]
    assert path.edges == ()
    assert path.through == pytest.approx(path.rise)


def test_what_goes_past_a_layer_is_not_in_it() -> None:
    class Past(nn.Module):
        """logits = (3 a + b, 0) with a through a layer and b past it."""

        def __init__(self) -> None:
            super().__init__()
            self.layer = dense([[3]])
            self.head = nn.Linear(2, 2, bias=False)
            with torch.no_grad():
                self.head.weight.copy_(torch.tensor([[1.0, 1.0], [0.0, 0.0]]))

        def forward(self, images: Tensor) -> Tensor:
            pixels = images.flatten(1)
            logits: Tensor = self.head(torch.cat([self.layer(pixels[:, :1]), pixels[:, 1:2]], dim=1))
            return logits

    loaded = in_memory(Past(), 2, 1)
    assert sites(loaded) == []
    path = followed(loaded, layers=("layer",))
    assert not path.stages[1].whole
    assert path.stages[1].total == pytest.approx(3, abs=1e-4)
    assert path.rise == pytest.approx(5)


@functools.cache
def walked(name: str) -> tuple[list[Site], Way, float]:
    network = copy.deepcopy(by_name(name).module)
    for parameter in network.parameters():  # a trained network has biases; without any, a norm jumps at the plain image
        if parameter.ndim == 1:
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2)) / 4)
    loaded = in_memory(network, by_name(name).version.preprocessing.image_size)
    size = loaded.version.preprocessing.image_size
    found = chosen(sites(loaded), 8)
    image = torch.randn(3, size, size, generator=torch.Generator().manual_seed(1)) / 4
    target, way = walk(loaded, image, None, found, 32)
    return found, way, float(way.logits[-1, target] - way.logits[0, target])


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_stage_of_every_architecture_adds_up_to_the_whole_rise(name: str) -> None:
    found, way, rise = walked(name)
    assert len(found) >= 3
    assert all(site.whole for site in found)
    totals = [float(values.sum()) for values in way.contributions]
    assert totals == pytest.approx([rise] * len(totals), rel=0.05, abs=0.002)


@pytest.mark.parametrize("name", ["resnet", "vit", "swin", "convnext"])
def test_all_that_leaves_a_unit_is_its_contribution(name: str) -> None:
    _found, way, _rise = walked(name)
    everything = [
        range(len(by_region(values[None])[0] if values.ndim == 2 else values)) for values in way.contributions
    ]
    few = [list(numbers)[:6] for numbers in everything]
    for stage in range(len(everything) - 1):
        drawn = [list(numbers) if at == stage + 1 else few[at] for at, numbers in enumerate(everything)]
        if len(drawn[stage + 1]) > 64:
            continue
        matrix = flows(way, drawn).between[stage]
        moved = way.middles.slopes[stage] * way.moves[stage]
        own = by_unit(moved).sum(0) if stage else by_region(moved.sum((0, 1))[None])[0]
        assert matrix.sum(0) == pytest.approx(own[few[stage]], rel=1e-3, abs=1e-4)


def test_stages_are_blocks_evenly_chosen_and_units_lie_on_the_right_axis() -> None:
    from benchmarks.residual import resnet20

    found = sites(in_memory(resnet20(), 32))
    assert [site.layer for site in found] == ["bn1", *(f"layer{n}.{m}" for n in (1, 2, 3) for m in (0, 1, 2))]
    eight = [site.layer for site in chosen(found, 8)]
    assert (len(eight), eight[0], eight[-1]) == (8, "bn1", "layer3.2")
    assert [site.layer for site in chosen(found, 1)] == ["layer3.2"]
    assert [site.layer for site in sites(in_memory(Functional(), 8, 1))] == ["conv"]
    assert [unit_axis(shape) for shape in [(1, 5), (1, 5, 7), (1, 5, 4, 4), (1, 4, 4, 5)]] == [1, 2, 1, 3]
    swin = sites(by_name("swin"))
    assert [(site.layer, site.units) for site in swin[:3]] == [
        ("features.0", 16),
        ("features.2.norm", 64),
        ("features.2.reduction", 32),
    ]


def test_layers_are_named_in_any_order_and_refused_by_name() -> None:
    loaded = by_hand()
    assert [site.layer for site in named(loaded, ["2", "1"])] == ["1", "2"]
    with pytest.raises(InvalidInput, match="'nowhere' is no layer"):
        named(loaded, ["nowhere"])
    with pytest.raises(InvalidInput, match="no gradient"):
        sites(in_memory(Rounded(), 2, 1))


class Rounded(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 2)

    def forward(self, images: Tensor) -> Tensor:
        with torch.no_grad():
            logits: Tensor = self.head(images.flatten(1))
        return logits


def test_units_that_speak_for_the_class_are_ranked() -> None:
    assert ranking(followed(by_hand())) == [(0, 0)]
    against = followed(in_memory(dense([[1, 0, 0, 0], [0, 1, 0, 0]], [[-1, -2], [0, 0]]), 2, 1), target="first")
    assert ranking(against) == [(0, 1), (0, 0)]


def test_another_network_is_asked_for_the_layers_that_it_has() -> None:
    loaded = by_hand()
    asked = PathRequest(layers=("nowhere", "1"), lenient=True)
    assert [site.layer for site in stages_of(loaded, asked)] == ["1"]
    assert [site.layer for site in stages_of(loaded, replace(asked, layers=("nowhere",)))] == ["2"]
    assert PathRequest.of(asdict(asked)) == asked


def test_ablation_takes_the_strongest_and_as_many_random_units() -> None:
    loaded = by_hand()
    found = ablate(loaded, IMAGE, (0, "first"), sites(loaded), [(0, 0), (0, 2), (0, 1)])
    assert found.counts == (1, 2, 3)
    assert found.logit == 4
    assert found.drawn_logits == pytest.approx((-2, -2, 0))
    assert {row[0] for row in found.random_logits} <= {-2, 4, 6}
    assert {row[-1] for row in found.random_logits} == {0}  # all units are all units
    assert found.change(found.drawn_logits) == pytest.approx((6 + 6 + 4) / 3)
    assert Ablation.of(asdict(found)) == found
    assert counted(40) == [1, 2, 3, 4, 5, 7, 10, 15, 20, 29, 40]


@functools.cache
def trained() -> tuple[LoadedModel, Tensor]:
    """The digits network after a few epochs, and the pictures."""
    digits = load_digits()
    images = torch.from_numpy(digits.images[:, None] / 16).float()
    labels = torch.from_numpy(digits.target)
    torch.manual_seed(0)
    network = digits_cnn()
    optimiser = torch.optim.Adam(network.parameters(), 0.01)
    for _epoch in range(4):
        for batch in torch.randperm(len(images)).split(64):
            optimiser.zero_grad()
            F.cross_entropy(network(images[batch]), labels[batch]).backward()
            optimiser.step()
    return in_memory(network, 8, 1), images


def test_without_its_drawn_units_a_trained_network_changes_its_mind_sooner() -> None:
    loaded, images = trained()
    names = tuple(map(str, range(10)))
    beaten = tried = 0
    for row in range(0, 200, 10):
        path, _arrays = trace(loaded, images[row], names, PathRequest())
        assert [stage.layer for stage in path.stages] == ["", "block1", "block2", "block3"]
        stages = stages_of(loaded, PathRequest())
        found = ablate(loaded, images[row], (int(path.target), path.target), stages, ranking(path))
        own = found.change(found.drawn_logits)
        beaten += sum(own > found.change(random) for random in found.random_logits)
        tried += len(found.random_logits)
    assert beaten / tried > 0.95


def test_nobody_waits_any_more() -> None:
    def leave(_share: float) -> None:
        raise Cancelled("gone")

    with pytest.raises(Cancelled):
        trace(by_hand(), IMAGE, CLASSES, PathRequest(), leave)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"units": "0"}, "units '0' is not allowed; give 1 to 12"),
        ({"stages": "many"}, "stages 'many' is not allowed; give 1 to 16"),
        ({"steps": "9"}, "steps '9' is not known; allowed: 8, 16, 32, 64"),
        ({"layers": ",".join(map(str, range(17)))}, "names 17 layers"),
    ],
)
def test_what_is_not_allowed_is_refused(given: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        PathRequest.of(given)


def test_requests_read_addresses_and_equal_ones_are_equal() -> None:
    assert PathRequest.of({"units": "", "layers": ""}) == PathRequest()
    assert PathRequest.of({"layers": "b, a,b", "stages": "3"}) == PathRequest(layers=("b", "a"))
    assert PathRequest.of(asdict(PathRequest(target="x", steps=16))) == PathRequest(target="x", steps=16)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    services: Services = build_services(Settings(workspace=tmp_path / "workspace"))
    yield from build(services, tmp_path)
    services.samples.close()
    services.engine.close()
    services.database.dispose()


def test_a_worker_follows_a_sample_once(world: World) -> None:
    payload = {"dataset": "pictures", "row": 0, "model": "units", "version": 1, "units": 2}
    found = DecisionPath.of(deciding.decision_path(world.context, payload))
    stage = found.stages[1]
    assert (stage.layer, stage.shape, stage.count) == ("1", (4, 6, 6), 4)
    assert {unit.number for unit in stage.units} <= {RED, GREEN, 3}
    sample = world.context.samples.rows(View(world.dataset), [0])[0].sample
    names = tuple(world.version.classes)
    asked = path_key(world.version, names, sample.digest, PathRequest(units=2))
    assert cached_path(world.context.cache, asked) == found
    assert cached_path(world.context.cache, found.key) == found
    assert found.key == path_key(world.version, names, sample.digest, PathRequest(units=2, target=found.target))
    arrays = cached_arrays(world.context.cache, found.key)
    assert arrays is not None
    assert arrays["pixels"].shape == (6, 6)
    assert arrays["maps_1"].shape == (len(arrays["units_1"]), 6, 6)
    assert float(arrays["contributions_1"].sum()) == pytest.approx(stage.total, rel=1e-4)
    again = DecisionPath.of(deciding.decision_path(world.context, payload))
    assert again == found
    ablated = Ablation.of(deciding.ablate_path(world.context, payload))
    assert cached_ablation(world.context.cache, found.key) == ablated
    assert ablated.logit == pytest.approx(found.logit, rel=1e-4)
    next(iter(world.context.cache.root.glob(f"{PATH_CACHE}/*/{found.key}.npz"))).unlink()
    assert cached_path(world.context.cache, found.key) is None


def test_a_worker_refuses_a_class_that_is_none(world: World) -> None:
    payload = {"dataset": "pictures", "row": 0, "model": "units", "version": 1, "target": "blue"}
    with pytest.raises(InvalidInput, match="target 'blue' is not known; allowed: red, green"):
        deciding.decision_path(world.context, payload)


def test_strongest_units_are_by_magnitude() -> None:
    picked = strongest([torch.zeros(4, 4), torch.tensor([1.0, -3.0, 3.0, 0.0])], 2)
    assert picked == [[0, 1], [1, 2]]
    assert by_region(torch.ones(1, 9, 9)).shape == (1, 16)
    assert float(by_region(torch.ones(1, 9, 9)).sum()) == 81
    assert replace(PathRequest(), units=3).units == 3
