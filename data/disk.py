"""A full disk, told from every other trouble, whichever library meets it first."""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data.errors import DiskFull, VitrineError

__all__ = ["Reserve", "disk_full_is_clear", "is_disk_full"]

# The disk, the person's share of it, the process's limit for one file.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_TEXTS = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT))
_POSTGRESQL_DISK_FULL = "53100"
_RESERVED_BYTES = 2**20


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or what it came from, says that there is no room to write.

    Some libraries keep only the system's text of it: safetensors does, and SQLAlchemy wraps what the driver says.
    """
    if error is None or isinstance(error, VitrineError):
        return isinstance(error, DiskFull)
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return True
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return True
    if getattr(error, "sqlstate", None) == _POSTGRESQL_DISK_FULL:
        return True
    if any(text in str(error) for text in _TEXTS):
        return True
    return is_disk_full(getattr(error, "orig", None) or error.__cause__)


@contextmanager
def disk_full_is_clear(where: object) -> Iterator[None]:
    """Says in one line what to do where the block finds no room at `where`.

    Raises:
        DiskFull: In place of the library's own error.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, VitrineError) or not is_disk_full(error):
            raise
        raise DiskFull(
            f"The disk of {where} is full; free some space there, then try again or resume the job: "
            "what was finished is kept"
        ) from error


class Reserve:
    """A file that keeps a little room, so that on a full disk the end of a job can still be recorded.

    Without it a job that failed for want of room would seem to run until somebody made some.
    """

    def __init__(self, root: Path) -> None:
        self._path = root / "reserve"

    def fill(self) -> None:
        """Takes the room, if it is not taken and the disk has it."""
        try:
            if not self._path.exists():
                self._path.write_bytes(os.urandom(_RESERVED_BYTES))  # what a file system cannot make smaller
        except OSError as error:
            if not is_disk_full(error):
                raise
            self._path.unlink(missing_ok=True)

    def spend(self) -> bool:
        """Gives the room back; False if it was not taken."""
        taken = self._path.exists()
        self._path.unlink(missing_ok=True)
        return taken
