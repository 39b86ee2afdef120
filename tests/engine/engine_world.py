"""What the tests with real worker processes share."""

import shutil
from pathlib import Path

from dashboard.settings import Settings
from data.workspace import Workspace
from inference.engine import EngineConfig
from inference.tasks import WorkerContext, open_context


def settings_at(root: Path) -> Settings:
    return Settings(workspace=root, database_url="", engine="", workers=2)


def copy_of(pristine: Path, root: Path) -> WorkerContext:
    shutil.copytree(pristine, root)
    return open_context(EngineConfig.of(Workspace.create(root), settings_at(root)).place)
