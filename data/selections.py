"""Selections: which samples of a dataset are meant, as a value that a URL can carry.

A selection is the intersection of a filter and a lasso polygon, with an order. The same value drives the gallery,
the table, the embedding's highlight, previous/next on the sample page and the script contract.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from data.errors import InvalidInput

__all__ = ["MAX_POLYGON", "METADATA_PREFIX", "SORTS", "Lasso", "MetadataFilter", "Outcome", "Selection", "short_number"]

MAX_POLYGON = 200
SORTS = ("row", "sample_id", "label", "split", "prediction", "confidence", "margin", "entropy", "loss")
_KEY = re.compile(r"[0-9a-z]{1,64}", re.ASCII)
_MAX_TEXT = 200
_MAX_VALUES = 100
_MAX_FILTERS = 20


class Outcome(StrEnum):
    """Whether the prediction equals the label."""

    RIGHT = "right"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Lasso:
    """A closed polygon in the plane of one projection.

    Attributes:
        projection: Key of the projection in whose coordinates the polygon is drawn.
        polygon: (x, y) corners in order, 3 to `MAX_POLYGON`.
    """

    projection: str
    polygon: tuple[tuple[float, float], ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `KEY:x,y,x,y,…`.

        Raises:
            InvalidInput: Fewer than three or too many corners, or a corner that is not a finite number.
        """
        projection, _, flat = text.partition(":")
        try:
            numbers = [float(part) for part in flat.split(",")]
        except ValueError as error:
            raise InvalidInput("The lasso in the address is not a list of numbers; draw it again") from error
        corners = tuple(zip(numbers[::2], numbers[1::2], strict=False))
        well_formed = len(numbers) % 2 == 0 and 3 <= len(corners) <= MAX_POLYGON and all(map(math.isfinite, numbers))
        if not well_formed or not _KEY.fullmatch(projection):
            raise InvalidInput(f"The lasso in the address needs 3 to {MAX_POLYGON} corners; draw it again")
        return cls(projection, corners)

    def __str__(self) -> str:
        return self.projection + ":" + ",".join(f"{value:.4g}" for corner in self.polygon for value in corner)


@dataclass(frozen=True, slots=True)
class MetadataFilter:
    """What is asked of one metadata column; which parts make sense is a question of the column's kind.

    The URL carries the parts as `meta.NAME`, `has.NAME`, `min.NAME`, `max.NAME` and `no.NAME`.

    Attributes:
        column: Name of the column, as the source gives it.
        values: Allowed values, `yes` and `no` for booleans; empty means any.
        contains: Part of the text, in any case.
        low, high: Bounds of a number, both included; None for no bound. Infinity and NaN are within none.
        missing: Samples without a value belong to it too, and where nothing else is asked, they alone.
    """

    column: str
    values: tuple[str, ...] = ()
    contains: str = ""
    low: float | None = None
    high: float | None = None
    missing: bool = False

    @classmethod
    def parse_all(cls, parameters: Mapping[str, str | Sequence[str] | None]) -> tuple[Self, ...]:
        """Reads the filters of all columns, ordered by the columns' names.

        Raises:
            InvalidInput: A bound is no number, or there are more than 20 columns or a name of over 200 characters.
        """
        names = {
            name.partition(".")[2]: None
            for name, value in parameters.items()
            if value and name.startswith(_METADATA_PREFIXES)
        }
        if len(names) > _MAX_FILTERS or any(len(name) > _MAX_TEXT for name in names):
            raise InvalidInput(
                f"The address filters by {len(names)} metadata columns; at most {_MAX_FILTERS} are allowed, "
                f"with names of at most {_MAX_TEXT} characters"
            )
        asked = (
            cls(
                column=name,
                values=_many(parameters, f"meta.{name}"),
                contains=(_one(parameters, f"has.{name}") or "")[:_MAX_TEXT],
                low=_number(parameters, f"min.{name}"),
                high=_number(parameters, f"max.{name}"),
                missing=_one(parameters, f"no.{name}") == "1",
            )
            for name in sorted(names)
        )
        return tuple(one for one in asked if one.to_parameters())

    def to_parameters(self) -> dict[str, str | list[str]]:
        """The URL parameters that give this filter back."""
        parameters: dict[str, str | list[str]] = {}
        if self.values:
            parameters[f"meta.{self.column}"] = list(self.values)
        if self.contains:
            parameters[f"has.{self.column}"] = self.contains
        for name, bound in (("min", self.low), ("max", self.high)):
            if bound is not None:
                parameters[f"{name}.{self.column}"] = short_number(bound)
        if self.missing:
            parameters[f"no.{self.column}"] = "1"
        return parameters


@dataclass(frozen=True, slots=True)
class Selection:
    """A filter, a lasso, and an order; the empty selection means all samples in the dataset's order.

    Attributes:
        splits, labels, predictions: Allowed values; empty means any.
        outcome: Only right or only wrong predictions.
        compared: One of `fixed`, `broken`, `both_right`, `both_wrong` against the view's other run.
        low, high: Bounds of the confidence, both included, in [0, 1].
        text: Part of the sample_id, in any case.
        feedback: `any`, `none`, or a feedback kind that stands on the sample.
        metadata: What is asked of metadata columns, ordered by their names, each once.
        sort: A column of `SORTS`, or `meta.NAME` for a metadata column.
        descending: The order of `sort`.
    """

    splits: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    predictions: tuple[str, ...] = ()
    outcome: Outcome | None = None
    compared: str | None = None
    low: float = 0.0
    high: float = 1.0
    text: str = ""
    feedback: str | None = None
    metadata: tuple[MetadataFilter, ...] = ()
    lasso: Lasso | None = None
    sort: str = "row"
    descending: bool = False

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, str | Sequence[str] | None]) -> Self:
        """Reads a selection from URL parameters and ignores the parameters of others.

        Raises:
            InvalidInput: A value is outside what is allowed; the text names it.
        """
        outcome = _one(parameters, "outcome")
        compared = _one(parameters, "compared")
        feedback = _one(parameters, "feedback")
        lasso = _one(parameters, "lasso")
        sort = _one(parameters, "sort") or "row"
        return cls(
            splits=_many(parameters, "split"),
            labels=_many(parameters, "label"),
            predictions=_many(parameters, "prediction"),
            outcome=Outcome(_allowed("outcome", outcome, tuple(Outcome))) if outcome else None,
            compared=_allowed("compared", compared, COMPARED) if compared else None,
            low=_bound(parameters, "low", 0.0),
            high=_bound(parameters, "high", 1.0),
            text=(_one(parameters, "text") or "")[:_MAX_TEXT],
            feedback=_allowed("feedback", feedback, FEEDBACK) if feedback else None,
            metadata=MetadataFilter.parse_all(parameters),
            lasso=Lasso.parse(lasso) if lasso else None,
            sort=sort if _by_metadata(sort) else _allowed("sort", sort, SORTS),
            descending=_one(parameters, "descending") == "1",
        )

    @property
    def sort_metadata(self) -> str | None:
        """The metadata column whose values order the samples, if one does."""
        return self.sort.removeprefix(METADATA_PREFIX) if _by_metadata(self.sort) else None

    def to_parameters(self) -> dict[str, str | list[str]]:
        """The URL parameters that give this selection back; those at their default are left out."""
        parameters: dict[str, str | list[str]] = {}
        for name, values in (("split", self.splits), ("label", self.labels), ("prediction", self.predictions)):
            if values:
                parameters[name] = list(values)
        for name, value in (("outcome", self.outcome), ("compared", self.compared), ("feedback", self.feedback)):
            if value:
                parameters[name] = str(value)
        if self.low > 0:
            parameters["low"] = f"{self.low:g}"
        if self.high < 1:
            parameters["high"] = f"{self.high:g}"
        if self.text:
            parameters["text"] = self.text
        for asked in self.metadata:
            parameters |= asked.to_parameters()
        if self.lasso:
            parameters["lasso"] = str(self.lasso)
        if self.sort != "row":
            parameters["sort"] = self.sort
        if self.descending:
            parameters["descending"] = "1"
        return parameters


COMPARED = ("fixed", "broken", "both_right", "both_wrong")
FEEDBACK = ("any", "none", "confirm", "relabel", "flag", "comment")
METADATA_PREFIX = "meta."
_METADATA_PREFIXES = (METADATA_PREFIX, "has.", "min.", "max.", "no.")


def short_number(value: float) -> str:
    """The shortest text that reads back as the same number."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def _by_metadata(sort: str) -> bool:
    return sort.startswith(METADATA_PREFIX) and len(METADATA_PREFIX) < len(sort) <= len(METADATA_PREFIX) + _MAX_TEXT


def _one(parameters: Mapping[str, str | Sequence[str] | None], name: str) -> str | None:
    value = parameters.get(name)
    if value is None or isinstance(value, str):
        return value or None
    return value[0] if value else None


def _many(parameters: Mapping[str, str | Sequence[str] | None], name: str) -> tuple[str, ...]:
    value = parameters.get(name)
    if not value:
        return ()
    return (value,) if isinstance(value, str) else tuple(dict.fromkeys(value))[:_MAX_VALUES]


def _allowed(name: str, value: str, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise InvalidInput.choice(name, value, allowed)
    return value


def _number(parameters: Mapping[str, str | Sequence[str] | None], name: str) -> float | None:
    text = _one(parameters, name)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InvalidInput(f"{name} {text!r} is not a number; write one such as 0.5")
    return value


def _bound(parameters: Mapping[str, str | Sequence[str] | None], name: str, default: float) -> float:
    text = _one(parameters, name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise InvalidInput(f"{name} {text!r} is not a confidence; give a number from 0 to 1")
    return value
