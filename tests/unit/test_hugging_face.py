"""Hugging Face data sets from a folder on this machine, and what is said without a network."""

import io
import socket
from pathlib import Path

import datasets
import pyarrow.parquet as pq
import pytest
from PIL import Image

from data.database import Database
from data.datasets import DatasetStore
from data.errors import InvalidInput
from data.sources import open_source
from data.workspace import Workspace


@pytest.fixture
def store(tmp_path: Path, database: Database) -> DatasetStore:
    return DatasetStore(Workspace.create(tmp_path / "workspace"), database)


def png(shade: int) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (4, 3), (shade, 0, 0)).save(content, "PNG")
    return content.getvalue()


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "label": datasets.ClassLabel(names=["eel", "cat"]),
            "weight": datasets.Value("float32"),
            "count": datasets.Value("int16"),
        }
    )

    def split(shades: range) -> datasets.Dataset:
        images = [{"bytes": png(shade), "path": None} for shade in shades]
        columns = {"image": images, "label": [shade % 2 for shade in shades], "weight": [0.5] * len(shades)}
        return datasets.Dataset.from_dict({**columns, "count": list(shades)}, features)

    datasets.disable_progress_bars()
    whole = datasets.DatasetDict({"train": split(range(5)), "validation": split(range(5, 7))})
    whole.save_to_disk(tmp_path / "saved")
    return tmp_path / "saved"


def test_what_save_to_disk_wrote(store, saved):
    source = open_source(f"hf:{saved}")
    assert (source.total, source.classes, source.metadata) == (7, ("eel", "cat"), {"weight": float, "count": int})
    dataset = store.add("saved", source).dataset
    assert (dataset.samples, dataset.splits) == (7, {"train": 5, "val": 2})
    rows = pq.read_table(store.workspace.dataset("saved") / "samples.parquet").to_pylist()
    assert [(row["sample_id"], row["label"], row["weight"], row["count"]) for row in rows[4:6]] == [
        ("train/000004", "eel", 0.5, 4),
        ("validation/000000", "cat", 0.5, 5),
    ]
    assert (store.workspace.dataset("saved") / rows[0]["uri"]).read_bytes() == png(0), "bytes as they were stored"


@pytest.mark.parametrize("split", ["validation", "val"])
def test_one_split(saved, split):
    assert [item.split for item in open_source(f"hf:{saved}:{split}").items()] == ["val", "val"]


def test_a_folder_of_images_stays_where_it_is(store, tmp_path, monkeypatch):
    for shade, name in enumerate(("train/cat/0.png", "train/dog/1.png", "test/cat/2.png")):
        path = tmp_path / "pets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(shade))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    added = store.add("pets", open_source(f"hf:{tmp_path / 'pets'}"))
    assert (added.dataset.samples, added.dataset.classes) == (3, ("cat", "dog"))
    rows = pq.read_table(store.workspace.dataset("pets") / "samples.parquet").to_pylist()
    assert {row["sample_id"] for row in rows} == {"train/cat/0.png", "train/dog/1.png", "test/cat/2.png"}
    assert all(row["uri"] == str(tmp_path / "pets" / row["sample_id"]) for row in rows)
    assert list(scratch.iterdir()) == [], "nothing is left beside"


def test_a_folder_never_names_files_outside_of_it(store, tmp_path):
    root = tmp_path / "pets"
    root.mkdir()
    (tmp_path / "secret.png").write_bytes(png(9))
    (root / "a.png").write_bytes(png(0))
    (root / "b.png").symlink_to(tmp_path / "secret.png")
    added = store.add("pets", open_source(f"hf:{root}"))
    assert added.dataset.samples == 1
    assert [one.reason for one in added.quarantined] == ["a path or link that leads out of the folder of its table"]


def test_code_is_never_run(tmp_path):
    (tmp_path / "coded").mkdir()
    (tmp_path / "coded" / "coded.py").write_text("raise SystemExit(3)\n")
    with pytest.raises(InvalidInput, match="scripts are no longer supported"):
        open_source(f"hf:{tmp_path / 'coded'}")


def test_refusals_are_one_clear_line(saved, tmp_path, monkeypatch):
    def unreachable(*_: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    (tmp_path / "empty").mkdir()
    for text, reason in {
        "hf:": "lacks its name",
        "hf:owner/name": "check the path or the network",
        "hf:/none/such": "neither a folder nor a name",
        "hf:a:b:c:d": "too many parts",
        f"hf:{saved}:nope": "allowed: train, validation",
        f"hf:{tmp_path / 'empty'}": "cannot be opened",
    }.items():
        with pytest.raises(InvalidInput, match=reason) as refusal:
            open_source(text)
        assert "\n" not in str(refusal.value)
