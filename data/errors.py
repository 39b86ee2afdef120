"""Every error that Vitrine raises on purpose.

VitrineError            one clear line for a person; exit status 1
├── InvalidInput        a value from outside is not allowed (names the value, what is allowed, the remedy)
├── NotFound            a named thing does not exist
├── EngineUnavailable   no worker answers; what is cached still works
├── TaskFailed          a worker answered with an error of its own
├── JobCancelled        a person cancelled the job
├── Cancelled           nobody waits for the answer any more
├── DiskFull            there is no room to write; what was written before is kept
└── WorkspaceDamaged    something on disk is missing or does not match its digest
"""

from collections.abc import Iterable

__all__ = [
    "Cancelled",
    "DiskFull",
    "EngineUnavailable",
    "InvalidInput",
    "JobCancelled",
    "NotFound",
    "TaskFailed",
    "VitrineError",
    "WorkspaceDamaged",
]


class VitrineError(Exception):
    """Base of all. Its text is shown to people as it is: one line, no traceback."""


class InvalidInput(VitrineError):
    """A value from outside is refused."""

    @classmethod
    def choice(cls, what: str, value: object, allowed: Iterable[str]) -> "InvalidInput":
        """The refusal of a value that is none of `allowed`."""
        return cls(f"{what} {value!r} is not known; allowed: {', '.join(allowed)}")


class NotFound(VitrineError):
    """A dataset, model, version, run, sample or job of that name does not exist."""


class EngineUnavailable(VitrineError):
    """The engine does not answer in time."""


class TaskFailed(VitrineError):
    """A task ran on a worker and ended in an error."""


class JobCancelled(VitrineError):
    """Raised inside a job at its next checkpoint after a person cancelled it."""


class Cancelled(VitrineError):
    """Raised inside a task for which nobody waits any more."""


class DiskFull(VitrineError):
    """A disk, or what one may use of it, is full."""


class WorkspaceDamaged(VitrineError):
    """A file of the workspace is missing or is not what its digest says."""
