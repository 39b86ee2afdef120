"""`serve`: starts the web process and the engine, watches over both, and takes them along when it ends.

It does no work itself and imports next to nothing, so that it has no reason to die. It holds one end of each child's
standard input: should it be killed all the same, the children see the end of it and stop.
"""

import errno
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from dashboard.child import REFUSED
from dashboard.settings import Settings
from data.errors import InvalidInput

__all__ = ["RestartPolicy", "supervise"]

_POLL = 0.1
# Allocators that keep what many threads gave back would hold a third more memory in the web process.
_SPARING = {"MALLOC_ARENA_MAX": "2", "ARROW_DEFAULT_MEMORY_POOL": "system"}
_STOP_SECONDS = 8.0
_PORT_PATIENCE = 5.0
_ENGINE_WAITS = 3.0  # seconds at most for the pages to be there before the engine takes the processor


@dataclass
class RestartPolicy:
    """Decides whether and when a child that died is started again.

    A child that somebody killed is no worse for it and always comes back; one that ends by itself again and again
    does not.

    Attributes:
        quick: A child that lived for fewer seconds ended at its start.
        limit: So many such ends in a row are one too many.
        delays: Seconds to wait before the next start, by the number of such ends.
    """

    quick: float = 20.0
    limit: int = 3
    delays: Sequence[float] = (0.0, 0.5, 2.0)
    _failures: int = field(default=0, init=False)

    def next_start(self, status: int, lifetime: float) -> float | None:
        """Seconds until the next start; None to give up.

        Args:
            status: Exit status of the child; the negative number of the signal that ended it.
            lifetime: Seconds from its start to its end.
        """
        if status == REFUSED:
            return None
        if lifetime >= self.quick:
            self._failures = 0
        elif status != -signal.SIGKILL:
            self._failures += 1
        if self._failures >= self.limit:
            return None
        return self.delays[min(self._failures, len(self.delays) - 1)]


class _Child:
    """One process that is kept alive."""

    def __init__(self, name: str, arguments: Sequence[str], environment: dict[str, str], inherit: int | None) -> None:
        self.name = name
        self._arguments = [sys.executable, "-m", *arguments]
        self._environment = environment
        self._inherit = () if inherit is None else (inherit,)
        self._policy = RestartPolicy()
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._due: float | None = None

    def start(self) -> None:
        self._due = None
        self._started = time.monotonic()
        # In a session of its own: Ctrl-C in the terminal reaches the supervisor alone, which stops things in order.
        self._process = subprocess.Popen(
            self._arguments,
            stdin=subprocess.PIPE,
            stdout=sys.stderr.fileno(),
            env=self._environment,
            pass_fds=self._inherit,
            start_new_session=True,
        )

    def keep_alive(self) -> bool:
        """Starts a dead child again when its time has come; False if there is no point in it any more."""
        if self._due is not None:
            if time.monotonic() >= self._due:
                self.start()
            return True
        if self._process is None or self._process.poll() is None:
            return True
        status = self._process.returncode
        self._bury()
        delay = self._policy.next_start(status, time.monotonic() - self._started)
        if delay is None:
            _say(f"Error: the {self.name} process cannot run (exit status {status}); its reason stands above")
            return False
        _say(f"The {self.name} process ended with status {status}; starting it again")
        self._due = time.monotonic() + delay
        return True

    def ask_to_stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def stopped(self, deadline: float) -> None:
        """Waits for the end until `deadline`, then kills the child with all that it started."""
        if self._process is None:
            return
        try:
            self._process.wait(max(deadline - time.monotonic(), 0.01))
        except subprocess.TimeoutExpired:
            _say(f"The {self.name} process does not stop; killing it")
        self._bury()

    def _bury(self) -> None:
        """Ends what is left of the child's session: workers that outlived it, itself if it hangs."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):  # the usual case: nothing is left
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process = None


def supervise(settings: Settings, demo: bool = False) -> int:
    """Serves until SIGTERM or Ctrl-C; returns the exit status.

    Args:
        demo: Whether the engine shall prepare the demo.

    Raises:
        InvalidInput: The address cannot be listened on.
    """
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stopping.set())
    with _listen(settings.host, settings.port) as listener:
        environment = _environment(settings)
        web_arguments = ["dashboard.web", "--supervised", "--descriptor", str(listener.fileno())]
        web = _Child("web", web_arguments, environment | _SPARING, listener.fileno())
        engine_arguments = ["dashboard.engine_process", "--supervised", *(["--demo"] if demo else [])]
        engine = _Child("engine", engine_arguments, environment, None)
        try:
            return _watch(settings, web, engine, stopping)
        finally:
            deadline = time.monotonic() + _STOP_SECONDS
            for child in (web, engine):
                child.ask_to_stop()
            for child in (web, engine):
                child.stopped(deadline)


def _watch(settings: Settings, web: _Child, engine: _Child, stopping: threading.Event) -> int:
    web.start()
    ready = threading.Event()
    threading.Thread(target=_announce, args=(settings, ready), name="vitrine-announce", daemon=True).start()
    engine_starts = time.monotonic() + _ENGINE_WAITS
    engine_started = False
    while not stopping.wait(_POLL):
        if not engine_started and (ready.is_set() or time.monotonic() >= engine_starts):
            engine.start()
            engine_started = True
        if not (web.keep_alive() and engine.keep_alive()):
            return 1
    return 0


def _announce(settings: Settings, ready: threading.Event) -> None:
    """Waits until the pages are there and says where; the socket is open, so the one request waits with it."""
    while True:
        connection = http.client.HTTPConnection(settings.host, settings.port, timeout=60)
        try:
            connection.request("GET", "/healthz")
            if connection.getresponse().status == http.HTTPStatus.OK:
                break
        except (OSError, http.client.HTTPException):
            time.sleep(_POLL)
        finally:
            connection.close()
    ready.set()
    print(f"Vitrine is at {settings.url}  (Ctrl-C stops it)", flush=True)  # noqa: T201


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    deadline = time.monotonic() + _PORT_PATIENCE
    while True:
        try:
            listener = socket.create_server((host, port), family=family, backlog=512)
            break
        except OSError as error:
            # The children of a server that was killed a moment ago hold its port until they notice.
            if error.errno != errno.EADDRINUSE or time.monotonic() >= deadline:
                reason = error.strerror or error
                raise InvalidInput(f"Cannot serve on {host}:{port}: {reason}; choose another --port") from error
            time.sleep(_POLL)
    listener.set_inheritable(True)
    return listener


def _environment(settings: Settings) -> dict[str, str]:
    chosen = {f"VITRINE_{name.upper()}": str(value) for name, value in settings.model_dump().items()}
    return {**os.environ, **chosen, "PYTHONUNBUFFERED": "1"}


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201
