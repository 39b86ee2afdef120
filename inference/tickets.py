"""Tickets: how a person's second request finds the first one, which still waits, and lets it go."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Tickets"]


class Tickets:
    """Whether those who wait in this process are still wanted, by a name that each page makes up for itself.

    Safe to share between threads. A ticket that waits in another process is unknown here, and letting it go does
    nothing: its call ends with its time.
    """

    def __init__(self) -> None:
        self._given_up: dict[str, threading.Event] = {}

    @contextmanager
    def held(self, ticket: str) -> Iterator[Callable[[], bool]]:
        """Gives what tells whether the ticket is still wanted, for `EngineClient.call`."""
        given_up = self._given_up[ticket] = threading.Event()
        try:
            yield lambda: not given_up.is_set()
        finally:
            self._given_up.pop(ticket, None)

    def give_up(self, ticket: str) -> None:
        """Lets go whoever holds the ticket; others who wait for the same task stay."""
        given_up = self._given_up.get(ticket)
        if given_up is not None:
            given_up.set()
