"""A look at a source before it is added: some of its images, and how its labels and splits are made up."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from data.errors import InvalidInput
from data.sources.protocol import Item, MetadataValue, Source, read_item
from data.thumbnails import encode_thumbnail

__all__ = ["PREVIEW_ITEMS", "PREVIEW_SIZE", "Preview", "PreviewItem", "preview"]

PREVIEW_ITEMS = 24
PREVIEW_SIZE = 160
_MAX_READ = 1_000_000
_MAX_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class PreviewItem:
    """One item as it would become a sample. Exactly one of `thumbnail` and `problem` is given.

    Attributes:
        thumbnail: A WebP whose longer side has at most `PREVIEW_SIZE` pixels.
        problem: Why it would be quarantined.
    """

    sample_id: str
    label: str | None
    split: str | None
    thumbnail: bytes | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What adding the source would give, as far as it was read.

    Attributes:
        source: The source's canonical name.
        items: Spread evenly over what was read, in the source's order.
        labels: Samples of each class, in the source's order of classes; no image is decoded for this.
        unlabelled: Samples without a label.
        splits: Samples of each split; empty where the source knows none.
        refused: Items that the source itself refuses.
        read: How many items were looked at.
        total: How many there are; None where reading stopped early and the source does not know.
        metadata: Names and types of further columns.
    """

    source: str
    items: tuple[PreviewItem, ...]
    labels: Mapping[str, int]
    unlabelled: int
    splits: Mapping[str, int]
    refused: int
    read: int
    total: int | None
    metadata: Mapping[str, type[MetadataValue]]

    @property
    def whole(self) -> bool:
        """Whether all of the source was read, so that the counts are exact."""
        return self.read == self.total


def preview(
    source: Source,
    limit: int = PREVIEW_ITEMS,
    seconds: float = _MAX_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> Preview:
    """Reads the source's items, and the images of at most `limit` of them.

    A huge source is read for about `seconds` only; then `read` is less than `total`.
    """
    started = clock()
    labels: Counter[str | None] = Counter()
    splits: Counter[str | None] = Counter()
    chosen: list[Item] = []
    refused = read = 0
    stride = 1
    ended = True
    for item in source.items():
        if read and (read >= _MAX_READ or clock() - started > seconds):
            ended = False
            break
        if item.problem is not None:
            refused += 1
        else:
            labels[item.label] += 1
            splits[item.split] += 1
        if read % stride == 0:
            chosen.append(item)
            if len(chosen) >= 2 * limit:  # every second one goes, and from here on every second one is taken
                chosen, stride = chosen[::2], 2 * stride
        read += 1
    known = {name: labels[name] for name in source.classes if labels[name]}
    return Preview(
        source=source.name,
        items=tuple(_shown(item) for item in _spread(chosen, limit)),
        labels=known,
        unlabelled=labels[None],
        splits={split: count for split, count in splits.items() if split is not None},
        refused=refused,
        read=read,
        total=read if ended else (source.total or None),
        metadata=source.metadata,
    )


def _spread(items: list[Item], limit: int) -> list[Item]:
    """At most `limit` of the items, evenly spread, the first among them."""
    if len(items) <= limit:
        return items
    return [items[place * len(items) // limit] for place in range(limit)]


def _shown(item: Item) -> PreviewItem:
    try:
        thumbnail, problem = encode_thumbnail(read_item(item), PREVIEW_SIZE), None
    except InvalidInput as error:
        thumbnail, problem = None, str(error)
    return PreviewItem(item.sample_id, item.label, item.split, thumbnail, problem)
