"""The web process: gunicorn with one worker process of several threads around the Dash application.

`python -m dashboard.web` serves on its own; `serve` starts it with a socket that is open already, so that nobody is
refused while it starts or starts again. It never imports a tensor library.
"""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication

from dashboard.app import create_app
from dashboard.child import REFUSED, leave, watch_parent
from dashboard.hosts import refuse_network
from dashboard.services import build_services
from dashboard.settings import Settings, load_settings
from data.errors import VitrineError

__all__ = ["WebServer", "main"]

_GRACE_SECONDS = 4
_WARM_UP_AFTER = 1.0
_HEARTBEATS = Path("/dev/shm")  # noqa: S108  # in memory: a busy disk must not look like a dead worker


class WebServer(BaseApplication):  # type: ignore[misc]
    """Gunicorn, configured by our settings instead of its own command line.

    Args:
        descriptor: Of a listening socket; None to open one at the settings' host and port.
        supervised: Whether to end when standard input does.
    """

    def __init__(self, settings: Settings, descriptor: int | None, supervised: bool) -> None:
        self._settings = settings
        self._descriptor = descriptor
        self._supervised = supervised
        super().__init__()

    def load_config(self) -> None:
        """Hands our settings to gunicorn."""
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        options: dict[str, Any] = {
            "bind": f"fd://{self._descriptor}" if self._descriptor is not None else f"{host}:{self._settings.port}",
            "worker_class": "gthread",
            "workers": 1,
            "threads": self._settings.threads,
            "preload_app": False,
            "graceful_timeout": _GRACE_SECONDS,
            "timeout": 60,
            "keepalive": 5,
            "limit_request_line": 8190,  # the longest allowed: a lasso and a filter of many classes are in the address
            "loglevel": "error",
            "control_socket_disable": True,
            "worker_tmp_dir": str(_HEARTBEATS) if os.access(_HEARTBEATS, os.W_OK) else None,
            "post_fork": self._watch,
            "post_worker_init": _warm_up,
            "worker_exit": _leave,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Builds the application, in the worker process."""
        try:
            return create_app(self._settings, build_services(self._settings)).server
        except VitrineError as error:
            print(f"Error: {error}", file=sys.stderr, flush=True)  # noqa: T201
            leave(REFUSED)  # gunicorn's own status for an application that cannot be loaded

    def _watch(self, _arbiter: Any, _worker: Any) -> None:
        # In the worker, because a thread in the process that forks could hold a lock at that moment.
        if self._supervised:
            watch_parent(lambda: os.kill(os.getppid(), signal.SIGTERM))


def _warm_up(_worker: Any) -> None:
    """Imports behind the first requests what PyArrow asks for at its first conversion, half a second of work."""
    timer = threading.Timer(_WARM_UP_AFTER, import_module, ["pandas"])
    timer.daemon = True
    timer.start()


def _leave(_arbiter: Any, worker: Any) -> None:
    if worker.booted:  # else gunicorn wants to know why not
        leave(0)


def main(arguments: Sequence[str]) -> int:
    """Serves until SIGTERM; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m dashboard.web", description="Serve the pages alone.")
    parser.add_argument("--descriptor", type=int, help="number of a listening socket to serve on")
    parser.add_argument("--supervised", action="store_true", help="end when standard input does")
    options = parser.parse_args(arguments)
    try:
        settings = load_settings()
        refuse_network(settings.host)
    except VitrineError as error:
        print(f"Error: {error}", file=sys.stderr)  # noqa: T201
        return REFUSED
    WebServer(settings, options.descriptor, options.supervised).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
