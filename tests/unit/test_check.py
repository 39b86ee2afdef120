"""`check`: each kind of damage is done to a small workspace and found, and the remedy that is named mends it."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.check import Finding, check_workspace
from data.database import Database
from data.datasets import DatasetStore
from data.jobs import JobStore
from data.models import ModelStore
from data.runs import RunStore, projection_file
from data.sources import open_source
from data.types import Dataset, ModelVersion, Run
from data.workspace import Workspace
from inference import index, models
from inference.projections import service

FACTORY = """
from torch import nn

def net():
    return nn.Sequential(nn.Conv2d(3, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2))
"""


@dataclass(frozen=True)
class World:
    """Six pictures, a version, its run and a projection."""

    workspace: Workspace
    database: Database
    datasets: DatasetStore
    models: ModelStore
    runs: RunStore
    jobs: JobStore
    pictures: Path
    dataset: Dataset
    version: ModelVersion

    def check(self, read_images: bool = True) -> list[Finding]:
        return check_workspace(
            self.workspace, self.database, self.datasets, self.models, self.runs, self.jobs, read_images
        )

    def register(self) -> ModelVersion:
        arch = f"factory:{self.pictures.parent / 'net.py'}:net"
        return models.register(self.workspace, self.models, "net", arch, "none", classes=["blue", "red"], image_size=4)

    def index(self) -> Run:
        for shard in index.shards_of(self.version, self.dataset):
            index.index_shard(self.datasets, self.runs, self.dataset, self.version, shard)
        return index.merge(self.datasets, self.runs, self.dataset, self.version, 1.0)

    @property
    def run(self) -> Run:
        (run,) = self.runs.list()
        return run

    def found(self, where: Path, problem: str, read_images: bool = True) -> Finding:
        """The one finding, after looking that it is the expected one."""
        (finding,) = self.check(read_images)
        assert (finding.where, problem in finding.problem) == (str(where), True), finding
        return finding


@pytest.fixture
def world(tmp_path: Path, database: Database) -> Iterator[World]:
    pictures = tmp_path / "pictures"
    for number in range(6):
        path = pictures / ("red" if number % 2 else "blue") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (5, 5), (40 * number, 10, 90)).save(path)
    (tmp_path / "net.py").write_text(FACTORY)
    workspace = Workspace.create(tmp_path / "workspace")
    datasets = DatasetStore(workspace, database)
    dataset = datasets.add("pictures", open_source(f"imagefolder:{pictures}")).dataset
    made = World(
        workspace,
        database,
        datasets,
        ModelStore(database),
        RunStore(workspace, database),
        JobStore(database),
        pictures,
        dataset,
        None,  # type: ignore[arg-type]  # registered in the next line, which needs the rest
    )
    made = replace(made, version=made.register())
    service.project(made.runs, made.index().id, "pca", {})
    yield made
    models._loaded.clear()


def test_a_whole_workspace_has_no_finding(world: World) -> None:
    assert world.check() == []
    assert world.check(read_images=False) == []


def test_an_image_that_is_gone_or_changed(world: World) -> None:
    path = world.pictures / "red" / "3.png"
    kept = path.read_bytes()
    path.write_bytes(kept + b"x")
    assert world.check(read_images=False) == []
    assert world.found(path, "changed").remedy == f"Restore it from imagefolder:{world.pictures}"
    path.unlink()
    world.found(path, "missing", read_images=False)
    path.write_bytes(kept)
    assert world.check() == []


def test_many_bad_images_are_summed_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.check._MAX_FILES", 2)
    shutil.rmtree(world.pictures)
    findings = world.check()
    assert len(findings) == 3
    assert findings[-1].problem == "6 images are missing or changed; the first 2 are named"


@pytest.mark.parametrize("damage", ["changed", "cut", "gone"])
def test_the_table_of_a_dataset(world: World, damage: str) -> None:
    table = world.workspace.dataset("pictures") / "samples.parquet"
    if damage == "changed":
        Image.new("RGB", (5, 5)).save(world.pictures / "blue" / "9.png")
        world.datasets.add("more", open_source(f"imagefolder:{world.pictures}"))
        shutil.copyfile(world.workspace.dataset("more") / "samples.parquet", table)
        world.found(table, "not the table that was added")
    else:
        table.write_bytes(table.read_bytes()[:-9]) if damage == "cut" else table.unlink()
        world.found(table, "cannot be read")


@pytest.mark.parametrize("name", ["weights.safetensors", "factory.py", "model.json"])
@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_version_is_mended_by_adding_it_again(world: World, name: str, damage: str) -> None:
    path = world.workspace.model("net", 1) / name
    path.write_bytes(b"[]") if damage == "changed" else path.unlink()
    finding = world.found(path, "missing" if name == "model.json" or damage == "gone" else "changed")
    assert "add net again" in finding.remedy
    assert world.register() == world.version
    assert world.check() == []


@pytest.mark.parametrize("pattern", ["part-*.parquet", "embeddings-*.npy"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_run_is_mended_by_indexing_again(world: World, pattern: str, damage: str) -> None:
    folder = world.workspace.run(world.run.id)
    (path,) = folder.glob(pattern)
    path.write_bytes(path.read_bytes()[:20]) if damage == "cut" else path.unlink()
    finding = world.found(folder, "cannot be read" if damage == "cut" else "has ")
    assert finding.remedy == f"Delete {folder} and run: index pictures net@1"
    before = world.run
    shutil.rmtree(folder)
    assert not world.runs.has_files(before)
    assert world.index() == before
    (finding,) = world.check()
    assert finding.remedy.endswith("run: project pictures net@1 --method pca")
    assert service.project(world.runs, before.id, "pca", {})[1] is False
    assert world.check() == []


def test_a_projection_that_is_damaged(world: World) -> None:
    (known,) = world.runs.projections(world.run.id)
    path = projection_file(world.workspace, world.run.id, known.key)
    path.write_bytes(b"PAR1")
    assert world.found(path, "missing or damaged").remedy.startswith("Delete it and run: project")
    path.unlink()
    world.found(path, "missing or damaged")


@pytest.mark.parametrize("folder", ["datasets/left", "models/left/1", "runs/" + "ab" * 16])
def test_a_folder_that_nobody_knows(world: World, folder: str) -> None:
    left = world.workspace.root / folder
    left.mkdir(parents=True)
    assert world.found(left, "left behind by a crash").remedy == "Delete it"


def test_a_half_written_file(world: World) -> None:
    rest = world.workspace.run(world.run.id) / ".part-00000.parquet.ab12.tmp"
    rest.touch()
    world.found(rest, "half-written")


def test_what_a_job_under_way_leaves_is_no_fault(world: World) -> None:
    shards = world.workspace.run("cd" * 16) / "shards"
    shards.mkdir(parents=True)
    (shards / ".000001.parquet.ab12.tmp").touch()
    job = world.jobs.submit("index", {"dataset": "pictures", "model": "net@1"}, "ada").id
    assert world.check() == []
    assert world.jobs.claim() is not None
    assert world.check() == []
    world.jobs.fail(job, "out of memory")
    findings = {finding.where: finding.problem for finding in world.check()}
    assert findings == {
        str(shards.parent): "is an index that did not end",
        str(shards / ".000001.parquet.ab12.tmp"): "is a half-written file of a crash",
    }


def test_an_index_that_did_not_end_is_named_with_what_it_is_of(world: World) -> None:
    folder = world.workspace.run("cd" * 16)
    world.runs.begin(folder.name, "pictures", "net@1")
    found = world.found(folder, "is an index of pictures by net@1 that did not end")
    assert "`index pictures net@1` goes on with it" in found.remedy
    world.runs.begin(folder.name, "gone", "net@1")
    assert world.found(folder, "and gone was removed").remedy == "Delete it"


def test_a_database_of_another_revision(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.check.REVISION", "9999")
    (finding,) = world.check()
    assert finding.where == "database"


def test_embeddings_of_another_width(world: World) -> None:
    (path,) = world.workspace.run(world.run.id).glob("embeddings-*.npy")
    np.save(path, np.zeros((6, 5), np.float32))
    world.found(path.parent, "embeddings")
