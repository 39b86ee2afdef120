"""Dataset sources by kind, as they are written on the command line: `KIND` or `KIND:WHERE`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from data.errors import InvalidInput
from data.sources.archive import open_tar, open_zip
from data.sources.csv_manifest import open_csv
from data.sources.digits import DigitsSource
from data.sources.huggingface import open_hugging_face
from data.sources.imagefolder import ImageFolderSource
from data.sources.parquet import open_parquet
from data.sources.places import is_url
from data.sources.protocol import Item, Source
from data.sources.remote_folder import RemoteFolderSource
from data.sources.shapes import ShapesSource

__all__ = ["SOURCES", "Item", "Kind", "Source", "open_source"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of source.

    Attributes:
        usage: How it is written, for help and errors.
        open: Opens what stands behind the colon.
    """

    usage: str
    open: Callable[[str], Source]


def _open_folder(where: str) -> Source:
    return RemoteFolderSource.open(where) if is_url(where) else ImageFolderSource.open(where)


SOURCES: Mapping[str, Kind] = MappingProxyType(
    {
        "imagefolder": Kind("imagefolder:PATH", _open_folder),
        "csv": Kind("csv:FILE", open_csv),
        "parquet": Kind("parquet:FILE", open_parquet),
        "zip": Kind("zip:FILE", open_zip),
        "tar": Kind("tar:FILE", open_tar),
        "hf": Kind("hf:NAME_OR_PATH[:CONFIG][:SPLIT]", open_hugging_face),
        "digits": Kind("digits", DigitsSource.open),
        "shapes": Kind("shapes", ShapesSource.open),
    }
)


def open_source(text: str, kinds: Mapping[str, Kind] = SOURCES) -> Source:
    """Opens the source that `text` names, `imagefolder:PATH` for instance.

    Raises:
        InvalidInput: The kind is unknown, or there is nothing of that kind at the place given.
    """
    kind, _, where = text.partition(":")
    if kind not in kinds:
        raise InvalidInput.choice("source", text, (known.usage for known in kinds.values()))
    return kinds[kind].open(where)
