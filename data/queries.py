"""From a view and a selection to SQL: which files are joined, which rows are wanted, in which order."""

import glob
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from data.columns import ColumnKind, MetadataColumn, metadata_column, metadata_columns
from data.errors import InvalidInput
from data.runs import part_files, projection_file
from data.selections import MetadataFilter, Outcome, Selection
from data.types import Dataset, Projection, Run
from data.workspace import Workspace

__all__ = ["NO", "YES", "Question", "View", "build_question"]

YES, NO = "yes", "no"  # a boolean's values in an address

# Column names for callers, each with the file it comes from: samples, run, other run, plane of the projection.
_COLUMNS = {
    "sample_id": "s.sample_id",
    "uri": "s.uri",
    "label": "s.label",
    "split": "s.split",
    "width": "s.width",
    "height": "s.height",
    "digest": "s.digest",
    "prediction": "r.prediction",
    "confidence": "r.confidence",
    "margin": "r.margin",
    "entropy": "r.entropy",
    "loss": "r.loss",
    "correct": "r.correct",
    "other_prediction": "o.prediction",
    "other_confidence": "o.confidence",
    "other_correct": "o.correct",
    "x": "p.x",
    "y": "p.y",
}
# For each comparison: whether the view's run is right, whether the other run is.
_COMPARED = {
    "fixed": ("NOT r.correct", "o.correct"),
    "broken": ("r.correct", "NOT o.correct"),
    "both_right": ("r.correct", "o.correct"),
    "both_wrong": ("NOT r.correct", "NOT o.correct"),
}


@dataclass(frozen=True, slots=True)
class View:
    """What a person looks at: a dataset, perhaps under a run, in a projection, beside another run.

    In comparisons `run` is A and `other` is B: a sample is fixed where A is wrong and B is right.
    """

    dataset: Dataset
    run: Run | None = None
    projection: Projection | None = None
    other: Run | None = None


@dataclass(slots=True)
class Question:
    """The parts of one SQL statement over a view. Text from outside lives in `parameters` and `rows` only.

    Attributes:
        files: Parquet files by the alias of their table.
        tables: Aliases in use, in the order of first use.
        conditions: Joined by AND.
        parameters: Bound values by name.
        rows: Sets of rows by table name, which the connection registers before it runs the statement.
        order: The columns behind ORDER BY.
    """

    files: dict[str, list[str]]
    tables: list[str] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)
    parameters: dict[str, object] = field(default_factory=dict)
    rows: dict[str, pa.Table] = field(default_factory=dict)
    order: str = ""

    def column(self, name: str) -> str:
        """The SQL of a column; its table joins in.

        Raises:
            InvalidInput: The view has no such table: the dataset is not indexed, or no other version is chosen.
        """
        expression = _COLUMNS[name]
        self.use(expression[0])
        return expression

    def use(self, alias: str) -> None:
        """Joins a table in."""
        if alias in self.tables:
            return
        if alias not in self.files:
            raise InvalidInput(_MISSING[alias])
        self.tables.append(alias)
        self.parameters[f"files_{alias}"] = self.files[alias]

    def row(self) -> str:
        """The SQL of the row's number."""
        if not self.tables:
            self.use("s")
        return f"{self.tables[0]}.row"

    def restrict(self, name: str, rows: np.ndarray, wanted: bool = True) -> None:
        """Keeps only the given rows, (n,) integers, or only the others."""
        self.rows[name] = pa.table({"row": pa.array(np.asarray(rows, dtype=np.int32))})
        self.conditions.append(f"{self.row()} {'' if wanted else 'NOT'} IN (FROM {name})")

    def source(self) -> str:
        """FROM and WHERE."""
        base = self.row().partition(".")[0]
        joins = [f"read_parquet($files_{base}) {base}"]
        joins += [
            f"JOIN read_parquet($files_{alias}) {alias} ON {alias}.row = {base}.row"
            for alias in self.tables
            if alias != base
        ]
        return f"FROM {' '.join(joins)} WHERE {' AND '.join(self.conditions) or 'true'}"


_MISSING = {
    "s": "The dataset has no table of samples",
    "r": "Predictions are needed for this; index the dataset with a model first",
    "o": "A second version is needed for this; choose one to compare with",
    "p": "A projection is needed for this; make one with `project`",
}


def build_question(workspace: Workspace, view: View, selection: Selection) -> Question:
    """The rows of a selection, except for its lasso and feedback, which need more than the view's files.

    Raises:
        InvalidInput: The selection asks for predictions, a comparison, coordinates or metadata that the view does
            not have, or asks a metadata column for what its kind does not know.
    """
    question = Question(_files(workspace, view))
    columns: tuple[MetadataColumn, ...] = ()
    for name, values in (
        ("split", selection.splits),
        ("label", selection.labels),
        ("prediction", selection.predictions),
    ):
        if values:
            question.conditions.append(f"{question.column(name)} = ANY($wanted_{name})")
            question.parameters[f"wanted_{name}"] = list(values)
    if selection.outcome is not None:
        column = question.column("correct")
        question.conditions.append(column if selection.outcome is Outcome.RIGHT else f"NOT {column}")
    if selection.compared is not None:
        question.use("r")
        question.use("o")
        question.conditions += _COMPARED[selection.compared]
    if selection.low > 0 or selection.high < 1:
        question.conditions.append(f"{question.column('confidence')} BETWEEN $low::FLOAT AND $high::FLOAT")
        question.parameters |= {"low": selection.low, "high": selection.high}
    if selection.text:
        question.conditions.append(f"contains(lower({question.column('sample_id')}), lower($text))")
        question.parameters["text"] = selection.text
    if selection.metadata or selection.sort_metadata is not None:
        columns = metadata_columns(workspace, view.dataset.name)
        question.use("s")
        for place, asked in enumerate(selection.metadata):
            _ask_metadata(question, metadata_column(columns, asked.column), asked, f"metadata{place}")
    question.order = _order(question, selection, columns)
    return question


def _order(question: Question, selection: Selection, columns: tuple[MetadataColumn, ...]) -> str:
    """What stands behind ORDER BY. Equal values keep the dataset's order both ways, so that pages never overlap."""
    direction = "DESC" if selection.descending else "ASC"
    if selection.sort == "row":
        return f"{question.row()} {direction}"
    name = selection.sort_metadata
    if name is None:
        return f"{question.column(selection.sort)} {direction} NULLS LAST, {question.row()}"
    column = metadata_column(columns, name)
    # NaN, to SQL the largest number, is no value and comes last too.
    value = f"CASE WHEN {column.missing} THEN NULL ELSE {column.sql} END"
    return f"{value} {direction} NULLS LAST, {question.row()}"


def _ask_metadata(question: Question, column: MetadataColumn, asked: MetadataFilter, name: str) -> None:
    """Adds what is asked of one column; `name` begins the names of its parameters."""
    _refuse_misfits(column, asked)
    wanted = []
    if asked.values and column.kind is ColumnKind.BOOLEAN:
        wanted.append(f"{column.sql} = ANY(${name}_values::BOOLEAN[])")
        question.parameters[f"{name}_values"] = [value == YES for value in asked.values]
    elif asked.values:
        wanted.append(f"{column.sql} = ANY(${name}_values)")
        question.parameters[f"{name}_values"] = list(asked.values)
    if asked.contains:
        wanted.append(f"contains(lower({column.sql}), lower(${name}_text))")
        question.parameters[f"{name}_text"] = asked.contains
    if asked.low is not None or asked.high is not None:
        # The file's statistics know of no NaN, so DuckDB would hold any other condition for true of it.
        wanted.append(f"isfinite({column.sql}::DOUBLE)")
    for sign, part, bound in ((">=", "low", asked.low), ("<=", "high", asked.high)):
        if bound is not None:
            wanted.append(f"{column.sql} {sign} ${name}_{part}::DOUBLE")
            question.parameters[f"{name}_{part}"] = bound
    condition = " AND ".join(wanted)
    if asked.missing:
        condition = f"({condition}) OR {column.missing}" if condition else column.missing
    question.conditions.append(f"({condition})")


def _refuse_misfits(column: MetadataColumn, asked: MetadataFilter) -> None:
    """Raises `InvalidInput` where a column is asked for what its kind does not know."""
    bounded = asked.low is not None or asked.high is not None
    if column.kind is ColumnKind.NUMBER:
        if asked.values or asked.contains:
            raise InvalidInput(
                f"Metadata column {column.name!r} holds numbers; filter it with min.{column.name} and max.{column.name}"
            )
        return
    if bounded or (asked.contains and column.kind is ColumnKind.BOOLEAN):
        raise InvalidInput(
            f"Metadata column {column.name!r} holds {column.kind} and no numbers; filter it with meta.{column.name}"
        )
    if column.kind is ColumnKind.BOOLEAN:
        for value in asked.values:
            if value not in (YES, NO):
                raise InvalidInput.choice(f"meta.{column.name}", value, (YES, NO))


def _files(workspace: Workspace, view: View) -> dict[str, list[str]]:
    files = {"s": _patterns([workspace.dataset(view.dataset.name) / "samples.parquet"])}
    for alias, run in (("r", view.run), ("o", view.other)):
        if run is not None:
            files[alias] = _patterns(part_files(workspace, run.id) or [workspace.run(run.id) / "part-00000.parquet"])
    if view.projection is not None:
        files["p"] = _patterns([projection_file(workspace, view.projection.run, view.projection.key)])
    return files


def _patterns(paths: Sequence[object]) -> list[str]:
    # read_parquet takes patterns; a bracket in the workspace's path is meant as a bracket.
    return [glob.escape(str(path)) for path in paths]
