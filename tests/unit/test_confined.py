"""A table that a page chose names only what lies in its own folder; one that the operator named may name anything."""

from pathlib import Path

import pytest
from PIL import Image

from data.sources.preview import Preview
from inference.tasks import WorkerContext
from inference.worker import datasets


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of four images: one beside it, one outside by its path, one by dots, one on another host."""
    (tmp_path / "open").mkdir()
    for place in ("open", ""):
        Image.new("RGB", (2, 2)).save(tmp_path / place / "a.png")
    lines = ("path,label", "a.png,x", f"{tmp_path}/a.png,x", "../a.png,x", "http://127.0.0.1:9/a.png,x")
    path = tmp_path / "open" / "table.csv"
    path.write_text("\n".join(lines))
    return path


def look(table: Path, confined: bool) -> Preview:
    context: WorkerContext = None  # type: ignore[assignment]  # a preview needs no store
    return datasets.preview(context, {"source": f"csv:{table}", "confined": confined})


def test_a_page_does_not_reach_out_through_a_table(table: Path) -> None:
    found = look(table, confined=True)
    assert [item.thumbnail is not None for item in found.items] == [True, False, False, False]
    assert all("leads out of the folder" in str(item.problem) for item in found.items[1:])


def test_the_operator_may_name_what_lies_elsewhere(table: Path) -> None:
    assert look(table, confined=False).items[1].thumbnail is not None
