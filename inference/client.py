"""The one door from the web process to the engine: named tasks in, plain values out. Imports no tensor library.

A person waits behind every call, so it goes before all batch work. Where the engine dies or restarts meanwhile, the
call goes on with the next engine as long as its time lasts.
"""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import uuid4

from data.errors import Cancelled, EngineUnavailable
from data.workspace import Workspace, content_key
from inference.dask_setup import import_distributed
from inference.engine_files import EngineAddress, EngineLock
from inference.errands import Answer, Errands
from inference.task_errors import as_vitrine_error, is_connection_lost
from inference.tasks import INTERACTIVE_PRIORITY, PROGRESS_TOPIC, Outcome, Place, run_interactive
from inference.tickets import Tickets

__all__ = ["Answer", "EngineClient"]

_GRACE = 3.0  # seconds in which a dead engine may be replaced
_CONNECT_TIMEOUT = 5.0
_SLICE = 0.5
_ABSENT = "The engine is not running; what was computed before still works. Start it with `serve`"


@dataclass
class _Connection:
    address: EngineAddress
    client: Any
    flights: dict[str, "_Flight"] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        return bool(self.client.status == "running")

    def hear(self, event: tuple[float, Mapping[str, Any]]) -> None:
        """Takes down how far a task is; called by the scheduler's events."""
        _time, told = event
        for flight in list(self.flights.values()):
            if flight.future.key == told["task"]:
                flight.share = float(told["share"])


@dataclass
class _Flight:
    """A task under way and how many callers wait for it."""

    future: Any
    ended: threading.Event
    waiting: int = 0
    share: float | None = None


class EngineClient:
    """Calls tasks by name. One object a process; safe to share between threads; connects on first use."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._connection: _Connection | None = None
        self._connecting = threading.Lock()
        self._flying = threading.Lock()
        self._session = uuid4().hex[:8]
        self._numbers = count()
        self._errands = Errands(self.call)
        self.tickets = Tickets()

    def ask(self, task: str, payload: Mapping[str, Any]) -> Answer:
        """What is known of a task now, for pages that look after it; see `inference.errands`.

        Raises:
            VitrineError: As `call`.
        """
        return self._errands.ask(task, payload)

    def leave(self, task: str, payload: Mapping[str, Any]) -> None:
        """Drops a task that was asked for; see `inference.errands`."""
        self._errands.leave(task, payload)

    def call(
        self,
        task: str,
        payload: Mapping[str, Any],
        timeout: float = 30.0,
        wanted: Callable[[], bool] = lambda: True,
        hear: Callable[[float], None] = lambda _share: None,
    ) -> Any:
        """Has a worker do a task of `inference.tasks.TASKS` and waits for its value.

        Equal calls at the same time are done once. Failures are not remembered.

        Args:
            payload: Plain values that JSON can carry.
            timeout: Seconds after which the caller stops waiting.
            wanted: Asked now and then; the caller also stops when it is false.
            hear: Told which share of the work is done, in [0, 1], now and then, where the task says so.

        Raises:
            Cancelled: It was not wanted any more.
            EngineUnavailable: No engine, or no answer in time.
            TaskFailed: The task ended in an unexpected error.
            VitrineError: Whatever the task raised on purpose, of its own class.
        """
        deadline = time.monotonic() + timeout
        key = content_key(task, dict(payload))
        while True:
            connection = self._connected(deadline)
            flight = self._board(connection, key, task, payload)
            if flight is None:
                continue
            try:
                if self._landed(connection, flight, deadline, wanted, hear):
                    error = flight.future.exception(timeout=_SLICE)
                    if error is None:
                        outcome: Outcome = flight.future.result(timeout=max(deadline - time.monotonic(), _SLICE))
                        return outcome.unwrap()
                    if not is_connection_lost(error):
                        raise as_vitrine_error(task, error)
            except CancelledError:
                pass  # the engine went away with the value; the next one does the task anew
            except (TimeoutError, OSError) as error:
                if time.monotonic() >= deadline:
                    raise EngineUnavailable(_late(task, timeout)) from error
            finally:
                self._leave(connection, key, flight)
            if not wanted():
                raise Cancelled(f"Nobody waits for task {task} any more")
            if time.monotonic() >= deadline:
                raise EngineUnavailable(_late(task, timeout))

    def alive(self) -> bool:
        """Whether an engine is connected. Answers at once; if one is there to connect to, connecting starts."""
        connection = self._connection
        address = EngineAddress.read(self._workspace)
        if connection is not None and connection.running and connection.address == address:
            return True
        if address is not None and not self._connecting.locked():
            threading.Thread(target=self._try_to_connect, name="vitrine-engine-connect", daemon=True).start()
        return False

    def close(self) -> None:
        """Leaves the engine; the next call connects anew."""
        self._errands.close()
        with self._connecting:
            self._drop()

    def _try_to_connect(self) -> None:
        try:
            self._connected(time.monotonic() + _CONNECT_TIMEOUT)
        except EngineUnavailable:
            return  # asked again at the next look

    def _connected(self, deadline: float) -> _Connection:
        grace = min(deadline, time.monotonic() + _GRACE)
        while True:
            address = EngineAddress.read(self._workspace)
            connection = self._connection
            if connection is not None and connection.running and connection.address == address:
                return connection
            starting = EngineLock(self._workspace).held_by_someone()
            if address is not None and starting:
                connection = self._connect(address, deadline)
                if connection is not None:
                    return connection
            if time.monotonic() >= (deadline if starting else grace):
                raise EngineUnavailable(_ABSENT)
            time.sleep(0.1)

    def _connect(self, address: EngineAddress, deadline: float) -> _Connection | None:
        if not self._connecting.acquire(timeout=max(deadline - time.monotonic(), 0)):
            return None
        try:
            connection = self._connection
            if connection is not None and connection.running and connection.address == address:
                return connection
            self._drop()
            self._connection = _open(address, min(_CONNECT_TIMEOUT, max(deadline - time.monotonic(), 0.1)))
            return self._connection
        finally:
            self._connecting.release()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.client.close(timeout=1)
            self._connection = None

    def _board(self, connection: _Connection, key: str, task: str, payload: Mapping[str, Any]) -> _Flight | None:
        """The flight that does the task, a new one or one under way; None if the engine went away just now."""
        with self._flying:
            flight = connection.flights.get(key)
            if flight is None:
                address = connection.address
                try:
                    future = connection.client.submit(
                        run_interactive,
                        task,
                        Place(str(self._workspace.root), address.database_url, address.cache_bytes),
                        dict(payload),
                        key=f"{task}-{self._session}-{next(self._numbers)}",
                        priority=INTERACTIVE_PRIORITY,
                        pure=False,
                    )
                except Exception:
                    if connection.running:
                        raise
                    return None
                flight = connection.flights[key] = _Flight(future, threading.Event())
                future.add_done_callback(lambda _, ended=flight.ended: ended.set())
            flight.waiting += 1
            return flight

    def _landed(
        self,
        connection: _Connection,
        flight: _Flight,
        deadline: float,
        wanted: Callable[[], bool],
        hear: Callable[[float], None],
    ) -> bool:
        """Waits until the task ended (True), or the connection, the time or the wish for it did (False)."""
        while (left := deadline - time.monotonic()) > 0 and connection.running and wanted():
            if flight.ended.wait(min(_SLICE, left)):
                return True
            if flight.share is not None:
                hear(flight.share)
        return False

    def _leave(self, connection: _Connection, key: str, flight: _Flight) -> None:
        """The last to leave drops the future, which ends a task that nobody waits for any more."""
        with self._flying:
            flight.waiting -= 1
            if flight.waiting == 0:
                if connection.flights.get(key) is flight:
                    del connection.flights[key]
                flight.future.release()


def _open(address: EngineAddress, timeout: float) -> _Connection | None:
    distributed = import_distributed()
    security = None
    if address.certificate:
        security = distributed.Security(
            require_encryption=True,
            tls_ca_file=address.certificate,
            tls_client_cert=address.certificate,
            tls_client_key=address.key,
        )
    try:
        client = distributed.Client(address.address, security=security, set_as_default=False, timeout=timeout)
    except (OSError, TimeoutError):
        return None
    connection = _Connection(address, client)
    client.subscribe_topic(PROGRESS_TOPIC, connection.hear)
    return connection


def _late(task: str, timeout: float) -> str:
    return f"The engine did not finish task {task} within {timeout:g} s; it may be busy, try again in a moment"
