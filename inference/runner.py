"""Runs the jobs of the queue while it holds the engine: claims what is ready, drives each in a thread of its own.

Nothing of a job lives only here. When the runner is killed, the next one finds its jobs still marked as running,
queues them again, and their handlers go on from what lies finished in the workspace.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Self

from sqlalchemy.exc import SQLAlchemyError

from data.disk import Reserve
from data.errors import DiskFull, EngineUnavailable, JobCancelled, VitrineError
from data.jobs import JobStore
from data.types import TERMINAL_STATES, Job
from data.workspace import Workspace
from inference.engine import Engine, EngineConfig, EngineSettings
from inference.engine_files import EngineLock
from inference.job_kinds import HANDLERS, JobInterrupted, Work
from inference.tasks import WorkerContext, open_context

__all__ = ["JobRunner", "run_job", "run_jobs"]

MAX_JOBS = 8  # driving one takes next to nothing; the workers bound what is done at once
_POLL = 0.25
_RETRY = 1.0
_LONGEST = 500
_logger = logging.getLogger(__name__)


class JobRunner:
    """Works the queue off until it is stopped. Only for the holder of the `EngineLock`.

    Args:
        only: Ids of the jobs to run; None for all.
    """

    def __init__(self, context: WorkerContext, engine: Engine, only: Collection[int] | None = None) -> None:
        self._context = context
        self._engine = engine
        self._only = only
        self._reserve = Reserve(context.workspace.root)
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(MAX_JOBS, thread_name_prefix="vitrine-job")
        self._running: set[int] = set()
        self._changing = threading.Lock()
        self._claimer = threading.Thread(target=self._claim_until_stopped, name="vitrine-claim", daemon=True)

    def start(self) -> None:
        """Queues what a dead runner left behind, then begins to claim.

        Raises:
            DiskFull: That cannot be recorded.
        """
        self._reserve.fill()
        for job in self._context.jobs.requeue_orphans():
            self._context.jobs.log(job, "The engine that ran this job is gone; queued again")
        self._claimer.start()

    def stop(self) -> None:
        """Ends at the jobs' next checkpoint, within about a second, and queues them again for the next runner."""
        self._stopping.set()
        if self._claimer.ident is not None:
            self._claimer.join()
        self._pool.shutdown(wait=True, cancel_futures=True)
        try:
            for job in self._context.jobs.requeue_orphans():
                self._context.jobs.log(job, "The engine stopped; queued again")
        except DiskFull as error:
            _logger.warning("%s; the next engine queues the jobs again", error)

    def claim_ready(self) -> int:
        """Starts as many ready jobs as there is room for; returns how many."""
        started = 0
        while self._room():
            # A job that was cancelled and resumed in one breath waits until its former driver has noticed.
            job = self._context.jobs.claim(self._only, besides=self._driven())
            if job is None:
                break
            with self._changing:
                self._running.add(job.id)
            started += 1
            self._pool.submit(self._drive, job).add_done_callback(partial(self._conclude, job))
        return started

    def _room(self) -> bool:
        with self._changing:
            return len(self._running) < MAX_JOBS

    def _driven(self) -> set[int]:
        with self._changing:
            return set(self._running)

    def _claim_until_stopped(self) -> None:
        while not self._stopping.wait(_POLL):
            try:
                if self._engine.running and self.claim_ready():
                    self._reserve.fill()
            except DiskFull as error:
                _logger.warning("No job can start: %s", error)
                self._stopping.wait(_RETRY)
            except SQLAlchemyError:
                _logger.exception("The job queue cannot be read; trying again")

    def _drive(self, job: Job) -> Mapping[str, Any]:
        handler = HANDLERS.get(job.kind)
        if handler is None:
            raise VitrineError(f"Jobs of kind {job.kind!r} are not known; allowed: {', '.join(HANDLERS)}")
        self._context.jobs.log(job.id, "Started" if not job.done else f"Started again at {job.done:,} of {job.total:,}")
        return handler(Work(job, self._context, self._engine, self._stopping))

    def _conclude(self, job: Job, future: "Future[Mapping[str, Any]]") -> None:
        """Records the job's end, again and again where the database does not answer: else it would run for ever."""
        while not future.cancelled():
            try:
                self._record(job, future)
                break
            except DiskFull as error:
                if self._reserve.spend():
                    continue
                _logger.warning("The end of job %d cannot be recorded: %s", job.id, error)
            except SQLAlchemyError:
                _logger.exception("The end of job %d cannot be recorded; trying again", job.id)
            if self._stopping.wait(_RETRY):
                break
        with self._changing:
            self._running.discard(job.id)

    def _record(self, job: Job, future: "Future[Mapping[str, Any]]") -> None:
        jobs, error = self._context.jobs, future.exception()
        if error is None:
            jobs.finish(job.id, future.result())
            jobs.log(job.id, "Finished")
        elif isinstance(error, JobCancelled):
            jobs.log(job.id, "Cancelled")
        elif isinstance(error, EngineUnavailable) and not self._engine.running:
            jobs.requeue(job.id)
            jobs.log(job.id, "The engine went away; queued again")
        elif isinstance(error, VitrineError):
            jobs.fail(job.id, str(error))
            jobs.log(job.id, f"Failed: {error}")
        elif not isinstance(error, JobInterrupted):
            _logger.error("Job %d failed unexpectedly", job.id, exc_info=error)
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST]
            jobs.fail(job.id, reason)
            jobs.log(job.id, f"Failed unexpectedly: {reason}")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def run_job(
    workspace: Workspace,
    settings: EngineSettings,
    job: int,
    on_progress: Callable[[Job], None] = lambda job: None,
) -> Job:
    """As `run_jobs`, for one job.

    Args:
        on_progress: Is told the job's state a few times a second.
    """
    return run_jobs(workspace, settings, [job], lambda jobs: on_progress(jobs[0]))[0]


def run_jobs(
    workspace: Workspace,
    settings: EngineSettings,
    ids: Sequence[int],
    on_progress: Callable[[Sequence[Job]], None] = lambda jobs: None,
) -> list[Job]:
    """Sees to it that jobs are done, for a command that waits for them.

    Where an engine runs already, it does the work and this only watches; otherwise this process becomes the engine
    until the jobs have ended. It also steps in when the engine that it watches dies.

    Args:
        on_progress: Is told the state of all the jobs a few times a second.

    Returns:
        The jobs in the order of `ids`, each ended one way or the other.

    Raises:
        EngineUnavailable: The scheduler elsewhere, see `VITRINE_ENGINE`, does not answer or went away.
    """
    config = EngineConfig.of(workspace, settings)
    context = open_context(config.place)

    def look() -> list[Job]:
        states = [context.jobs.get(job) for job in ids]
        on_progress(states)
        return states

    def watch(engine: Engine) -> list[Job]:
        while not _all_ended(states := look()):
            if not engine.running:
                raise EngineUnavailable("The scheduler does not answer any more; the jobs go on with the next engine")
            time.sleep(_POLL)
        return states

    try:
        wanted = _with_predecessors(context.jobs, ids)
        with EngineLock(workspace) as lock:
            while not _all_ended(states := look()):
                if lock.acquire(patience=0):
                    with Engine(config) as engine, JobRunner(context, engine, only=wanted):
                        return watch(engine)
                time.sleep(_POLL)
            return states
    finally:
        context.close()


def _all_ended(jobs: Sequence[Job]) -> bool:
    return all(job.state in TERMINAL_STATES for job in jobs)


def _with_predecessors(jobs: JobStore, ids: Sequence[int]) -> set[int]:
    wanted: set[int] = set()
    pending: list[int] = list(ids)
    while pending:
        job = jobs.get(pending.pop())
        if job.id not in wanted:
            wanted.add(job.id)
            pending.extend([job.after] if job.after is not None else [])
    return wanted
