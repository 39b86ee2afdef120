"""Samples from the rows of tables: CSV and Parquet manifests, Parquet with the images inside, Hugging Face's data sets.

A row's image is named by a path or a URL, or its bytes stand in the row itself.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from data.errors import InvalidInput
from data.images import read_bounded
from data.sources.columns import Columns
from data.sources.layout import SPLITS
from data.sources.places import Place, is_url, leads_out, real
from data.sources.protocol import Item, MetadataValue

__all__ = ["Locator", "Part", "TableSource", "split_of_file"]


@dataclass(frozen=True, slots=True)
class Locator:
    """Finds the images that a table names.

    Attributes:
        folder: What relative paths start from; they never lead out of it, not even by a link.
        anywhere: Whether absolute paths and URLs may name something outside of `folder`: only where the operator named
            this very table, which lies on this machine.
        kept: Whether the workspace keeps the bytes also of files on this machine.
    """

    folder: Place
    anywhere: bool
    kept: bool = False

    def locate(self, text: str) -> tuple[str, dict[str, Any]]:
        """The sample_id for a path or URL, and the fields of the `Item` that say how it is read."""
        if text.startswith("file://"):
            text = text.removeprefix("file://")
        if is_url(text):
            return text, self._url(text)
        path = PurePosixPath(text)
        if path.is_absolute():
            return self._absolute(Path(text))
        name = path.as_posix()
        if leads_out(name) or name == ".":
            return name, {"problem": "leads out of the folder of its table"}
        if self.folder.path is None:
            return name, {"reader": self.folder.child(name).read}
        return name, self._local(self.folder.path / name)

    def _url(self, text: str) -> dict[str, Any]:
        try:
            place = Place.parse(text)
        except InvalidInput as error:
            return {"problem": str(error)}
        if not self.anywhere and self.folder.path is not None:
            return {"problem": "leads out of the folder of its table"}
        return {"reader": place.read}

    def _absolute(self, path: Path) -> tuple[str, dict[str, Any]]:
        if self.folder.path is None:
            return str(path), {"problem": "names a file of this machine, but its table lies elsewhere"}
        if self.anywhere:
            return str(path), self._read(path)
        inside = path.is_relative_to(self.folder.path)
        return path.relative_to(self.folder.path).as_posix() if inside else str(path), self._local(path)

    def _local(self, path: Path) -> dict[str, Any]:
        if self.folder.path is None or not real(path).is_relative_to(self.folder.path):
            return {"problem": "a path or link that leads out of the folder of its table"}
        return self._read(path)

    def _read(self, path: Path) -> dict[str, Any]:
        return {"reader": partial(read_bounded, path)} if self.kept else {"path": path}


@dataclass(frozen=True, slots=True)
class Part:
    """One table of a source.

    Attributes:
        prefix: What the names of images inside of the table begin with; their row follows.
        split: Of all rows that name none.
        batches: The table's rows in order, a little at a time.
    """

    prefix: str
    split: str | None
    batches: Callable[[], Iterator[pa.RecordBatch]]


@dataclass(frozen=True, slots=True)
class TableSource:
    """The rows of one or more tables with the same columns.

    Attributes:
        problems: What of the tables could not be read, and why.
    """

    name: str
    parts: tuple[Part, ...]
    columns: Columns
    classes: tuple[str, ...]
    total: int
    locator: Locator
    problems: Mapping[str, str] = field(default_factory=dict)
    has_masks: bool = False

    @property
    def metadata(self) -> Mapping[str, type[MetadataValue]]:
        return self.columns.metadata

    def items(self) -> Iterator[Item]:
        """The rows in order, then what could not be read of the tables. A file that is named again is refused."""
        seen: set[str] = set()
        for part in self.parts:
            try:
                for row, item in enumerate(self._rows(part)):
                    if item.path is not None or item.reader is not None:
                        if item.sample_id in seen:
                            yield Item(f"{item.sample_id} ({part.prefix}{row})", None, None, problem="is named twice")
                            continue
                        seen.add(item.sample_id)
                    yield item
            except InvalidInput as error:  # damaged, or gone away, in the middle: the other tables go on
                yield Item(part.prefix.rstrip("/ "), None, None, problem=str(error))
        for name, problem in self.problems.items():
            yield Item(name, None, None, problem=problem)

    def _rows(self, part: Part) -> Iterator[Item]:
        start = 0
        for batch in part.batches():
            yield from self._items(part, batch, start)
            start += batch.num_rows

    def _items(self, part: Part, batch: pa.RecordBatch, start: int) -> Iterator[Item]:
        columns = self.columns
        images = batch[columns.image].to_pylist()
        rows = zip(images, columns.labels(batch), columns.splits(batch), columns.rest(batch), strict=True)
        for row, (image, label, split, rest) in enumerate(rows, start):
            sample_id, how = self._image(image, f"{part.prefix}{row:06d}")
            split = SPLITS.get(split.lower(), split) if split else part.split
            yield Item(sample_id, label, split, metadata=rest, **how)

    def _image(self, image: Any, row_name: str) -> tuple[str, dict[str, Any]]:
        path = image.get("path") if isinstance(image, dict) else image
        content = image.get("bytes") if isinstance(image, dict) else image
        if isinstance(content, bytes):
            return row_name, {"content": content}
        if isinstance(path, str) and path.strip():
            name, how = self.locator.locate(path.strip())
            return (name, how) if "problem" not in how else (f"{row_name}: {name}", how)
        return row_name, {"problem": "its row names no image"}


def split_of_file(name: str) -> str | None:
    """The split that a file's path names: a folder, or what stands before its first '-', '_' or '.'."""
    path = PurePosixPath(name)
    for text in (path.name.replace("_", "-").replace(".", "-").partition("-")[0], *reversed(path.parts[:-1])):
        if text.lower() in SPLITS:
            return SPLITS[text.lower()]
    return None
