"""What a person is told when a task ends badly."""

from data.errors import EngineUnavailable, TaskFailed, VitrineError
from inference.dask_setup import import_distributed

__all__ = ["as_vitrine_error", "is_connection_lost"]

_LONGEST = 300


def is_connection_lost(error: BaseException) -> bool:
    """Whether the error says that the engine went away rather than that the task went wrong."""
    distributed = import_distributed()
    lost = (distributed.client.FutureCancelledError, distributed.comm.CommClosedError, ConnectionError)
    return isinstance(error, lost) or type(error).__name__ == "CancelledError"


def as_vitrine_error(task: str, error: BaseException) -> VitrineError:
    """The error as one clear line: a `VitrineError` of the task as it is, anything else wrapped."""
    if isinstance(error, VitrineError):
        return error
    if isinstance(error, import_distributed().KilledWorker):
        return TaskFailed(f"Task {task} killed its worker again and again; the machine may be short of memory")
    if is_connection_lost(error):
        return EngineUnavailable(f"The engine went away during task {task}; try again in a moment")
    text = " ".join(str(error).split())[:_LONGEST]
    return TaskFailed(f"Task {task} failed: {type(error).__name__}: {text}".rstrip(": "))
