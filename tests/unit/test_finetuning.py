"""Fine-tuning: what is learnt from and measured on, and the same bytes whatever is killed."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from data.database import Database
from data.datasets import DatasetStore
from data.errors import InvalidInput, JobCancelled
from data.feedback import FeedbackLog
from data.finetuning import FinetuneSettings, finetune_folder, read_progress, teaching
from data.lessons import Lesson
from data.masks import Mask, Region, Role
from data.models import ModelStore
from data.sources import open_source, shapes
from data.types import FeedbackKind, ModelVersion, Preprocessing, Verdict
from data.workspace import Workspace
from inference.finetuning import loop, service
from inference.finetuning.material import read_material
from inference.finetuning.parts import learning
from inference.models import load, read_network, register
from inference.preprocessing import to_input_mask
from tests.unit.explained_networks import by_name

_QUICK = FinetuneSettings(epochs=2, batch=16, replay=60)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class World:
    """Some of the shapes, a network with batch norm, and what people say about them."""

    def __init__(self, root: Path, database: Database) -> None:
        self.workspace = Workspace.create(root)
        self.datasets = DatasetStore(self.workspace, database)
        self.models = ModelStore(database)
        self.log = FeedbackLog(database)
        self.datasets.add("shapes", open_source("shapes"))
        self.dataset = self.datasets.get("shapes")
        self.version = self.add("net")

    def add(self, name: str) -> ModelVersion:
        return register(
            self.workspace,
            self.models,
            name,
            "factory:inference.networks:shapes_cnn",
            "none",
            classes=self.dataset.classes,
            image_size=64,
        )

    def say(self, row: int, label: str | None = None, *regions: Region, person: str = "ada") -> None:
        sample = f"train/{row:04d}.png"
        if label is not None:
            self.log.add(FeedbackKind.RELABEL, person, "shapes", sample, row, label=label)
        if regions:
            verdict = Verdict.WRONG_REASON
            self.log.add(FeedbackKind.VERDICT, person, "shapes", sample, row, choice=verdict, regions=regions)

    def tune(self, settings: FinetuneSettings = _QUICK, **given: object) -> service.Finetuned:
        return service.finetune(
            self.datasets,
            self.models,
            self.log,
            self.dataset,
            self.version,
            settings,
            **given,  # type: ignore[arg-type]
        )

    def weights(self, version: ModelVersion) -> bytes:
        return (self.workspace.model(version.model, version.version) / "weights.safetensors").read_bytes()


@pytest.fixture
def world(tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(shapes, "_SPLITS", {"train": 80, "test": 20})
    return World(tmp_path / "workspace", database)


def region(role: Role = Role.MUST_NOT_LOOK, side: int = 64) -> Region:
    pixels = np.zeros((side, side), bool)
    pixels[-10:, -10:] = True
    return Region(role, Mask.of(pixels))


@pytest.mark.parametrize(
    ("depth", "expected"),
    [("head", ["head"]), ("block", ["block3", "head"]), ("all", ["stem", "block1", "block2", "block3", "head"])],
)
def test_the_part_that_learns_is_the_part_that_was_asked_for(world: World, depth: str, expected: list[str]) -> None:
    network = read_network(world.workspace, world.version)
    found = learning(network, world.version, depth)
    assert list(dict.fromkeys(name.partition(".")[0] for name in found)) == expected
    assert {name for name, parameter in network.named_parameters() if parameter.requires_grad} == set(found)


def test_a_body_in_one_piece_has_a_last_block_too() -> None:
    class Pieces(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4))
            self.classifier = nn.Linear(4, 2)

    version = replace(by_name("resnet").version, explain_layer="features", embedding_layer="classifier")
    found = learning(Pieces(), version, "block")
    assert list(found) == [
        "features.2.weight", "features.2.bias", "features.3.weight", "features.3.bias",
        "classifier.weight", "classifier.bias",
    ]  # fmt: skip


def test_a_region_goes_where_the_pixels_go() -> None:
    pixels = np.zeros((40, 80), bool)
    pixels[:20, 20:40] = True  # the upper left quarter of the centre square
    prepared = Preprocessing(image_size=20, resize=20, mean=(0.5,) * 3, std=(0.5,) * 3)
    found = to_input_mask(pixels, prepared)
    assert found[:9, :9].all()
    assert not found[12:].any()
    assert not found[:, 12:].any()
    tiny = np.zeros((2000, 2000), bool)
    tiny[1000, 1000] = True
    assert to_input_mask(tiny, prepared).any()


def lesson(row: int, label: str | None = None, *, flagged: bool = False, contradicted: bool = False) -> Lesson:
    return Lesson(row, f"{row}", label, flagged, None, None, None, (row,), contradicted)


def test_what_feedback_amounts_to() -> None:
    marked = replace(lesson(4, contradicted=True, label="a"), must_not_look=region().mask)
    found = teaching(
        [
            lesson(0, "a"),
            lesson(1, "z"),
            lesson(2, flagged=True),
            lesson(3, "b", contradicted=True),
            marked,
            lesson(5),
        ],
        ["a", "b"],
    )
    assert [taught.row for taught in found.lessons] == [0, 4]
    assert (found.left_out, found.touched, found.events) == ((1, 2, 3), (0, 1, 2, 3, 4, 5), (0, 4))
    assert (found.labelled, found.must_not_look, found.contradicted, found.flagged) == (1, 1, 2, 1)
    assert (found.unknown, found.classes) == ({"z": 1}, {"a": 1})


def test_held_out_samples_were_never_touched_and_are_the_same_for_every_seed(world: World) -> None:
    for row in range(0, 40, 2):
        world.say(row, "star")
    world.log.add(FeedbackKind.FLAG, "ada", "shapes", "train/0001.png", 1)
    taught = service.taught_by(world.log, world.dataset, world.version)
    prepared, classes = world.version.preprocessing, world.dataset.classes
    found = [
        read_material(world.datasets, world.dataset, prepared, classes, taught, replace(_QUICK, seed=seed))
        for seed in (0, 1)
    ]
    assert len(found[0].taught) == 20
    assert set(found[0].taught.targets) == {classes.index("star")}
    assert len(found[0].held_out) == 8  # of 59 without feedback
    assert np.array_equal(found[0].held_out.pixels, found[1].held_out.pixels)
    pictures = [
        {picture.tobytes() for picture in part.pixels}
        for part in (found[0].taught, found[0].unchanged, found[0].held_out)
    ]
    assert not pictures[0] & pictures[1]
    assert not (pictures[0] | pictures[1]) & pictures[2]
    assert sum(map(len, pictures)) == 79  # all but the flagged one
    assert len(found[0].tests["test"]) == 20


def test_the_same_feedback_gives_the_same_version_and_a_killed_training_the_same_bytes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for row in range(6):
        world.say(row, world.dataset.classes[row % 5], region())
    made = world.tune()
    assert (made.cached, made.version.reference, made.version.parent) == (False, "net@2", 1)
    assert world.tune() == service.Finetuned(made.version, cached=True)

    monkeypatch.setattr(loop, "_SAVE_EVERY", 0.0)
    for kill in (0, 1, 9, 17, 30):
        world.version = world.add(f"net-{kill}")
        asked = 0

        def check(limit: int = kill) -> None:
            nonlocal asked
            asked += 1
            if asked > limit:
                raise JobCancelled("stopped")

        while True:
            asked = 0
            try:
                again = world.tune(check=check)
                break
            except JobCancelled:
                check.__defaults__ = (check.__defaults__[0] * 2 + 20,)  # type: ignore[index]
        assert world.weights(again.version) == world.weights(made.version)
        assert again.version.notes["finetune"]["curve"] == made.version.notes["finetune"]["curve"]
        assert not finetune_folder(world.workspace, again.version.notes["finetune"]["key"]).exists()


def test_a_checkpoint_says_how_far_the_training_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "_SAVE_EVERY", 0.0)
    world.say(0, "star", region())
    steps: list[int] = []

    def progress(done: int, total: int) -> None:
        steps.append(done)
        if done == total - 1:
            raise JobCancelled("stopped")

    with pytest.raises(JobCancelled):
        world.tune(progress=progress)
    (folder,) = (world.workspace.root / "finetunes").iterdir()
    found = read_progress(world.workspace, folder.name)
    assert found is not None
    assert (found["step"], found["steps"]) == (steps[-1], steps[-1] + 1)
    assert [epoch["epoch"] for epoch in found["curve"]] == [1]
    went_on: list[int] = []
    world.tune(progress=lambda done, total: went_on.append(done))
    assert went_on == [steps[-1] + 1]


def test_batch_norm_keeps_its_statistics_and_the_shared_network_is_left_alone(world: World) -> None:
    for row in range(10):
        world.say(row, "star")
    used = load(world.workspace, world.version)
    folded = load(world.workspace, world.version, fast=True)
    before = {name: value.clone() for name, value in used.module.state_dict().items()}
    after = load(world.workspace, world.tune().version).module.state_dict()
    assert list(after) == list(before)  # nothing of it is folded
    assert not any("running" in name for name, _ in folded.module.named_buffers())
    for name, value in used.module.state_dict().items():
        assert torch.equal(value, before[name])
        if "running" in name or "num_batches" in name:
            assert torch.equal(value, after[name])
    assert any(not torch.equal(before[name], after[name]) for name in before)


def test_nothing_to_learn_from_is_said_with_the_reason(world: World) -> None:
    with pytest.raises(InvalidInput, match="there is none; give samples a class"):
        world.tune()
    world.say(0, "circle")
    world.say(0, "square", person="bob")
    world.log.add(FeedbackKind.FLAG, "ada", "shapes", "train/0001.png", 1)
    world.say(2, "pentagon")
    with pytest.raises(InvalidInput, match="1 flagged, 1 given different classes, 1 given a class that it does not"):
        world.tune()


def test_contradicting_classes_leave_the_regions_and_one_class_alone_is_learnt(world: World) -> None:
    world.say(3, "circle", region())
    world.say(3, "square", person="bob")
    made = world.tune(replace(_QUICK, epochs=1))
    facts = made.version.notes["finetune"]
    assert facts["samples"] | {"held_out": 0, "unchanged": 0} == {
        "taught": 1, "labelled": 0, "must_not_look": 1, "should_look": 0, "contradicted": 1, "flagged": 0,
        "unknown": 0, "unchanged": 0, "held_out": 0,
    }  # fmt: skip
    assert facts["metrics"]["after"]["taught_accuracy"] is None
    assert facts["parameters"]["learning_rate"] == _QUICK.rate(reasons=True)
    for row in range(4, 10):
        world.say(row, "star")
    only = world.tune(replace(_QUICK, replay=0, class_weights=True))
    assert only.version.notes["finetune"]["samples"]["unchanged"] == 0


def test_only_one_persons_words_and_only_those_until_an_event_count(world: World) -> None:
    world.say(0, "star")
    world.say(1, "star", person="bob")
    last = world.log.newest("shapes")
    world.say(2, "star")
    assert service.taught_by(world.log, world.dataset, world.version, until=last).touched == (0, 1)
    assert service.taught_by(world.log, world.dataset, world.version, person="bob").touched == (1,)
    world.log.undo(last, "bob")
    assert service.taught_by(world.log, world.dataset, world.version).touched == (0, 2)
    assert service.taught_by(world.log, world.dataset, world.version, until=last).touched == (0, 1)


def test_training_that_diverges_says_so(world: World) -> None:
    world.say(0, "star", region())
    version = world.version
    network = read_network(world.workspace, version)
    with torch.no_grad():
        dict(network.named_parameters())["head.weight"].fill_(float("nan"))
    taught = service.taught_by(world.log, world.dataset, version)
    material = read_material(
        world.datasets, world.dataset, version.preprocessing, world.dataset.classes, taught, _QUICK
    )
    from inference.finetuning.checkpoint import Checkpoints

    with pytest.raises(InvalidInput, match="diverges at learning-rate 0.001"):
        loop.tune(network, version, material, _QUICK, Checkpoints(world.workspace.root / "finetunes" / "x"))


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"depth": "half"}, "depth 'half' is not known; allowed: all, block, head"),
        ({"epochs": 0}, "epochs 0 is not allowed; give a whole number, 1 to 500"),
        ({"epochs": 1.5}, "epochs 1.5 is not allowed"),
        ({"learning_rate": float("nan")}, "learning-rate nan is not allowed; give a number, 1e-07 to 1"),
        ({"seed": True}, "seed True is not allowed"),
        ({"class_weights": "yes"}, "class-weights 'yes' is not allowed"),
    ],
)
def test_settings_that_are_not_allowed(given: dict[str, object], reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        FinetuneSettings.of(given)


@pytest.mark.parametrize("given", [{}, {"depth": "head"}, {"depth": "block", "epochs": 3, "must_not_look": 0}])
def test_settings_survive_being_written_down(given: dict[str, object]) -> None:
    settings = FinetuneSettings.of(given)
    assert FinetuneSettings.of(settings.changed()) == settings
    assert ("learning_rate" in settings.changed()) is False
    assert settings.rate(reasons=False) <= settings.rate(reasons=True)
    assert replace(settings, learning_rate=0.5).rate(reasons=True) == 0.5
