"""Durable background work: the queue that everybody can watch, cancel and resume.

    queued ──claim──▶ running ──▶ done | failed | cancelled
       ▲                 │                  │
       └── requeue_orphans (its runner died)┘ resume

The database is the only queue: a job survives whatever is killed, and the next engine goes on with it.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, aliased

from data.database import Database
from data.errors import InvalidInput, NotFound
from data.schema import JobLogRow, JobRow
from data.types import TERMINAL_STATES, Job, JobState
from data.workspace import content_key

__all__ = ["MAX_LOG_LINES", "JobStore", "LogLine"]

MAX_LOG_LINES = 500
_ACTIVE = (JobState.QUEUED.value, JobState.RUNNING.value)
LogLine = tuple[datetime, str]


class JobStore:
    """The queue. Every method is one transaction, safe from any process."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def submit(self, kind: str, parameters: Mapping[str, Any], owner: str, after: int | None = None) -> Job:
        """Queues work; where the same work is queued or running already, that job is returned instead.

        Args:
            after: Id of the job that must be done before this one starts.
        """
        key = content_key("job", kind, dict(parameters))
        with self.database.write() as session:
            row = session.scalars(select(JobRow).where(JobRow.key == key, JobRow.state.in_(_ACTIVE))).first()
            if row is None:
                row = JobRow(
                    kind=kind,
                    key=key,
                    parameters=dict(parameters),
                    state=JobState.QUEUED.value,
                    owner=owner[:64],
                    after=after,
                    done=0,
                    total=0,
                    unit="",
                    rate=0.0,
                    message="",
                    cancel_requested=False,
                    created_at=datetime.now(UTC),
                )
                session.add(row)
                session.flush()
            return _job(row)

    def claim(self, only: Collection[int] | None = None, besides: Collection[int] = ()) -> Job | None:
        """Takes the oldest queued job whose predecessor is done and marks it running; None if there is none.

        A job whose predecessor failed or was cancelled fails here, saying so.

        Args:
            only: Ids to choose from; None for all.
            besides: Ids to leave alone.
        """
        before = aliased(JobRow)
        ready = (
            select(JobRow, before.state)
            .outerjoin(before, JobRow.after == before.id)
            .where(JobRow.state == JobState.QUEUED.value, JobRow.id.not_in(besides))
            .order_by(JobRow.id)
        )
        if only is not None:
            ready = ready.where(JobRow.id.in_(only))
        with self.database.read() as session:  # a runner asks all the time; that must not keep writers waiting
            if session.execute(ready.limit(1)).first() is None:
                return None
        with self.database.write() as session:
            for row, predecessor in session.execute(ready).all():
                if predecessor is None or predecessor == JobState.DONE:
                    now = datetime.now(UTC)
                    row.state, row.started_at, row.heartbeat = JobState.RUNNING.value, row.started_at or now, now
                    return _job(row)
                if predecessor in TERMINAL_STATES:
                    _end(row, JobState.FAILED, error=f"Job {row.after}, which it waits for, is {predecessor}")
        return None

    def progress(
        self, job: int, done: int, total: int, unit: str, rate: float = 0.0, message: str | None = None
    ) -> None:
        """Records how far a running job is, which is also its heartbeat."""
        values: dict[str, Any] = {
            "done": done,
            "total": total,
            "unit": unit,
            "rate": rate,
            "heartbeat": datetime.now(UTC),
        }
        if message is not None:
            values["message"] = message
        with self.database.write() as session:
            session.execute(update(JobRow).where(JobRow.id == job).values(**values))

    def log(self, job: int, line: str) -> None:
        """Adds a line to the job's log, which keeps its newest `MAX_LOG_LINES`."""
        with self.database.write() as session:
            session.add(JobLogRow(job=job, at=datetime.now(UTC), line=line[:2000]))
            session.flush()
            newest = select(JobLogRow.id).where(JobLogRow.job == job).order_by(JobLogRow.id.desc())
            oldest_kept = session.scalar(newest.offset(MAX_LOG_LINES - 1).limit(1))
            if oldest_kept is not None:
                session.query(JobLogRow).filter(JobLogRow.job == job, JobLogRow.id < oldest_kept).delete()

    def finish(self, job: int, result: Mapping[str, Any]) -> None:
        """Ends a job well. A job that was cancelled in its last moment stays cancelled."""
        with self.database.write() as session:
            row = _require(session, job)
            if row.state == JobState.RUNNING:
                row.done = row.total or row.done
                row.result = dict(result)
                _end(row, JobState.DONE)

    def fail(self, job: int, error: str) -> None:
        """Ends a job with a line that says why."""
        with self.database.write() as session:
            row = _require(session, job)
            if row.state == JobState.RUNNING:
                _end(row, JobState.FAILED, error=error)

    def cancel(self, job: int) -> Job:
        """Asks a job to stop. It counts as cancelled at once; its runner notices at its next checkpoint.

        Raises:
            InvalidInput: The job has ended already.
        """
        with self.database.write() as session:
            row = _require(session, job)
            if row.state not in _ACTIVE:
                raise InvalidInput(f"Job {job} cannot be cancelled: it is {row.state}")
            row.cancel_requested = True
            _end(row, JobState.CANCELLED)
            return _job(row)

    def cancelled(self, job: int) -> bool:
        """Whether the job's work should stop."""
        with self.database.read() as session:
            return session.scalar(select(JobRow.state).where(JobRow.id == job)) != JobState.RUNNING

    def resume(self, job: int) -> Job:
        """Queues an ended job again; it goes on from what it had finished.

        Raises:
            InvalidInput: The job is done, or still active, or the same work was started anew by somebody.
        """
        with self.database.write() as session:
            row = _require(session, job)
            if row.state not in {JobState.FAILED, JobState.CANCELLED}:
                raise InvalidInput(f"Job {job} cannot be resumed: it is {row.state}")
            again = session.scalar(select(JobRow.id).where(JobRow.key == row.key, JobRow.state.in_(_ACTIVE)))
            if again is not None:
                raise InvalidInput(f"Job {job} need not be resumed: job {again} does the same work")
            row.state, row.cancel_requested, row.error, row.finished_at = JobState.QUEUED.value, False, None, None
            return _job(row)

    def requeue(self, job: int) -> None:
        """Queues a running job again, which its runner has let go."""
        with self.database.write() as session:
            row = _require(session, job)
            if row.state == JobState.RUNNING:
                row.state = JobState.QUEUED.value

    def requeue_orphans(self) -> list[int]:
        """Queues every running job again. Only for the one who holds the engine's lock: no other runner lives."""
        with self.database.write() as session:
            orphans = list(session.scalars(select(JobRow).where(JobRow.state == JobState.RUNNING.value)))
            for row in orphans:
                row.state = JobState.QUEUED.value
            return [row.id for row in orphans]

    def get(self, job: int) -> Job:
        """One job.

        Raises:
            NotFound: There is no such job.
        """
        with self.database.read() as session:
            return _job(_require(session, job))

    def find(self, kind: str, parameters: Mapping[str, Any]) -> Job | None:
        """The newest job of exactly this work, in whatever state."""
        key = content_key("job", kind, dict(parameters))
        with self.database.read() as session:
            row = session.scalars(select(JobRow).where(JobRow.key == key).order_by(JobRow.id.desc())).first()
            return _job(row) if row else None

    def active_count(self) -> int:
        """How many jobs are queued or running."""
        with self.database.read() as session:
            return session.scalar(select(func.count()).where(JobRow.state.in_(_ACTIVE))) or 0

    def lines(self, job: int) -> list[LogLine]:
        """The job's log, oldest line first."""
        query = select(JobLogRow.at, JobLogRow.line).where(JobLogRow.job == job).order_by(JobLogRow.id)
        with self.database.read() as session:
            return [(at, line) for at, line in session.execute(query)]

    def list(self, limit: int = 100, active: bool = False) -> list[Job]:
        """The newest jobs first; only queued and running ones if `active`."""
        query = select(JobRow).order_by(JobRow.id.desc()).limit(limit)
        if active:
            query = query.where(JobRow.state.in_(_ACTIVE))
        with self.database.read() as session:
            return [_job(row) for row in session.scalars(query)]


def _require(session: Session, job: int) -> JobRow:
    row = session.get(JobRow, job)
    if row is None:
        raise NotFound(f"Job {job} does not exist; `jobs list` shows those that do")
    return row


def _end(row: JobRow, state: JobState, error: str | None = None) -> None:
    row.state, row.error, row.finished_at = state.value, error, datetime.now(UTC)


def _job(row: JobRow) -> Job:
    return Job(
        id=row.id,
        kind=row.kind,
        key=row.key,
        parameters=row.parameters,
        state=JobState(row.state),
        owner=row.owner,
        after=row.after,
        done=row.done,
        total=row.total,
        unit=row.unit,
        rate=row.rate,
        message=row.message,
        error=row.error,
        result=row.result,
        cancel_requested=row.cancel_requested,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
