"""Manifests: CSV and Parquet, with paths, URLs or the images inside."""

import datetime
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from data.database import Database
from data.datasets import Added, DatasetStore
from data.errors import InvalidInput
from data.sources import open_source
from data.workspace import Workspace


def png(shade: int = 0) -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.full((3, 4, 3), shade, np.uint8)).save(content, "PNG")
    return content.getvalue()


@pytest.fixture
def store(tmp_path: Path, database: Database) -> DatasetStore:
    return DatasetStore(Workspace.create(tmp_path / "workspace"), database)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "given"
    (root / "images").mkdir(parents=True)
    for number in range(4):
        (root / "images" / f"{number}.png").write_bytes(png(number))
    (tmp_path / "secret.png").write_bytes(png(99))
    return root


def rows(store: DatasetStore, name: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = pq.read_table(store.workspace.dataset(name) / "samples.parquet").to_pylist()
    return found


def reasons(added: Added) -> dict[str, str]:
    return {one.path: one.reason for one in added.quarantined}


def test_csv_keeps_labels_splits_and_typed_metadata(store, folder):
    (folder / "list.csv").write_text(
        "\ufefffile_name,Label,split,weight,count,ok,taken,note,width\n"
        "images/0.png,cat,train,1.5,3,true,2024-01-31,plain,7\n"
        'images/1.png,NA,validation,,4,false,2024-02-01,"two\nlines, quoted",8\n'
        "images/2.png,,test,2,,true,,,9\n",
        encoding="utf-8",
    )
    added = store.add("listed", open_source(f"csv:{folder / 'list.csv'}"))
    assert (added.dataset.classes, added.dataset.splits) == (("NA", "cat"), {"train": 1, "val": 1, "test": 1})
    table = pq.read_table(store.workspace.dataset("listed") / "samples.parquet")
    kept = ["sample_id", "label", "split", "weight", "count", "ok", "taken", "note", "width_"]
    assert [tuple(row[name] for name in kept) for row in table.to_pylist()] == [
        ("images/0.png", "cat", "train", 1.5, 3, True, "2024-01-31", "plain", 7),
        ("images/1.png", "NA", "val", None, 4, False, "2024-02-01", "two\nlines, quoted", 8),
        ("images/2.png", None, "test", 2.0, None, True, None, None, 9),
    ]
    assert [table.schema.field(name).type for name in ("weight", "count", "ok", "taken", "width_")] == [
        pa.float64(), pa.int64(), pa.bool_(), pa.string(), pa.int64()
    ]  # fmt: skip
    assert rows(store, "listed")[0]["uri"] == str(folder / "images/0.png"), "files stay where they are"


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_other_separators(folder, separator):
    lines = [separator.join(cells) for cells in (("path", "class"), ("images/0.png", "a,b"), ("images/1.png", "c"))]
    (folder / "list.csv").write_text("\n".join(lines))
    assert [item.label for item in open_source(f"csv:{folder / 'list.csv'}").items()] == ["a,b", "c"]


def test_a_manifest_without_labels(store, folder):
    (folder / "list.csv").write_text("path\nimages/0.png\nimages/1.png\n")
    dataset = store.add("plain", open_source(f"csv:{folder / 'list.csv'}")).dataset
    assert (dataset.samples, dataset.classes, dataset.splits) == (2, (), {})


def test_numbers_as_classes_are_ordered_as_numbers(folder):
    lines = [f"images/{number % 4}.png,{label}" for number, label in enumerate(["10", "9", "007", "10"])]
    (folder / "list.csv").write_text("\n".join(["path,target", *lines]))
    assert open_source(f"csv:{folder / 'list.csv'}").classes == ("007", "9", "10")


def test_relative_paths_never_lead_out_and_what_is_wrong_is_put_aside(store, folder, tmp_path):
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "inside.png").symlink_to("images/3.png")
    (folder / "list.csv").write_text(
        "path,label\n"
        "images/0.png,a\n"
        "./images/0.png,b\n"
        "../secret.png,a\n"
        "images/../../secret.png,a\n"
        "link.png,a\n"
        "inside.png,a\n"
        "gone.png,a\n"
        ",a\n"
        "images/1.png,a,more\n"
        "ftp://host/a.png,a\n"
        f"{tmp_path / 'secret.png'},a\n"
        "file://" + str(folder / "images/2.png") + ",a\n"
    )
    added = store.add("odd", open_source(f"csv:{folder / 'list.csv'}"))
    named = [row["sample_id"] for row in rows(store, "odd")]
    assert named == ["images/0.png", "inside.png", str(tmp_path / "secret.png"), str(folder / "images/2.png")]
    assert reasons(added) == {
        "images/0.png (row 1)": "is named twice",
        "row 000002: ../secret.png": "leads out of the folder of its table",
        "row 000003: images/../../secret.png": "leads out of the folder of its table",
        "row 000004: link.png": "a path or link that leads out of the folder of its table",
        "gone.png": "cannot be read: No such file or directory",
        "row 000007": "its row names no image",
        "row 000008: ftp://host/a.png": "protocol 'ftp' is not known; allowed: s3, gs, az, abfs, http, https",
        "line 10": "has 3 cells, not 2",
    }


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a,b\n1,2\n", "no column for images, only: a, b"),
        (b"path,path\nx,y\n", "two columns of one name"),
        (b"path,label\n\xff\xfe,x\n", "list.csv is not a CSV"),
        (b"\xff\xfep\x00a\x00", "not UTF-8"),
        (b"", "no column for images"),
    ],
)
def test_what_is_no_manifest_is_refused_in_one_line(folder, content, reason):
    (folder / "list.csv").write_bytes(content)
    with pytest.raises(InvalidInput, match=reason) as refusal:
        open_source(f"csv:{folder / 'list.csv'}")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("text", ["csv:", "parquet:", "csv:/none/a.csv", "parquet:/none/a.parquet", "parquet:/tmp/."])
def test_missing_tables_are_refused(text, tmp_path):
    with pytest.raises(InvalidInput):
        open_source(text.replace("/tmp/.", str(tmp_path)))


def test_parquet_with_paths_and_every_type_of_column(store, folder):
    table = pa.table(
        {
            "path": ["images/0.png", "images/1.png"],
            "label": pa.array([1.0, None]),
            "day": pa.array([datetime.date(2024, 1, 31), None]),
            "at": pa.array([datetime.datetime(2024, 1, 31, 12, 30), None]),
            "kind": pa.array(["x", "y"]).dictionary_encode(),
            "small": pa.array([7, None], pa.int8()),
            "half": pa.array([np.float16(0.5), None], pa.float16()),
            "box": pa.array([[1, 2], None]),
        }
    )
    pq.write_table(table, folder / "list.parquet")
    assert store.add("typed", open_source(f"parquet:{folder / 'list.parquet'}")).dataset.classes == ("1",)
    first, second = rows(store, "typed")
    names = ("label", "day", "at", "kind", "small", "half")
    assert [first[name] for name in names] == ["1", "2024-01-31", "2024-01-31 12:30:00.000000", "x", 7, 0.5]
    assert [second[name] for name in names] == [None, None, None, "y", None, None]
    assert "box" not in first


def hugging_face(path: Path, labels: list[int], images: Sequence[Mapping[str, object]]) -> None:
    features = {
        "picture": {"_type": "Image"},
        "label": {"_type": "ClassLabel", "names": ["cat", "dog", "eel"]},
        "fine": {"_type": "ClassLabel", "names": ["tabby", "poodle"]},
    }
    schema = pa.schema(
        [
            ("picture", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
            ("label", pa.int64()),
            ("fine", pa.int64()),
        ],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )
    columns = {"picture": images, "label": labels, "fine": [label % 2 for label in labels]}
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns, schema), path)


def test_parquet_with_images_inside_as_hugging_face_writes_it(store, tmp_path):
    shards = tmp_path / "shards"
    inside: list[dict[str, object]] = [{"bytes": png(shade), "path": f"{shade}.png"} for shade in range(3)]
    hugging_face(shards / "data" / "train-00000-of-00001.parquet", [1, -1, 0], inside)
    broken: list[dict[str, object]] = [
        {"bytes": b"no", "path": None},
        {"bytes": None, "path": None},
        {"bytes": png(9), "path": None},
    ]
    hugging_face(shards / "data" / "validation-00000-of-00001.parquet", [1, 1, 1], broken)
    source = open_source(f"parquet:{shards}")
    assert (source.total, source.classes) == (6, ("cat", "dog", "eel"))
    added = store.add("shards", source)
    stem = "data/train-00000-of-00001"
    assert [(row["sample_id"], row["label"], row["split"], row["fine"]) for row in rows(store, "shards")] == [
        (f"{stem}/000000", "dog", "train", "poodle"),
        (f"{stem}/000001", None, "train", "poodle"),
        (f"{stem}/000002", "cat", "train", "tabby"),
        ("data/validation-00000-of-00001/000002", "dog", "val", "poodle"),
    ]
    assert sorted(reasons(added)) == [f"data/validation-00000-of-00001/00000{row}" for row in (0, 1)]


def test_one_parquet_file_and_a_damaged_shard_beside_others(store, tmp_path):
    inside: list[dict[str, object]] = [{"bytes": png(shade), "path": None} for shade in range(4)]
    hugging_face(tmp_path / "one.parquet", [0, 1, 2, 0], inside)
    assert store.add("one", open_source(f"parquet:{tmp_path / 'one.parquet'}")).dataset.samples == 4
    for name in ("a.parquet", "b.parquet"):
        hugging_face(tmp_path / "two" / name, [0, 1, 2, 0], inside)
    damaged = bytearray((tmp_path / "two" / "a.parquet").read_bytes())
    damaged[4:60] = bytes(56)  # the pages of the images; the list of columns stands at the end
    (tmp_path / "two" / "a.parquet").write_bytes(damaged)
    added = store.add("two", open_source(f"parquet:{tmp_path / 'two'}"))
    assert added.dataset.samples == 4
    assert list(reasons(added)) == ["a"]


def test_shards_that_differ_are_refused(tmp_path):
    hugging_face(tmp_path / "a.parquet", [0], [{"bytes": png(), "path": None}])
    pq.write_table(pa.table({"path": ["x.png"]}), tmp_path / "b.parquet")
    with pytest.raises(InvalidInput, match=r"b\.parquet has other columns"):
        open_source(f"parquet:{tmp_path}")
