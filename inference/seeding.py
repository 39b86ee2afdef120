"""Random numbers that come out the same: torch's global generator, lent to one thread at a time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["seeded"]

_alone = threading.RLock()  # the generator belongs to the process, so two threads would draw each other's numbers


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Inside the block torch draws from `seed`; afterwards it goes on as if nothing had been drawn."""
    with _alone, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
