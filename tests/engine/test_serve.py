import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.client import EngineClient
from inference.tasks import WorkerContext
from tests.serving import Server, command, until

pytestmark = [
    pytest.mark.engine,
    pytest.mark.xdist_group("engine"),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]
_TENSOR_LIBRARIES = ("libtorch", "/torchvision/", "/captum/", "/numba/", "/sklearn/")


@pytest.fixture
def server(context: WorkerContext, tmp_path: Path) -> Iterator[Server]:
    started = Server(context.workspace.root, tmp_path / "serve.log")
    try:
        until(started.healthy, 30)
        yield started
    finally:
        started.kill()


def test_serving_comes_back_from_a_kill_and_leaves_nothing_behind(server: Server, context: WorkerContext) -> None:
    worker = server.web_worker()
    maps = Path(f"/proc/{worker}/maps").read_text()
    assert not [library for library in _TENSOR_LIBRARIES if library in maps]
    status = Path(f"/proc/{worker}/status").read_text()
    (resident,) = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")]
    assert resident < 350 * 1024

    # Nobody is refused while the web process is gone: the socket is the supervisor's.
    os.kill(worker, signal.SIGKILL)
    assert server.healthy()
    assert server.web_worker() != worker

    client = EngineClient(context.workspace)
    until(client.alive, 30)
    first = client.call("worker_state", {})["pid"]
    os.kill(server.engine(), signal.SIGKILL)
    until(lambda: not client.alive(), 30)
    assert client.call("worker_state", {}, timeout=30)["pid"] != first
    client.close()

    server.stop()
    assert server.address in server.log.read_text()


def test_children_follow_a_supervisor_that_is_killed(server: Server) -> None:
    until(lambda: any("dashboard.engine_process" in words for words in server.family().values()), 20)
    family = server.family()
    server.kill()
    until(lambda: not [pid for pid in family if command(pid)], 15)
