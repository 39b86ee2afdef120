"""Tasks that people look after instead of waiting for them: begun when first asked for, dropped when nobody asks.

A page that shows several maps, some of them dear, asks for each as often as it likes and never holds up a thread of
the web process meanwhile. To leave the page is to cancel.
"""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

from data.workspace import content_key

__all__ = ["Answer", "Errands"]

LEASE = 5.0
"""Seconds after which a task that nobody asked about is dropped, and a value that nobody fetched."""
_TOGETHER = 32
_LONGEST = 1800.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of a task.

    Attributes:
        done: Whether `value` is there.
        share: How much of the work is done, in [0, 1]; None where the task does not say.
    """

    done: bool
    value: Any = None
    share: float | None = None


class Call(Protocol):
    """`EngineClient.call`, with what tells whether anybody still wants the value and what hears how far it is."""

    def __call__(
        self,
        task: str,
        payload: Mapping[str, Any],
        timeout: float,
        wanted: Callable[[], bool],
        hear: Callable[[float], None],
    ) -> Any: ...


@dataclass
class _Errand:
    asked: float
    value: "Future[Any]" = field(default_factory=Future)
    share: float | None = None
    left: bool = False

    def wanted(self) -> bool:
        """Whether somebody asked lately; what was dropped once stays so."""
        self.left = self.left or time.monotonic() - self.asked >= LEASE
        return not self.left

    def hear(self, share: float) -> None:
        self.share = share


class Errands:
    """The tasks under way in one web process. Equal ones are done once; safe to share between threads."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._errands: dict[str, _Errand] = {}
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(_TOGETHER, thread_name_prefix="vitrine-errand")

    def ask(self, task: str, payload: Mapping[str, Any]) -> Answer:
        """What is known of the task now; the first to ask begins it.

        Raises:
            VitrineError: What the task ended in. Who asks again begins it anew.
        """
        key = content_key(task, dict(payload))
        now = time.monotonic()
        with self._lock:
            self._errands = {known: errand for known, errand in self._errands.items() if errand.wanted()}
            errand = self._errands.get(key)
            if errand is None:
                errand = self._errands[key] = _Errand(now)
                errand.value = self._threads.submit(
                    self._call, task, dict(payload), _LONGEST, errand.wanted, errand.hear
                )
            errand.asked = now
            if errand.value.done() and errand.value.exception() is not None:
                del self._errands[key]
        if not errand.value.done():
            return Answer(False, share=errand.share)
        return Answer(True, errand.value.result(), 1.0)

    def leave(self, task: str, payload: Mapping[str, Any]) -> None:
        """Drops a task at once, for everybody who looks after it; whoever still wants it begins it anew."""
        with self._lock:
            errand = self._errands.pop(content_key(task, dict(payload)), None)
        if errand is not None:
            errand.left = True

    def close(self) -> None:
        """Drops everything."""
        with self._lock:
            for errand in self._errands.values():
                errand.left = True
            self._errands.clear()
        self._threads.shutdown(wait=False, cancel_futures=True)
