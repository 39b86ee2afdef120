"""The sample tables: every question about samples, answered by DuckDB from the Parquet files.

Only the files and columns that a question needs are read. Values reach SQL as bound parameters and column names come
from a fixed table, so no text from outside is ever part of a statement; besides, the connection can read nothing but
the workspace's datasets and runs.
"""

import glob
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq

from data.errors import InvalidInput, NotFound, WorkspaceDamaged
from data.feedback import FeedbackLog, Standing
from data.lassos import Lassos
from data.points import Points, read_points
from data.queries import Question, View, build_question
from data.selections import Selection
from data.types import Sample
from data.workspace import Workspace, atomic_path

__all__ = ["Adjacent", "Counts", "Points", "Row", "SampleTables", "View"]

_MEMORY = "400MB"
_SPILL = "4GB"
_SAMPLE = ("sample_id", "uri", "label", "split", "width", "height", "digest")
_RUN = ("prediction", "confidence", "correct")
_OTHER = ("other_prediction", "other_confidence")
_EVERYTHING = Selection()


@dataclass(frozen=True, slots=True)
class Row:
    """A sample with what the view's runs and people say about it.

    Attributes:
        confidence, other_confidence: In [0, 1].
        correct: None without label or prediction.
        feedback: The kind of feedback that stands, if any.
        given_label: The class that it gives.
    """

    sample: Sample
    prediction: str | None = None
    confidence: float | None = None
    correct: bool | None = None
    feedback: str | None = None
    given_label: str | None = None
    other_prediction: str | None = None
    other_confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How a selection is made up. Names with no sample in it are left out, and so are samples without a name.

    Attributes:
        total: Samples in the dataset.
        selected: Samples in the selection.
    """

    total: int
    selected: int
    right: int
    wrong: int
    labels: Mapping[str, int]
    predictions: Mapping[str, int]
    splits: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Adjacent:
    """Where a sample stands in a selection.

    Attributes:
        position: 0-based; None if the sample is not in the selection.
        total: Samples in the selection.
        previous, following: The sample_ids beside it; None at the ends.
    """

    position: int | None
    total: int
    previous: str | None
    following: str | None


class SampleTables:
    """Queries on the workspace's samples. Safe to share between threads: each call has a cursor of its own."""

    def __init__(self, workspace: Workspace, feedback: FeedbackLog) -> None:
        self.workspace = workspace
        self.feedback = feedback
        self._lassos = Lassos(workspace)
        self._connection = _connect(workspace)
        self._lock = threading.Lock()
        self._standing: dict[str, tuple[int, dict[int, Standing]]] = {}

    def count(self, view: View, selection: Selection) -> int:
        """How many samples are selected."""
        question = self.question(view, selection)
        if not question.conditions:
            return view.dataset.samples
        return int(self.ask(question, f"SELECT count(*) {question.source()}")[0][0])

    def counts(self, view: View, selection: Selection) -> Counts:
        """How the selection is made up, in one pass over it."""
        question = self.question(view, selection)
        names = ["label", "split"] + (["prediction", "correct"] if view.run else [])
        columns = [question.column(name) for name in names]
        sets = ", ".join(f"({column})" for column in columns)
        listed = ", ".join(f"grouping({column}), {column}" for column in columns)
        statement = f"SELECT count(*), {listed} {question.source()} GROUP BY GROUPING SETS ({sets})"
        found: dict[str, dict[Any, int]] = {name: {} for name in names}
        for count, *pairs in self.ask(question, statement):
            for name, absent, value in zip(names, pairs[::2], pairs[1::2], strict=True):
                if not absent:
                    found[name][value] = count
        outcomes = found.get("correct", {})
        return Counts(
            total=view.dataset.samples,
            selected=sum(found["label"].values()),
            right=outcomes.get(True, 0),
            wrong=outcomes.get(False, 0),
            labels=_ordered(found["label"], view.dataset.classes),
            predictions=_ordered(found.get("prediction", {}), view.run.classes if view.run else ()),
            splits=_ordered(found["split"], tuple(view.dataset.splits)),
        )

    def page(self, view: View, selection: Selection, offset: int, limit: int) -> list[Row]:
        """The rows `offset` … `offset + limit` - 1 of the selection in its order; fewer at its end."""
        if limit <= 0:
            return []
        return self.rows(view, self.order(view, selection, max(offset, 0), limit).tolist())

    def order(self, view: View, selection: Selection, offset: int = 0, limit: int | None = None) -> np.ndarray:
        """The selection's row numbers in its order, (n,) int32: all of them, or one page."""
        question = self.question(view, selection)
        if not question.conditions and selection.sort == "row":
            total = view.dataset.samples
            everything = range(total - 1, -1, -1) if selection.descending else range(total)
            return np.array(everything[offset : None if limit is None else offset + limit], dtype=np.int32)
        statement = f"SELECT {question.row()} AS row {question.source()} ORDER BY {question.order}"
        if limit is not None:
            question.parameters |= {"limit": limit, "offset": offset}
            statement += " LIMIT $limit OFFSET $offset"
        with self._running(question, statement) as cursor:
            return np.asarray(cursor.fetchnumpy()["row"], dtype=np.int32)

    def rows(self, view: View, rows: Sequence[int]) -> list[Row]:
        """The samples of the given row numbers, in that order.

        Raises:
            NotFound: The dataset has no such row.
        """
        if not len(rows):
            return []
        found = {row.sample.row: row for row in self._fetch(view, rows)}
        missing = [row for row in rows if row not in found]
        if missing:
            raise NotFound(f"Dataset {view.dataset.name!r} has no row {missing[0]}")
        return [found[row] for row in rows]

    def row(self, view: View, row: int) -> Row:
        """The sample of a row number; raises `NotFound` if there is none."""
        return self.rows(view, [row])[0]

    def by_id(self, view: View, sample_id: str) -> Row:
        """The sample of that id; raises `NotFound` if there is none."""
        question = self.question(view, _EVERYTHING)
        question.conditions.append(f"{question.column('sample_id')} = $sample_id")
        question.parameters["sample_id"] = sample_id
        found = self.ask(question, f"SELECT {question.row()} {question.source()}")
        if not found:
            raise NotFound(f"Dataset {view.dataset.name!r} has no sample {sample_id!r}; Browse lists its samples")
        return self.row(view, found[0][0])

    def neighbours_in_order(self, view: View, selection: Selection, row: int) -> Adjacent:
        """The samples before and after one in the selection's order."""
        order = self.order(view, selection)
        places = np.flatnonzero(order == row)
        if not len(places):
            return Adjacent(None, len(order), None, None)
        place = int(places[0])
        beside = [int(order[at]) if 0 <= at < len(order) else None for at in (place - 1, place + 1)]
        ids = {one.sample.row: one.sample.sample_id for one in self.rows(view, [at for at in beside if at is not None])}
        previous, following = (None if at is None else ids[at] for at in beside)
        return Adjacent(place, len(order), previous, following)

    def points(self, view: View, selection: Selection | None = None) -> Points:
        """The points of the view's projection, those of the selection alone if one is given; in row order."""
        if selection is None or not self.question(view, selection).conditions:
            return read_points(self.workspace, view)
        return read_points(self.workspace, view, np.sort(self.order(view, selection)))

    def export(self, view: View, path: Path) -> int:
        """Writes sample_id, label, prediction, confidence, x and y of every sample to a Parquet file.

        Without a projection x and y are null. Returns how many rows were written.

        Raises:
            InvalidInput: The view has no run, or the file cannot be written.
        """
        question = self.question(view, _EVERYTHING)
        names = ["sample_id", "label", "prediction", "confidence"]
        columns = [question.column(name) for name in names]
        columns += [question.column(name) if view.projection else f"NULL::FLOAT AS {name}" for name in ("x", "y")]
        statement = f"SELECT {', '.join(columns)} {question.source()} ORDER BY {question.row()}"
        try:
            with (
                self._cursor(question) as cursor,
                cursor.sql(statement, params=question.parameters).to_arrow_reader(65_536) as reader,
                atomic_path(path) as temporary,
                pq.ParquetWriter(temporary, reader.schema, compression="zstd") as writer,
            ):
                for batch in reader:
                    writer.write_batch(batch)
        except OSError as error:
            raise InvalidInput(f"{path} cannot be written: {error.strerror or error}; choose another --out") from error
        return view.dataset.samples

    def question(self, view: View, selection: Selection) -> Question:
        """The SQL of a selection, lasso and feedback included."""
        question = build_question(self.workspace, view, selection)
        if selection.lasso is not None:
            question.restrict("lassoed", self._lassos.rows(view, selection.lasso))
        if selection.feedback is not None:
            kinds = {row: standing.kind for row, standing in self.standing(view.dataset.name).items()}
            every = selection.feedback in ("any", "none")
            rows = [row for row, kind in kinds.items() if every or kind == selection.feedback]
            question.restrict("judged", np.array(rows, dtype=np.int32), wanted=selection.feedback != "none")
        return question

    def ask(self, question: Question, statement: str) -> list[tuple[Any, ...]]:
        """All rows of a statement that was made from `question`."""
        with self._running(question, statement) as cursor:
            return cursor.fetchall()  # type: ignore[no-any-return]

    def standing(self, dataset: str) -> Mapping[int, Standing]:
        """What stands on each sample, read again only when somebody said something new."""
        newest = self.feedback.newest(dataset)
        kept = self._standing.get(dataset)
        if kept is None or kept[0] != newest:
            kept = self._standing[dataset] = (newest, self.feedback.standing(dataset))
        return kept[1]

    def close(self) -> None:
        """Closes the connection; no call may follow."""
        self._connection.close()

    def _fetch(self, view: View, rows: Sequence[int]) -> Iterator[Row]:
        question = self.question(view, _EVERYTHING)
        runs = (_RUN if view.run else ()) + (_OTHER if view.other else ())
        columns = [question.column(name) for name in _SAMPLE + runs]
        # One parameter a row, and not a list: so DuckDB reads only the row groups that hold these rows, and by its
        # join filters only those of the other files too.
        places = {f"row{place}": row for place, row in enumerate(rows)}
        question.conditions.append(f"s.row IN ({', '.join('$' + place for place in places)})")
        question.parameters |= places
        standing = self.standing(view.dataset.name)
        for row, *values in self.ask(question, f"SELECT s.row, {', '.join(columns)} {question.source()}"):
            judgement = standing.get(row)
            yield Row(
                sample=Sample(row, *values[: len(_SAMPLE)]),
                feedback=str(judgement.kind) if judgement else None,
                given_label=judgement.label if judgement else None,
                **dict(zip(runs, values[len(_SAMPLE) :], strict=True)),
            )

    @contextmanager
    def _running(self, question: Question, statement: str) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._cursor(question) as cursor:
            cursor.execute(statement, question.parameters)
            yield cursor

    @contextmanager
    def _cursor(self, question: Question) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._lock:
            cursor = self._connection.cursor()
        try:
            for name, table in question.rows.items():
                cursor.register(name, table)
            yield cursor
        except (duckdb.IOException, duckdb.InvalidInputException) as error:
            first = str(error).partition("\n")[0]
            raise WorkspaceDamaged(f"A table of the workspace is missing or damaged ({first}); run `check`") from error
        finally:
            cursor.close()


def _connect(workspace: Workspace) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": min(4, os.cpu_count() or 1),
            "memory_limit": _MEMORY,
            # Of this process alone: DuckDB clears the folder it spilled to when it ends.
            "temp_directory": str(workspace.cache / "duckdb" / str(os.getpid())),
            "max_temp_directory_size": _SPILL,
            "python_enable_replacements": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    allowed = [str(workspace.root / name) for name in ("datasets", "runs")]
    allowed += [glob.escape(folder) for folder in allowed]  # files are named as patterns, see data.queries
    folders = ", ".join("'" + folder.replace("'", "''") + "'" for folder in dict.fromkeys(allowed))
    for setting in (
        "parquet_metadata_cache = true",
        f"allowed_directories = [{folders}]",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute(f"SET {setting}")
    return connection


def _ordered(found: Mapping[Any, int], names: Sequence[str]) -> dict[str, int]:
    """The counts by name, in the order of `names`, then by alphabet."""
    place = {name: index for index, name in enumerate(names)}
    known = [name for name in found if name is not None]
    return {name: found[name] for name in sorted(known, key=lambda name: (place.get(name, len(place)), name))}
