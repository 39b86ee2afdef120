"""Parquet: manifests whose rows name images, and tables with the images inside, as Hugging Face writes them."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq

from data.errors import InvalidInput
from data.sources.columns import Columns, class_names, ordered_classes
from data.sources.places import Place
from data.sources.tables import Locator, Part, TableSource, split_of_file

__all__ = ["open_parquet"]

_ROWS = 64  # at a time: they may hold images
_LABELS = 8192
_SUFFIX = ".parquet"


def open_parquet(where: str) -> TableSource:
    """Opens `parquet:FILE`, or `parquet:FOLDER` with shards of one table; a path or URL.

    Only labels are read. In a folder, a shard named `train-00000-of-00002.parquet`, or in a folder `train`, gives its
    rows that split, unless they have a column for it.

    Raises:
        InvalidInput: There is no such file, it is no Parquet, the shards differ, or no column holds or names images.
    """
    if not where:
        raise InvalidInput("source 'parquet:' lacks its file; write parquet:FILE or parquet:FOLDER")
    place = Place.parse(where)
    name = f"parquet:{place.name}"
    if place.is_folder():
        base = place
        shards = {shard: place.child(shard) for shard in _shards(place)}
        if not shards:
            raise InvalidInput(f"{name} has no file that ends in {_SUFFIX}")
    else:
        base = place.folder
        shards = {place.name.rpartition("/")[2]: place}
    schema, total = _schema(shards, name)
    columns = Columns.find(schema, class_names(schema), name)
    classes = tuple(columns.names.get(columns.label or "", ()))
    if columns.label is not None and not classes:
        reading = (batch for shard in shards.values() for batch in _batches(shard, [columns.label], _LABELS))
        classes = ordered_classes(label for batch in reading for label in columns.labels(batch))
    parts = tuple(
        Part(
            f"{shard.removesuffix(_SUFFIX)}/",
            split_of_file(shard),
            partial(_batches, at, columns.needed, _ROWS),
        )
        for shard, at in shards.items()
    )
    return TableSource(name, parts, columns, classes, total, Locator(base, anywhere=True))


def _shards(place: Place) -> list[str]:
    if place.path is None:
        return [name for name, _ in place.files() if name.endswith(_SUFFIX)]
    found = (path.relative_to(place.path) for path in place.path.rglob(f"*{_SUFFIX}") if path.is_file())
    return sorted(path.as_posix() for path in found if not any(part.startswith(".") for part in path.parts))


def _schema(shards: dict[str, Place], name: str) -> tuple[pa.Schema, int]:
    """The columns that all shards have, and how many rows there are."""
    first: pa.Schema | None = None
    total = 0
    for shard, place in shards.items():
        with _opened(place) as file:
            schema = file.schema_arrow
            total += file.metadata.num_rows
        if first is not None and not first.equals(schema):
            raise InvalidInput(f"{name}: {shard} has other columns than the shard before; add them one by one")
        first = schema
    if first is None:
        raise InvalidInput(f"{name} has no table")
    return first, total


def _batches(place: Place, columns: list[str], rows: int) -> Iterator[pa.RecordBatch]:
    with _opened(place) as file:
        yield from file.iter_batches(rows, columns=columns)


@contextmanager
def _opened(place: Place) -> Iterator[pq.ParquetFile]:
    with place.open() as raw:
        try:
            with pq.ParquetFile(raw, pre_buffer=False) as file:
                yield file
        except (pa.ArrowException, OSError) as error:
            line = " ".join(str(error).split())
            raise InvalidInput(f"parquet:{place.name} is not a Parquet file that can be read: {line}") from error
