"""What a worker says about itself."""

import os
import sys
import threading
from collections.abc import Mapping
from typing import Any

from inference.tasks import WorkerContext

__all__ = ["worker_state"]


def worker_state(context: WorkerContext, payload: Mapping[str, Any]) -> dict[str, Any]:
    """The worker's process id, the niceness of this thread, and whether torch is loaded already."""
    return {
        "pid": os.getpid(),
        "niceness": os.getpriority(os.PRIO_PROCESS, threading.get_native_id() if sys.platform == "linux" else 0),
        "torch": "torch" in sys.modules,
        "workspace": str(context.workspace.root),
    }
