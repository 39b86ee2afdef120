"""An engine whose workers somebody else started: a Dask scheduler and workers, each a process of its own."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from data.errors import EngineUnavailable
from data.types import TERMINAL_STATES, JobState
from inference.client import EngineClient
from inference.engine import Engine, EngineConfig
from inference.engine_files import EngineAddress, EngineLock
from inference.runner import JobRunner
from inference.tasks import WorkerContext
from tests.engine.engine_world import files_of, patient_workspace, settings_at
from tests.serving import until

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine")]


_WORKER = ("--nthreads", "2", "--no-dashboard", "--no-nanny")


@pytest.fixture
def processes() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def start(processes: ExitStack, folder: Path, name: str, *arguments: str) -> "subprocess.Popen[bytes]":
    """Starts one of Dask's commands, which logs to `<name>.log`."""
    log = folder / f"{name}.log"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", f"distributed.cli.dask_{name}", *arguments],
            stdout=output,
            stderr=output,
            cwd=folder,
            env=environment,
        )
    processes.callback(process.wait, 20)
    processes.callback(process.terminate)
    return process


def scheduler(processes: ExitStack, folder: Path) -> str:
    """Starts a scheduler; returns its address."""
    log = folder / "scheduler.log"
    start(processes, folder, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    until(lambda: "tcp://127.0.0.1:" in log.read_text(), 30)
    found = re.search(r"tcp://127\.0\.0\.1:\d+", log.read_text())
    assert found is not None
    return found[0]


def test_jobs_and_people_are_served_by_workers_elsewhere(
    processes: ExitStack, context: WorkerContext, tmp_path: Path
) -> None:
    address = scheduler(processes, tmp_path)
    config = replace(EngineConfig.of(context.workspace, settings_at(context.workspace.root)), address=address)
    client = EngineClient(context.workspace)
    with EngineLock(context.workspace) as lock:
        assert lock.acquire()
        with Engine(config) as engine, JobRunner(context, engine):
            # No worker is there yet: they come when the cluster gives them, without any option of ours.
            assert engine.workers == 1
            job = context.jobs.submit("index", {"dataset": "digits", "model": "net@1"}, "ada").id
            until(lambda: context.jobs.get(job).state is JobState.RUNNING, 10)
            start(processes, tmp_path, "worker", address, *_WORKER)
            until(lambda: context.jobs.get(job).done > 0, 90)
            published = EngineAddress.read(context.workspace)
            assert published is not None
            assert (published.address, published.certificate) == (address, "")
            assert client.call("worker_state", {}, timeout=30)["torch"] is True
            context.jobs.cancel(job)
            until(lambda: "Cancelled" in [line for _at, line in context.jobs.lines(job)], 10)
    client.close()
    assert EngineAddress.read(context.workspace) is None


def test_a_job_outlives_one_of_two_workers_elsewhere(processes: ExitStack, tmp_path: Path) -> None:
    gate = tmp_path / "slowly"
    context = patient_workspace(tmp_path / "workspace", gate, seconds=0.5)
    gate.touch()
    parameters = {"dataset": "digits", "model": "patient@1"}
    address = scheduler(processes, tmp_path)
    workers = [start(processes, tmp_path, "worker", address, *_WORKER) for _ in range(2)]
    config = replace(EngineConfig.of(context.workspace, settings_at(context.workspace.root)), address=address)
    with EngineLock(context.workspace) as lock:
        assert lock.acquire()
        with Engine(config) as engine:
            until(lambda: len(engine._client.scheduler_info(n_workers=-1)["workers"]) == 2, 60)
            with JobRunner(context, engine):
                job = context.jobs.submit("index", parameters, "ada").id
                until(lambda: context.jobs.get(job).done > 0, 60)
                workers[0].kill()
                before = context.jobs.get(job).done
                until(lambda: context.jobs.get(job).done > before, 30)
                gate.unlink()
                until(lambda: context.jobs.get(job).state in TERMINAL_STATES, 60)
                assert (context.jobs.get(job).state, context.jobs.get(job).error) == (JobState.DONE, None)
                result = context.jobs.get(job).result
                assert result is not None
                files = files_of(context, result["run"])

                shutil.rmtree(context.workspace.run(result["run"]))
                again = context.jobs.submit("index", parameters, "ada").id
                until(lambda: context.jobs.get(again).state in TERMINAL_STATES, 60)
                assert files_of(context, result["run"]) == files
    assert len(context.runs.list("digits")) == 1
    context.close()


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
