"""Metadata on the pages: the filters that are offered, those that are active, and the values of samples."""

from collections.abc import Sequence
from dataclasses import replace

from callbacks.services import Services
from data.columns import metadata_columns
from data.metadata import metadata_summaries, metadata_values
from data.queries import NO, YES
from data.samples import View
from data.selections import MetadataFilter, short_number
from data.text import gettext as _
from data.types import Dataset
from layouts.metadata import MAX_COLUMNS, Column, value_text

__all__ = ["active_metadata", "grid_values", "offered_columns", "sample_metadata"]


def offered_columns(services: Services, dataset: Dataset) -> tuple[list[Column], int]:
    """The dataset's first columns with what is in them, and how many more there are."""
    found = [
        Column(summary.column.name, summary.column.kind, summary.missing, summary.choices, summary.low, summary.high)
        for summary in metadata_summaries(services.samples, View(dataset), MAX_COLUMNS)
    ]
    return found, len(metadata_columns(services.workspace, dataset.name)) - len(found)


def active_metadata(asked: Sequence[MetadataFilter]) -> list[tuple[str, tuple[MetadataFilter, ...]]]:
    """What is asked of metadata, each part in words, with the filters that are left without it."""
    found = []
    for place, one in enumerate(asked):
        name = one.column
        parts: list[tuple[str, MetadataFilter]] = [
            (f"{name}: {_value(value)}", replace(one, values=tuple(kept for kept in one.values if kept != value)))
            for value in one.values
        ]
        if one.contains:
            words = _("{name} contains “{text}”", name=name, text=one.contains)
            parts.append((words, replace(one, contains="")))
        if one.low is not None or one.high is not None:
            parts.append((_bounds(one), replace(one, low=None, high=None)))
        if one.missing:
            parts.append((_("{name}: missing", name=name), replace(one, missing=False)))
        for words, rest in parts:
            kept = (rest,) if rest.to_parameters() else ()
            found.append((words, (*asked[:place], *kept, *asked[place + 1 :])))
    return found


def grid_values(services: Services, view: View, rows: Sequence[int]) -> list[dict[str, str]]:
    """For each row the cells of the metadata columns, see `layouts.metadata.grid_columns`."""
    return [
        {f"metadata{place}": value_text(value) for place, value in enumerate(list(values.values())[:MAX_COLUMNS])}
        for values in metadata_values(services.samples, view, rows)
    ]


def sample_metadata(services: Services, view: View, row: int) -> list[tuple[str, str]]:
    """The metadata of one sample as (name, value) pairs."""
    (values,) = metadata_values(services.samples, view, [row])
    return [(name, value_text(value)) for name, value in values.items()]


def _value(text: str) -> str:
    return {YES: _("yes"), NO: _("no")}.get(text, text)


def _bounds(asked: MetadataFilter) -> str:
    if asked.high is None and asked.low is not None:
        return f"{asked.column} ≥ {short_number(asked.low)}"
    if asked.low is None and asked.high is not None:
        return f"{asked.column} ≤ {short_number(asked.high)}"
    return f"{asked.column} {short_number(asked.low or 0.0)}–{short_number(asked.high or 0.0)}"
