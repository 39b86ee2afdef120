from pathlib import Path

import pytest

from data.workspace import Workspace
from inference.engine_files import EngineAddress, EngineLock


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path)


def test_one_engine_at_a_time(workspace: Workspace) -> None:
    with EngineLock(workspace) as first, EngineLock(workspace) as second:
        assert not second.held_by_someone()
        assert first.acquire(patience=0)
        assert first.acquire(patience=0)
        assert second.held_by_someone()
        assert not second.acquire(patience=0)
        first.release()
        assert second.acquire(patience=0)


def test_the_address_is_readable_by_its_owner_alone(workspace: Workspace) -> None:
    address = EngineAddress("tls://127.0.0.1:1", "sqlite:///x.db", 2**20, "CERTIFICATE", "KEY")
    assert EngineAddress.read(workspace) is None
    address.publish(workspace)
    assert EngineAddress.read(workspace) == address
    assert (workspace.root / "engine.json").stat().st_mode & 0o077 == 0


def test_an_engine_withdraws_its_own_address_only(workspace: Workspace) -> None:
    old, new = (EngineAddress(f"tls://127.0.0.1:{port}", "sqlite:///x.db", 1) for port in (1, 2))
    new.publish(workspace)
    old.withdraw(workspace)
    assert EngineAddress.read(workspace) == new
    new.withdraw(workspace)
    assert EngineAddress.read(workspace) is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"address": 1}', "null"])
def test_a_damaged_address_counts_as_none(workspace: Workspace, content: str) -> None:
    (workspace.root / "engine.json").write_text(content)
    assert EngineAddress.read(workspace) is None
