"""Work that several people want, or that one of them does not want any more."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.explanations import ExplanationRequest
from data.images import decode
from data.samples import View
from data.types import TERMINAL_STATES, JobState
from inference.catalogue import EXPLANATION_CACHE
from inference.client import EngineClient
from inference.engine import Engine, EngineConfig
from inference.engine_files import EngineLock
from inference.runner import JobRunner
from inference.tasks import WorkerContext
from tests.engine.engine_world import SAMPLES, patient_workspace, settings_at
from tests.serving import until

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine")]
_SOON = 5.0  # two seconds, and a busy machine; all of the job would take more than ten
_PARAMETERS = {"dataset": "digits", "model": "patient@1"}


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    return tmp_path / "slowly"


@pytest.fixture
def patient(tmp_path: Path, gate: Path) -> Iterator[WorkerContext]:
    context = patient_workspace(tmp_path / "workspace", gate, seconds=0.5)
    gate.touch()
    yield context
    context.close()


def index(context: WorkerContext, person: str, folder: Path) -> "subprocess.Popen[str]":
    """`index` as a person types it; what it says on the way goes to `<person>.log`."""
    arguments = ["--workspace", str(context.workspace.root), "index", "digits", "patient", "--json"]
    environment = os.environ | {"VITRINE_PERSON": person, "VITRINE_WORKERS": "1", "VITRINE_DATABASE_URL": ""}
    with (folder / f"{person}.log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "dashboard", *arguments],
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment,
            text=True,
        )


def test_people_who_start_the_same_index_at_once_share_one_job(
    patient: WorkerContext, gate: Path, tmp_path: Path
) -> None:
    people = ("ada", "bo")
    with ExitStack() as stack:
        commands = [stack.enter_context(index(patient, person, tmp_path)) for person in people]
        for command in commands:
            stack.callback(command.kill)
        until(lambda: any("the same work already" in (tmp_path / f"{one}.log").read_text() for one in people), 60)
        # A page would do the same.
        third = patient.jobs.submit("index", _PARAMETERS, "cleo")
        assert [job.id for job in patient.jobs.list()] == [third.id]
        assert third.owner in people
        gate.unlink()
        said = [command.communicate(timeout=120)[0] for command in commands]
        assert [command.returncode for command in commands] == [0, 0]
    first, second = (json.loads(text) for text in said)
    assert first["run"] == second["run"]
    assert first["samples"] == second["samples"] == SAMPLES
    (job,) = patient.jobs.list()
    assert job.state is JobState.DONE
    assert len(patient.runs.list("digits")) == 1
    for person in people:
        log = (tmp_path / f"{person}.log").read_text()
        assert "Traceback" not in log
        assert "Error" not in log


def test_a_cancelled_job_gives_the_workers_back_at_once_and_goes_on_when_resumed(
    patient: WorkerContext, gate: Path
) -> None:
    config = EngineConfig.of(patient.workspace, settings_at(patient.workspace.root))
    with EngineLock(patient.workspace) as lock:
        assert lock.acquire()
        with Engine(config) as engine, JobRunner(patient, engine):
            ready = engine.warm_up()  # importing torch cannot be stopped
            until(lambda: all(worker.done() for worker in ready), 60)
            job = patient.jobs.submit("index", _PARAMETERS, "ada").id
            until(lambda: patient.jobs.get(job).done > 0, 60)
            patient.jobs.cancel(job)
            # Batch work of somebody else, one piece for each worker, is done when the cancelled shards are out of it.
            others = [engine.submit("worker_state", {}, worker=address) for address in engine._present()]
            assert len(others) == 2
            until(lambda: all(other.done() for other in others) and said(patient, job, "Cancelled"), _SOON)
            (run,) = [path.parent.name for path in patient.workspace.root.glob("runs/*/shards")]
            finished = len(patient.runs.finished_shards(run))
            assert 0 < finished < 57

            gate.unlink()
            patient.jobs.resume(job)
            until(lambda: patient.jobs.get(job).state in TERMINAL_STATES, 90)
            assert (patient.jobs.get(job).state, patient.jobs.get(job).done) == (JobState.DONE, SAMPLES)
            assert said(patient, job, f"{finished} of 57 shards are there already")


def test_maps_that_nobody_looks_at_any_more_give_the_workers_back(tmp_path: Path, gate: Path) -> None:
    slowly = patient_workspace(tmp_path / "workspace", gate, seconds=0.3)
    gate.touch()
    config = EngineConfig.of(slowly.workspace, settings_at(slowly.workspace.root))
    asked = {"dataset": "digits", "model": "patient", "version": 1, "method": "rise", "target": "3"}
    dear = [asked | {"row": row} for row in range(2)]
    with EngineLock(slowly.workspace) as lock, ExitStack() as stack:
        assert lock.acquire()
        engine = stack.enter_context(Engine(config))
        ready = engine.warm_up()
        until(lambda: all(worker.done() for worker in ready), 60)
        client = EngineClient(slowly.workspace)
        stack.callback(client.close)
        # Both workers are at one of them, and each says how far it is.
        until(lambda: all(client.ask("explain", map_).share for map_ in dear), 60)
        for map_ in dear:
            client.leave("explain", map_)
        quick = client.call("explain", asked | {"method": "gradcam", "row": 9}, timeout=2 * _SOON)
        assert quick["method"] == "gradcam"
        until(lambda: not any(scheduler_client(client).run(at_work).values()), 60)
    # None of them was made to its end.
    assert len(list(slowly.workspace.cache.glob("explanations/*/*.npy"))) == 1
    slowly.close()


def test_a_hundred_requests_at_once_each_get_their_own_map(tmp_path: Path, gate: Path) -> None:
    from inference.explanations.service import attribute  # imports torch, which collecting the tests need not
    from inference.models import load
    from inference.preprocessing import to_array

    context = patient_workspace(tmp_path / "workspace", gate)
    methods = ("gradcam", "saliency", "input_x_gradient", "occlusion")
    # Five people of twenty requests each; half of what one wants another wants in the same moment.
    asked: list[dict[str, Any]] = [
        {
            "dataset": "digits",
            "model": "patient",
            "version": 1,
            "method": methods[number % 4],
            "target": "3",
            "row": row,
        }
        for person in range(5)
        for number, row in enumerate(range(10 * person, 10 * person + 20))
    ]
    with EngineLock(context.workspace) as lock, ExitStack() as stack:
        assert lock.acquire()
        stack.enter_context(Engine(EngineConfig.of(context.workspace, settings_at(context.workspace.root))))
        client = EngineClient(context.workspace)
        stack.callback(client.close)
        people = stack.enter_context(ThreadPoolExecutor(len(asked)))
        answers = list(people.map(lambda one: client.call("explain", one, timeout=90), asked))
    version, loaded = context.models.get("patient", 1), load(context.workspace, context.models.get("patient", 1))
    for one, answer in zip(asked, answers, strict=True):
        sample = context.samples.row(View(context.datasets.get("digits")), one["row"]).sample
        image = to_array(decode(context.datasets.read("digits", sample)), version.preprocessing)
        alone = attribute(loaded, image, ExplanationRequest.of(one), 3, None).values[0]
        path = context.cache.get(EXPLANATION_CACHE, answer["key"], ".npy")
        assert path is not None
        assert np.allclose(np.load(path), alone, rtol=1e-4, atol=1e-6), one
    context.close()


def scheduler_client(client: EngineClient) -> Any:
    assert client._connection is not None
    return client._connection.client


def at_work(dask_worker: Any) -> int:
    """How many tasks a worker's threads are at, cancelled ones among them."""
    return len(dask_worker.state.executing)


def said(context: WorkerContext, job: int, line: str) -> bool:
    return line in [found for _at, found in context.jobs.lines(job)]
