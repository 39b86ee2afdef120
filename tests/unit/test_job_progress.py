import pytest

from data.database import Database
from data.errors import JobCancelled
from data.jobs import JobStore
from inference.job_progress import JobProgress


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def jobs(database: Database) -> JobStore:
    store = JobStore(database)
    store.submit("index", {}, "ada")
    store.claim()
    return store


def test_progress_is_written_twice_a_second_and_at_the_end(jobs: JobStore) -> None:
    clock = Clock()
    progress = JobProgress(jobs, 1, "images", clock)
    written = []
    for step in range(1, 9):
        clock.now += 0.25
        progress.update(step, 8)
        written.append(jobs.get(1).done)
    assert written == [1, 1, 3, 3, 5, 5, 7, 8]
    assert jobs.get(1).total == 8


def test_the_rate_is_that_of_the_last_moments(jobs: JobStore) -> None:
    clock = Clock()
    progress = JobProgress(jobs, 1, "images", clock, done=500)
    clock.now += 1
    progress.update(510, 10_000)
    assert jobs.get(1).rate == pytest.approx(10)
    for _ in range(30):
        clock.now += 1
        progress.update(jobs.get(1).done + 100, 10_000)
    assert jobs.get(1).rate == pytest.approx(100)


def test_the_rate_does_not_leap_where_shards_of_two_workers_land_in_pairs(jobs: JobStore) -> None:
    clock = Clock()
    progress = JobProgress(jobs, 1, "images", clock)
    rates = []
    for pair in range(1, 13):
        for pause, done in ((9.0, 64 * pair - 32), (1.0, 64 * pair)):
            clock.now += pause
            progress.update(done, 10_000)
            rates.append(jobs.get(1).rate)
    assert all(5 < rate < 8 for rate in rates[8:])  # 6.4 a second in truth


def test_a_message_stays_until_the_next(jobs: JobStore) -> None:
    clock = Clock()
    progress = JobProgress(jobs, 1, "images", clock)
    progress.update(0, 10, "Indexing")
    clock.now += 1
    progress.update(5, 10)
    assert (jobs.get(1).message, jobs.get(1).unit) == ("Indexing", "images")


def test_a_cancelled_job_is_noticed_within_half_a_second(jobs: JobStore) -> None:
    clock = Clock()
    progress = JobProgress(jobs, 1, "images", clock)
    progress.check()
    jobs.cancel(1)
    progress.check()  # asked a moment ago
    clock.now += 0.5
    with pytest.raises(JobCancelled, match="Job 1 was cancelled"):
        progress.check()
