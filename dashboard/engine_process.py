"""The engine process: holds the workspace's engine lock, keeps the workers, and runs the jobs of the queue."""

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Sequence

from dashboard.child import REFUSED, leave, watch_parent
from dashboard.settings import Settings, load_settings
from data.errors import DiskFull, EngineUnavailable, VitrineError
from data.jobs import JobStore
from data.types import TERMINAL_STATES, JobState
from data.workspace import Workspace
from inference.demo import current_step, submit_demo
from inference.engine import Engine, EngineConfig
from inference.engine_files import EngineLock
from inference.runner import JobRunner
from inference.tasks import open_context

__all__ = ["main", "run_engine"]

_REPORT_EVERY = 2.0
_ROOM_LOOKED_FOR_EVERY = 5.0
_logger = logging.getLogger("vitrine.engine")


def run_engine(settings: Settings, stopping: threading.Event, demo: bool = False) -> int:
    """Runs the workspace's engine until `stopping` is set; returns the exit status.

    Where another process holds the lock, a command that waits for its job for instance, this waits for its end.

    Raises:
        EngineUnavailable: A scheduler elsewhere does not answer.
    """
    workspace = Workspace.create(settings.workspace)
    config = EngineConfig.of(workspace, settings)
    context = open_context(config.place)
    context.database.upgrade()
    if demo:
        _prepare_demo(context.jobs, settings, stopping)
    with EngineLock(workspace) as lock:
        if not lock.acquire():
            _logger.info("Another process runs the jobs of this workspace; waiting for its end")
            while not lock.acquire():
                if stopping.is_set():
                    return 0
        with Engine(config) as engine, JobRunner(context, engine):
            warming = engine.warm_up()
            compiled = False
            while not stopping.wait(1.0):
                if not engine.running:
                    raise EngineUnavailable("The scheduler does not answer any more")
                if not compiled and not context.jobs.active_count():  # a job that waits would wait longer
                    compiled = True
                    warming.append(engine.warm_up_projections())
    return 0


def _run_with_room(settings: Settings, stopping: threading.Event, demo: bool) -> int:
    """As `run_engine`; waits for room where the disk is so full that no engine can start."""
    while True:
        try:
            return run_engine(settings, stopping, demo)
        except DiskFull as error:
            _say(f"Error: {error}")
            if stopping.wait(_ROOM_LOOKED_FOR_EVERY):
                return 0


def _prepare_demo(jobs: JobStore, settings: Settings, stopping: threading.Event) -> None:
    """Queues what the demo lacks and tells on standard error how far it is; the page's address comes last."""
    wanted = [job.id for job in submit_demo(jobs, settings.person)]

    def report() -> None:
        said = ""
        while True:
            now = [jobs.get(job) for job in wanted]
            failed = [job for job in now if job.state in TERMINAL_STATES and job.state is not JobState.DONE]
            if failed:
                _say(f"The demo is incomplete: job {failed[0].id} ({failed[0].kind}): {failed[0].error}")
                return
            done = sum(job.state is JobState.DONE for job in now)
            if done == len(now):
                _say(f"The demo is ready: {settings.url}")
                return
            line = f"Preparing the demo: {done} of {len(now)} steps done; {current_step(now)}".rstrip("; ")
            if line != said:
                _say(line)
            said = line
            if stopping.wait(_REPORT_EVERY):
                return

    threading.Thread(target=report, name="vitrine-demo", daemon=True).start()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201


def main(arguments: Sequence[str]) -> int:
    """Runs the engine until SIGTERM, Ctrl-C or, if supervised, the end of standard input; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m dashboard.engine_process", description="Run the engine alone.")
    parser.add_argument("--supervised", action="store_true", help="end when standard input does")
    parser.add_argument("--demo", action="store_true", help="prepare the demo")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s", stream=sys.stderr)
    _logger.setLevel(logging.INFO)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    if options.supervised:
        watch_parent(stopping.set)
    try:
        return _run_with_room(load_settings(), stopping, options.demo)
    except EngineUnavailable as error:
        _say(f"Error: {error}")
        return 1
    except VitrineError as error:
        _say(f"Error: {error}")
        return REFUSED


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
