"""Sources behind URLs, against a real server that speaks S3's protocol."""

import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer
from PIL import Image
from s3fs import S3FileSystem

from data.database import Database
from data.datasets import DatasetStore
from data.errors import InvalidInput
from data.images import probe
from data.sources import open_source
from data.workspace import Workspace


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    S3FileSystem.clear_instance_cache()
    client = boto3.client("s3")
    client.create_bucket(Bucket="photos")
    for shade, name in enumerate(("train/cat/0.png", "train/dog/1.png", "test/cat/2.png", "test/notes.txt")):
        client.put_object(Bucket="photos", Key=f"pets/{name}", Body=png(shade))
    client.put_object(Bucket="photos", Key="pets/train/dog/broken.png", Body=b"no image")
    client.put_object(Bucket="photos", Key="pets/train/dog/empty.png", Body=b"")
    yield "photos"
    client.close()
    S3FileSystem.clear_instance_cache()


@pytest.fixture
def store(tmp_path: Path, database: Database) -> DatasetStore:
    return DatasetStore(Workspace.create(tmp_path / "workspace"), database)


def png(shade: int) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (4, 3), (shade, 0, 0)).save(content, "PNG")
    return content.getvalue()


def reason(content: str) -> str:
    with pytest.raises(InvalidInput) as refusal:
        probe(content.encode())
    return str(refusal.value)


def put(name: str, content: bytes) -> None:
    client = boto3.client("s3")
    client.put_object(Bucket="photos", Key=name, Body=content)
    client.close()


def test_a_folder_in_a_bucket(store, bucket):
    source = open_source(f"imagefolder:s3://{bucket}/pets/")
    assert (source.name, source.total, source.classes) == (f"imagefolder:s3://{bucket}/pets", 5, ("cat", "dog"))
    added = store.add("pets", source)
    assert (added.dataset.samples, added.dataset.splits) == (3, {"test": 1, "train": 2})
    assert {one.path: one.reason for one in added.quarantined} == {
        "train/dog/broken.png": reason("no image"),
        "train/dog/empty.png": "the file is empty",
    }
    table = pq.read_table(store.workspace.dataset("pets") / "samples.parquet").to_pylist()
    kept = [(store.workspace.dataset("pets") / row["uri"]).read_bytes() for row in table]
    assert kept == [png(2), png(0), png(1)], "the workspace keeps the bytes"


def test_tables_and_archives_in_a_bucket(store, bucket, tmp_path):
    lines = (
        "path,label", "train/cat/0.png,a", "test/cat/2.png,b", "../other.png,a", "/etc/a.png,a",
        f"s3://{bucket}/pets/train/dog/1.png,a", "gone.png,a",
    )  # fmt: skip
    put("pets/list.csv", "\n".join(lines).encode())
    added = store.add("csv", open_source(f"csv:s3://{bucket}/pets/list.csv"))
    assert (added.dataset.samples, added.dataset.classes) == (3, ("a", "b"))
    assert {one.path: one.reason for one in added.quarantined} == {
        "row 000002: ../other.png": "leads out of the folder of its table",
        "row 000003: /etc/a.png": "names a file of this machine, but its table lies elsewhere",
        "gone.png": f"s3://{bucket}/pets/gone.png does not exist",
    }
    for form in ("zip", "parquet", "tar", "tar.gz"):
        put(f"more/a.{form}", packed(form, tmp_path / f"a.{form}"))
        added = store.add(form, open_source(f"{form[:3] if form != 'parquet' else form}:s3://{bucket}/more/a.{form}"))
        assert added.dataset.samples == 3
    assert store.add("shards", open_source(f"parquet:s3://{bucket}/more")).dataset.samples == 3


def packed(form: str, path: Path) -> bytes:
    if form == "parquet":
        pq.write_table(pa.table({"image": [png(shade) for shade in range(3)]}), path)
    elif form == "zip":
        with zipfile.ZipFile(path, "w") as file:
            for shade in range(3):
                file.writestr(f"cat/{shade}.png", png(shade))
    else:
        with tarfile.open(path, f"w:{form.partition('.')[2]}") as file:  # type: ignore[call-overload]
            for shade in range(3):
                member = tarfile.TarInfo(f"cat/{shade}.png")
                member.size = len(png(shade))
                file.addfile(member, io.BytesIO(png(shade)))
    return path.read_bytes()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("imagefolder:s3://nobodys/pets", "s3://nobodys/pets does not exist"),
        ("imagefolder:s3://photos/none", "no image found in s3://photos/none|does not exist"),
        ("csv:s3://photos/none.csv", "s3://photos/none.csv does not exist"),
        ("zip:s3://photos/none.zip", "s3://photos/none.zip does not exist"),
        ("imagefolder:ftp://host/a", "protocol 'ftp' is not known; allowed: s3, "),
        ("imagefolder:ssh://host/a", "protocol 'ssh' is not known"),
        ("imagefolder:https://host/a", "https has no folders"),
        ("csv:https://me:hush@host/a.csv", "it would be stored"),
        ("csv:gs://bucket/a.csv", "package gcsfs"),
        ("tar:http://127.0.0.1:9/a.tar", "or its host does not answer"),
    ],
)
def test_what_cannot_be_had_is_said_in_one_line(bucket, text, reason):
    with pytest.raises(InvalidInput, match=reason) as refusal:
        open_source(text)
    assert "\n" not in str(refusal.value)
    assert "hush" not in str(refusal.value)


def test_missing_credentials_are_said_in_one_line(bucket, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/none")
    S3FileSystem.clear_instance_cache()
    with pytest.raises(InvalidInput, match="credentials"):
        open_source(f"imagefolder:s3://{bucket}/pets")
