"""What a dataset source offers. A new kind of source is one file with a class of this shape, listed in `SOURCES`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from data.errors import InvalidInput
from data.images import read_bounded

__all__ = ["Item", "MetadataValue", "Source", "read_item"]

MetadataValue = str | float | int | bool


@dataclass(frozen=True, slots=True)
class Item:
    """One candidate sample; it becomes a sample if its image can be read.

    Exactly one of `path`, `content`, `reader` and `problem` is given.

    Attributes:
        sample_id: Unique in the source, a relative POSIX path where it names a file.
        path: An absolute path to a file that stays where it is, outside of the workspace.
        content: Bytes of an image file that the workspace keeps.
        reader: Fetches such bytes when they are wanted, from any thread; raises `InvalidInput` with the reason where
            it cannot. So what lies far away is fetched several at a time, and little of it is held in memory.
        problem: Why the source itself refuses this item; it is quarantined unread.
        mask: PNG in mode L of the image's size, 255 on the object and 0 elsewhere.
        metadata: A value, or None, for each name in the source's `metadata`.
    """

    sample_id: str
    label: str | None
    split: str | None
    path: Path | None = None
    content: bytes | None = None
    reader: Callable[[], bytes] | None = None
    problem: str | None = None
    mask: bytes | None = None
    metadata: Mapping[str, MetadataValue | None] = field(default_factory=dict)


class Source(Protocol):
    """Where the samples of a dataset come from. Opening one validates it; reading happens in `items`.

    Attributes:
        name: Canonical text that is stored with the dataset, `imagefolder:/absolute/path` for instance.
        classes: Label names in order; every item's label is one of them or None.
        total: How many items there will be, for progress; 0 while unknown.
        has_masks: Whether the items carry the object's mask.
        metadata: Names and types (str, float, int or bool) of further columns.
    """

    @property
    def name(self) -> str: ...
    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def total(self) -> int: ...
    @property
    def has_masks(self) -> bool: ...
    @property
    def metadata(self) -> Mapping[str, type[MetadataValue]]: ...

    def items(self) -> Iterator[Item]:
        """The items in an order that is the same each time."""
        ...


def read_item(item: Item) -> bytes:
    """The bytes of the item's image file.

    Raises:
        InvalidInput: They cannot be had; the text is the reason in one line.
    """
    if item.problem is not None:
        raise InvalidInput(item.problem)
    if item.path is not None:
        return read_bounded(item.path)
    if item.reader is not None:
        return item.reader()
    if item.content is None:
        raise InvalidInput("the source gives no file")
    return item.content
