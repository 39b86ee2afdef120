"""Files that can be made again: found by content key, bounded in size, the least recently used removed first."""

import os
import random
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from data.errors import DiskFull, InvalidInput
from data.workspace import write_bytes

__all__ = ["FileCache"]

_KIND = re.compile(r"[a-z]{1,32}", re.ASCII)
_KEY = re.compile(r"[0-9a-f]{8,64}", re.ASCII)
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}", re.ASCII)
_TOUCH_AFTER = 600.0
_ABANDONED_AFTER = 3600.0
_KEEP = 0.9
_TRIM_EVERY = 0.05
_ROOM = 2**20


class FileCache:
    """Files at `root/<kind>/<first two digits of the key>/<key><suffix>`.

    Several processes may share one: a file appears whole or not at all, and one that another process removed in the
    meantime is simply not there. Being rebuilt at will, files are not forced to the disk; one that a power failure
    left empty counts as missing.
    """

    def __init__(self, root: Path, limit_bytes: int) -> None:
        self.root = root
        self.limit_bytes = limit_bytes
        self._lock = threading.Lock()
        # Counted from anywhere up to the next trim, so that many short-lived processes trim as often as one long-lived.
        self._written = random.uniform(0, limit_bytes * _TRIM_EVERY)

    def path(self, kind: str, key: str, suffix: str) -> Path:
        """Where a file lies or would lie.

        Raises:
            InvalidInput: A part could lead elsewhere; keys are lower-case hexadecimal.
        """
        if not (_KIND.fullmatch(kind) and _KEY.fullmatch(key) and _SUFFIX.fullmatch(suffix)):
            raise InvalidInput(f"{kind}/{key}{suffix} is not the key of a cached file")
        return self.root / kind / key[:2] / f"{key}{suffix}"

    def get(self, kind: str, key: str, suffix: str) -> Path | None:
        """The file, marked as used; None if it is not there. It may be removed before it is opened."""
        path = self.path(kind, key, suffix)
        try:
            status = path.stat()
            if not status.st_size:
                return None
            if time.time() - status.st_mtime > _TOUCH_AFTER:
                os.utime(path)
        except FileNotFoundError:
            return None
        return path

    def put(self, kind: str, key: str, suffix: str, content: bytes) -> Path:
        """Keeps a file; every so often also trims. On a full disk older files make room for it.

        Raises:
            DiskFull: They were not enough.
        """
        path = self.path(kind, key, suffix)
        try:
            write_bytes(path, content, lasting=False)
        except DiskFull:
            if not self.trim(at_least=max(len(content), _ROOM)):
                raise
            write_bytes(path, content, lasting=False)
        if self._due(len(content)):
            self.trim()
        return path

    def trim(self, at_least: int = 0) -> int:
        """Removes the least recently used files if all together exceed the limit; returns how many bytes went.

        A little more than necessary is removed, so that the next files do not trim again.

        Args:
            at_least: Bytes to remove, as far as there are so many, whatever the limit.
        """
        found = sorted(self._files())
        total = sum(size for _, size, _ in found)
        wanted = max(at_least, total - self.limit_bytes * _KEEP if total > self.limit_bytes else 0)
        removed = 0
        for _, size, path in found:
            if removed >= wanted:
                break
            path.unlink(missing_ok=True)
            removed += size
        return removed

    def size(self) -> int:
        """Bytes in all files."""
        return sum(size for _, size, _ in self._files())

    def _due(self, written: int) -> bool:
        with self._lock:
            self._written += written
            if self._written < self.limit_bytes * _TRIM_EVERY:
                return False
            self._written = 0
            return True

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """(last use, bytes, path) of every cached file; temporary ones that a crash left behind are removed."""
        for path in self.root.glob("*/[0-9a-f][0-9a-f]/*"):
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            if path.suffix == ".tmp":
                if time.time() - status.st_mtime > _ABANDONED_AFTER:
                    path.unlink(missing_ok=True)
            elif _KEY.fullmatch(path.stem):
                yield status.st_mtime, status.st_size, path
