"""What the pages ask of the sample tables, against the barest query on the same file."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.measure import Figure, compare
from callbacks.services import Services
from dashboard.services import build_services
from dashboard.settings import Settings
from data.runs import SHARD_SCHEMA
from data.samples import View
from data.schema import DatasetRow
from data.selections import Lasso, Outcome, Selection
from data.types import Projection, Run

__all__ = ["run"]

_CLASSES = tuple(f"class{number}" for number in range(10))
_SHARD = 65_536


def run(folder: Path) -> Iterator[Figure]:
    """A gallery page, its counts and the points of the embedding, at 10,000 and at 1,000,000 samples."""
    for samples in (10_000, 1_000_000):
        yield from _figures(build_services(Settings(workspace=folder / f"workspace{samples}")), samples)


def _figures(services: Services, samples: int) -> Iterator[Figure]:
    view, tables = _view(services, samples), services.samples
    table = services.workspace.dataset("made") / "samples.parquet"
    wrong = Selection(outcome=Outcome.WRONG, sort="confidence", descending=True)
    corners = ((-1.0, -1.0), (1.0, -1.0), (1.2, 0.8), (0.0, 1.4), (-1.0, 1.0))
    lasso = Selection(lasso=Lasso(view.projection.key if view.projection else "", corners))
    asked: dict[str, Callable[[], object]] = {
        "page of 60 wrong by confidence": lambda: tables.page(view, wrong, 0, 60),
        "page of 60 in a lasso": lambda: tables.page(view, lasso, 0, 60),
        "counts of all": lambda: tables.counts(view, Selection()),
        "points": lambda: tables.points(view),
    }
    with duckdb.connect(config={"threads": 2}) as bare:

        def scan() -> None:
            bare.execute("SELECT count(DISTINCT label) FROM read_parquet(?)", [str(table)]).fetchall()

        for what, ask in asked.items():
            yield compare(f"{what}, {samples:,} samples", ask, "bare scan", scan)


def _view(services: Services, samples: int) -> View:
    """A dataset with a run and a projection of random content, written as the real ones are."""
    generator = np.random.default_rng(0)
    labels = generator.integers(10, size=samples)
    predictions = np.where(generator.random(samples) < 0.9, labels, generator.integers(10, size=samples))
    names = np.array(_CLASSES, dtype=object)
    folder = services.workspace.dataset("made")
    folder.mkdir(parents=True)
    ids = [f"test/{names[label]}/{row:07d}.jpg" for row, label in enumerate(labels)]
    columns = {
        "row": pa.array(np.arange(samples, dtype=np.int32)),
        "sample_id": pa.array(ids),
        "uri": pa.array(ids),
        "label": pa.array(names[labels]),
        "split": pa.array(["test"] * samples),
        "width": pa.array(np.full(samples, 32, np.int32)),
        "height": pa.array(np.full(samples, 32, np.int32)),
        "digest": pa.array([f"{row:064x}" for row in range(samples)]),
    }
    pq.write_table(pa.table(columns), folder / "samples.parquet", compression="zstd", row_group_size=4096)
    now = datetime.now(UTC)
    with services.database.write() as session:
        facts = {"digest": "made", "source": "made", "quarantined": 0, "has_masks": False, "created_at": now}
        splits = {"test": samples}
        session.add(DatasetRow(name="made", samples=samples, classes=list(_CLASSES), splits=splits, **facts))
    run = _run(services, samples, ids, names[predictions], predictions == labels, generator)
    plane = generator.normal(size=(samples, 2)).astype(np.float32)
    projection = Projection("ab" * 16, run.id, "pca", {}, samples, 0.0, now)
    services.runs.add_projection(projection, plane)
    return View(services.datasets.get("made"), run, projection)


def _run(
    services: Services,
    samples: int,
    ids: list[str],
    predictions: np.ndarray,
    correct: np.ndarray,
    generator: np.random.Generator,
) -> Run:
    identifier = "cd" * 16
    starts = range(0, samples, _SHARD)
    for shard, start in enumerate(starts):
        rows = slice(start, min(start + _SHARD, samples))
        count = rows.stop - rows.start
        confidence = generator.random(count).astype(np.float32)
        probabilities = pa.array([[0.1] * 10] * count, pa.list_(pa.float32()))
        numbers = dict.fromkeys(("confidence", "margin", "entropy", "loss"), confidence)
        columns = {
            "row": np.arange(rows.start, rows.stop, dtype=np.int32),
            "sample_id": ids[rows],
            "prediction": predictions[rows],
            "probabilities": probabilities,
            "correct": correct[rows],
            **numbers,
        }
        table = pa.table({name: columns[name] for name in SHARD_SCHEMA.names}, schema=SHARD_SCHEMA)
        services.runs.write_shard(identifier, shard, table, np.zeros((count, 4), np.float32))
    run = Run(identifier, "made", "net", 1, samples, _CLASSES, 0.9, {"test": 0.9}, 4, 1.0, datetime.now(UTC))
    return services.runs.finish(run, len(starts))
