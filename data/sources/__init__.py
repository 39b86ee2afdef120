"""Dataset sources by kind, as they are written on the command line: `KIND` or `KIND:WHERE`."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from data.errors import InvalidInput
from data.sources.digits import DigitsSource
from data.sources.imagefolder import ImageFolderSource
from data.sources.protocol import Item, Source
from data.sources.shapes import ShapesSource

__all__ = ["SOURCES", "Item", "Source", "open_source"]

SOURCES: Mapping[str, Callable[[str], Source]] = MappingProxyType(
    {"digits": DigitsSource.open, "shapes": ShapesSource.open, "imagefolder": ImageFolderSource.open}
)


def open_source(text: str) -> Source:
    """Opens the source that `text` names: `digits`, `shapes` or `imagefolder:PATH`.

    Raises:
        InvalidInput: The kind is unknown, or there is nothing of that kind at the place given.
    """
    kind, _, where = text.partition(":")
    if kind not in SOURCES:
        raise InvalidInput.choice("source", text, ("digits", "shapes", "imagefolder:PATH"))
    return SOURCES[kind](where)
