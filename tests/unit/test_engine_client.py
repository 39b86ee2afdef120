import subprocess
import sys
from pathlib import Path

import pytest

from data.errors import EngineUnavailable, InvalidInput, TaskFailed
from data.workspace import Workspace
from inference.client import EngineClient
from inference.engine_files import EngineAddress
from inference.task_errors import as_vitrine_error


def test_without_an_engine_the_caller_is_told_what_to_do(tmp_path: Path) -> None:
    client = EngineClient(Workspace.create(tmp_path))
    with pytest.raises(EngineUnavailable, match="Start it with `serve`"):
        client.call("explain", {}, timeout=0.05)
    assert not client.alive()


def test_the_address_of_a_dead_engine_is_not_tried(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path)
    EngineAddress("tls://127.0.0.1:9", "sqlite:///x.db", 1, "certificate", "key").publish(workspace)
    with pytest.raises(EngineUnavailable, match="not running"):
        EngineClient(workspace).call("explain", {}, timeout=0.05)


def test_an_error_on_purpose_stays_what_it_is() -> None:
    error = InvalidInput("no such target")
    assert as_vitrine_error("explain", error) is error


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (ValueError("shapes\n  differ"), TaskFailed, "Task explain failed: ValueError: shapes differ"),
        (MemoryError(), TaskFailed, "Task explain failed: MemoryError"),
        (ConnectionResetError(), EngineUnavailable, "The engine went away during task explain; try again in a moment"),
    ],
)
def test_other_errors_become_one_line(error: Exception, kind: type[Exception], text: str) -> None:
    converted = as_vitrine_error("explain", error)
    assert type(converted) is kind
    assert str(converted) == text


def test_the_client_brings_no_tensor_library_and_no_dask() -> None:
    script = (
        "import sys, inference.client, inference.runner, inference.demo\n"
        "heavy = {'torch', 'torchvision', 'umap', 'numba', 'sklearn', 'captum', 'distributed', 'pandas'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
