"""torchvision's data sets as sources, from files in their own formats; nothing is downloaded."""

import gzip
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.database import Database
from data.datasets import DatasetStore
from data.errors import InvalidInput
from data.images import decode
from data.workspace import Workspace
from inference.sources import open_source


def idx(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = struct.pack(f">{values.ndim}I", *values.shape)
    path.write_bytes(bytes((0, 0, 8, values.ndim)) + shape + values.astype(np.uint8).tobytes())


@pytest.fixture
def fashion(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    for stem, count in (("train", 20), ("t10k", 10)):
        raw = tmp_path / "root" / "FashionMNIST" / "raw"
        idx(raw / f"{stem}-images-idx3-ubyte", generator.integers(0, 256, (count, 28, 28)))
        idx(raw / f"{stem}-labels-idx1-ubyte", np.arange(count) % 10)
    return tmp_path / "root"


def test_idx_files(tmp_path: Path, database: Database, fashion: Path):
    store = DatasetStore(Workspace.create(tmp_path / "workspace"), database)
    source = open_source(f"torchvision:FashionMNIST:{fashion}")
    assert (source.total, source.classes[:2], len(source.classes)) == (30, ("T-shirt/top", "Trouser"), 10)
    added = store.add("fashion", source)
    assert (added.dataset.splits, added.quarantined) == ({"train": 20, "test": 10}, ())
    items = list(source.items())
    assert (items[21].sample_id, items[21].label, items[21].split) == ("test/000001.png", "Trouser", "test")
    raw = (fashion / "FashionMNIST" / "raw" / "t10k-images-idx3-ubyte").read_bytes()[16:]
    expected = np.frombuffer(raw, np.uint8).reshape(-1, 28, 28)
    assert items[21].reader is not None
    assert np.array_equal(np.asarray(decode(items[21].reader()))[..., 0], expected[1])


def test_packed_idx_files_are_read_and_the_folder_stays_as_it_is(fashion: Path, monkeypatch: pytest.MonkeyPatch):
    plain = [item.reader() for item in open_source(f"torchvision:FashionMNIST:{fashion}").items() if item.reader]
    raw = fashion / "FashionMNIST" / "raw"
    for path in list(raw.iterdir())[1:]:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    before = sorted(raw.iterdir())
    source = open_source(f"torchvision:FashionMNIST:{fashion}")
    assert source.name == f"torchvision:FashionMNIST:{fashion}"
    assert [item.reader() for item in source.items() if item.reader] == plain
    assert len(plain) == 30
    assert sorted(raw.iterdir()) == before
    with monkeypatch.context() as patched:
        patched.setattr("inference.torchvision_source._MAX_UNPACKED", 1000)
        with pytest.raises(InvalidInput, match="refused as a bomb"):
            open_source(f"torchvision:FashionMNIST:{fashion}")
    torn = next(path for path in before if path.suffix == ".gz")
    torn.write_bytes(torn.read_bytes()[:-20])
    with pytest.raises(InvalidInput, match="cannot be unpacked"):
        open_source(f"torchvision:FashionMNIST:{fashion}")


def test_a_class_of_several_data_sets(tmp_path: Path, database: Database):
    raw = tmp_path / "root" / "EMNIST" / "raw"
    for split, count in (("train", 6), ("test", 4)):
        idx(raw / f"emnist-letters-{split}-images-idx3-ubyte", np.full((count, 28, 28), 9))
        idx(raw / f"emnist-letters-{split}-labels-idx1-ubyte", 1 + np.arange(count))
    source = open_source(f"torchvision:EMNIST/letters:{tmp_path / 'root'}")
    assert source.name == f"torchvision:EMNIST/letters:{tmp_path / 'root'}"
    store = DatasetStore(Workspace.create(tmp_path / "workspace"), database)
    assert store.add("letters", source).dataset.splits == {"train": 6, "test": 4}
    assert [(item.sample_id, item.label) for item in source.items()][:2] == [
        ("train/000000.png", "a"),
        ("train/000001.png", "b"),
    ]


def test_files_in_folders_keep_their_bytes(tmp_path: Path, database: Database):
    folder = tmp_path / "root"
    (folder / "cat").mkdir(parents=True)
    Image.new("RGB", (4, 3), "red").save(folder / "cat" / "a.jpg")
    Image.new("RGB", (4, 3), "blue").save(tmp_path / "elsewhere.png")
    (folder / "cat" / "b.png").symlink_to(tmp_path / "elsewhere.png")
    source = open_source(f"torchvision:ImageFolder:{folder}")
    inside, outside = source.items()
    assert (inside.sample_id, inside.label, inside.path) == ("cat/a.jpg", "cat", folder / "cat" / "a.jpg")
    assert (outside.path, outside.problem) == (None, f"leads out of {folder}")
    store = DatasetStore(Workspace.create(tmp_path / "workspace"), database)
    plain = store.add("plain", open_source(f"torchvision:ImageFolder:{folder}")).dataset
    (folder / "cat" / "b.png").unlink()
    assert plain.digest == store.add("folder", open_source(f"imagefolder:{folder}")).dataset.digest


def test_a_class_without_splits(tmp_path: Path, database: Database):
    for name in ("dog/a.png", "cat/b.jpg"):
        (tmp_path / name).parent.mkdir()
        Image.new("RGB", (4, 3), "red").save(tmp_path / name)
    (tmp_path / "cat" / "broken.png").write_bytes(b"no image")
    source = open_source(f"torchvision:ImageFolder:{tmp_path}")
    assert [(item.sample_id, item.label) for item in source.items()] == [
        ("cat/b.jpg", "cat"),
        ("cat/broken.png", "cat"),
        ("dog/a.png", "dog"),
    ]
    added = DatasetStore(Workspace.create(tmp_path / "workspace"), database).add("pets", source)
    assert (added.dataset.samples, [one.path for one in added.quarantined]) == (2, ["cat/broken.png"])


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("Nothing:{}", "'Nothing' is not known; allowed: "),
        ("CIFAR10:", "lacks its folder"),
        ("CIFAR10:/none/such", "lacks its folder"),
        ("CIFAR10:{}", "Nothing is downloaded"),
        ("os:{}", "is not known"),
        ("EMNIST:{}", "'EMNIST/' is not known; allowed: EMNIST/byclass"),
        ("EMNIST/none:{}", "'EMNIST/none' is not known; allowed: EMNIST/byclass"),
        ("EMNIST/letters:{}", "EMNIST/letters cannot be read from .* Nothing is downloaded"),
        ("CIFAR10/letters:{}", "CIFAR10 has no variant 'letters'; write torchvision:CIFAR10:ROOT"),
    ],
)
def test_refusals_are_one_clear_line(tmp_path: Path, where: str, reason: str):
    with pytest.raises(InvalidInput, match=reason) as refusal:
        open_source("torchvision:" + where.format(tmp_path))
    assert "\n" not in str(refusal.value)


def test_other_kinds_do_not_load_torch():
    program = (
        "import sys; from inference.sources import open_source; open_source('digits'); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
