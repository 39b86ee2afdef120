import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from data.errors import InvalidInput, NotFound, TaskFailed
from data.jobs import JobStore
from data.types import JobState
from inference import engine as engine_module
from inference.client import EngineClient
from inference.engine import Engine, EngineConfig
from inference.engine_files import EngineAddress, EngineLock
from inference.runner import JobRunner, run_job
from inference.tasks import WorkerContext
from tests.engine.engine_world import copy_of, settings_at
from tests.serving import children, until

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine")]


@pytest.fixture(scope="module")
def served(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerContext]:
    """A workspace whose jobs an engine of this process runs."""
    context = copy_of(pristine, tmp_path_factory.mktemp("served") / "workspace")
    config = EngineConfig.of(context.workspace, settings_at(context.workspace.root))
    one_thread = engine_module.worker_environment(10_000)  # so that a job lasts, however many cores there are
    with EngineLock(context.workspace) as lock, pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_module, "worker_environment", lambda workers: one_thread)
        assert lock.acquire()
        with Engine(config) as engine, JobRunner(context, engine):
            yield context
    assert EngineAddress.read(context.workspace) is None
    context.close()


@pytest.fixture(scope="module")
def client(served: WorkerContext) -> Iterator[EngineClient]:
    opened = EngineClient(served.workspace)
    yield opened
    opened.close()


def submit(jobs: JobStore, model: str) -> int:
    return jobs.submit("index", {"dataset": "digits", "model": f"{model}@1"}, "ada").id


def test_a_person_does_not_wait_for_a_job_and_two_who_start_it_share_it(
    served: WorkerContext, client: EngineClient
) -> None:
    job = submit(served.jobs, "net")
    assert submit(served.jobs, "net") == job
    until(lambda: served.jobs.get(job).done > 0, 60)
    waited = []
    for row in range(3):
        payload = {"dataset": "digits", "row": row, "model": "net", "version": 1, "method": "gradcam", "target": "3"}
        started = time.monotonic()
        explanation = client.call("explain", payload)
        waited.append(time.monotonic() - started)
        assert explanation["target"] == "3"
        assert explanation["shape"] == (48, 48)
    assert client.call("worker_state", {})["niceness"] == 0
    assert served.jobs.get(job).state is JobState.RUNNING
    assert min(waited) < 1.5

    # A command that wants the same watches, because the engine is taken.
    seen: list[int] = []
    settings = settings_at(served.workspace.root)
    done = run_job(served.workspace, settings, job, lambda job: seen.append(job.done))
    assert done.state is JobState.DONE
    assert done.result is not None
    assert done.result["cached"] is False
    assert seen == sorted(seen)
    assert any(0 < count < 1797 for count in seen)

    again = run_job(served.workspace, settings, submit(served.jobs, "net"))
    assert again.id != job
    assert again.result is not None
    assert again.result["cached"] is True
    assert again.result["run"] == done.result["run"]


def test_a_cancelled_job_stops_within_two_seconds_and_goes_on_when_resumed(served: WorkerContext) -> None:
    job = submit(served.jobs, "other")
    until(lambda: served.jobs.get(job).done > 0, 60)
    served.jobs.cancel(job)
    until(lambda: "Cancelled" in [line for _at, line in served.jobs.lines(job)], 2)
    (folder,) = [path.parent for path in served.workspace.root.glob("runs/*/shards")]
    finished = served.runs.finished_shards(folder.name)
    assert finished
    served.jobs.resume(job)
    ended = run_job(served.workspace, settings_at(served.workspace.root), job)
    assert ended.state is JobState.DONE
    assert ended.done == ended.total == 1797
    assert any("shards are there already" in line for _at, line in served.jobs.lines(job))


def test_a_job_that_cannot_be_done_fails_with_its_reason(served: WorkerContext) -> None:
    job = served.jobs.submit("index", {"dataset": "cats", "model": "net@1"}, "ada").id
    ended = run_job(served.workspace, settings_at(served.workspace.root), job)
    assert ended.state is JobState.FAILED
    assert ended.error is not None
    assert ended.error.startswith("Dataset 'cats' does not exist")


def test_errors_of_a_task_keep_their_class(client: EngineClient) -> None:
    payload = {"dataset": "digits", "row": 0, "model": "net", "version": 1, "method": "gradcam", "target": None}
    with pytest.raises(NotFound, match="cats"):
        client.call("explain", payload | {"dataset": "cats"})
    with pytest.raises(InvalidInput, match="no such task|not known"):
        client.call("no such task", {})
    with pytest.raises(TaskFailed, match="explain failed: KeyError"):
        client.call("explain", {})


def test_equal_calls_at_the_same_time_are_done_once(client: EngineClient) -> None:
    payload = {"dataset": "digits", "row": 7, "model": "net", "version": 1, "method": "gradcam", "target": "1"}
    answers: list[bool] = []
    callers = [
        threading.Thread(target=lambda: answers.append(client.call("explain", payload)["cached"])) for _ in range(4)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert answers == [False] * 4
    assert client.call("explain", payload)["cached"] is True


def test_workers_start_with_the_memory_allocator_that_keeps_what_it_has(served: WorkerContext) -> None:
    # The allocator reads its variables when a process begins: set later, they change nothing.
    environments = [Path(f"/proc/{pid}/environ").read_bytes() for pid in children(os.getpid())]
    kept = [environment for environment in environments if b"MALLOC_TRIM_THRESHOLD_=268435456" in environment]
    assert len(kept) == 2
