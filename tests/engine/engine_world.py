"""What the tests with real worker processes share."""

import shutil
from pathlib import Path

from dashboard.settings import Settings
from data.database import Database
from data.datasets import DatasetStore
from data.models import ModelStore
from data.schema import VersionRow
from data.sources import open_source
from data.workspace import Workspace
from inference.engine import EngineConfig
from inference.tasks import WorkerContext, open_context

SAMPLES = 1797  # of the digits
# A small network that takes its time while a file is there, whatever the machine, and leaves the processor alone.
_PATIENT = """
import time
from pathlib import Path

from torch import nn

class Patience(nn.Module):
    def forward(self, images):
        if Path({gate!r}).exists():
            time.sleep({seconds} * len(images) / {shard})
        return images

def patient():
    body = (nn.Conv2d(3, {width}, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(Patience(), *body, nn.Linear({width}, 10))
"""
_SHARD = 32
_FLOPS = 150e9 / _SHARD  # of an image, so that a shard has that many of them


def settings_at(root: Path) -> Settings:
    return Settings(workspace=root, database_url="", engine="", workers=2)


def copy_of(pristine: Path, root: Path) -> WorkerContext:
    shutil.copytree(pristine, root)
    return open_context(EngineConfig.of(Workspace.create(root), settings_at(root)).place)


def patient_workspace(root: Path, gate: Path, seconds: float = 1.0, width: int = 64) -> WorkerContext:
    """A workspace with the digits and `patient@1`, whose index job has many small shards.

    Args:
        gate: While this file is there, each shard takes `seconds` more.
        width: Of the embedding.
    """
    from inference.models import register  # imports torch, which collecting the tests need not

    workspace = Workspace.create(root)
    database = Database(settings_at(root).database_address)
    database.upgrade()
    DatasetStore(workspace, database).add("digits", open_source("digits"))
    code = root.parent / "patient.py"
    code.write_text(_PATIENT.format(gate=str(gate), seconds=seconds, shard=_SHARD, width=width))
    names = [str(digit) for digit in range(10)]
    arch = f"factory:{code}:patient"
    register(workspace, ModelStore(database), "patient", arch, "none", classes=names, image_size=8)
    with database.write() as session:
        for row in session.query(VersionRow):
            row.notes = {**row.notes, "flops": _FLOPS}
    database.dispose()
    return open_context(EngineConfig.of(workspace, settings_at(root)).place)


def files_of(context: WorkerContext, run: str) -> dict[str, bytes]:
    """The run's files by name."""
    folder = context.workspace.run(run)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
