from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from data.cache import FileCache
from data.cross import cross
from data.database import Database
from data.datasets import DatasetStore
from data.errors import InvalidInput, JobCancelled, WorkspaceDamaged
from data.explanations import ExplanationRequest
from data.feedback import FeedbackLog
from data.models import ModelStore
from data.runs import RunStore
from data.samples import SampleTables, View
from data.sources import open_source
from data.types import Dataset, ModelVersion
from data.workspace import Workspace
from inference import index, models
from inference.catalogue import EXPLANATION_CACHE, cached_explanation, explanation_key
from inference.explanations import METHODS, Question
from inference.explanations.service import explain
from inference.neighbours import nearest
from inference.prediction import predict
from inference.preprocessing import to_array
from inference.projections import service

FACTORY = """
import torch
from torch import nn

def colours():
    network = nn.Sequential(nn.Conv2d(3, 3, 1, bias=False), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                            nn.Linear(3, 3, bias=False))
    with torch.no_grad():
        network[0].weight.copy_(torch.eye(3).view(3, 3, 1, 1))
        network[4].weight.copy_(torch.eye(3)[[2, 0, 1]] * 9)
    return network
"""
SAMPLES = 150


@dataclass(frozen=True)
class World:
    """Plain pictures in folders red, green and blue, three of them wrong, and a network that sees their colour."""

    workspace: Workspace
    datasets: DatasetStore
    runs: RunStore
    models: ModelStore
    dataset: Dataset
    version: ModelVersion
    pictures: Path

    def index(self, only: set[int] | None = None) -> None:
        for shard in index.shards_of(self.version, self.dataset):
            if only is None or shard.number in only:
                index.index_shard(self.datasets, self.runs, self.dataset, self.version, shard)


@pytest.fixture
def world(tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(index, "_LARGEST", 64)
    pictures = tmp_path / "pictures"
    for number in range(SAMPLES):
        label = ("red", "green", "blue")[number % 3]
        shown = 0 if number in (1, 4, 146) else number % 3
        pixels = np.full((6, 5, 3), 20 + number % 50, dtype=np.uint8)
        pixels[..., shown] = 200
        path = pictures / ("train" if number % 2 else "test") / label / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    (tmp_path / "nets.py").write_text(FACTORY)
    workspace = Workspace.create(tmp_path / "workspace")
    datasets, store = DatasetStore(workspace, database), ModelStore(database)
    dataset = datasets.add("pictures", open_source(f"imagefolder:{pictures}")).dataset
    version = models.register(
        workspace,
        store,
        "colours",
        f"factory:{tmp_path / 'nets.py'}:colours",
        "none",
        classes=["blue", "red", "green"],
        image_size=4,
        mean=(0, 0, 0),
        std=(1, 1, 1),
    )
    yield World(workspace, datasets, RunStore(workspace, database), store, dataset, version, pictures)
    models._loaded.clear()


def test_shards_depend_on_the_network_and_nothing_else(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [(shard.number, shard.start, shard.stop) for shard in index.shards_of(world.version, world.dataset)] == [
        (0, 0, 64),
        (1, 64, 128),
        (2, 128, 150),
    ]
    monkeypatch.setattr(index, "_LARGEST", 2048)
    assert index.plan(world.version) == 2048


def test_every_sample_is_predicted_by_name_whatever_the_order_of_the_logits(world: World) -> None:
    world.index()
    run = index.merge(world.datasets, world.runs, world.dataset, world.version, 1.5)
    assert (run.samples, run.classes, run.seconds) == (SAMPLES, ("blue", "red", "green"), 1.5)
    assert run.accuracy == pytest.approx(147 / 150)
    # Of the three wrong ones, 1 lies in train, 4 and 146 in test.
    assert run.split_accuracy == {"test": pytest.approx(73 / 75), "train": pytest.approx(74 / 75)}
    (part,) = world.workspace.run(run.id).glob("part-*.parquet")
    table = pq.read_table(part)
    wrong = [
        name
        for name, right in zip(table["sample_id"].to_pylist(), table["correct"].to_pylist(), strict=True)
        if not right
    ]
    assert sorted(name[-7:] for name in wrong) == ["001.png", "004.png", "146.png"]
    embeddings = np.concatenate(world.runs.embeddings(run.id))
    first = np.asarray(Image.open(world.pictures / table["sample_id"][0].as_py()))[0, 0] / 255
    assert np.allclose(embeddings[0], first, atol=1e-6)
    assert world.runs.find("pictures", "colours", 1) == run
    assert index.merge(world.datasets, world.runs, world.dataset, world.version, 9.0) == run


def test_a_run_that_was_interrupted_gives_the_same_bytes(world: World) -> None:
    world.index()
    run = index.merge(world.datasets, world.runs, world.dataset, world.version, 1.0)
    folder = world.workspace.run(run.id)
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    for path in folder.iterdir():
        path.unlink()
    world.index(only={1})
    assert world.runs.finished_shards(run.id) == {1}
    with pytest.raises(WorkspaceDamaged):
        index.merge(world.datasets, world.runs, world.dataset, world.version, 1.0)
    world.index(only={0, 2})
    index.merge(world.datasets, world.runs, world.dataset, world.version, 1.0)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_indexing_can_be_stopped_between_batches(world: World) -> None:
    def stop() -> None:
        raise JobCancelled("stopped")

    shard = index.shards_of(world.version, world.dataset)[0]
    with pytest.raises(JobCancelled):
        index.index_shard(world.datasets, world.runs, world.dataset, world.version, shard, stop)
    assert world.runs.finished_shards(index.run_id(world.version, world.dataset)) == set()


def test_a_file_that_vanished_since_is_named(world: World) -> None:
    (world.pictures / "test/red/000.png").unlink()
    with pytest.raises(WorkspaceDamaged, match=r"test/red/000\.png"):
        world.index()


def test_neighbours_are_ordered_by_angle(world: World) -> None:
    world.index()
    run = index.merge(world.datasets, world.runs, world.dataset, world.version, 1.0)
    vectors = np.concatenate(world.runs.embeddings(run.id)).astype(np.float64)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = 1 - unit @ unit[7]
    found = nearest(world.runs, run.id, 7, 10)
    assert len(found) == 10
    assert 7 not in [neighbour.row for neighbour in found]
    expected[7] = np.inf
    assert np.allclose([neighbour.distance for neighbour in found], np.sort(expected)[:10], atol=1e-6)
    assert len(nearest(world.runs, run.id, 7, 1000)) == SAMPLES - 1


def test_a_projection_is_computed_once(world: World) -> None:
    world.index()
    run = index.merge(world.datasets, world.runs, world.dataset, world.version, 1.0)
    steps: list[tuple[int, int]] = []
    first, cached = service.project(world.runs, run.id, "pca", {}, lambda done, total: steps.append((done, total)))
    assert (cached, first.samples, steps[-1]) == (False, SAMPLES, (3, 3))
    assert service.project(world.runs, run.id, "pca", {}) == (first, True)
    with pytest.raises(InvalidInput, match="allowed: umap, pca"):
        service.project(world.runs, run.id, "tsne", {})


def test_an_explanation_is_computed_once_and_found_by_its_content(world: World) -> None:
    cache = FileCache(world.workspace.cache, 10**6)
    classes = world.version.classes
    content = (world.pictures / "test/red/000.png").read_bytes()
    digest = "ab" * 32

    def ask(target: str | None) -> object:
        return explain(
            world.workspace, cache, world.version, classes, content, digest, ExplanationRequest("gradcam", target)
        )

    first = explain(
        world.workspace, cache, world.version, classes, content, digest, ExplanationRequest("gradcam", None)
    )
    assert (first.target, first.prediction, first.layer, first.shape) == ("red", "red", "0", (4, 4))
    assert first.confidence == first.target_probability > 0.9
    assert first.trust == {}
    assert not first.cached
    for target in (None, "red"):
        key = explanation_key(world.version, classes, digest, ExplanationRequest("gradcam", target))
        found = cached_explanation(cache, key)
        assert found == ask(target)
        assert found is not None
        assert (found.key, found.cached, found.seconds) == (first.key, True, first.seconds)
    other = explain(
        world.workspace, cache, world.version, classes, content, digest, ExplanationRequest("gradcam", "blue")
    )
    assert (other.target, other.prediction, other.cached) == ("blue", "red", False)
    path = cache.get(EXPLANATION_CACHE, first.key, ".npy")
    assert path is not None
    loaded = models.load(world.workspace, world.version)
    image = to_array(Image.open(world.pictures / "test/red/000.png"), world.version.preprocessing)
    stored = np.load(path, allow_pickle=False)
    assert np.array_equal(stored, METHODS["gradcam"](loaded, Question(image[None], [1])).values[0])
    assert predict(loaded, image[None]).probabilities[0, 1] == np.float32(first.confidence)


def test_a_map_that_was_evicted_is_computed_again(world: World) -> None:
    cache = FileCache(world.workspace.cache, 10**6)
    content = (world.pictures / "test/red/000.png").read_bytes()
    arguments = (
        world.workspace,
        cache,
        world.version,
        world.version.classes,
        content,
        "cd" * 32,
        ExplanationRequest("gradcam", "red"),
    )
    first = explain(*arguments)
    cache.path(EXPLANATION_CACHE, first.key, ".npy").unlink()
    assert not explain(*arguments).cached
    cache.path(EXPLANATION_CACHE, first.key, ".json").write_text('{"key": "cut off')
    assert not explain(*arguments).cached
    assert explain(*arguments).cached


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (ExplanationRequest("gradcam", "pink"), "target 'pink' is not known"),
        (ExplanationRequest("gradcam", contrast="pink"), "contrast 'pink' is not known"),
        (ExplanationRequest("gradcam", "red", "red"), "is the explained class itself"),
        (ExplanationRequest("eigencam", "red", "blue"), "the same map for 'red' and 'blue'"),
        (ExplanationRequest("gradcam", layers=("body",)), "'body' is no layer of the network"),
        (ExplanationRequest("magic"), "allowed: gradcam"),
    ],
)
def test_what_cannot_be_explained_is_refused(world: World, request_: ExplanationRequest, text: str) -> None:
    cache = FileCache(world.workspace.cache, 10**6)
    content = (world.pictures / "test/red/000.png").read_bytes()
    with pytest.raises(InvalidInput, match=text):
        explain(world.workspace, cache, world.version, world.version.classes, content, "ab" * 32, request_)


def test_a_contrast_is_the_difference_of_two_maps(world: World) -> None:
    cache = FileCache(world.workspace.cache, 10**6)
    content = (world.pictures / "test/red/000.png").read_bytes()

    def values(target: str, contrast: str | None) -> np.ndarray:
        request = ExplanationRequest("gradcam", target, contrast)
        found = explain(world.workspace, cache, world.version, world.version.classes, content, "ab" * 32, request)
        path = cache.get(EXPLANATION_CACHE, found.key, ".npy")
        assert path is not None
        loaded: np.ndarray = np.load(path, allow_pickle=False)
        return loaded

    assert np.array_equal(values("red", "blue"), values("red", None) - values("blue", None))
    assert values("red", "blue").any()


def test_a_network_that_knows_other_things_is_indexed_and_never_right_or_wrong(world: World) -> None:
    arch = world.version.arch
    names = ["cat", "dog", "cow"]
    other = models.register(world.workspace, world.models, "pets", arch, "none", classes=names, image_size=4)
    for shard in index.shards_of(other, world.dataset):
        index.index_shard(world.datasets, world.runs, world.dataset, other, shard)
    run = index.merge(world.datasets, world.runs, world.dataset, other, 1.0)
    assert (run.classes, run.accuracy, run.split_accuracy) == (tuple(names), None, {})
    (part,) = world.workspace.run(run.id).glob("part-*.parquet")
    table = pq.read_table(part, columns=["correct", "loss"])
    assert table["correct"].null_count == table["loss"].null_count == SAMPLES
    # Against a version that can be right there is nothing to count, and no accuracy of 0 either.
    world.index()
    right = index.merge(world.datasets, world.runs, world.dataset, world.version, 1.0)
    tables = SampleTables(world.workspace, FeedbackLog(world.datasets.database))
    assert cross(tables, View(world.dataset, right, other=run)).total.samples == 0
    assert cross(tables, View(world.dataset, right, other=right)).total.samples == SAMPLES
    tables.close()


def test_a_plain_folder_of_images_is_indexed_without_labels(world: World) -> None:
    plain = world.datasets.add("plain", open_source(f"imagefolder:{world.pictures / 'test' / 'red'}")).dataset
    assert (plain.classes, plain.samples) == ((), 25)
    for shard in index.shards_of(world.version, plain):
        index.index_shard(world.datasets, world.runs, plain, world.version, shard)
    run = index.merge(world.datasets, world.runs, plain, world.version, 1.0)
    assert (run.accuracy, run.classes) == (None, world.version.classes)


def test_batches_shrink_where_a_network_needs_much_memory(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "memory_bytes", lambda _device: 16 * 2**30)
    loaded = models.load(world.workspace, world.version)
    sizes = [index.batch_size(replace(loaded, activation_bytes=needed << 20)) for needed in (1, 16, 100, 4096)]
    assert sizes == [64, 64, 8, 1]
    slow = replace(loaded, version=replace(world.version, notes={"flops": 3.6e9}), activation_bytes=1)
    assert index.batch_size(slow) == 8
    assert index.batch_size(replace(slow, device=torch.device("cuda"))) == 512


def test_a_shard_that_is_damaged_is_named(world: World) -> None:
    world.index()
    path = world.workspace.run(index.run_id(world.version, world.dataset)) / "shards" / "000001.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(WorkspaceDamaged, match=r"000001\.parquet"):
        index.merge(world.datasets, world.runs, world.dataset, world.version, 1.0)


def test_a_lower_precision_is_a_run_of_its_own_that_states_its_drift(world: World) -> None:
    world.index()
    exact = index.merge(world.datasets, world.runs, world.dataset, world.version, 1.0)
    for shard in index.shards_of(world.version, world.dataset):
        index.index_shard(world.datasets, world.runs, world.dataset, world.version, shard, precision="bf16")
    lower = index.merge(world.datasets, world.runs, world.dataset, world.version, 1.0, "bf16")
    assert lower.id != exact.id
    assert (exact.precision, exact.drift) == ("fp32", None)
    assert lower.drift is not None
    first = np.stack([world.runs.probabilities(lower.id, row) for row in range(world.dataset.samples)])
    second = np.stack([world.runs.probabilities(exact.id, row) for row in range(world.dataset.samples)])
    assert lower.drift["samples"] == world.dataset.samples
    assert lower.drift["probability"] == pytest.approx(np.abs(first - second).max())
    assert lower.drift["changed"] == (first.argmax(1) != second.argmax(1)).sum()
    name, number = world.version.model, world.version.version
    assert world.runs.find(world.dataset.name, name, number) == exact
    assert world.runs.find(world.dataset.name, name, number, "bf16") == lower
    with pytest.raises(InvalidInput, match="--precision 'int8' is not known; allowed: fp32, bf16"):
        index.run_id(world.version, world.dataset, "int8")


def test_the_same_samples_under_two_names_have_runs_of_their_own(world: World) -> None:
    twin = world.datasets.add("twin", open_source(world.dataset.source)).dataset
    assert twin.digest == world.dataset.digest
    assert index.run_id(world.version, twin) != index.run_id(world.version, world.dataset)
