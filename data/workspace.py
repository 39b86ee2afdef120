"""The workspace: one folder that holds everything, and the one way in which a file appears in it.

A file is written under a temporary name in its own folder and renamed, so that a reader sees it whole or not at
all, whatever is killed in between.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from data.disk import disk_full_is_clear
from data.errors import InvalidInput, NotFound

__all__ = ["Workspace", "atomic_path", "check_name", "content_key", "synchronise", "write_bytes", "write_json"]

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII | re.IGNORECASE)
_KEY = re.compile(r"[0-9a-f]{8,64}", re.ASCII)
_SHARED, _PRIVATE = 0o666, 0o600  # file modes, less what the umask takes away


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where things lie. Methods only join paths; they create nothing."""

    root: Path

    @classmethod
    def create(cls, root: Path) -> "Workspace":
        """Opens the workspace at `root`, making its folders where they are missing.

        Raises:
            InvalidInput: The path cannot be a folder that we may write to.
        """
        workspace = cls(root.expanduser().resolve())
        try:
            for folder in ("datasets", "models", "runs", "cache"):
                (workspace.root / folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInput(
                f"Workspace {root} cannot be used: {error.strerror}; choose another --workspace"
            ) from error
        return workspace

    @classmethod
    def open(cls, root: Path) -> "Workspace":
        """Opens a workspace that must exist already.

        Raises:
            NotFound: There is no workspace at `root`.
        """
        workspace = cls(root.expanduser().resolve())
        if not workspace.database.exists():
            raise NotFound(f"No workspace at {workspace.root}; make one with `demo` or `dataset add`")
        return workspace

    @property
    def database(self) -> Path:
        return self.root / "vitrine.db"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    def dataset(self, name: str) -> Path:
        return self.root / "datasets" / check_name("dataset", name)

    def model(self, name: str, version: int) -> Path:
        return self.root / "models" / check_name("model", name) / str(version)

    def run(self, run: str) -> Path:
        if not _KEY.fullmatch(run):
            raise InvalidInput(f"{run!r} is not the key of a run")
        return self.root / "runs" / run


def check_name(what: str, name: str) -> str:
    """Returns `name` if it may name a folder.

    Raises:
        InvalidInput: It is empty, too long, or has a character that is not a letter, a digit, '.', '_' or '-'.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{what} name {name!r} is not allowed; use 1 to 64 letters, digits, '.', '_', '-'; no sign first"
        )
    return name


def content_key(*parts: Any, length: int = 32) -> str:
    """A key for what is computed from `parts`: hexadecimal SHA-256 of their canonical JSON, cut to `length` digits."""
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:length]


@contextmanager
def atomic_path(path: Path, *, private: bool = False, lasting: bool = True) -> Iterator[Path]:
    """Gives a temporary path to write to, renamed to `path` when the block ends well.

    Args:
        private: Whether this user alone may read the file.
        lasting: Whether the file must outlive a power failure from here on; False for what can be made again.

    Raises:
        DiskFull: There is no room for the file; nothing is left of it.
    """
    temporary = path.with_name(f".{path.name}.{uuid4().hex[:8]}.tmp")
    with disk_full_is_clear(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE if private else _SHARED))
        try:
            yield temporary
            if lasting:
                synchronise(temporary)
            temporary.replace(path)
            if lasting:
                synchronise(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def synchronise(path: Path) -> None:
    """Returns when a file's content, or a folder's list of names, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_bytes(path: Path, content: bytes, *, private: bool = False, lasting: bool = True) -> None:
    """Writes a whole file at once or not at all; see `atomic_path`."""
    with atomic_path(path, private=private, lasting=lasting) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, value: Any, *, private: bool = False) -> None:
    """Writes a value as readable JSON, at once or not at all; see `atomic_path`."""
    content = (json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n").encode()
    write_bytes(path, content, private=private)
