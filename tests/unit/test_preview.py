"""A look at a source before it is added."""

import io
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.sources import Item, open_source
from data.sources.preview import PREVIEW_SIZE, preview
from tests.unit.test_datasets import Given


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for split, label, number in (("train", "cat", 30), ("train", "dog", 10), ("test", "cat", 8)):
        for place in range(number):
            path = tmp_path / "photos" / split / label / f"{place:02d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (200, 100), (place, 0, 0)).save(path)
    (tmp_path / "photos" / "loose.png").write_bytes(b"no image")
    return tmp_path / "photos"


def content() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


def test_images_are_spread_over_the_source_and_everything_is_counted(photos):
    found = preview(open_source(f"imagefolder:{photos}"))
    assert (found.read, found.total, found.whole) == (49, 49, True)
    assert (found.labels, found.unlabelled, found.splits) == ({"cat": 38, "dog": 10}, 1, {"test": 8, "train": 40})
    assert len(found.items) == 24
    assert {(item.split, item.label) for item in found.items} == {
        (None, None), ("test", "cat"), ("train", "cat"), ("train", "dog")
    }  # fmt: skip
    for item in found.items:
        assert (item.thumbnail is None) != (item.problem is None)
        if item.thumbnail:
            image = Image.open(io.BytesIO(item.thumbnail))
            assert (image.format, image.size) == ("WEBP", (PREVIEW_SIZE, PREVIEW_SIZE // 2))
    assert [item.sample_id for item in found.items if item.problem and "known format" in item.problem] == ["loose.png"]


def test_a_huge_source_is_read_in_part():
    def endless() -> Iterator[Item]:
        for number in count():
            yield Item(f"{number}.png", "cat", None, content=content() if number % 8 == 0 else b"x")

    class Endless(Given):
        def items(self) -> Iterator[Item]:
            return endless()

    ticks = count()
    found = preview(Endless((), total=10**9), limit=4, seconds=100, clock=lambda: float(next(ticks)))
    assert (found.read, found.total, found.whole, found.labels) == (101, 10**9, False, {"cat": 101})
    assert len(found.items) == 4


def test_what_a_source_refuses_is_shown_with_its_reason():
    items = (Item("a.png", None, None, content=content()), Item("b.png", None, None, problem="is a link"))
    found = preview(Given(items))
    assert [(item.sample_id, item.problem) for item in found.items] == [("a.png", None), ("b.png", "is a link")]
    assert (found.refused, found.unlabelled, found.read) == (1, 1, 2)
