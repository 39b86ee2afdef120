"""Feedback written out for other tools: CSV, JSON lines, Parquet; row by row, in bounded memory."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from data.errors import InvalidInput
from data.masks import Region
from data.types import FeedbackEvent

__all__ = ["FORMATS", "export_feedback", "write_feedback"]

FORMATS = ("csv", "jsonl", "parquet")
_COLUMNS = tuple(field.name for field in fields(FeedbackEvent))
_SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("person", pa.string()),
        ("kind", pa.string()),
        ("dataset", pa.string()),
        ("sample_id", pa.string()),
        ("row", pa.int64()),
        ("model", pa.string()),
        ("version", pa.int64()),
        ("label", pa.string()),
        ("comment", pa.string()),
        ("shown_label", pa.string()),
        ("shown_prediction", pa.string()),
        ("undoes", pa.int64()),
        ("undone", pa.bool_()),
        ("choice", pa.string()),
        ("regions", pa.string()),
        ("shown_explanation", pa.string()),
    ]
)


def export_feedback(events: Iterable[FeedbackEvent], path: Path) -> int:
    """Writes events to a file whose ending names the format, one of `FORMATS`.

    Returns:
        How many events were written.

    Raises:
        InvalidInput: The ending is none of them, or the file cannot be written.
    """
    form = path.suffix.removeprefix(".").lower()
    if form not in FORMATS:
        raise InvalidInput.choice("File ending", path.suffix, [f".{known}" for known in FORMATS])
    try:
        with path.open("wb") as stream:
            return write_feedback(events, form, stream)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}; choose another --out") from error


def write_feedback(events: Iterable[FeedbackEvent], form: str, stream: IO[bytes]) -> int:
    """Writes events to a binary stream in one of `FORMATS`; returns how many."""
    if form == "parquet":
        return _write_parquet(events, stream)
    lines = _csv_lines(events) if form == "csv" else _json_lines(events)
    count = -1 if form == "csv" else 0
    for line in lines:
        stream.write(line.encode())
        count += 1
    return count


def _json_lines(events: Iterable[FeedbackEvent]) -> Iterator[str]:
    for event in events:
        yield json.dumps(_plain(event), ensure_ascii=False) + "\n"


class _Echo:
    """A file whose `write` hands back what it was given: the csv module's way to make lines."""

    def write(self, line: str) -> str:
        return line


def _csv_lines(events: Iterable[FeedbackEvent]) -> Iterator[str]:
    writer = csv.writer(_Echo(), lineterminator="\n")
    yield writer.writerow(_COLUMNS)
    for event in events:
        yield writer.writerow([_inert(_flat(value)) for value in _plain(event).values()])


def _inert(value: object) -> object:
    """A cell that a spreadsheet shows instead of running: text that starts like a formula gets a quote before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def _write_parquet(events: Iterable[FeedbackEvent], stream: IO[bytes]) -> int:
    count = 0
    with pq.ParquetWriter(stream, _SCHEMA, compression="zstd") as writer:
        iterator = iter(events)
        while batch := list(islice(iterator, 4096)):
            columns = [[_flat(getattr(event, name)) for event in batch] for name in _COLUMNS]
            arrays = [pa.array(column, field.type) for column, field in zip(columns, _SCHEMA, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=_SCHEMA))
            count += len(batch)
    return count


def _flat(value: object) -> object:
    """A cell of a table: what has parts of its own is written as JSON, and nothing where it has none."""
    if isinstance(value, tuple | list | Mapping):
        return json.dumps(_nested(value), ensure_ascii=False) if value else None
    return value


def _nested(value: object) -> object:
    if isinstance(value, tuple | list):
        return [_nested(part) for part in value]
    return {"role": value.role.value, **asdict(value.mask)} if isinstance(value, Region) else value


def _plain(event: FeedbackEvent) -> dict[str, object]:
    values = ((name, getattr(event, name)) for name in _COLUMNS)
    return {name: value.isoformat() if isinstance(value, datetime) else _nested(value) for name, value in values}
