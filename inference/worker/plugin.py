"""What every worker process gets before its first task."""

import os
import signal
import sys
import threading
from typing import Any

from distributed import Status, WorkerPlugin
from distributed.threadpoolexecutor import ThreadPoolExecutor

from inference.tasks import BATCH_EXECUTOR, BATCH_RESOURCE, COMPILE_RESOURCE, WORKER_NUMBER

__all__ = ["VitrineWorkerPlugin"]

_FIRST = 0  # a worker's name outlives its process, unlike its address


class VitrineWorkerPlugin(WorkerPlugin):  # type: ignore[misc]
    """Gives the worker a thread of its own for batch work and leaves Ctrl-C to the process that started it.

    What batch work asks for is offered here and not by an option at the worker's start: so none arrives before its
    thread is there, and a worker started elsewhere needs no options of ours.

    A thread that once lowered its priority may not raise it again, so batch work never borrows the others' threads.
    """

    name = "vitrine"

    async def setup(self, worker: Any) -> None:
        os.environ[WORKER_NUMBER] = str(worker.name)
        worker.executors[BATCH_EXECUTOR] = ThreadPoolExecutor(1, thread_name_prefix="vitrine-batch")
        if threading.current_thread() is threading.main_thread():  # elsewhere Python does not allow it
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        # What the code of a model prints must not end up in the result of the command that started this process.
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        offered = (BATCH_RESOURCE, COMPILE_RESOURCE) if worker.name == _FIRST else (BATCH_RESOURCE,)
        await worker.set_resources(**dict.fromkeys(offered, 1))
        # The scheduler looks for tasks that wait for such a worker only when one starts to run, so it does again.
        worker.status = Status.paused
        worker.status = Status.running

    def teardown(self, worker: Any) -> None:
        """Ends a closing worker at once: its work is safe at any moment, and waiting for threads takes seconds."""
        if worker.status.name == "closing":
            os._exit(0)
