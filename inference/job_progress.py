"""How a job tells how far it is and learns that it was cancelled, without a word to the database each time."""

import time
from collections import deque
from collections.abc import Callable

from data.errors import JobCancelled
from data.jobs import JobStore

__all__ = ["JobProgress"]

_WRITE_EVERY = 0.5  # seconds
_WINDOW = 10.0
_LANDINGS = 8  # shards of some seconds land in pairs: of fewer the rate would leap


class JobProgress:
    """One job's progress; used by one thread at a time.

    `update` may be called as often as is convenient: it writes about twice a second, and always when the work is
    done. The rate is that of the last ten seconds, and of the last few updates where they are rarer.
    """

    def __init__(
        self, jobs: JobStore, job: int, unit: str, clock: Callable[[], float] = time.monotonic, done: int = 0
    ) -> None:
        self._jobs = jobs
        self._job = job
        self._unit = unit
        self._clock = clock
        self._history: deque[tuple[float, int]] = deque([(clock(), done)])
        self._written = float("-inf")
        self._checked = float("-inf")

    def update(self, done: int, total: int, message: str | None = None) -> None:
        """Records that `done` of `total` are done; `message` says what is being done."""
        now = self._clock()
        if now - self._written < _WRITE_EVERY and done < total:
            return
        self._written = now
        self._jobs.progress(self._job, done, total, self._unit, self._rate(now, done), message)

    def check(self) -> None:
        """Returns while the work should go on.

        Raises:
            JobCancelled: Somebody cancelled the job.
        """
        now = self._clock()
        if now - self._checked < _WRITE_EVERY:
            return
        self._checked = now
        if self._jobs.cancelled(self._job):
            raise JobCancelled(f"Job {self._job} was cancelled")

    def log(self, line: str) -> None:
        """Adds a line to the job's log."""
        self._jobs.log(self._job, line)

    def _rate(self, now: float, done: int) -> float:
        self._history.append((now, done))
        while len(self._history) > _LANDINGS and now - self._history[0][0] > _WINDOW:
            self._history.popleft()
        since, before = self._history[0]
        return max(done - before, 0) / (now - since) if now > since else 0.0
