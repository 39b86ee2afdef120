"""What an engine leaves in the workspace: the lock that makes it the only one, and the address to reach it at.

The lock belongs to the operating system: however its holder dies, it is free again at once. The address comes with
the credentials of the engine's encrypted channel, so its file is readable by its owner alone.
"""

import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from data.workspace import Workspace, write_json

__all__ = ["EngineAddress", "EngineLock"]

_PATIENCE = 0.05


class EngineLock:
    """Held by the one process that runs the workspace's jobs.

    Used as `with`, it gives the lock back; a process that ends without doing so gives it back just as well.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._path = workspace.root / "engine.lock"
        self._descriptor: int | None = None

    def acquire(self, patience: float = 1.0) -> bool:
        """Takes the lock if it is free or gets free within `patience` seconds; says whether it is held now."""
        deadline = time.monotonic() + patience
        while self._descriptor is None:
            self._descriptor = _locked(self._path, fcntl.LOCK_EX)
            if self._descriptor is None:
                if time.monotonic() >= deadline:
                    return False
                time.sleep(_PATIENCE)
        return True

    def release(self) -> None:
        """Gives the lock back; nothing happens if it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def held_by_someone(self) -> bool:
        """Whether an engine lives or starts. Asking never keeps one from starting: `acquire` is patient."""
        if self._descriptor is not None:
            return True
        descriptor = _locked(self._path, fcntl.LOCK_SH)
        if descriptor is None:
            return True
        os.close(descriptor)
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _locked(path: Path, operation: int) -> int | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


@dataclass(frozen=True, slots=True)
class EngineAddress:
    """Where the engine listens.

    Attributes:
        address: As Dask writes it, `tls://127.0.0.1:40123` for instance.
        database_url, cache_bytes: As `inference.tasks.Place` has them.
        certificate, key: PEM texts of the channel's one certificate, for both ends; empty on a channel without TLS.
    """

    address: str
    database_url: str
    cache_bytes: int
    certificate: str = ""
    key: str = ""

    def publish(self, workspace: Workspace) -> None:
        """Writes the address where clients look for it, readable by this user alone."""
        write_json(_file(workspace), asdict(self), private=True)

    def withdraw(self, workspace: Workspace) -> None:
        """Removes the address unless another engine has written its own since."""
        if EngineAddress.read(workspace) == self:
            _file(workspace).unlink(missing_ok=True)

    @staticmethod
    def forget(workspace: Workspace) -> None:
        """Removes the address of an engine that is dead; only for the holder of the lock."""
        _file(workspace).unlink(missing_ok=True)

    @classmethod
    def read(cls, workspace: Workspace) -> "EngineAddress | None":
        """The address of the newest engine, dead or alive; None where there is none, or another user's."""
        try:
            stored = json.loads(_file(workspace).read_text(encoding="utf-8"))
            texts = {name: str(stored[name]) for name in ("address", "database_url", "certificate", "key")}
            return cls(**texts, cache_bytes=int(stored["cache_bytes"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _file(workspace: Workspace) -> Path:
    return workspace.root / "engine.json"
