"""What the columns of a table mean: which one names the image, the label, the split, and what the others hold."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data.errors import InvalidInput
from data.sources.protocol import MetadataValue

__all__ = ["Columns", "class_names", "ordered_classes", "text_of"]

_IMAGES = (
    *("image", "img", "path", "image_path", "img_path", "file", "filename", "file_name", "filepath", "file_path"),
    *("uri", "url", "image_uri", "image_url"),
)
_LABELS = ("label", "class", "category", "target", "class_name")
_SPLITS = ("split",)
_OURS = ("row", "sample_id", "uri", "label", "split", "width", "height", "digest")


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table by what they mean.

    Attributes:
        image: Holds a path, a URL, the bytes of an image, or both bytes and path as Hugging Face writes them.
        label, split: None where there is no such column.
        names: Of a column with numbers for classes, the classes' names.
        others: Further columns, each with the name and the type that it has in a dataset.
    """

    image: str
    label: str | None
    split: str | None
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    others: Mapping[str, tuple[str, type[MetadataValue]]] = field(default_factory=dict)

    @classmethod
    def find(cls, schema: pa.Schema, names: Mapping[str, Sequence[str]], where: str) -> "Columns":
        """Finds the columns by name and type.

        Args:
            names: Names of classes by column, see `class_names`.
            where: The table's name, for the error.

        Raises:
            InvalidInput: No column can hold images.
        """
        # Bytes of images are told by their type, whatever the column is called; a text may be anything.
        pictures = [one.name for one in schema if _holds_bytes(one.type)]
        texts = [one.name for one in schema if _is_text(one.type)]
        image = _named(pictures, _IMAGES) or next(iter(pictures), None) or _named(texts, _IMAGES)
        if image is None:
            found = ", ".join(schema.names[:20])
            raise InvalidInput(
                f"{where} has no column for images, only: {found}; its first line must name one {', '.join(_IMAGES)}"
            )
        label = _named(schema.names, _LABELS) or next((name for name in schema.names if name in names), None)
        split = _named(schema.names, _SPLITS)
        others: dict[str, tuple[str, type[MetadataValue]]] = {}
        taken = set(_OURS)
        for one in schema:
            kind = str if one.name in names else _kind(one.type)
            if kind is None or one.name in (image, label, split):
                continue
            name = one.name or "column"
            while name.lower() in taken:  # tables are asked without regard to case
                name += "_"
            taken.add(name.lower())
            others[one.name] = (name, kind)
        return cls(image, label, split, names, others)

    @property
    def needed(self) -> list[str]:
        """The columns to read."""
        return [name for name in (self.image, self.label, self.split, *self.others) if name is not None]

    @property
    def metadata(self) -> dict[str, type[MetadataValue]]:
        """Names and types of the further columns."""
        return dict(self.others.values())

    def labels(self, batch: pa.RecordBatch) -> list[str | None]:
        """The label of each row."""
        return self._texts(batch, self.label)

    def splits(self, batch: pa.RecordBatch) -> list[str | None]:
        """The split of each row, as it is written."""
        return self._texts(batch, self.split)

    def rest(self, batch: pa.RecordBatch) -> Iterator[dict[str, MetadataValue | None]]:
        """The further columns of each row."""
        columns = {
            name: self._texts(batch, column) if column in self.names else _values(batch[column], kind)
            for column, (name, kind) in self.others.items()
        }
        for row in range(batch.num_rows):
            yield {name: values[row] for name, values in columns.items()}

    def _texts(self, batch: pa.RecordBatch, column: str | None) -> list[str | None]:
        if column is None:
            return [None] * batch.num_rows
        names = self.names.get(column)
        values = batch[column].to_pylist()
        if names is None:
            return [text_of(value) for value in values]
        return [names[value] if isinstance(value, int) and 0 <= value < len(names) else None for value in values]


def class_names(schema: pa.Schema) -> dict[str, Sequence[str]]:
    """Names of classes by column, from what Hugging Face writes into a Parquet file's metadata."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {
            column: tuple(map(str, feature["names"]))
            for column, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and feature.get("names")
        }
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


def ordered_classes(labels: Iterable[str | None]) -> tuple[str, ...]:
    """Each label once, by alphabet; by size if all are whole numbers."""
    found = {label for label in labels if label is not None}
    if all(label.isascii() and label.isdigit() for label in found):
        return tuple(sorted(found, key=lambda label: (int(label), label)))
    return tuple(sorted(found))


def text_of(value: Any) -> str | None:
    """A cell as a label: whole numbers without a point, nothing for what is empty."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        value = int(value) if value.is_integer() else value
    return None if value is None else str(value).strip() or None


def _named(columns: Sequence[str], wanted: Sequence[str]) -> str | None:
    """The first of the wanted names that is a column, in any case."""
    known = {column.lower().strip(): column for column in reversed(columns)}
    return next((known[name] for name in wanted if name in known), None)


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        names = {kind.field(at).name for at in range(kind.num_fields)}
        return "bytes" in names and _is_binary(kind.field("bytes").type)
    return _is_binary(kind)


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind))


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _kind(kind: pa.DataType) -> type[MetadataValue] | None:
    """What a column becomes in a dataset; None for what has no place in one."""
    if pa.types.is_boolean(kind):
        return bool
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return int
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return float
    if _is_text(kind) or pa.types.is_temporal(kind) or kind == pa.uint64():
        return str
    return None


_ARROW: Mapping[type[MetadataValue], pa.DataType] = {
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
}


def _values(column: pa.Array, kind: type[MetadataValue]) -> list[MetadataValue | None]:
    values: list[MetadataValue | None] = pc.cast(column, _ARROW[kind], safe=False).to_pylist()
    return values
