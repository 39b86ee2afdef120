"""Where a fine-tune stands, on disk: tensors as safetensors, the rest as JSON, each written aside and renamed.

The JSON comes last and names the tensors' file with its digest, so that whatever is killed in between leaves the
checkpoint before it whole.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from data.workspace import write_bytes, write_json

__all__ = ["Checkpoints"]

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The checkpoint of one fine-tune; there is one at most."""

    folder: Path

    def write(self, step: int, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Keeps where the training stands after `step` steps; the checkpoint before it is removed.

        Args:
            facts: Plain values; NaN and infinity are not among them.
        """
        path = self.folder / f"step-{step:08d}.safetensors"
        content = save({name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()})
        write_bytes(path, content)
        digest = hashlib.sha256(content).hexdigest()
        write_json(self.folder / "progress.json", {**facts, "step": step, "sha256": digest, "format": _FORMAT})
        for other in self.folder.glob("step-*.safetensors"):
            if other != path:
                other.unlink(missing_ok=True)

    def remove(self) -> None:
        """Deletes the folder with all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def read(self) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
        """The facts and the tensors of the last checkpoint; None where there is none that is whole."""
        try:
            facts = json.loads((self.folder / "progress.json").read_bytes())
            content = (self.folder / f"step-{facts['step']:08d}.safetensors").read_bytes()
            if facts["format"] != _FORMAT or hashlib.sha256(content).hexdigest() != facts["sha256"]:
                return None
            return facts, load(content)
        except (OSError, ValueError, KeyError, TypeError, SafetensorError):
            return None
