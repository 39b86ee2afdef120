"""A small world for the tests of the sample tables: sixty samples, two runs, one projection, odd names everywhere."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data.database import Database
from data.datasets import DatasetStore
from data.feedback import FeedbackLog
from data.runs import SHARD_SCHEMA, RunStore
from data.samples import SampleTables, View
from data.schema import DatasetRow
from data.types import Projection, Run
from data.workspace import Workspace

COUNT = 60
CLASSES = ("cat", "dog", "o'eel; DROP TABLE samples--")
SQUARE = ((0.5, 0.5), (4.5, 0.5), (4.5, 3.5), (0.5, 3.5))


@dataclass(frozen=True)
class Expected:
    """One sample as the tests know it."""

    row: int
    sample_id: str
    label: str | None
    split: str
    prediction: str
    confidence: float
    other: str
    x: float
    y: float

    @property
    def right(self) -> bool | None:
        return None if self.label is None else self.label == self.prediction

    @property
    def other_right(self) -> bool | None:
        return None if self.label is None else self.label == self.other


def made() -> list[Expected]:
    generator = np.random.default_rng(3)
    names = ["Straße_%.png", "100%_sure.png", "Robert'); DROP TABLE s;--.png"]
    return [
        Expected(
            row=row,
            sample_id=f"{row:02d}/{names[row % 3]}",
            label=None if row % 10 == 9 else CLASSES[generator.integers(3)],
            split="train" if row < 40 else "test",
            prediction=CLASSES[generator.integers(3)],
            confidence=float(np.float32(generator.integers(1, 11) / 10)),
            other=CLASSES[generator.integers(3)],
            x=float(row % 8),
            y=float(row // 8),
        )
        for row in range(COUNT)
    ]


SAMPLES = made()


@dataclass(frozen=True)
class World:
    workspace: Workspace
    runs: RunStore
    feedback: FeedbackLog
    tables: SampleTables
    view: View


def build(folder: Path) -> Iterator[World]:
    database = Database(f"sqlite:///{folder / 'vitrine.db'}")
    database.upgrade()
    # The brackets are pattern characters to DuckDB, the quote ends a string: both may stand in a path.
    workspace = Workspace.create(folder / "it's [mine]*")
    folder = workspace.dataset("pets")
    folder.mkdir(parents=True)
    columns = {
        "row": pa.array(range(COUNT), pa.int32()),
        "sample_id": [one.sample_id for one in SAMPLES],
        "uri": ["/x"] * COUNT,
        "label": [one.label for one in SAMPLES],
        "split": [one.split for one in SAMPLES],
        "width": pa.array([4] * COUNT, pa.int32()),
        "height": pa.array([3] * COUNT, pa.int32()),
        "digest": ["d"] * COUNT,
    }
    pq.write_table(pa.table(columns), folder / "samples.parquet", row_group_size=16)
    with database.write() as session:
        session.add(
            DatasetRow(
                name="pets",
                digest="d",
                source="s",
                samples=COUNT,
                classes=list(CLASSES),
                splits={"train": 40, "test": 20},
                quarantined=0,
                has_masks=False,
                created_at=datetime.now(UTC),
            )
        )
    runs = RunStore(workspace, database)
    first = _run(runs, 1, [one.prediction for one in SAMPLES])
    second = _run(runs, 2, [one.other for one in SAMPLES])
    projection = Projection("ef" * 16, first.id, "umap", {}, COUNT, 0.1, datetime.now(UTC))
    runs.add_projection(projection, np.array([(one.x, one.y) for one in SAMPLES]))
    feedback = FeedbackLog(database)
    tables = SampleTables(workspace, feedback)
    yield World(
        workspace,
        runs,
        feedback,
        tables,
        View(DatasetStore(workspace, database).get("pets"), first, projection, second),
    )
    tables.close()
    database.dispose()


def _run(runs: RunStore, version: int, predictions: list[str]) -> Run:
    run = Run(f"{version:032x}", "pets", "net", version, COUNT, CLASSES, 0.5, {}, 2, 1.0, datetime.now(UTC))
    labels = [one.label for one in SAMPLES]
    columns = {
        "row": range(COUNT),
        "sample_id": [one.sample_id for one in SAMPLES],
        "prediction": predictions,
        "confidence": [one.confidence for one in SAMPLES],
        "probabilities": [[one.confidence, 0.0, 0.0] for one in SAMPLES],
        "margin": [one.confidence for one in SAMPLES],
        "entropy": [1 - one.confidence for one in SAMPLES],
        "loss": [None if label is None else float(row % 7) for row, label in enumerate(labels)],
        "correct": [None if label is None else label == by for label, by in zip(labels, predictions, strict=True)],
    }
    arrays = [pa.array(columns[name], SHARD_SCHEMA.field(name).type) for name in SHARD_SCHEMA.names]
    runs.write_shard(run.id, 0, pa.table(arrays, SHARD_SCHEMA.names), np.zeros((COUNT, 2)))
    return runs.finish(run, 1)
