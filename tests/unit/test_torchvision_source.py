"""torchvision's data sets as sources, from files in their own formats; nothing is downloaded."""

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


def test_a_class_without_splits(tmp_path: Path):
    for name in ("dog/a.png", "cat/b.jpg"):
        (tmp_path / name).parent.mkdir()
        Image.new("RGB", (4, 3), "red").save(tmp_path / name)
    (tmp_path / "cat" / "broken.png").write_bytes(b"no image")
    items = list(open_source(f"torchvision:ImageFolder:{tmp_path}").items())
    assert [(item.sample_id, item.label, item.problem is None) for item in items] == [
        ("all/000000.png", "cat", True),
        ("all/000001.png", None, False),
        ("all/000002.png", "dog", True),
    ]


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("Nothing:{}", "'Nothing' is not known; allowed: "),
        ("CIFAR10:", "lacks its folder"),
        ("CIFAR10:/none/such", "lacks its folder"),
        ("CIFAR10:{}", "Nothing is downloaded"),
        ("os:{}", "is not known"),
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
