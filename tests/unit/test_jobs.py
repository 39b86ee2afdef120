"""The job queue: shared, ordered, cancelled, resumed, and alive after its runner died."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from data.database import Database
from data.errors import InvalidInput, NotFound
from data.jobs import MAX_LOG_LINES, JobStore
from data.types import JobState


@pytest.fixture
def jobs(database: Database) -> JobStore:
    return JobStore(database)


def test_the_same_work_is_shared_while_it_is_active(jobs: JobStore) -> None:
    first = jobs.submit("index", {"dataset": "a", "model": "m"}, "ana")
    assert jobs.submit("index", {"model": "m", "dataset": "a"}, "bo").id == first.id
    assert jobs.submit("index", {"dataset": "b", "model": "m"}, "bo").id != first.id
    jobs.claim()
    jobs.finish(first.id, {})
    assert jobs.submit("index", {"dataset": "a", "model": "m"}, "bo").id != first.id


def test_many_people_at_once_start_one_job(jobs: JobStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        started = list(
            pool.map(lambda person: jobs.submit("index", {"dataset": "a"}, f"person {person}").id, range(24))
        )
    assert len(set(started)) == 1


def test_many_runners_never_claim_the_same_job(jobs: JobStore) -> None:
    submitted = {jobs.submit("index", {"dataset": str(number)}, "ana").id for number in range(12)}
    with ThreadPoolExecutor(6) as pool:
        claimed = [job.id for job in pool.map(lambda _: jobs.claim(), range(20)) if job]
    assert sorted(claimed) == sorted(submitted)


def test_a_job_waits_for_the_one_before_it(jobs: JobStore) -> None:
    first = jobs.submit("index", {}, "ana")
    second = jobs.submit("project", {}, "ana", after=first.id)
    assert jobs.claim() == jobs.get(first.id)
    assert jobs.claim() is None
    jobs.finish(first.id, {"run": "r"})
    claimed = jobs.claim()
    assert claimed is not None
    assert claimed.id == second.id


def test_a_job_behind_a_failed_one_fails_and_says_so(jobs: JobStore) -> None:
    first = jobs.submit("index", {}, "ana")
    second = jobs.submit("project", {}, "ana", after=first.id)
    jobs.claim()
    jobs.fail(first.id, "disk full")
    assert jobs.claim() is None
    assert jobs.get(second.id).state is JobState.FAILED
    assert f"Job {first.id}" in (jobs.get(second.id).error or "")


def test_a_cancelled_job_stays_cancelled_whatever_its_runner_reports(jobs: JobStore) -> None:
    job = jobs.submit("index", {}, "ana")
    jobs.claim()
    jobs.cancel(job.id)
    assert jobs.cancelled(job.id)
    jobs.finish(job.id, {"run": "r"})
    jobs.fail(job.id, "late")
    ended = jobs.get(job.id)
    assert (ended.state, ended.result, ended.error) == (JobState.CANCELLED, None, None)
    with pytest.raises(InvalidInput, match="it is cancelled"):
        jobs.cancel(job.id)


def test_resume_queues_an_ended_job_unless_somebody_started_it_anew(jobs: JobStore) -> None:
    job = jobs.submit("index", {}, "ana")
    jobs.claim()
    jobs.fail(job.id, "disk full")
    assert jobs.resume(job.id).state is JobState.QUEUED
    claimed = jobs.claim()
    assert claimed is not None
    assert claimed.id == job.id
    jobs.cancel(job.id)
    other = jobs.submit("index", {}, "bo")
    with pytest.raises(InvalidInput, match=f"job {other.id} does the same work"):
        jobs.resume(job.id)


def test_the_jobs_of_a_dead_runner_are_queued_again(jobs: JobStore) -> None:
    job = jobs.submit("index", {}, "ana")
    jobs.claim()
    assert jobs.requeue_orphans() == [job.id]
    assert jobs.get(job.id).state is JobState.QUEUED


def test_remaining_time_follows_from_rate_and_progress(jobs: JobStore) -> None:
    job = jobs.submit("index", {}, "ana")
    jobs.claim()
    assert jobs.get(job.id).remaining_seconds is None
    jobs.progress(job.id, 250, 1000, "images", rate=50.0)
    assert jobs.get(job.id).remaining_seconds == 15.0


def test_the_log_keeps_its_newest_lines(jobs: JobStore) -> None:
    job = jobs.submit("index", {}, "ana")
    other = jobs.submit("index", {"dataset": "b"}, "ana")
    jobs.log(other.id, "kept")
    for number in range(MAX_LOG_LINES + 5):
        jobs.log(job.id, f"line {number}")
    lines = [line for _, line in jobs.lines(job.id)]
    assert (len(lines), lines[0], lines[-1]) == (MAX_LOG_LINES, "line 5", f"line {MAX_LOG_LINES + 4}")
    assert [line for _, line in jobs.lines(other.id)] == ["kept"]


def test_an_unknown_job_is_named(jobs: JobStore) -> None:
    with pytest.raises(NotFound, match="Job 7"):
        jobs.get(7)


def test_a_job_that_is_let_go_is_claimed_again_but_not_while_it_is_driven(jobs: JobStore) -> None:
    job = jobs.submit("index", {}, "ana").id
    jobs.requeue(job)
    assert jobs.get(job).state is JobState.QUEUED
    assert jobs.claim() is not None
    jobs.cancel(job)
    jobs.requeue(job)
    assert jobs.get(job).state is JobState.CANCELLED
    jobs.resume(job)
    assert jobs.claim(besides={job}) is None
    claimed = jobs.claim(besides={job + 1})
    assert claimed is not None
    assert claimed.id == job
    jobs.requeue(job)
    assert jobs.get(job).state is JobState.QUEUED


def test_a_number_that_no_database_holds_is_refused(jobs: JobStore) -> None:
    with pytest.raises(InvalidInput, match="larger than the database can hold"):
        jobs.get(10**30)
