"""What is in the metadata columns of a dataset: for filters, for tables and for the page of one sample."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from data.columns import ColumnKind, MetadataColumn, metadata_columns
from data.queries import View
from data.samples import SampleTables
from data.selections import Selection

__all__ = ["MAX_CHOICES", "ColumnSummary", "metadata_summaries", "metadata_values"]

MAX_CHOICES = 50
_LONGEST_CHOICE = 200
_EVERYTHING = Selection()
Value = str | float | int | bool


@dataclass(frozen=True, slots=True)
class ColumnSummary:
    """One column over all samples.

    Attributes:
        known: Samples that have a value; a finite one, in a number column.
        missing: Samples that have none; NaN is none, infinity is one.
        distinct: How many different values there are.
        choices: (value, samples) of each value of a text or boolean column, the most frequent first; empty where
            there are more than `MAX_CHOICES`, or long ones. Booleans are `True` and `False`.
        low, high: Of a number column; None without any number.
    """

    column: MetadataColumn
    known: int
    missing: int
    distinct: int
    choices: tuple[tuple[str | bool, int], ...] = ()
    low: float | None = None
    high: float | None = None


def metadata_summaries(tables: SampleTables, view: View, limit: int = 100) -> tuple[ColumnSummary, ...]:
    """The first `limit` columns of the view's dataset, each summed up; one pass a column."""
    columns = metadata_columns(tables.workspace, view.dataset.name)[:limit]
    return tuple(_summary(tables, view, column) for column in columns)


def metadata_values(tables: SampleTables, view: View, rows: Sequence[int]) -> list[Mapping[str, Value | None]]:
    """The metadata of the given rows, in that order, by the columns' names; None for what a sample lacks."""
    columns = metadata_columns(tables.workspace, view.dataset.name)
    if not columns or not len(rows):
        return [{} for _row in rows]
    question = tables.question(view, _EVERYTHING)
    question.use("s")
    places = {f"row{place}": int(row) for place, row in enumerate(rows)}
    question.conditions.append(f"s.row IN ({', '.join('$' + place for place in places)})")
    question.parameters |= places
    listed = ", ".join(column.sql for column in columns)
    names = [column.name for column in columns]
    found = {
        row: dict(zip(names, values, strict=True))
        for row, *values in tables.ask(question, f"SELECT s.row, {listed} {question.source()}")
    }
    return [found.get(int(row), {}) for row in rows]


def _summary(tables: SampleTables, view: View, column: MetadataColumn) -> ColumnSummary:
    question = tables.question(view, _EVERYTHING)
    question.use("s")
    missing = f"count(*) FILTER (WHERE {column.missing})"
    if column.kind is ColumnKind.NUMBER:
        finite = f"CASE WHEN isfinite({column.sql}::DOUBLE) THEN {column.sql} END"
        asked = f"{missing}, count({finite}), count(DISTINCT {finite}), min({finite}), max({finite})"
        absent, known, distinct, low, high = tables.ask(question, f"SELECT {asked} {question.source()}")[0]
        return ColumnSummary(column, known, absent, distinct, (), _number(low), _number(high))
    statement = f"SELECT {missing}, count({column.sql}), count(DISTINCT {column.sql}) {question.source()}"
    absent, known, distinct = tables.ask(question, statement)[0]
    if not 0 < distinct <= MAX_CHOICES:
        return ColumnSummary(column, known, absent, distinct)
    question.conditions.append(f"{column.sql} IS NOT NULL")
    statement = f"SELECT {column.sql} AS value, count(*) AS samples {question.source()} GROUP BY 1 ORDER BY 2 DESC, 1"
    choices = tuple((value, samples) for value, samples in tables.ask(question, statement))
    if any(isinstance(value, str) and not 0 < len(value) <= _LONGEST_CHOICE for value, _samples in choices):
        return ColumnSummary(column, known, absent, distinct)
    return ColumnSummary(column, known, absent, distinct, choices)


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)
