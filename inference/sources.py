"""All kinds of dataset source: those of the ground floor, and those that need the tensor library."""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from data import sources
from data.sources import Kind, Source

__all__ = ["SOURCES", "SOURCE_USAGE", "open_source"]


def _open_torchvision(where: str) -> Source:
    source: Source = import_module("inference.torchvision_source").TorchvisionSource.open(where)  # only now loads torch
    return source


SOURCES: Mapping[str, Kind] = MappingProxyType(
    {"torchvision": Kind("torchvision:CLASS[/VARIANT]:ROOT", _open_torchvision), **sources.SOURCES}
)
SOURCE_USAGE = ", ".join(kind.usage for kind in SOURCES.values())
"""How every kind is written, for help."""


def open_source(text: str) -> Source:
    """Opens the source that `text` names; see `data.sources.open_source`.

    Raises:
        InvalidInput: The kind is unknown, or there is nothing of that kind at the place given.
    """
    return sources.open_source(text, SOURCES)
