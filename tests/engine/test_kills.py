"""Everything that can be killed is killed, again and again, in the middle of an index job."""

import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from data.types import TERMINAL_STATES, JobState
from inference.tasks import WorkerContext
from tests.engine.engine_world import SAMPLES, files_of, patient_workspace
from tests.serving import Server, until

pytestmark = [
    pytest.mark.engine,
    pytest.mark.xdist_group("engine"),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]
SEED = 20
KILLS = {"worker": 12, "engine": 4, "web": 3, "all": 2}
WORKING = 0.35  # the share of kills before which another shard is waited for; the others may hit a process that starts
LONGEST_PEACE = 1.0  # seconds at most until a kill
_SIGN = {"worker": "spawn_main", "engine": "dashboard.engine_process", "web": "dashboard.web", "all": ""}
_PARAMETERS = {"dataset": "digits", "model": "patient@1"}


class Victims:
    """A server that is started again whenever all of it was killed."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._root = root
        self._folder = folder
        self._started = 0
        self.server = self._start()

    def _start(self) -> Server:
        self._started += 1
        return Server(self._root, self._folder / f"serve-{self._started}.log", workers=2)

    def of(self, kind: str) -> list[int]:
        """Pids of that kind; for `all` the whole family."""
        return sorted(pid for pid, words in self.server.family().items() if _SIGN[kind] in words)

    def kill(self, kind: str, chance: random.Random) -> None:
        """Kills one process of that kind, or all there are, as soon as there is one."""
        until(lambda: self.of(kind), 30)
        found = self.of(kind)
        if kind == "all":
            self.server.kill()
        for pid in found if kind == "all" else [chance.choice(found)]:
            with suppress(ProcessLookupError):  # it ended by itself in this very moment
                os.kill(pid, signal.SIGKILL)
        if kind == "all":
            self.server = self._start()


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    return tmp_path / "slowly"


@pytest.fixture
def patient(tmp_path: Path, gate: Path) -> Iterator[WorkerContext]:
    context = patient_workspace(tmp_path / "workspace", gate)
    yield context
    context.close()


@pytest.fixture
def victims(patient: WorkerContext, tmp_path: Path) -> Iterator[Victims]:
    started = Victims(patient.workspace.root, tmp_path)
    yield started
    started.server.kill()


def until_it_works(context: WorkerContext, job: int) -> None:
    """Returns when another shard is finished."""
    before = context.jobs.get(job).done
    until(lambda: context.jobs.get(job).done > before, 60)


def test_an_index_job_survives_every_kill(patient: WorkerContext, gate: Path, victims: Victims) -> None:
    gate.touch()
    job = patient.jobs.submit("index", _PARAMETERS, "ada").id
    chance = random.Random(SEED)
    kinds = [kind for kind, times in KILLS.items() for _ in range(times)]
    chance.shuffle(kinds)
    until(lambda: patient.jobs.get(job).done > 0, 60)
    for kind in kinds:
        if chance.random() < WORKING:
            until_it_works(patient, job)
        time.sleep(chance.uniform(0, LONGEST_PEACE))  # the random moment
        victims.kill(kind, chance)
    assert patient.jobs.get(job).state not in TERMINAL_STATES
    gate.unlink()
    until(lambda: patient.jobs.get(job).state in TERMINAL_STATES, 120)
    ended = patient.jobs.get(job)
    assert (ended.state, ended.error, ended.done) == (JobState.DONE, None, SAMPLES)
    assert ended.result is not None
    run = ended.result["run"]
    files = files_of(patient, run)
    assert sorted(files) == ["embeddings-00000.npy", "part-00000.parquet"]
    table = pq.read_table(patient.workspace.run(run) / "part-00000.parquet")
    assert np.array_equal(table["row"].to_numpy(), np.arange(SAMPLES))
    assert len(set(table["sample_id"].to_pylist())) == SAMPLES
    assert len(patient.runs.list("digits")) == 1
    assert not (patient.workspace.run(run) / "shards").exists()

    # The same again from nothing, and nobody kills anything.
    shutil.rmtree(patient.workspace.run(run))
    again = patient.jobs.submit("index", _PARAMETERS, "ada").id
    until(lambda: patient.jobs.get(again).state is JobState.DONE, 120)
    assert not any("there already" in line for _at, line in patient.jobs.lines(again))
    assert files_of(patient, run) == files
    until(victims.server.healthy, 20)
    victims.server.stop()
