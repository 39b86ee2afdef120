"""Removing a dataset: what goes, what stays, and what a crash in the middle leaves."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from callbacks.services import Services
from data.check import check_workspace
from data.errors import InvalidInput, NotFound
from data.removal import remove_dataset
from data.runs import SHARD_SCHEMA
from data.samples import View
from data.schema import RunRow
from data.sources import open_source
from data.types import FeedbackKind, Projection, Run

KILLED = """
import os, sys
from pathlib import Path
from data import removal
from data.cache import FileCache
from data.database import Database
from data.datasets import DatasetStore
from data.thumbnails import Thumbnails
from data.workspace import Workspace

step = getattr(removal, sys.argv[2])

def last(*arguments):
    step(*arguments)
    os._exit(9)

setattr(removal, sys.argv[2], last)
workspace = Workspace(Path(sys.argv[1]))
datasets = DatasetStore(workspace, Database(f"sqlite:///{workspace.database}"))
removal.remove_dataset(datasets, Thumbnails(workspace, FileCache(workspace.cache, 10**7), datasets), "pets")
"""


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(3):
        path = tmp_path / "photos" / "cat" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (200, 100), (number, 0, 0)).save(path)
    return tmp_path / "photos"


def shard() -> tuple[pa.Table, np.ndarray]:
    columns = {
        "row": range(3), "sample_id": [f"cat/{n}.png" for n in range(3)], "prediction": ["cat"] * 3,
        "confidence": [1.0] * 3, "probabilities": [[1.0]] * 3, "margin": [1.0] * 3, "entropy": [0.0] * 3,
        "loss": [0.0] * 3, "correct": [True] * 3,
    }  # fmt: skip
    arrays = [pa.array(columns[name], SHARD_SCHEMA.field(name).type) for name in SHARD_SCHEMA.names]
    return pa.table(arrays, SHARD_SCHEMA.names), np.zeros((3, 2))


def run_of(services: Services, dataset: str, key: str) -> Run:
    run = Run(key, dataset, "net", 1, 3, ("cat",), 1.0, {}, 2, 1.0, datetime.now(UTC))
    services.runs.write_shard(key, 0, *shard())
    services.runs.finish(run, 1)
    projection = Projection(key, key, "pca", {}, 3, 0.1, datetime.now(UTC))
    services.runs.add_projection(projection, np.zeros((3, 2)))
    return run


@pytest.fixture
def pets(services: Services, photos: Path) -> Services:
    """Two datasets, each with a run and a projection, and a thumbnail."""
    for name, key in (("pets", "a" * 32), ("others", "b" * 32)):
        services.datasets.add(name, open_source(f"imagefolder:{photos}"))
        run_of(services, name, key)
    sample = services.samples.row(View(services.datasets.get("pets")), 0).sample
    services.thumbnails.thumbnail("pets", sample, 192)
    return services


def findings(services: Services) -> list[str]:
    found = check_workspace(
        services.workspace, services.database, services.datasets, services.models, services.runs, services.jobs
    )
    return [Path(finding.where).name for finding in found]


def cached(services: Services) -> list[Path]:
    return list((services.workspace.cache / "thumbnails").rglob("*.webp"))


def test_everything_of_a_dataset_goes_and_the_others_stay(pets, photos):
    assert len(cached(pets)) == 1
    removed = remove_dataset(pets.datasets, pets.thumbnails, "pets")
    assert (removed.dataset, removed.runs, removed.freed > 1000) == ("pets", 1, True)
    assert [dataset.name for dataset in pets.datasets.list()] == ["others"]
    assert [run.dataset for run in pets.runs.list()] == ["others"]
    with pytest.raises(NotFound):
        pets.runs.projection("a" * 32)
    assert cached(pets) == []
    assert not pets.workspace.run("a" * 32).exists()
    assert not pets.workspace.dataset("pets").exists()
    assert len(list(photos.rglob("*.png"))) == 3, "the source stays"
    assert findings(pets) == []
    with pytest.raises(NotFound, match="'pets' does not exist; there are: others"):
        remove_dataset(pets.datasets, pets.thumbnails, "pets")
    pets.datasets.add("pets", open_source(f"imagefolder:{photos}"))
    assert pets.runs.list("pets") == []


def test_the_shards_of_an_index_that_did_not_end_go_with_the_dataset(pets):
    for dataset, key in (("pets", "c" * 32), ("others", "d" * 32)):
        pets.runs.begin(key, dataset, "net@2")
        pets.runs.write_shard(key, 0, *shard())
    removed = remove_dataset(pets.datasets, pets.thumbnails, "pets")
    assert removed.runs == 1, "what did not end is no run"
    assert not pets.workspace.run("c" * 32).exists()
    assert pets.runs.finished_shards("d" * 32) == {0}
    assert findings(pets) == ["d" * 32]


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [("index", {"dataset": "pets", "model": "net@1"}), ("add", {"name": "pets", "source": "digits"})],
)
def test_refused_while_a_job_works_on_it(pets, kind, parameters):
    pets.jobs.submit("index", {"dataset": "others", "model": "net@1"}, "me")
    job = pets.jobs.submit(kind, parameters, "me")
    with pytest.raises(InvalidInput, match=rf"job {job.id} \({kind}\) works on it"):
        remove_dataset(pets.datasets, pets.thumbnails, "pets")
    assert pets.datasets.get("pets").samples == 3
    pets.jobs.cancel(job.id)
    remove_dataset(pets.datasets, pets.thumbnails, "pets")


def test_a_job_that_is_done_is_not_taken_for_what_was_removed(pets):
    parameters = {"name": "pets", "source": "digits"}
    job = pets.jobs.submit("add", parameters, "me")
    assert pets.jobs.claim() is not None
    pets.jobs.finish(job.id, {})
    remove_dataset(pets.datasets, pets.thumbnails, "pets")
    assert pets.jobs.find("add", parameters) is None
    assert pets.jobs.get(job.id).parameters == parameters, "its record stays"


def test_feedback_stays_and_is_never_read_as_being_about_other_samples(pets, photos):
    pets.feedback.add(FeedbackKind.FLAG, "me", "pets", "cat/1.png", 1)
    remove_dataset(pets.datasets, pets.thumbnails, "pets")
    assert set(pets.feedback.standing("pets")) == {1}
    (photos / "cat" / "0.png").unlink()
    with pytest.raises(InvalidInput, match="these are other samples; choose another name"):
        pets.datasets.add("pets", open_source(f"imagefolder:{photos}"))
    Image.new("RGB", (9, 9)).save(photos / "cat" / "0.png")
    pets.datasets.add("pets", open_source(f"imagefolder:{photos}"))


@pytest.mark.parametrize("step", ["_delete_rows", "_forget_thumbnails", "_delete"])
def test_killed_anywhere_the_workspace_opens_and_the_next_removal_ends_it(pets, step):
    done = subprocess.run([sys.executable, "-c", KILLED, str(pets.workspace.root), step], check=False)
    assert done.returncode == 9
    names = [dataset.name for dataset in pets.datasets.list()]
    if step == "_delete_rows":  # before the transaction ended: nothing happened
        assert names == ["others", "pets"]
        assert findings(pets) == []
    else:
        assert names == ["others"]
        assert "pets" in findings(pets)
    remove_dataset(pets.datasets, pets.thumbnails, "pets")
    assert findings(pets) == []
    assert not pets.workspace.run("a" * 32).exists()
    with pets.database.read() as session:
        assert session.get(RunRow, "b" * 32) is not None


def test_the_same_content_under_another_name_is_said(services, photos):
    source = open_source(f"imagefolder:{photos}")
    assert services.datasets.add("one", source).twins == ()
    assert services.datasets.add("two", source).twins == ("one",)
    assert services.datasets.add("one", source).twins == ("two",)
