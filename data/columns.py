"""The metadata columns of a dataset: what its source told about each sample beyond label and split."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import pyarrow as pa
import pyarrow.parquet as pq

from data.errors import InvalidInput, WorkspaceDamaged
from data.workspace import Workspace

__all__ = ["ColumnKind", "MetadataColumn", "metadata_column", "metadata_columns"]

_OWN = frozenset({"row", "sample_id", "uri", "label", "split", "width", "height", "digest"})


class ColumnKind(StrEnum):
    """What a column holds, which decides how it can be filtered."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True)
class MetadataColumn:
    """One column of a dataset's table. The name is the source's own and may hold any character."""

    name: str
    kind: ColumnKind

    @property
    def sql(self) -> str:
        """The column as SQL names it, whatever signs its name holds."""
        return 's."' + self.name.replace('"', '""') + '"'

    @property
    def missing(self) -> str:
        """The SQL of whether a sample has no value; NaN is none."""
        absent = f"{self.sql} IS NULL"
        if self.kind is not ColumnKind.NUMBER:
            return absent
        # Not `isnan`: the file's statistics know of no NaN, so DuckDB would hold it for false of every row.
        value = f"{self.sql}::DOUBLE"
        return f"({absent} OR (NOT isfinite({value}) AND {value} <> 'inf'::DOUBLE AND {value} <> '-inf'::DOUBLE))"


def metadata_columns(workspace: Workspace, dataset: str) -> tuple[MetadataColumn, ...]:
    """The columns in the table's order.

    Columns of other types (lists, times) are left out, and so are those whose name another one has but for its case:
    SQL would take them for that other one.

    Raises:
        WorkspaceDamaged: The table is missing or damaged.
    """
    path = workspace.dataset(dataset) / "samples.parquet"
    try:
        status = path.stat()
        return _read(str(path), (status.st_ino, status.st_size, status.st_mtime_ns))
    except (OSError, pa.ArrowInvalid) as error:
        raise WorkspaceDamaged(f"{path} is missing or damaged; add the dataset again from its source") from error


def metadata_column(columns: tuple[MetadataColumn, ...], name: str) -> MetadataColumn:
    """The column of that name.

    Raises:
        InvalidInput: There is none; the text names those that there are.
    """
    found = next((column for column in columns if column.name == name), None)
    if found is None:
        known = [column.name for column in columns] or ["none, this dataset has no metadata"]
        raise InvalidInput.choice("metadata column", name, known)
    return found


@lru_cache(maxsize=256)
def _read(path: str, _version: tuple[int, int, int]) -> tuple[MetadataColumn, ...]:
    """The columns of a file; a file that took its place has another version."""
    taken = {name.lower() for name in _OWN}
    found = []
    for field in pq.read_schema(path):
        kind = _kind(field.type)
        if field.name.lower() not in taken and kind is not None:
            found.append(MetadataColumn(field.name, kind))
        taken.add(field.name.lower())
    return tuple(found)


def _kind(kind: pa.DataType) -> ColumnKind | None:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_boolean(kind):
        return ColumnKind.BOOLEAN
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return ColumnKind.NUMBER
    return ColumnKind.TEXT if pa.types.is_string(kind) or pa.types.is_large_string(kind) else None
