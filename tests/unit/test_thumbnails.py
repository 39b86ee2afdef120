"""Thumbnails: small, faithful for tiny images, made once."""

import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from data.cache import FileCache
from data.database import Database
from data.datasets import DatasetStore
from data.errors import DiskFull, InvalidInput, WorkspaceDamaged
from data.sources import open_source
from data.thumbnails import Thumbnails
from data.types import Sample
from data.workspace import Workspace


@pytest.fixture
def thumbnails(tmp_path: Path, database: Database) -> Thumbnails:
    generator = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for name, shape in (("large.jpg", (300, 400, 3)), ("tiny.png", (8, 9))):
        pixels = generator.integers(0, 256, shape, dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / name)
    workspace = Workspace.create(tmp_path / "workspace")
    datasets = DatasetStore(workspace, database)
    datasets.add("photos", open_source(f"imagefolder:{tmp_path / 'photos'}"))
    return Thumbnails(workspace, FileCache(workspace.cache, 10**7), datasets)


def sample(thumbnails: Thumbnails, row: int) -> Sample:
    record = pq.read_table(thumbnails.workspace.dataset("photos") / "samples.parquet").to_pylist()[row]
    return Sample(**{name: record[name] for name in Sample.__slots__})


def test_large_images_shrink_and_keep_their_shape(thumbnails):
    image = Image.open(io.BytesIO(thumbnails.thumbnail("photos", sample(thumbnails, 0), 128)))
    assert (image.format, image.size) == ("WEBP", (128, 96))


def test_tiny_images_keep_every_pixel(thumbnails):
    tiny = sample(thumbnails, 1)
    image = Image.open(io.BytesIO(thumbnails.thumbnail("photos", tiny, 128)))
    original = Image.open(thumbnails.datasets.image_path("photos", tiny)).convert("RGB")
    assert np.array_equal(np.asarray(image.convert("RGB")), np.asarray(original))


def test_made_once_and_served_without_the_file(thumbnails):
    large = sample(thumbnails, 0)
    first = thumbnails.thumbnail("photos", large, 96)
    thumbnails.datasets.image_path("photos", large).unlink()
    assert thumbnails.thumbnail("photos", large, 96) == first
    with pytest.raises(WorkspaceDamaged, match="No such file"):
        thumbnails.thumbnail("photos", large, 97)


def test_a_picture_that_cannot_be_kept_is_shown_all_the_same(thumbnails, monkeypatch):
    def refuse(*_arguments):
        raise DiskFull("full")

    monkeypatch.setattr(thumbnails.cache, "put", refuse)
    assert Image.open(io.BytesIO(thumbnails.thumbnail("photos", sample(thumbnails, 0), 128))).size == (128, 96)
    assert thumbnails.cache.size() == 0


@pytest.mark.parametrize("size", [0, -1, 5000])
def test_sizes_are_bounded(thumbnails, size):
    with pytest.raises(InvalidInput, match="1 to 1024"):
        thumbnails.thumbnail("photos", sample(thumbnails, 0), size)
