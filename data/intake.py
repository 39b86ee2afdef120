"""Taking a source's items into a dataset's folder: fetched, probed and kept several at a time, in order."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

from data.errors import InvalidInput
from data.images import Probe, probe
from data.sources.protocol import Item, read_item

__all__ = ["Found", "mask_file", "taken"]

_PATIENCE = 1.0  # seconds that an item is waited for before somebody may end the work
_READERS = 8  # more than cores: what lies far away is waited for, and decoding lets the others go on


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of an item that becomes a sample."""

    probe: Probe
    uri: str


def taken(aside: Path, items: Iterator[Item], check: Callable[[], None]) -> Iterator[tuple[Item, Found | str]]:
    """Each item, in order, with what its image is or why it cannot be read; a few are fetched and read at once.

    Args:
        check: Is called now and then while an item is waited for, which far away may take long.
    """
    pool = ThreadPoolExecutor(_READERS, thread_name_prefix="probe")
    waiting: deque[tuple[Item, Future[Found | str]]] = deque()
    try:
        while True:
            for item in islice(items, _READERS * 3 - len(waiting)):
                waiting.append((item, pool.submit(_take, aside, item)))
            if not waiting:
                return
            item, future = waiting[0]
            while not wait([future], _PATIENCE).done:
                check()
            waiting.popleft()
            yield item, future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        at_work = [future for _, future in waiting if not future.cancelled()]
        wait(at_work, _PATIENCE)  # they still write below `aside`


def _take(aside: Path, item: Item) -> Found | str:
    """Reads an item's image and keeps what the workspace itself must hold of it."""
    try:
        content = read_item(item)
        found = probe(content)
    except InvalidInput as error:
        return str(error)
    if item.mask is not None:
        _write_file(mask_file(aside, item.sample_id), item.mask)
    if item.path is not None:
        return Found(found, str(item.path))
    # Named by content: whatever a source calls its items, a name never collides, leads out, or is too long.
    file = aside / "files" / found.digest[:2] / found.digest
    _write_file(file, content)
    return Found(found, file.relative_to(aside).as_posix())


def mask_file(folder: Path, sample_id: str) -> Path:
    """Where a sample's mask lies in its dataset's folder."""
    return _inside(folder / "masks", sample_id).with_suffix(".png")


def _inside(folder: Path, sample_id: str) -> Path:
    parts = PurePosixPath(sample_id).parts
    if not parts or ".." in parts or parts[0] == "/":
        raise InvalidInput(f"sample_id {sample_id!r} cannot name a file; it must be a relative path without '..'")
    return folder.joinpath(*parts)


def _write_file(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)  # two threads with the same content write the same bytes
