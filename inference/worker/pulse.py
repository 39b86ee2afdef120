"""How a task tells how far it is, and hears that nobody waits for it any more."""

import sys
import time

from data.errors import Cancelled
from inference.explanations.protocol import Pulse, unheard
from inference.tasks import PROGRESS_TOPIC

__all__ = ["task_pulse"]

_EVERY = 0.2


def task_pulse() -> Pulse:
    """The pulse of the task that this thread does in a worker; outside of one nobody watches."""
    if "distributed" not in sys.modules:
        return unheard
    from distributed import get_worker  # a command that computes in its own process does without it

    try:
        worker = get_worker()
        key = worker.get_current_task()
    except ValueError:
        return unheard
    told = 0.0

    def pulse(share: float) -> None:
        nonlocal told
        task = worker.state.tasks.get(key)
        if task is None or task.state == "cancelled":
            raise Cancelled("Nobody waits for this any more")
        now = time.monotonic()
        if now - told >= _EVERY:
            told = now
            worker.log_event(PROGRESS_TOPIC, {"task": key, "share": min(max(share, 0.0), 1.0)})

    return pulse
