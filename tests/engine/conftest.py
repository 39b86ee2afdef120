from collections.abc import Iterator
from pathlib import Path

import pytest

from data.database import Database
from data.datasets import DatasetStore
from data.models import ModelStore
from data.sources import open_source
from data.workspace import Workspace
from inference.tasks import WorkerContext
from tests.engine.engine_world import copy_of, settings_at


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the digits and two networks that nobody has applied yet; do not change it."""
    from inference.models import register

    root = tmp_path_factory.mktemp("pristine")
    workspace = Workspace.create(root)
    database = Database(settings_at(root).database_address)
    database.upgrade()
    DatasetStore(workspace, database).add("digits", open_source("digits"))
    for name, mean in (("net", 0.0), ("other", 0.1)):
        register(
            workspace,
            ModelStore(database),
            name,
            "torchvision:resnet18",
            "none",
            classes=[str(digit) for digit in range(10)],
            image_size=48,
            mean=(mean,) * 3,
            std=(1.0,) * 3,
        )
    database.dispose()
    return root


@pytest.fixture
def context(pristine: Path, tmp_path: Path) -> Iterator[WorkerContext]:
    """The stores of a workspace of the test's own."""
    opened = copy_of(pristine, tmp_path / "workspace")
    yield opened
    opened.close()
