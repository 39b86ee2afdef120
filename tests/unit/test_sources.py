"""What the sources offer: names, labels, splits, and nothing from outside of the folder that was named."""

import io
import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.errors import InvalidInput
from data.sources import open_source
from data.sources.shapes import MARKED, ShapesSource


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4)).save(path)


def offered(root: Path) -> list[tuple[str, str | None, str | None]]:
    return [(item.sample_id, item.label, item.split) for item in open_source(f"imagefolder:{root}").items()]


def test_unknown_source_names_the_allowed_ones():
    with pytest.raises(InvalidInput, match="imagefolder:PATH, csv:FILE.*digits, shapes"):
        open_source("video:x")


@pytest.mark.parametrize("text", ["digits:x", "shapes:x", "imagefolder:", "imagefolder:/none/such"])
def test_sources_refuse_what_they_cannot_open(text):
    with pytest.raises(InvalidInput):
        open_source(text)


def test_folder_of_classes(tmp_path):
    for name in ("dog/b.JPG", "cat/deep/a.png", "cat/notes.txt", "cat/.hidden.png", ".git/x.png", "loose.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    source = open_source(f"imagefolder:{tmp_path}")
    assert offered(tmp_path) == [("cat/deep/a.png", "cat", None), ("dog/b.JPG", "dog", None), ("loose.png", None, None)]
    assert (source.classes, source.total, source.name) == (("cat", "dog"), 3, f"imagefolder:{tmp_path}")


def test_folder_of_splits(tmp_path):
    for name in ("train/dog/a.png", "validation/cat/b.png", "test/c.png"):
        picture(tmp_path / name)
    assert offered(tmp_path) == [
        ("test/c.png", None, "test"),
        ("train/dog/a.png", "dog", "train"),
        ("validation/cat/b.png", "cat", "val"),
    ]


def test_a_class_may_be_called_train(tmp_path):
    for name in ("train/a.png", "car/b.png"):
        picture(tmp_path / name)
    assert offered(tmp_path) == [("car/b.png", "car", None), ("train/a.png", "train", None)]


def test_links_do_not_lead_out(tmp_path):
    picture(tmp_path / "outside" / "secret.png")
    root = tmp_path / "root"
    picture(root / "cat" / "a.png")
    (root / "cat" / "again.png").symlink_to("a.png")
    (root / "cat" / "out.png").symlink_to(tmp_path / "outside" / "secret.png")
    (root / "cat" / "gone.png").symlink_to("none.png")
    (root / "cat" / "circle.png").symlink_to("circle.png")
    (root / "folder").symlink_to(tmp_path / "outside")
    items = list(open_source(f"imagefolder:{root}").items())
    assert [item.sample_id for item in items if item.problem is None] == ["cat/a.png", "cat/again.png"]
    assert [item.sample_id for item in items if item.problem] == [
        "cat/circle.png",
        "cat/gone.png",
        "cat/out.png",
        "folder",
    ]


def test_links_to_folders_inside_are_followed_but_not_in_circles(tmp_path):
    picture(tmp_path / "all" / "dogs" / "a.png")
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "dog").symlink_to("../all/dogs")
    (tmp_path / "all" / "dogs" / "circle").symlink_to("..")
    items = list(open_source(f"imagefolder:{tmp_path}").items())
    read = [(item.sample_id, item.label) for item in items if item.problem is None]
    assert read == [("all/dogs/a.png", "all"), ("train/dog/a.png", "train")]
    assert {item.sample_id: item.problem for item in items if item.problem} == {
        "all/dogs/circle": "leads back to a folder that holds it",
        "train/dog/circle/dogs": "leads back to a folder that holds it",
    }


def test_a_plain_folder_of_images_is_a_dataset_without_labels(tmp_path):
    picture(tmp_path / "a.png")
    picture(tmp_path / "b.png")
    assert offered(tmp_path) == [("a.png", None, None), ("b.png", None, None)]
    assert open_source(f"imagefolder:{tmp_path}").classes == ()


def test_names_that_are_not_text_are_refused_not_fatal(tmp_path):
    picture(tmp_path / "cat" / "a.png")
    broken = os.fsencode(tmp_path / "cat") + b"/\xff.png"
    os.close(os.open(broken, os.O_CREAT | os.O_WRONLY))
    problems = [item for item in open_source(f"imagefolder:{tmp_path}").items() if item.problem]
    assert [item.sample_id for item in problems] == ["cat/?.png"]


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "readme.txt").write_text("no")
    with pytest.raises(InvalidInput, match="no image found"):
        open_source(f"imagefolder:{tmp_path}")


def test_digits_are_split_the_same_way_each_time():
    items = list(open_source("digits").items())
    assert [item.content for item in items] == [item.content for item in open_source("digits").items()]
    splits = [item.split for item in items]
    assert (splits.count("train"), splits.count("test"), len({item.sample_id for item in items})) == (1297, 500, 1797)
    shares = [sum(item.label == str(digit) for item in items if item.split == "test") for digit in range(10)]
    assert max(shares) - min(shares) <= 3
    first = next(item for item in items if item.sample_id.endswith("/0000.png"))
    image = Image.open(io.BytesIO(first.content or b""))
    assert (image.size, image.mode, first.label) == ((8, 8), "L", "0")
    # The file's first line starts 0,0,5,13,9,1,0,0 on a scale to 16.
    assert np.asarray(image)[0].tolist() == [0, 0, 80, 207, 143, 16, 0, 0]


def test_digits_do_not_import_scikit_learn():
    program = (
        "import sys; from data.sources import open_source; next(open_source('digits').items()); "
        "print([name for name in ('sklearn', 'pandas', 'torch', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_shapes_are_the_same_each_time_and_carry_their_mask():
    first, again = (list(islice(open_source("shapes").items(), 10)) for _ in range(2))
    assert first == again
    assert len({item.content for item in first}) == 10
    for item in first:
        image, mask = (Image.open(io.BytesIO(content or b"")) for content in (item.content, item.mask))
        assert (image.size, image.mode, mask.size, mask.mode) == ((64, 64), "RGB", (64, 64), "L")
        values = np.asarray(mask)
        assert set(np.unique(values)) == {0, 255}
        assert 100 < (values > 0).sum() < 1100
        assert not values[54:, 54:].any(), "the shape must not reach under the mark"


def test_the_mark_goes_with_one_class_in_training_only():
    items = list(ShapesSource(splits={"train": 300, "test": 300}).items())
    marked = {
        (split, star): np.mean([item.metadata["mark"] for item in items if key(item) == (split, star)])
        for split in ("train", "test")
        for star in (True, False)
    }
    assert marked["train", True] > 0.85
    assert marked["train", False] < 0.1
    assert abs(marked["test", True] - marked["test", False]) < 0.15
    brightness = [_corner(item.content) for item in items[:200]]
    seen = [bright > 200 for bright in brightness]
    assert seen == [item.metadata["mark"] for item in items[:200]]


def key(item) -> tuple[str | None, bool]:
    return item.split, item.label == MARKED


def _corner(content: bytes | None) -> float:
    return float(np.asarray(Image.open(io.BytesIO(content or b"")))[58:61, 58:61].mean())
