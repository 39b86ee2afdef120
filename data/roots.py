"""The folders that the server's operator opened for adding datasets from the browser, and the way into them.

A request names a folder by its number and a place below it by a relative path. Both are checked here, links followed,
before anything is read: what does not lie below one of the folders cannot be reached.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data.errors import InvalidInput

__all__ = ["MAX_ENTRIES", "Entry", "Listing", "SourceRoots"]

MAX_ENTRIES = 500
_MAX_SEEN = 20_000
_MAX_LENGTH = 1024
_FOLDER = "imagefolder"
_SUFFIXES = {
    ".csv": "csv",
    ".parquet": "parquet",
    ".zip": "zip",
    ".tar": "tar",
    ".tar.gz": "tar",
    ".tgz": "tar",
    ".tar.bz2": "tar",
    ".tar.xz": "tar",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """Something in a folder that a dataset can be made from.

    Attributes:
        path: Relative to the root, with slashes.
        kind: Of the source that reads it; `imagefolder` for folders.
    """

    name: str
    path: str
    kind: str

    @property
    def folder(self) -> bool:
        return self.kind == _FOLDER


@dataclass(frozen=True, slots=True)
class Listing:
    """What is in a folder: folders first, each group by name.

    Attributes:
        others: Files that are no source by themselves, the images of a folder for instance.
        whole: Whether that is all; False where the folder holds too much to list.
    """

    entries: tuple[Entry, ...]
    others: int
    whole: bool


class SourceRoots:
    """The operator's folders. Holds no open file; a folder that is not there is empty.

    Args:
        roots: In the operator's order; a request names one by its place.
        kinds: Kinds of sources that the registry knows; files of others are not offered.
    """

    def __init__(self, roots: Sequence[Path], kinds: Sequence[str] = (_FOLDER,)) -> None:
        self.roots = tuple(root.expanduser().absolute() for root in roots)
        self._kinds = frozenset(kinds)

    def place(self, root: int, path: str) -> Path:
        """Where a request leads: a folder or file that exists, links resolved.

        Raises:
            InvalidInput: There is no such place below that root; whether it exists elsewhere is not told.
        """
        if not 0 <= root < len(self.roots):
            raise InvalidInput(f"There is no source folder {root}; choose one of those listed")
        refusal = InvalidInput(
            f"{path[:80]!r} is not in the source folder {self.roots[root].name!r}; choose from the list"
        )
        parts = path.split("/") if path else []
        if len(path) > _MAX_LENGTH or any(part in ("", ".", "..") or "\0" in part for part in parts):
            raise refusal
        try:
            base = self.roots[root].resolve(strict=True)
            found = base.joinpath(*parts).resolve(strict=True)
        except (OSError, RuntimeError, ValueError) as error:
            raise refusal from error
        if not found.is_relative_to(base):
            raise refusal
        return found

    def source(self, root: int, path: str) -> str:
        """The source at a place, as it is written on the command line.

        Raises:
            InvalidInput: There is no such place, or nothing there that a dataset can be made from.
        """
        found = self.place(root, path)
        kind = _FOLDER if found.is_dir() else self._kind(found.name)
        if kind is None or not (found.is_dir() or found.is_file()):
            known = ", ".join(suffix for suffix, kind in _SUFFIXES.items() if kind in self._kinds)
            raise InvalidInput(
                f"{found.name!r} is no source; choose a folder{f' or a file ({known})' if known else ''}"
            )
        return f"{kind}:{found}"

    def list(self, root: int, path: str) -> Listing:
        """What is in a folder; hidden files, and links that lead out of the root, are left out.

        Raises:
            InvalidInput: There is no such folder below that root.
        """
        folder = self.place(root, path)
        entries: list[Entry] = []
        others, whole = 0, True
        try:
            with os.scandir(folder) as found:
                for seen, item in enumerate(found):
                    if seen >= _MAX_SEEN:
                        whole = False
                        break
                    kind = self._listed(root, path, item)
                    if kind is not None:
                        entries.append(Entry(item.name, f"{path}/{item.name}" if path else item.name, kind))
                    elif item.is_file(follow_symlinks=False):
                        others += 1
        except OSError as error:
            raise InvalidInput(f"{path!r} cannot be read: {error.strerror}; choose another folder") from error
        entries.sort(key=lambda entry: (not entry.folder, entry.name.lower(), entry.name))
        return Listing(tuple(entries[:MAX_ENTRIES]), others, whole and len(entries) <= MAX_ENTRIES)

    def _listed(self, root: int, path: str, item: os.DirEntry[str]) -> str | None:
        """The kind of source that an entry of a folder is; None if it is none that may be chosen."""
        if item.name.startswith(".") or not item.name.isprintable():
            return None
        if item.is_symlink():
            try:
                self.place(root, f"{path}/{item.name}" if path else item.name)
            except InvalidInput:
                return None
        return _FOLDER if item.is_dir() else self._kind(item.name)

    def _kind(self, name: str) -> str | None:
        kinds = (kind for suffix, kind in _SUFFIXES.items() if name.lower().endswith(suffix))
        return next((kind for kind in kinds if kind in self._kinds), None)
