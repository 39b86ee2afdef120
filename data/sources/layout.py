"""How folders name labels and splits: one folder a class, and perhaps one folder a split above the classes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType

__all__ = ["SPLITS", "Layout"]

SPLITS: Mapping[str, str] = MappingProxyType(
    {"train": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val", "test": "test"}
)
"""The split that a folder, a file or a column's value means, by its name in lower case."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Reads labels and splits from relative POSIX paths.

    `<class>/**/<file>`, or `<split>/<class>/**/<file>` where every folder at the top is named as a split. Files at
    the top, or directly in a split's folder, have no label.

    Attributes:
        by_split: Whether the folders at the top are splits.
        wrap: How many folders at the top are passed over, because they hold everything.
    """

    by_split: bool
    wrap: int = 0

    @classmethod
    def of(cls, names: Collection[str], wrapped: bool = False) -> "Layout":
        """The layout of all these paths.

        Args:
            wrapped: Whether one folder that holds all other folders, as archives often have, is passed over.
        """
        tops = _tops(names, 0)
        wrap = 0
        if wrapped and len(tops) == 1 and not _are_splits(tops) and all(name.count("/") >= 2 for name in names):
            wrap = 1
            tops = _tops(names, wrap)
        return cls(_are_splits(tops), wrap)

    def label(self, name: str) -> str | None:
        """The class that a path names."""
        folders = PurePosixPath(name).parts[self.wrap + self.by_split : -1]
        return folders[0] if folders else None

    def split(self, name: str) -> str | None:
        """The split that a path names."""
        parts = PurePosixPath(name).parts[self.wrap :]
        return SPLITS.get(parts[0].lower()) if self.by_split and parts else None

    def classes(self, names: Collection[str]) -> tuple[str, ...]:
        """The classes of all these paths, by alphabet."""
        return tuple(sorted({label for label in map(self.label, names) if label}))


def _tops(names: Collection[str], skipped: int) -> set[str]:
    parted = (name.split("/") for name in names)
    return {parts[skipped] for parts in parted if len(parts) > skipped + 1}


def _are_splits(tops: Collection[str]) -> bool:
    return bool(tops) and all(top.lower() in SPLITS for top in tops)
