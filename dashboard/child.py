"""What the processes that `serve` starts have in common: settings from the environment, an end with their parent."""

import os
import sys
import threading
from collections.abc import Callable
from typing import Final, NoReturn

__all__ = ["REFUSED", "leave", "watch_parent"]

REFUSED: Final = 4
"""Exit status of a child that cannot work with what it was given; starting it again would not help."""


def watch_parent(on_gone: Callable[[], None]) -> None:
    """Calls `on_gone` once when the process at the other end of standard input is gone, however it died."""

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 1):
            continue
        on_gone()

    threading.Thread(target=wait, name="vitrine-watch-parent", daemon=True).start()


def leave(status: int) -> NoReturn:
    """Ends the process at once, after its work: libraries torn down beside a living thread complain at length."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
