"""A whole run explained: in shards, after interruptions, read together, checked and removed."""

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.check import check_workspace
from data.database import Database
from data.errors import InvalidInput, JobCancelled, NotFound, WorkspaceDamaged
from data.explained import FIGURES, Explained, ExplainedStore
from data.removal import remove_dataset
from data.sources.protocol import Item, MetadataValue
from data.thumbnails import Thumbnails
from data.types import ModelVersion, Run
from data.workspace import Workspace
from inference import explaining, index, models
from inference.explained import explained_key
from inference.tasks import Place, WorkerContext, open_context
from inference.worker import explaining as tasks
from inference.worker import reasoning

COUNT, SIDE = 40, 12
LABELS = ("green", "red")
FACTORY = """
import torch
from torch import nn

def colours(scale):
    network = nn.Sequential(nn.Conv2d(3, 3, 1, bias=False), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                            nn.Linear(3, 2, bias=False))
    with torch.no_grad():
        network[0].weight.copy_(torch.eye(3).view(3, 3, 1, 1))
        network[4].weight.copy_(torch.eye(3)[[1, 0]] * scale)
    return network

def first():
    return colours(9.0)

def second():
    return colours(5.0)
"""


@dataclass(frozen=True)
class Squares:
    """A coloured square on black: reds in the lower right corner, greens in the middle, each with its mask."""

    name: str = "squares"
    classes: tuple[str, ...] = LABELS
    splits: Mapping[str, int] = field(default_factory=dict)
    has_masks: bool = True
    metadata: Mapping[str, type[MetadataValue]] = field(default_factory=dict)
    total: int = COUNT

    def items(self) -> Iterator[Item]:
        for number in range(COUNT):
            label = LABELS[number % 2]
            place = slice(9, 12) if label == "red" else slice(5, 8)
            mask = np.zeros((SIDE, SIDE), np.uint8)
            mask[place, place] = 255
            picture = np.zeros((SIDE, SIDE, 3), np.uint8)
            picture[place, place, 1 - LABELS.index(label)] = 150 + number
            yield Item(f"{number:02d}.png", label, None, content=_png(picture), mask=_png(mask))


def _png(pixels: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


@dataclass(frozen=True)
class World:
    context: WorkerContext
    version: ModelVersion
    run: Run

    @property
    def store(self) -> ExplainedStore:
        return ExplainedStore(self.context.workspace)

    def explain(self, only: set[int] | None = None, rows: list[int] | None = None) -> None:
        for shard in explaining.shards_of(self.version, self.run, "gradcam", rows):
            if only is None or shard.number in only:
                explaining.explain_shard(
                    self.context.datasets, self.context.runs, self.run, self.version, "gradcam", rows, shard
                )

    def merge(self, rows: list[int] | None = None) -> Explained:
        return explaining.merge(self.context.datasets, self.run, self.version, "gradcam", rows)

    def study(self, **selection: str) -> dict[str, object]:
        payload = {"dataset": "squares", "model": "net@1", "method": "gradcam", "selection": selection}
        return reasoning.study_reasons(self.context, payload)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(index, "_LARGEST", 64)
    workspace = Workspace.create(tmp_path / "workspace")
    url = f"sqlite:///{workspace.database}"
    Database(url).upgrade()
    context = open_context(Place(str(workspace.root), url, 2**24))
    dataset = context.datasets.add("squares", Squares()).dataset
    (tmp_path / "nets.py").write_text(FACTORY)
    runs = []
    for name in ("first", "second"):
        arch = f"factory:{tmp_path / 'nets.py'}:{name}"
        version = models.register(
            workspace,
            context.models,
            "net",
            arch,
            "none",
            classes=LABELS,
            image_size=SIDE,
            mean=(0, 0, 0),
            std=(1, 1, 1),
        )
        for shard in index.shards_of(version, dataset):
            index.index_shard(context.datasets, context.runs, dataset, version, shard)
        runs.append((version, index.merge(context.datasets, context.runs, dataset, version, 1.0)))
    yield World(context, *runs[0])
    context.close()
    models._loaded.clear()


def figure(figures: np.ndarray, name: str) -> np.ndarray:
    return figures[:, FIGURES.index(name)]


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_every_sample_is_explained_for_its_prediction(world: World) -> None:
    world.explain()
    found = world.merge()
    assert (found.samples, found.side, found.rows) == (COUNT, SIDE, None)
    (grids,), (figures,) = world.store.grids(found), world.store.figures_parts(found)
    assert grids.shape == (COUNT, SIDE, SIDE)
    assert grids.dtype == np.float16
    assert grids.sum((1, 2), dtype=np.float64) == pytest.approx(1, abs=1e-2)
    assert figure(figures, "inside") == pytest.approx(1)
    assert figure(figures, "covered") == pytest.approx(9 / 144)
    assert figure(figures, "region").tolist() == [12, 24] * (COUNT // 2)


def test_shards_follow_from_network_and_method_alone(world: World) -> None:
    shards = explaining.shards_of(world.version, world.run, "gradcam")
    assert [(shard.start, shard.stop) for shard in shards] == [(0, 16), (16, 32), (32, 40)]
    dear = explaining.shards_of(world.version, world.run, "occlusion")
    assert {shard.stop - shard.start for shard in dear} == {1}


def test_an_interrupted_explanation_goes_on_and_gives_the_same_bytes(world: World) -> None:
    world.explain()
    found = world.merge()
    folder = world.store.folder(world.run.id, found.key)
    expected = files_of(folder)
    assert sorted(expected) == ["explained.json", "figures-00000.npy", "grids-00000.npy"]

    for path in folder.iterdir():
        path.unlink()
    world.explain(only={1})

    def stop() -> None:
        raise JobCancelled("enough")

    with pytest.raises(JobCancelled):
        shard = explaining.shards_of(world.version, world.run, "gradcam")[2]
        explaining.explain_shard(
            world.context.datasets, world.context.runs, world.run, world.version, "gradcam", None, shard, stop
        )
    assert world.store.finished_shards(world.run.id, found.key) == {1}
    with pytest.raises(WorkspaceDamaged):
        world.merge()
    assert world.store.find(world.run.id, found.key) is None
    world.explain(only={0, 2})
    world.merge()
    assert files_of(folder) == expected
    assert world.merge() == found  # once more changes nothing
    assert files_of(folder) == expected


def test_parts_hold_whole_shards(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.explained.PART_ROWS", 32)
    world.explain()
    found = world.merge()
    assert [len(part) for part in world.store.grids(found)] == [32, 8]
    assert figure(np.concatenate(world.store.figures_parts(found)), "region").tolist() == [12, 24] * (COUNT // 2)


def test_some_rows_can_be_explained_alone(world: World) -> None:
    rows = [3, 4, 39]
    world.explain(rows=rows)
    found = world.merge(rows)
    assert found.rows == (3, 4, 39)
    assert world.store.find(world.run.id, explained_key(world.run, "gradcam", rows)) == found
    assert figure(world.store.figures_parts(found)[0], "region").tolist() == [24, 12, 24]


@pytest.mark.parametrize("rows", [[], [5, 4], [4, 4], [-1], [40], list(range(5000))], ids=len)
def test_odd_rows_are_refused(world: World, rows: list[int]) -> None:
    with pytest.raises(InvalidInput, match="rows"):
        explaining.shards_of(world.version, world.run, "gradcam", rows)


def test_a_plan_is_refused_before_anything_is_computed(world: World) -> None:
    asked = {"dataset": "squares", "model": "net@1", "method": "gradcam"}
    plan = tasks.plan(world.context, asked)
    assert plan["shards"] == [[0, 16], [16, 32], [32, 40]]
    with pytest.raises(InvalidInput, match="tea leaves"):
        tasks.plan(world.context, {**asked, "method": "tea leaves"})


def test_a_small_group_is_studied_at_once_and_a_large_one_is_not(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    found = world.study(prediction="red")
    assert (found["selected"], found["rest"]) == (COUNT // 2, 0)
    assert found["regions"][24] == COUNT // 2  # type: ignore[index]
    assert json.loads(json.dumps(found)) == found
    monkeypatch.setattr(reasoning, "AT_ONCE", 5)
    with pytest.raises(NotFound, match="20 samples"):
        world.study(prediction="green")
    with pytest.raises(InvalidInput, match="No sample"):
        world.study(text="nothing like that")


def test_a_group_is_held_against_the_others_when_all_are_explained(world: World) -> None:
    world.explain()
    world.merge()
    found = world.study(prediction="red")
    assert (found["selected"], found["rest"]) == (COUNT // 2, COUNT // 2)
    assert (found["regions"][24], found["rest_regions"][12]) == (COUNT // 2, COUNT // 2)  # type: ignore[index]
    assert found == world.study(prediction="red")


def test_versions_that_look_alike_are_not_apart(world: World) -> None:
    asked = {"dataset": "squares", "model": "net@1", "other": "net@2", "method": "gradcam", "selection": {}, "page": 1}
    with pytest.raises(NotFound, match="net@1 is not explained"):
        reasoning.rank_differences(world.context, asked)
    for name in ("net@1", "net@2"):
        version, run = tasks.subject(world.context, "squares", name)
        each = World(world.context, version, run)
        each.explain()
        each.merge()
    found = reasoning.rank_differences(world.context, asked)
    assert (found["agreed"], found["compared"]) == (COUNT, COUNT)
    assert found["median"] == pytest.approx(0, abs=1e-4)
    assert set(found["classes"]) == set(LABELS)
    assert len(found["ranked"]) == 12
    last = reasoning.rank_differences(world.context, {**asked, "page": 4})
    assert len(last["ranked"]) == COUNT - 36


def problems(world: World) -> list[str]:
    context = world.context
    found = check_workspace(
        context.workspace, context.database, context.datasets, context.models, context.runs, context.jobs
    )
    return [finding.problem for finding in found]


def test_the_check_names_what_is_not_whole(world: World) -> None:
    world.explain(only={0})
    assert problems(world) == ["is an explanation of a run that did not end"]
    job = world.context.jobs.submit("explain", {"dataset": "squares"}, "ada")
    assert problems(world) == []  # it may be about to end
    world.context.jobs.cancel(job.id)
    world.explain()
    found = world.merge()
    assert problems(world) == []
    (world.store.folder(world.run.id, found.key) / "grids-00000.npy").write_bytes(b"no grids")
    assert problems(world) == ["is not whole"]


def test_explanations_go_with_their_dataset(world: World) -> None:
    world.explain()
    found = world.merge()
    context = world.context
    remove_dataset(context.datasets, Thumbnails(context.workspace, context.cache, context.datasets), "squares")
    assert not world.store.folder(world.run.id, found.key).exists()
