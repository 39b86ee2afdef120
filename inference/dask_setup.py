"""Dask as this project uses it: imported late, quiet, without its dashboard, with nothing spilled or thrown away."""

import logging
from types import ModuleType

__all__ = ["import_distributed", "silence_shutdown"]

_CONFIGURATION = {
    # A worker that dies takes its task with it; after this many deaths the task is to blame.
    "distributed.scheduler.allowed-failures": 10,
    # Without a hint a task counts as half a second until one has ended, and shards are put behind a long one.
    "distributed.scheduler.default-task-durations": {
        "add_dataset": "30s",
        "project": "30s",
        "train": "30s",
        "warm_up_projections": "30s",
    },
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.worker.daemon": True,
    "distributed.worker.profile.enabled": False,
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": False,
    "distributed.comm.timeouts.connect": "10s",
    "logging": {
        "distributed": "error",
        "distributed.nanny": "error",
        "distributed.client": "error",
        "distributed.scheduler": "error",
        "distributed.worker": "error",
        "tornado": "critical",
    },
}
_NOISY_AT_SHUTDOWN = (
    "distributed.client",
    "distributed.comm",
    "distributed.core",
    "distributed.nanny",
    "distributed.scheduler",
    "distributed.worker",
    "tornado.application",
    "asyncio",
)


def import_distributed() -> ModuleType:
    """Imports Dask's distributed on first use, which takes half a second that a starting web process has not.

    The configuration is set before the import, because distributed reads its logging levels while it is imported.
    """
    import dask

    dask.config.set(_CONFIGURATION)
    import distributed

    return distributed  # type: ignore[no-any-return]


def silence_shutdown() -> None:
    """Hushes the loggers that report every connection lost while an engine goes down on purpose."""
    for name in _NOISY_AT_SHUTDOWN:
        logging.getLogger(name).setLevel(logging.CRITICAL)
