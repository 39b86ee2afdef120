import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from data.database import Database
from data.errors import DiskFull, EngineUnavailable, InvalidInput
from data.types import JobState
from data.workspace import Workspace
from inference import runner
from inference.job_kinds import JobInterrupted, Work
from inference.runner import JobRunner
from inference.tasks import Place, WorkerContext, open_context

Handler = Callable[[Work], Mapping[str, Any]]


@pytest.fixture
def context(tmp_path: Path) -> Iterator[WorkerContext]:
    workspace = Workspace.create(tmp_path)
    url = f"sqlite:///{workspace.database}"
    Database(url).upgrade()
    opened = open_context(Place(str(workspace.root), url, 2**20))
    yield opened
    opened.close()


def handled_by(monkeypatch: pytest.MonkeyPatch, handler: Handler) -> None:
    monkeypatch.setattr(runner, "HANDLERS", {"index": handler})


def run_all(context: WorkerContext, only: list[int] | None = None, engine: Any = None) -> None:
    """Claims once and waits for what was claimed; the jobs under test need no engine."""
    started = JobRunner(context, engine, only)
    started.claim_ready()
    started._pool.shutdown(wait=True)


def submit(context: WorkerContext, name: str = "", after: int | None = None) -> int:
    return context.jobs.submit("index", {"name": name}, "ada", after).id


def log(context: WorkerContext, job: int) -> list[str]:
    return [line for _at, line in context.jobs.lines(job)]


def test_a_job_ends_with_its_result(context: WorkerContext, monkeypatch: pytest.MonkeyPatch) -> None:
    handled_by(monkeypatch, lambda work: {"run": work.job.parameters["name"]})
    job = submit(context, "a")
    run_all(context)
    assert context.jobs.get(job).state is JobState.DONE
    assert context.jobs.get(job).result == {"run": "a"}
    assert log(context, job) == ["Started", "Finished"]


@pytest.mark.parametrize(
    ("error", "state", "text"),
    [
        (InvalidInput("no such model"), JobState.FAILED, "no such model"),
        (ZeroDivisionError("division by zero"), JobState.FAILED, "ZeroDivisionError: division by zero"),
        (JobInterrupted(), JobState.RUNNING, None),
    ],
)
def test_an_error_ends_the_job_and_nothing_else(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch, error: Exception, state: JobState, text: str | None
) -> None:
    def fail(work: Work) -> Mapping[str, Any]:
        if work.job.parameters["name"] == "bad":
            raise error
        return {}

    handled_by(monkeypatch, fail)
    bad, good = submit(context, "bad"), submit(context, "good")
    run_all(context)
    assert (context.jobs.get(bad).state, context.jobs.get(bad).error) == (state, text)
    assert context.jobs.get(good).state is JobState.DONE


@pytest.mark.parametrize(("running", "state"), [(False, JobState.QUEUED), (True, JobState.FAILED)])
def test_a_job_goes_on_with_the_next_engine_when_its_own_went_away(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch, running: bool, state: JobState
) -> None:
    def lose(work: Work) -> Mapping[str, Any]:
        raise EngineUnavailable("The engine went away during task index_shard; resume the job")

    handled_by(monkeypatch, lose)
    job = submit(context)
    run_all(context, engine=SimpleNamespace(running=running))
    assert context.jobs.get(job).state is state


def test_the_end_of_a_job_is_recorded_when_the_database_answers_again(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    handled_by(monkeypatch, lambda work: {})
    monkeypatch.setattr(runner, "_RETRY", 0.01)
    finish, attempts = context.jobs.finish, []

    def locked_at_first(job: int, result: Mapping[str, Any]) -> None:
        attempts.append(job)
        if len(attempts) < 3:
            raise OperationalError("UPDATE", {}, Exception("database is locked"))
        finish(job, result)

    monkeypatch.setattr(context.jobs, "finish", locked_at_first)
    job = submit(context)
    run_all(context)
    assert (len(attempts), context.jobs.get(job).state) == (3, JobState.DONE)


def test_on_a_full_disk_the_reserve_makes_room_for_the_end_of_a_job(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve = context.workspace.root / "reserve"
    fail = context.jobs.fail

    def without_room(job: int, error: str) -> None:
        if reserve.exists():
            raise DiskFull("no room to record it")
        fail(job, error)

    def disk_full(work: Work) -> Mapping[str, Any]:
        raise DiskFull("no room for the shard")

    handled_by(monkeypatch, disk_full)
    monkeypatch.setattr(context.jobs, "fail", without_room)
    reserve.write_bytes(b"room")
    job = submit(context)
    run_all(context)
    assert (context.jobs.get(job).state, context.jobs.get(job).error) == (JobState.FAILED, "no room for the shard")
    assert not reserve.exists()


def test_where_even_the_reserve_is_spent_the_end_is_recorded_once_there_is_room(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "_RETRY", 0.01)
    finish, attempts = context.jobs.finish, []

    def full_at_first(job: int, result: Mapping[str, Any]) -> None:
        attempts.append(job)
        if len(attempts) < 3:
            raise DiskFull("full")
        finish(job, result)

    handled_by(monkeypatch, lambda work: {})
    monkeypatch.setattr(context.jobs, "finish", full_at_first)
    job = submit(context)
    run_all(context)
    assert (len(attempts), context.jobs.get(job).state) == (3, JobState.DONE)


def test_a_job_cancelled_under_way_stays_cancelled(context: WorkerContext, monkeypatch: pytest.MonkeyPatch) -> None:
    def cancelled(work: Work) -> Mapping[str, Any]:
        context.jobs.cancel(work.job.id)
        work.check(work.progress("images"))
        raise AssertionError("the check must raise")

    handled_by(monkeypatch, cancelled)
    job = submit(context)
    run_all(context)
    assert context.jobs.get(job).state is JobState.CANCELLED
    assert log(context, job)[-1] == "Cancelled"


def test_a_job_waits_for_its_predecessor(context: WorkerContext, monkeypatch: pytest.MonkeyPatch) -> None:
    claimed = threading.Event()

    def wait(work: Work) -> Mapping[str, Any]:
        claimed.wait(30)
        return {}

    handled_by(monkeypatch, wait)
    first = submit(context, "first")
    second = submit(context, "second", after=first)
    started = JobRunner(context, None)  # type: ignore[arg-type]
    assert started.claim_ready() == 1
    claimed.set()
    started._pool.shutdown(wait=True)
    states = (context.jobs.get(first).state, context.jobs.get(second).state)
    assert states == (JobState.DONE, JobState.QUEUED)
    run_all(context)
    assert context.jobs.get(second).state is JobState.DONE


def test_a_command_runs_its_own_jobs_only(context: WorkerContext, monkeypatch: pytest.MonkeyPatch) -> None:
    handled_by(monkeypatch, lambda work: {})
    other, mine = submit(context, "other"), submit(context, "mine")
    run_all(context, only=[mine])
    assert (context.jobs.get(other).state, context.jobs.get(mine).state) == (JobState.QUEUED, JobState.DONE)


def test_no_more_jobs_are_claimed_than_there_is_room_for(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    enough = threading.Event()

    def wait(work: Work) -> Mapping[str, Any]:
        enough.wait(30)
        return {}

    handled_by(monkeypatch, wait)
    for number in range(runner.MAX_JOBS + 2):
        submit(context, str(number))
    started = JobRunner(context, None)  # type: ignore[arg-type]
    assert started.claim_ready() == runner.MAX_JOBS
    assert started.claim_ready() == 0
    enough.set()
    started._pool.shutdown(wait=True)
    assert sum(job.state is JobState.QUEUED for job in context.jobs.list()) == 2


def test_a_stopped_runner_leaves_its_jobs_queued(context: WorkerContext, monkeypatch: pytest.MonkeyPatch) -> None:
    def work_on(work: Work) -> Mapping[str, Any]:
        progress = work.progress("images")
        while True:
            work.check(progress)

    handled_by(monkeypatch, work_on)
    job = submit(context)
    started = JobRunner(context, None)  # type: ignore[arg-type]
    started.claim_ready()
    started.stop()
    assert context.jobs.get(job).state is JobState.QUEUED
    assert log(context, job)[-1] == "The engine stopped; queued again"


def test_an_unknown_kind_of_job_fails(context: WorkerContext) -> None:
    job = context.jobs.submit("dream", {}, "ada").id
    run_all(context)
    assert (
        context.jobs.get(job).error == "Jobs of kind 'dream' are not known; "
        "allowed: add, explain, finetune, index, inspect, project, train, verdicts"
    )
