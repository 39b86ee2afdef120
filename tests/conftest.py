"""Fixtures that every tier shares: an empty workspace with a database, and the services on it."""

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from callbacks.services import Services
from dashboard.services import build_services
from dashboard.settings import Settings
from data.database import Database

# Before any test imports a numerical library: tests run side by side, one core each.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A busy machine is slow, not wrong: no example fails for the time it took.
hypothesis.settings.register_profile("vitrine", deadline=None)
hypothesis.settings.load_profile("vitrine")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(workspace=tmp_path / "workspace", workers=1)


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    built = build_services(settings)
    yield built
    built.samples.close()
    built.database.dispose()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'vitrine.db'}")
    opened.upgrade()
    yield opened
    opened.dispose()
