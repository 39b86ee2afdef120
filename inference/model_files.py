"""A model version's folder: `weights.safetensors`, `model.json`, and what else the network is built from.

That is `factory.py` where code came with it, or the `config.json` of a network of transformers.

The folder is written aside and renamed, so that it is there as a whole or not at all.
"""

import fcntl
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from data.errors import WorkspaceDamaged
from data.types import ModelVersion
from data.workspace import synchronise, write_bytes, write_json

__all__ = ["VersionFiles", "alone", "state_digest"]

_FORMAT = 1
_CODE = "factory.py"


def state_digest(state: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and values of all tensors, hexadecimal; independent of their order."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Lets one process at a time register under this model's name; a holder that dies lets go."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True, slots=True)
class VersionFiles:
    """The files in the folder of one version."""

    folder: Path

    def write(
        self,
        state: Mapping[str, Tensor],
        code: bytes | None,
        facts: Mapping[str, Any],
        built_with: int | None,
        code_name: str = _CODE,
    ) -> None:
        """Puts the folder in place; one that a crash left there, unknown to the register, is replaced.

        Args:
            facts: What the register knows too, for people who look into the folder; has the version's `digest`.
            built_with: The number of outputs that the architecture was asked for.
            code_name: The file that `code` is kept in.
        """
        aside = VersionFiles(self.folder.with_name(f".{self.folder.name}.adding"))
        shutil.rmtree(aside.folder, ignore_errors=True)
        aside.folder.mkdir(parents=True)
        # Tensors that share their memory (tied weights) cannot be saved as they are, hence the copies.
        weights = save({name: tensor.detach().cpu().clone().contiguous() for name, tensor in state.items()})
        write_bytes(aside.weights, weights)
        if code is not None:
            write_bytes(aside.folder / code_name, code)
        description = {
            **facts,
            "format": _FORMAT,
            "built_with": built_with,
            "weights_sha256": hashlib.sha256(weights).hexdigest(),
            "code_sha256": None if code is None else hashlib.sha256(code).hexdigest(),
            "code_name": code_name or _CODE,
        }
        write_json(aside.description, description)
        shutil.rmtree(self.folder, ignore_errors=True)
        aside.folder.rename(self.folder)
        synchronise(self.folder.parent)

    def read_description(self, version: ModelVersion) -> Mapping[str, Any]:
        """`model.json`, checked against the register.

        Raises:
            WorkspaceDamaged: It is missing, unreadable or belongs to another version.
        """
        try:
            description: Mapping[str, Any] = json.loads(self.description.read_bytes())
        except (OSError, ValueError) as error:
            raise _damaged(self.description, "is missing or unreadable") from error
        if not isinstance(description, dict) or description.get("digest") != version.digest:
            raise _damaged(self.description, f"does not belong to {version.reference}")
        return description

    def read_state(self, description: Mapping[str, Any]) -> dict[str, Tensor]:
        """The weights, checked against the digest that was taken when they were written.

        Raises:
            WorkspaceDamaged: They are missing or were changed.
        """
        content = _checked(self.weights, description["weights_sha256"])
        try:
            state: dict[str, Tensor] = load(content)
        except SafetensorError as error:
            raise _damaged(self.weights, f"is damaged: {error}") from error
        return state

    def code_to_run(self, description: Mapping[str, Any]) -> Path | None:
        """The code kept with the version, checked before anybody runs it; None if there is none.

        Raises:
            WorkspaceDamaged: It is missing or was changed.
        """
        if description["code_sha256"] is None:
            return None
        path = self.folder / Path(description.get("code_name", _CODE)).name
        _checked(path, description["code_sha256"])
        return path

    def whole(self, version: ModelVersion) -> bool:
        """Whether all files are there and unchanged."""
        try:
            description = self.read_description(version)
            _checked(self.weights, description["weights_sha256"])
            self.code_to_run(description)
        except (WorkspaceDamaged, KeyError):
            return False
        return True

    @property
    def weights(self) -> Path:
        return self.folder / "weights.safetensors"

    @property
    def description(self) -> Path:
        return self.folder / "model.json"


def _checked(path: Path, digest: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _damaged(path, "is missing or unreadable") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise _damaged(path, "was changed after it was registered")
    return content


def _damaged(path: Path, what: str) -> WorkspaceDamaged:
    return WorkspaceDamaged(f"{path} {what}; restore it, or register the model again")
