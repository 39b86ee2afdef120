import subprocess
import sys
import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path

import pytest

from data.errors import Cancelled, EngineUnavailable, InvalidInput, TaskFailed
from data.workspace import Workspace
from inference.client import EngineClient, _Connection
from inference.engine_files import EngineAddress
from inference.task_errors import as_vitrine_error
from inference.tasks import Outcome
from tests.serving import until


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


class Flying:
    """A task that never ends, and the client that was asked for it."""

    status = "running"

    def __init__(self) -> None:
        self.submitted = 0
        self.released = threading.Event()

    def submit(self, *_arguments: object, **_options: object) -> "Flying":
        self.submitted += 1
        return self

    def add_done_callback(self, _act: object) -> None:
        pass

    def release(self) -> None:
        self.released.set()


def test_the_last_caller_to_give_a_task_up_drops_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client, flying = EngineClient(Workspace.create(tmp_path)), Flying()
    connection = _Connection(EngineAddress("tls://127.0.0.1:9", "sqlite:///x.db", 1, "certificate", "key"), flying)
    monkeypatch.setattr(client, "_connected", lambda _deadline: connection)

    def ask(ticket: str) -> object:
        with client.tickets.held(ticket) as wanted:
            return client.call("preview_source", {}, 60.0, wanted)

    with ThreadPoolExecutor(2) as pool:
        ada, bo = (pool.submit(ask, name) for name in ("ada", "bo"))
        until(lambda: [flight.waiting for flight in connection.flights.values()] == [2], 20)
        client.tickets.give_up("nobody")
        client.tickets.give_up("ada")
        with pytest.raises(Cancelled):
            ada.result(20)
        assert not bo.done()
        assert not flying.released.is_set(), "somebody else waits for it"
        client.tickets.give_up("bo")
        with pytest.raises(Cancelled):
            bo.result(20)
    assert flying.released.is_set()
    assert (flying.submitted, connection.flights) == (1, {})
    client.tickets.give_up("bo")  # after its end there is nothing to leave


class Landed(Flying):
    """A task that ended, whose value is lost with the engine the first time it is fetched."""

    key = "explain-1"

    def add_done_callback(self, act: object) -> None:
        assert callable(act)
        act(self)

    def exception(self, timeout: float) -> None:
        assert timeout > 0

    def result(self, timeout: float) -> Outcome:
        assert timeout > 0
        if self.submitted == 1:
            raise CancelledError("scheduler-connection-lost")
        return Outcome("a map")


def test_a_value_that_is_lost_with_the_engine_is_computed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, landed = EngineClient(Workspace.create(tmp_path)), Landed()
    connection = _Connection(EngineAddress("tls://127.0.0.1:9", "sqlite:///x.db", 1, "certificate", "key"), landed)
    monkeypatch.setattr(client, "_connected", lambda _deadline: connection)
    assert client.call("explain", {}) == "a map"
    assert (landed.submitted, connection.flights) == (2, {})


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
