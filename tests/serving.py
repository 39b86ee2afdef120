"""`serve` as a person starts it, and a look at its processes; for the tests with a real server."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

__all__ = ["Server", "children", "command", "until"]


def until(condition: Callable[[], object], seconds: float) -> None:
    """Waits for what other processes do; fails when it does not happen."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"did not happen within {seconds:g} s")
        time.sleep(0.02)


class Server:
    """The supervisor with all that it starts, on a free port of this machine.

    Args:
        settings: Further settings by name, `sources` for instance.
    """

    def __init__(self, root: Path, log: Path, workers: int = 1, **settings: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        arguments = [sys.executable, "-m", "dashboard", "--workspace", str(root), "serve", "--port", str(self.port)]
        chosen = {f"VITRINE_{name.upper()}": value for name, value in settings.items()}
        self.root = root
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                arguments, stdout=output, stderr=output, env=os.environ | {"VITRINE_WORKERS": str(workers)} | chosen
            )

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def healthy(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", "/healthz")
            return bool(json.loads(connection.getresponse().read()) == {"status": "ok"})
        except OSError:
            return False
        finally:
            connection.close()

    def family(self) -> dict[int, str]:
        """All processes below the supervisor, with their command lines."""
        found: dict[int, str] = {}
        pending = [self.process.pid]
        while pending:
            below = children(pending.pop())
            found |= {pid: command(pid) for pid in below}
            pending += below
        return found

    def engine(self) -> int:
        """Pid of the engine process."""
        (pid,) = [pid for pid, words in self.family().items() if "dashboard.engine_process" in words]
        return pid

    def web_worker(self) -> int:
        """Pid of the process that answers requests."""
        (master,) = [pid for pid in children(self.process.pid) if "dashboard.web" in command(pid)]
        (pid,) = children(master)
        return pid

    def stop(self) -> None:
        """Asks the server to end, and fails unless it does so cleanly and leaves no process behind."""
        family = self.family()
        assert len(family) >= 4 or sys.platform != "linux"
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(15) == 0
        assert not [pid for pid in family if command(pid)]
        log = self.log.read_text()
        assert "Traceback" not in log, log

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def children(pid: int) -> list[int]:
    """Pids of the processes that `pid` started."""
    found: list[int] = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def command(pid: int) -> str:
    """The command line of a process; empty if there is none."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""
