"""Reading samples on the way into a network: in bulk from the dataset's table, and decoded ahead of their use."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from data.datasets import DatasetStore
from data.errors import InvalidInput, WorkspaceDamaged
from data.images import decode_fast
from data.types import Dataset, Preprocessing, Sample
from inference.preprocessing import to_pixels

__all__ = [
    "ahead",
    "decode_sample",
    "pixel_batches",
    "read_table",
    "samples_at",
    "samples_between",
    "spread_rows",
]

Picture = TypeVar("Picture")
_COLUMNS = list(Sample.__slots__)
_GOLDEN = (5**0.5 - 1) / 2  # its multiples never fall into step with anything that repeats


def samples_between(datasets: DatasetStore, dataset: Dataset, start: int, stop: int) -> list[Sample]:
    """The samples of the rows `start` to `stop` - 1, in order.

    Raises:
        WorkspaceDamaged: The dataset's table is missing or damaged.
    """
    return _samples(datasets, dataset, [("row", ">=", start), ("row", "<", stop)])


def samples_at(datasets: DatasetStore, dataset: Dataset, rows: Sequence[int]) -> list[Sample]:
    """The samples of the given rows, in ascending order; raises as `samples_between`."""
    return _samples(datasets, dataset, [("row", "in", list(rows))])


def spread_rows(total: int, most: int) -> list[int]:
    """At most `most` rows from all over a dataset, each from elsewhere in its stretch, the same each time."""
    count = min(total, most)
    return [int((place + place * _GOLDEN % 1) * total / count) for place in range(count)]


def pixel_batches(
    datasets: DatasetStore, dataset: str, preprocessing: Preprocessing, samples: Sequence[Sample], size: int
) -> Iterator[np.ndarray]:
    """What the network's input is made of, (n, H, W, C) uint8, `size` samples at a time.

    Raises:
        WorkspaceDamaged: A file is gone or was changed since the dataset was added.
    """

    def read(some: Sequence[Sample]) -> list[np.ndarray]:
        return [to_pixels(decode_sample(datasets, dataset, sample, decode_fast), preprocessing) for sample in some]

    readers = torch.get_num_threads()  # the worker's share of the cores
    with ThreadPoolExecutor(readers, thread_name_prefix="decode") as pool:
        yield from ahead(pool, readers, read, samples, size)


def decode_sample(datasets: DatasetStore, dataset: str, sample: Sample, decoder: Callable[[bytes], Picture]) -> Picture:
    """A sample's image.

    Args:
        decoder: One of `data.images`.

    Raises:
        WorkspaceDamaged: The file is gone or was changed since the dataset was added.
    """
    try:
        return decoder(datasets.read(dataset, sample))
    except InvalidInput as error:
        raise WorkspaceDamaged(f"{sample.sample_id} of {dataset}: {error}") from error


def ahead(
    pool: ThreadPoolExecutor,
    readers: int,
    read: Callable[[Sequence[Sample]], list[np.ndarray]],
    samples: Sequence[Sample],
    size: int,
) -> Iterator[np.ndarray]:
    """Batches of arrays, (n, …), the next one being read by all readers while the present one is used."""
    batches = [samples[start : start + size] for start in range(0, len(samples), size)]

    def begin(batch: Sequence[Sample]) -> list[Future[list[np.ndarray]]]:
        # One piece a reader, not one an image: threads that wait for each other cost more than a small image does.
        piece = -(-len(batch) // readers)
        return [pool.submit(read, batch[start : start + piece]) for start in range(0, len(batch), max(piece, 1))]

    coming = begin(batches[0])
    for following in [*batches[1:], []]:
        present, coming = coming, begin(following)
        yield np.stack([array for future in present for array in future.result()])


def read_table(path: Path, columns: Sequence[str], wanted: Sequence[tuple[str, str, object]]) -> pa.Table:
    """Columns of the rows that a Parquet filter keeps.

    Raises:
        WorkspaceDamaged: The file is missing or damaged.
    """
    try:
        return pq.read_table(path, columns=list(columns), filters=list(wanted))
    except (OSError, pa.ArrowInvalid) as error:
        raise WorkspaceDamaged(f"{path} is missing or damaged; add the dataset again from its source") from error


def _samples(datasets: DatasetStore, dataset: Dataset, wanted: Sequence[tuple[str, str, object]]) -> list[Sample]:
    path = datasets.workspace.dataset(dataset.name) / "samples.parquet"
    return [Sample(**record) for record in read_table(path, _COLUMNS, wanted).sort_by("row").to_pylist()]
