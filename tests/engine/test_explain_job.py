"""A whole run explained by real workers, whose engine dies in the middle."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from data.explained import ExplainedStore
from data.types import JobState
from inference.tasks import WorkerContext
from tests.engine.engine_world import SAMPLES, patient_workspace
from tests.serving import until

pytestmark = [
    pytest.mark.engine,
    pytest.mark.xdist_group("engine"),
    pytest.mark.skipif(sys.platform != "linux", reason="kills a process group"),
]
_RUN = {"dataset": "digits", "model": "patient@1"}
_PARAMETERS = {**_RUN, "method": "gradcam"}


@contextmanager
def engine(root: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "VITRINE_WORKSPACE": str(root), "VITRINE_WORKERS": "2", "VITRINE_DATABASE_URL": ""}
    command = [sys.executable, "-m", "dashboard.engine_process"]
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    return tmp_path / "slowly"


@pytest.fixture
def patient(tmp_path: Path, gate: Path) -> Iterator[WorkerContext]:
    context = patient_workspace(tmp_path / "workspace", gate)
    yield context
    context.close()


def done(context: WorkerContext, job: int) -> bool:
    state = context.jobs.get(job)
    assert state.state not in {JobState.FAILED, JobState.CANCELLED}, state.error
    return state.state is JobState.DONE


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_an_explain_job_survives_the_death_of_the_engine(patient: WorkerContext, gate: Path) -> None:
    root = patient.workspace.root
    with engine(root):
        index = patient.jobs.submit("index", _RUN, "ada").id
        until(lambda: done(patient, index), 120)
        gate.touch()
        job = patient.jobs.submit("explain", _PARAMETERS, "ada").id
        until(lambda: len(list(root.glob("runs/*/explanations/*/shards/*.figures.npy"))) >= 3, 120)
    assert patient.jobs.get(job).state is JobState.RUNNING
    gate.unlink()
    with engine(root):
        until(lambda: done(patient, job), 120)
        result = patient.jobs.get(job).result
        assert result is not None
        assert (result["samples"], result["cached"]) == (SAMPLES, False)
        assert any("shards are there already" in line for _at, line in patient.jobs.lines(job))
        (run,) = patient.runs.list("digits")
        folder = ExplainedStore(patient.workspace).folder(run.id, result["explained"])
        files = files_of(folder)
        assert sorted(files) == ["explained.json", "figures-00000.npy", "grids-00000.npy"]

        # Once more answers at once; from nothing, undisturbed, it gives the same bytes.
        again = patient.jobs.submit("explain", _PARAMETERS, "ada").id
        until(lambda: done(patient, again), 60)
        assert (patient.jobs.get(again).result or {})["cached"] is True
        shutil.rmtree(folder)
        anew = patient.jobs.submit("explain", _PARAMETERS, "ada").id
        until(lambda: done(patient, anew), 120)
    assert files_of(folder) == files
