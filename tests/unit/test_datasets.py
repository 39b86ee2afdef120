"""Adding datasets: what is kept, what is quarantined, and what a crash in the middle leaves."""

import hashlib
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from data.database import Database
from data.datasets import DatasetStore
from data.errors import InvalidInput, JobCancelled, NotFound, WorkspaceDamaged
from data.sources import Item, open_source
from data.sources.protocol import MetadataValue
from data.types import Sample
from data.workspace import Workspace


@dataclass(frozen=True)
class Given:
    """A source of given items; an exception among them is raised in their place."""

    given: tuple[Item | Exception, ...]
    name: str = "given"
    classes: tuple[str, ...] = ("cat", "dog")
    total: int = 0
    has_masks: bool = False
    metadata: Mapping[str, type[MetadataValue]] = field(default_factory=dict)

    def items(self) -> Iterator[Item]:
        for one in self.given:
            if isinstance(one, Exception):
                raise one
            yield one


@pytest.fixture
def store(tmp_path: Path, database: Database) -> DatasetStore:
    return DatasetStore(Workspace.create(tmp_path / "workspace"), database)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    generator = np.random.default_rng(0)
    for index in range(6):
        path = root / ("cat" if index % 2 else "dog") / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (6, 8, 3), dtype=np.uint8)).save(path)
    return root


def sample_of(store: DatasetStore, name: str, row: int) -> Sample:
    record = pq.read_table(store.workspace.dataset(name) / "samples.parquet").to_pylist()[row]
    return Sample(**{column: record[column] for column in Sample.__slots__})


def test_add_keeps_every_readable_image(store, photos):
    added = store.add("pets", open_source(f"imagefolder:{photos}"))
    table = pq.read_table(store.workspace.dataset("pets") / "samples.parquet").to_pydict()
    assert table["sample_id"] == [f"cat/{n}.png" for n in (1, 3, 5)] + [f"dog/{n}.png" for n in (0, 2, 4)]
    assert table["row"] == list(range(6))
    assert set(zip(table["width"], table["height"], strict=True)) == {(8, 6)}
    assert table["digest"][0] == hashlib.sha256((photos / "cat/1.png").read_bytes()).hexdigest()
    assert (added.existed, added.quarantined) == (False, ())
    assert store.get("pets") == added.dataset == store.list()[0]
    assert (added.dataset.samples, added.dataset.classes) == (6, ("cat", "dog"))


def test_unreadable_images_are_quarantined_with_their_reason(store, photos):
    whole = (photos / "cat/1.png").read_bytes()
    (photos / "cat/broken.jpg").write_bytes(b"not an image")
    (photos / "cat/empty.png").write_bytes(b"")
    (photos / "dog/cut.png").write_bytes(whole[:60])
    Image.new("CMYK", (3, 2)).save(photos / "dog/odd.tif")
    added = store.add("pets", open_source(f"imagefolder:{photos}"))
    assert added.dataset.samples == 7
    reasons = {one.path: one.reason for one in added.quarantined}
    assert list(reasons) == ["cat/broken.jpg", "cat/empty.png", "dog/cut.png"]
    assert "known format" in reasons["cat/broken.jpg"]
    assert "empty" in reasons["cat/empty.png"]
    assert "damaged" in reasons["dog/cut.png"]
    assert tuple(store.quarantined("pets")) == added.quarantined
    assert added.dataset.quarantined == 3


def test_adding_again_changes_nothing(store, photos):
    source = open_source(f"imagefolder:{photos}")
    first = store.add("pets", source)
    folder = store.workspace.dataset("pets")
    before = [(path, path.stat().st_mtime_ns) for path in sorted(folder.rglob("*"))]
    again = store.add("pets", source)
    assert (again.existed, again.dataset) == (True, first.dataset)
    assert [(path, path.stat().st_mtime_ns) for path in sorted(folder.rglob("*"))] == before
    assert len(store.list()) == 1


def test_the_digest_follows_content_label_and_split(store, photos):
    first = store.add("one", open_source(f"imagefolder:{photos}")).dataset
    assert store.add("same", open_source(f"imagefolder:{photos}")).dataset.digest == first.digest
    (photos / "cat/1.png").rename(photos / "dog/1.png")
    assert store.add("moved", open_source(f"imagefolder:{photos}")).dataset.digest != first.digest
    with pytest.raises(InvalidInput, match="choose another name"):
        store.add("one", open_source(f"imagefolder:{photos}"))
    assert store.get("one") == first


def test_bytes_that_the_source_gives_are_kept_in_the_workspace(store, photos):
    content = (photos / "cat/1.png").read_bytes()
    mask = b"mask"
    item = Item("train/1.png", "cat", "train", content=content, mask=mask, metadata={"mark": True})
    added = store.add("made", Given((item,), has_masks=True, metadata={"mark": bool}))
    sample = sample_of(store, "made", 0)
    assert store.read("made", sample) == content
    assert store.image_path("made", sample).is_relative_to(store.workspace.dataset("made"))
    found = store.mask_path("made", sample)
    assert found is not None
    assert found.read_bytes() == mask
    assert pq.read_table(store.workspace.dataset("made") / "samples.parquet")["mark"].to_pylist() == [True]
    assert (added.dataset.splits, added.dataset.has_masks) == ({"train": 1}, True)


def test_no_name_of_an_item_leads_out_or_collides(store, photos):
    content = (photos / "cat/1.png").read_bytes()
    names = ("../../a.png", "/etc/a.png", "a", "a/b.png", "https://host/" + "long" * 100 + ".png")
    added = store.add("named", Given(tuple(Item(name, None, None, content=content) for name in names)))
    assert added.dataset.samples == len(names)
    folder = store.workspace.dataset("named")
    for row, name in enumerate(names):
        sample = sample_of(store, "named", row)
        assert (sample.sample_id, store.read("named", sample)) == (name, content)
        assert store.image_path("named", sample).resolve().is_relative_to(folder)
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 3, "the same bytes are kept once"


def test_readers_are_called_in_several_threads_and_their_refusals_quarantined(store, photos):
    content: bytes = (photos / "cat/1.png").read_bytes()
    together = threading.Barrier(4, timeout=10)

    def fetch() -> bytes:
        together.wait()
        return content

    def refuse() -> bytes:
        raise InvalidInput("the host does not answer")

    items = [Item(f"{n}.png", None, None, reader=fetch) for n in range(8)]
    added = store.add("far", Given((*items, Item("gone.png", None, None, reader=refuse))))
    assert added.dataset.samples == 8
    assert [(one.path, one.reason) for one in added.quarantined] == [("gone.png", "the host does not answer")]


def test_cancelled_while_something_far_away_does_not_answer(store, photos):
    never, asked = threading.Event(), threading.Event()

    def fetch() -> bytes:
        asked.set()
        never.wait(30)
        return b""

    def check() -> None:
        if asked.is_set():
            raise JobCancelled("enough")

    with pytest.raises(JobCancelled):
        store.add("far", Given((Item("a.png", None, None, reader=fetch),)), check=check)
    assert store.list() == []
    never.set()


@pytest.mark.parametrize("end", [JobCancelled("enough"), KeyboardInterrupt()])
def test_an_interrupted_add_leaves_nothing(store, photos, end):
    content = (photos / "cat/1.png").read_bytes()
    items = [Item(f"{n}.png", None, None, content=content) for n in range(40)]

    def check() -> None:
        raise end

    with pytest.raises(type(end)):
        store.add("cut", Given(tuple(items)), check=check)
    assert store.list() == []
    assert [path.name for path in (store.workspace.root / "datasets").iterdir()] == [".cut.lock"]


def test_what_a_crash_left_behind_is_replaced(store, photos):
    datasets = store.workspace.root / "datasets"
    for leftover in (".pets.adding", "pets"):  # killed while writing; killed between the rename and the database
        (datasets / leftover).mkdir()
        (datasets / leftover / "old.txt").write_text("old")
        (datasets / leftover / "samples.parquet").write_text("half")
    store.add("pets", open_source(f"imagefolder:{photos}"))
    assert sorted(path.name for path in (datasets / "pets").iterdir()) == ["quarantine.parquet", "samples.parquet"]
    assert not (datasets / ".pets.adding").exists()


def test_killed_in_the_middle_then_added_again(store, photos):
    content = (photos / "cat/1.png").read_bytes()
    child = os.fork()
    if child == 0:
        items = [Item(f"{n}.png", None, None, content=content) for n in range(40)]
        store.add("pets", Given(tuple(items)), check=lambda: os._exit(9))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert (store.workspace.root / "datasets" / ".pets.adding").exists()
    assert store.add("pets", open_source(f"imagefolder:{photos}")).dataset.samples == 6


def test_a_lost_table_is_mended_by_adding_again(store, photos):
    source = open_source(f"imagefolder:{photos}")
    first = store.add("pets", source).dataset
    (store.workspace.dataset("pets") / "samples.parquet").unlink()
    again = store.add("pets", source)
    assert (again.existed, again.dataset) == (True, first)
    assert (store.workspace.dataset("pets") / "samples.parquet").exists()


def test_progress_reaches_the_total(store, photos):
    content = (photos / "cat/1.png").read_bytes()
    seen: list[tuple[int, int]] = []
    items = tuple(Item(f"{n}.png", None, None, content=content) for n in range(40))
    store.add("many", Given(items, total=40), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(16, 40), (32, 40), (40, 40)]


def test_sources_that_break_the_rules_are_refused(store, photos):
    content = (photos / "cat/1.png").read_bytes()
    twice = Item("a.png", None, None, content=content)
    with pytest.raises(InvalidInput, match=r"'a\.png' more than once"):
        store.add("twice", Given((twice, twice)))
    with pytest.raises(InvalidInput, match=r"without '\.\.'"):
        store.add("escape", Given((Item("../../a.png", None, None, content=content, mask=b"mask"),)))
    with pytest.raises(InvalidInput, match="no readable image; the first of 1"):
        store.add("none", Given((Item("a.png", None, None, content=b"x"),)))
    assert store.list() == []


def test_names(store, photos):
    source = open_source(f"imagefolder:{photos}")
    with pytest.raises(InvalidInput, match="name"):
        store.add("../evil", source)
    store.add("pets", source)
    with pytest.raises(NotFound, match="pets"):
        store.get("dogs")


def test_a_changed_or_lost_file_is_noticed(store, photos):
    store.add("pets", open_source(f"imagefolder:{photos}"))
    sample = sample_of(store, "pets", 0)
    Path(sample.uri).write_bytes((photos / "cat/3.png").read_bytes())
    with pytest.raises(WorkspaceDamaged, match="was changed"):
        store.read("pets", sample)
    Path(sample.uri).unlink()
    with pytest.raises(WorkspaceDamaged, match="No such file"):
        store.read("pets", sample)
