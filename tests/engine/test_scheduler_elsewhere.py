"""An engine whose workers somebody else started: a Dask scheduler and a worker, each a process of its own."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from data.errors import EngineUnavailable
from data.types import JobState
from inference.client import EngineClient
from inference.engine import Engine, EngineConfig
from inference.engine_files import EngineAddress, EngineLock
from inference.runner import JobRunner
from inference.tasks import WorkerContext
from tests.engine.engine_world import settings_at
from tests.serving import until

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine")]


@pytest.fixture
def processes() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def start(processes: ExitStack, folder: Path, name: str, *arguments: str) -> Path:
    """Starts one of Dask's commands; returns where its log lies."""
    log = folder / f"{name}.log"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", f"distributed.cli.dask_{name}", *arguments],
            stdout=output,
            stderr=output,
            cwd=folder,
            env=environment,
        )
    processes.callback(process.wait, 20)
    processes.callback(process.terminate)
    return log


def test_jobs_and_people_are_served_by_workers_elsewhere(
    processes: ExitStack, context: WorkerContext, tmp_path: Path
) -> None:
    log = start(processes, tmp_path, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    until(lambda: "tcp://127.0.0.1:" in log.read_text(), 30)
    found = re.search(r"tcp://127\.0\.0\.1:\d+", log.read_text())
    assert found is not None
    address = found[0]
    config = replace(EngineConfig.of(context.workspace, settings_at(context.workspace.root)), address=address)
    client = EngineClient(context.workspace)
    with EngineLock(context.workspace) as lock:
        assert lock.acquire()
        with Engine(config) as engine, JobRunner(context, engine):
            # No worker is there yet: they come when the cluster gives them, without any option of ours.
            assert engine.workers == 1
            job = context.jobs.submit("index", {"dataset": "digits", "model": "net@1"}, "ada").id
            until(lambda: context.jobs.get(job).state is JobState.RUNNING, 10)
            start(processes, tmp_path, "worker", address, "--nthreads", "2", "--no-dashboard", "--no-nanny")
            until(lambda: context.jobs.get(job).done > 0, 90)
            published = EngineAddress.read(context.workspace)
            assert published is not None
            assert (published.address, published.certificate) == (address, "")
            assert client.call("worker_state", {}, timeout=30)["torch"] is True
            context.jobs.cancel(job)
            until(lambda: "Cancelled" in [line for _at, line in context.jobs.lines(job)], 10)
    client.close()
    assert EngineAddress.read(context.workspace) is None


def test_an_address_where_nobody_listens_is_one_clear_line(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.engine._START_TIMEOUT", 1)
    config = EngineConfig.of(context.workspace, settings_at(context.workspace.root))
    for address in ("tcp://127.0.0.1:1", "nonsense://x"):
        with (
            pytest.raises(EngineUnavailable, match=f"VITRINE_ENGINE={address}"),
            Engine(replace(config, address=address)),
        ):
            pytest.fail("nobody can answer there")
