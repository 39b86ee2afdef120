"""Hugging Face data sets: `hf:NAME_OR_PATH[:CONFIG][:SPLIT]`, a folder on this machine or a name on their hub.

The library runs no code that comes with a data set, and images are passed on as the bytes that were stored.
"""

import re
import shutil
import socket
import tempfile
import urllib.request
import weakref
from collections.abc import Iterator, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa

from data.errors import InvalidInput
from data.sources.columns import Columns, ordered_classes
from data.sources.layout import SPLITS
from data.sources.places import Place, real
from data.sources.tables import Locator, Part, TableSource

__all__ = ["open_hugging_face"]

_ROWS = 64
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)
_SAVED = ("dataset_dict.json", "state.json")


def open_hugging_face(where: str) -> TableSource:
    """Opens a folder that `save_to_disk` wrote, a folder of images or tables, or a data set of the hub.

    Of a single part behind the name, one that is called as a split (`train`, `test`, `validation` …) is the split, and
    any other the configuration. What comes from the hub is kept in Hugging Face's own cache on the way.

    Raises:
        InvalidInput: There is no such folder, data set, configuration or split, the hub does not answer, or no column
            holds images.
    """
    if not where:
        raise InvalidInput("source 'hf:' lacks its name; write hf:NAME_OR_PATH[:CONFIG][:SPLIT]")
    name, config, split = _parted(where)
    folder = real(Path(name).expanduser())
    local = folder.is_dir()
    library = import_module("datasets")  # here: it takes a second that no other source should pay
    library.disable_progress_bars()
    scratch = _Scratch()
    try:
        if local and any((folder / file).exists() for file in _SAVED):
            split = split or config
            found = library.load_from_disk(str(folder))
        elif local:
            found = library.load_dataset(str(folder), config, cache_dir=scratch.folder)
        else:
            _check_hub(name)
            found = library.load_dataset(name, config)
    except InvalidInput:
        raise
    except Exception as error:  # the library and the many below it raise errors of every kind
        line = " ".join(str(error).split())[:300]
        raise InvalidInput(f"hf:{where} cannot be opened: {line}") from error
    splits: dict[str | None, Any] = dict(found) if isinstance(found, dict) else {None: found}
    if split is not None:
        known = {SPLITS.get(str(key), str(key)): key for key in splits} | {str(key): key for key in splits}
        if split not in known:
            raise InvalidInput.choice(f"split of hf:{name}", split, map(str, splits))
        splits = {known[split]: splits[known[split]]}
    home = folder if local else real(Path(str(import_module("datasets").config.HF_CACHE_HOME)))
    locator = Locator(Place(str(home), home), anywhere=False, kept=not local)
    return _source(f"hf:{folder if local else name}{where[len(name) :]}", splits, locator, scratch)


def _parted(where: str) -> tuple[str, str | None, str | None]:
    if Path(where).expanduser().exists():
        return where, None, None
    name, *more = where.split(":")
    if len(more) > 2:
        raise InvalidInput(f"source 'hf:{where}' has too many parts; write hf:NAME_OR_PATH[:CONFIG][:SPLIT]")
    if len(more) == 1 and more[0].lower() in SPLITS:
        return name, None, more[0]
    config, split = (*more, "", "")[:2]
    return name, config or None, split or None


def _check_hub(name: str) -> None:
    """Says at once what the library would say after half a minute of attempts."""
    if not _HUB_NAME.fullmatch(name):
        raise InvalidInput(f"hf:{name} is neither a folder nor a name on the hub; write hf:PATH or hf:OWNER/NAME")
    constants = import_module("huggingface_hub.constants")
    host = urlsplit(constants.ENDPOINT).hostname
    if constants.HF_HUB_OFFLINE or urllib.request.getproxies():
        return
    try:
        socket.getaddrinfo(host, 443)
    except OSError as error:
        raise InvalidInput(
            f"hf:{name} is no folder here, and {host} cannot be reached to look for it; check the path or the network"
        ) from error


class _Scratch:
    """A folder for what the library makes of a local folder; it goes when nobody reads the source any more."""

    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="vitrine-hf-")
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)


def _source(name: str, splits: Mapping[str | None, Any], locator: Locator, scratch: _Scratch) -> TableSource:
    library = import_module("datasets")
    tables = {split: _undecoded(table, library) for split, table in splits.items()}
    first = next(iter(tables.values()), None)
    if first is None or any(table.features != first.features for table in tables.values()):
        raise InvalidInput(f"{name} has splits with different columns; add them one by one: {name}:SPLIT")
    names = {
        column: tuple(feature.names)
        for column, feature in first.features.items()
        if isinstance(feature, library.ClassLabel) and feature.names
    }
    columns = Columns.find(first.features.arrow_schema, names, name)
    classes = tuple(names.get(columns.label or "", ()))
    if columns.label is not None and not classes:
        labels = (table.select_columns([columns.label]) for table in tables.values())
        reading = (batch for table in labels for batch in _batches(table, scratch, 8192))
        classes = ordered_classes(label for batch in reading for label in columns.labels(batch))
    parts = tuple(
        Part(
            f"{split}/" if split else "",
            SPLITS.get(split.lower(), split) if split else None,
            partial(_batches, table.select_columns(columns.needed), scratch, _ROWS),
        )
        for split, table in tables.items()
    )
    return TableSource(name, parts, columns, classes, sum(len(table) for table in tables.values()), locator)


def _undecoded(table: Any, library: Any) -> Any:
    for column, feature in table.features.items():
        if isinstance(feature, library.Image):
            table = table.cast_column(column, library.Image(decode=False))
    return table


def _batches(table: Any, scratch: _Scratch, rows: int) -> Iterator[pa.RecordBatch]:
    del scratch  # only held: the table's files lie there
    for batch in table.with_format("arrow").iter(rows):
        yield from batch.to_batches()
