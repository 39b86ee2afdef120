"""Where files lie: on this machine, or far away behind a URL that fsspec knows.

What is far away is fetched while a dataset is added, and the workspace keeps the bytes. Credentials come from the
environment, as the makers of each store describe them; none is ever written down here.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import fsspec

from data.errors import InvalidInput, VitrineError
from data.images import MAX_BYTES

__all__ = ["PROTOCOLS", "Place", "is_url", "leads_out", "real"]

# Each with the package that speaks it. No other is ever opened: fsspec knows some that start programs or log in.
PROTOCOLS: Mapping[str, str] = MappingProxyType(
    {
        "s3": "s3fs",
        "gs": "gcsfs",
        "az": "adlfs",
        "abfs": "adlfs",
        "http": "aiohttp",
        "https": "aiohttp",
    }
)
_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "s3": {"config_kwargs": {"connect_timeout": 10, "read_timeout": 60, "retries": {"max_attempts": 3}}}
}
_NO_FOLDERS = ("http", "https")


def is_url(text: str) -> bool:
    """Whether a text names something by protocol, `s3://…` for instance."""
    protocol, mark, _ = text.partition("://")
    return bool(mark) and protocol.replace("+", "").isalnum()


def real(path: Path) -> Path:
    """The path with all links followed; unlike `resolve`, not at a loss where links lead in a circle."""
    return Path(os.path.realpath(path))


@dataclass(frozen=True, slots=True)
class Place:
    """A file or a folder.

    Attributes:
        name: As it is shown and stored: an absolute path, or the URL.
        path: Where it lies on this machine; None for a URL.
        filesystem, remote: Where it lies elsewhere: fsspec's file system, and the path in it.
    """

    name: str
    path: Path | None
    filesystem: Any = None
    remote: str = ""

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Reads a path or a URL; nothing is opened.

        Raises:
            InvalidInput: The protocol is not allowed, its package is missing, or a password stands in the URL.
        """
        if text.startswith("file://"):
            text = text.removeprefix("file://")
        if not is_url(text):
            path = real(Path(text).expanduser())
            return cls(str(path), path)
        protocol = text.partition("://")[0].lower()
        if protocol not in PROTOCOLS:
            raise InvalidInput.choice("protocol", protocol, PROTOCOLS)
        if "@" in urlsplit(text).netloc:
            raise InvalidInput("a URL with a user or password is not taken, it would be stored; use the environment")
        name = text.rstrip("/")
        try:
            filesystem, remote = fsspec.core.url_to_fs(name, **_OPTIONS.get(protocol, {}))
        except (ImportError, ValueError) as error:
            raise InvalidInput(f"{name} cannot be opened: {_line(error)} (package {PROTOCOLS[protocol]})") from error
        return cls(name, None, filesystem, remote)

    @property
    def folder(self) -> "Place":
        """What holds it."""
        if self.path is not None:
            return Place(str(self.path.parent), self.path.parent)
        return Place(self.name.rpartition("/")[0], None, self.filesystem, self.remote.rpartition("/")[0])

    def child(self, relative: str) -> "Place":
        """What lies below it; `relative` is a POSIX path without '..'."""
        if self.path is not None:
            return Place(f"{self.path}/{relative}", self.path / relative)
        return Place(f"{self.name}/{relative}", None, self.filesystem, f"{self.remote}/{relative}")

    def is_folder(self) -> bool:
        """Whether it is a folder; of URLs, that something lies below it."""
        if self.path is not None:
            return self.path.is_dir()
        if self.name.partition(":")[0] in _NO_FOLDERS:
            return False
        with self._answering():
            return bool(self.filesystem.isdir(self.remote))

    def size(self) -> int:
        """Bytes of a file.

        Raises:
            InvalidInput: It does not exist or may not be read.
        """
        with self._answering():
            if self.path is None:
                return int(self.filesystem.info(self.remote).get("size") or 0)
            if self.path.exists() and not self.path.is_file():
                raise InvalidInput(f"{self.name} is not a file")
            return self.path.stat().st_size

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The file, for reading at any position.

        Raises:
            InvalidInput: It does not exist or may not be read.
        """
        with self._answering():
            self.size()  # refuses what is no file: a pipe would be waited for
            file: BinaryIO = self.path.open("rb") if self.path is not None else self.filesystem.open(self.remote, "rb")
        with file:
            yield file

    def read(self, start: int | None = None, stop: int | None = None) -> bytes:
        """The file's bytes, or those from `start` to before `stop`; never many more than `MAX_BYTES`.

        Raises:
            InvalidInput: As `open`.
        """
        with self.open() as file, self._answering():
            file.seek(start or 0)
            return file.read(MAX_BYTES + 1 if stop is None else min(stop - (start or 0), MAX_BYTES + 1))

    def files(self) -> list[tuple[str, int]]:
        """The POSIX path below this URL, and the bytes, of every file there, sorted.

        Raises:
            InvalidInput: The bucket does not exist, may not be read or does not answer, or the protocol has no folders.
        """
        if self.name.partition(":")[0] in _NO_FOLDERS:
            raise InvalidInput(f"{self.name}: {self.name.partition(':')[0]} has no folders; name an archive or a table")
        with self._answering():
            found = self.filesystem.find(self.remote, detail=True)
        prefix = self.remote.rstrip("/") + "/"
        return sorted(
            (path.removeprefix(prefix), int(facts.get("size") or 0))
            for path, facts in found.items()
            if path.startswith(prefix) and facts.get("type") == "file"
        )

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except VitrineError:
            raise
        except FileNotFoundError as error:
            far = self.name.startswith(_NO_FOLDERS) and self.path is None  # to which every failure is a missing file
            raise InvalidInput(f"{self.name} does not exist{' or its host does not answer' if far else ''}") from error
        except PermissionError as error:
            raise InvalidInput(f"{self.name} may not be read: {_line(error)}; check the credentials") from error
        except Exception as error:  # each store's library has errors of its own, with no common base
            remedy = "" if self.path is not None else "; check the address, the network and the credentials"
            raise InvalidInput(f"{self.name} cannot be read: {_line(error)}{remedy}") from error


def leads_out(relative: str) -> bool:
    """Whether a POSIX path could lead out of the folder that it is relative to."""
    return relative.startswith("/") or ".." in PurePosixPath(relative).parts


def _line(error: BaseException) -> str:
    return " ".join(str(getattr(error, "strerror", None) or error).split())[:300] or type(error).__name__
