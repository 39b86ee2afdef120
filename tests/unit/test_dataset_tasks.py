"""Looking at a source and adding it, as a worker does it."""

import pickle
from pathlib import Path

import pytest
from PIL import Image

from callbacks.services import Services
from data.errors import InvalidInput
from data.sources.preview import Preview
from inference.tasks import Place, WorkerContext, open_context
from inference.worker import datasets


@pytest.fixture
def context(services: Services):
    opened = open_context(Place(str(services.workspace.root), services.database.url, 10**7))
    yield opened
    opened.close()


@pytest.fixture
def table(tmp_path: Path) -> str:
    for number in range(3):
        Image.new("RGB", (4, 4), (number, 0, 0)).save(tmp_path / f"{number}.png")
    lines = [f"{number}.png,cat,{number}" for number in range(3)] + [f"gone{number}.png,dog,0" for number in range(120)]
    (tmp_path / "list.csv").write_text("\n".join(["path,label,count", *lines]))
    return f"csv:{tmp_path / 'list.csv'}"


def test_a_preview_travels_between_processes(context: WorkerContext, table: str) -> None:
    found = datasets.preview(context, {"source": table})
    assert isinstance(found, Preview)
    assert (found.read, found.labels, found.metadata) == (123, {"cat": 3, "dog": 120}, {"count": int})
    assert len(found.items) == 24
    assert pickle.loads(pickle.dumps(found)) == found
    with pytest.raises(InvalidInput, match=r"torchvision:CLASS\[/VARIANT\]:ROOT"):
        datasets.preview(context, {"source": "video:x"})


def test_the_log_names_what_was_put_aside(services: Services, context: WorkerContext, table: str) -> None:
    for name in ("pets", "again"):
        job = services.jobs.submit("add", {"name": name, "source": table}, "me")
        assert services.jobs.claim() is not None
        result = datasets.add(context, {"name": name, "source": table, "job": job.id})
        services.jobs.finish(job.id, result)
        assert (result["dataset"], result["samples"], result["quarantined"]) == (name, 3, 120)
    lines = [line for _, line in services.jobs.lines(job.id)]
    assert len(lines) == 103
    assert lines[1] == "Put aside gone0.png: cannot be read: No such file or directory"
    assert lines[-2:] == [
        "Put aside 120 in all; the dataset keeps the reason of each",
        "It has the same content as pets",
    ]
