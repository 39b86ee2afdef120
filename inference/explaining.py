"""Explaining a whole run: the class that it predicts, for every sample, in shards that any worker can do.

    shards_of ─▶ explain_shard, for each shard that is not there yet ─▶ merge

Shards are cut by the samples' places alone, so that a job which goes on after a kill finds those of the one before.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch

from data.datasets import DatasetStore
from data.errors import InvalidInput
from data.explained import MAX_SIDE, Explained, ExplainedStore
from data.images import decode
from data.runs import RunStore, part_files
from data.types import Dataset, ModelVersion, Run, Sample
from inference import index
from inference.catalogue import EXPLANATIONS
from inference.explained import MAX_ROWS, explained_key
from inference.explanations import METHODS, Pulse, Question, unheard
from inference.index import Shard
from inference.measuring import measure
from inference.models import LoadedModel, load
from inference.preprocessing import to_array, to_input_image
from inference.reading import ahead, decode_sample, read_table, samples_at, samples_between

__all__ = ["explain_shard", "maps_of", "merge", "shards_of", "suited"]

_BATCH = 32
_LIGHT = 4  # an explanation of one backward pass is about so many forward passes
_HEAVY = 128  # and one that asks the network again and again
_ON_OBJECT = 128


def suited(datasets: DatasetStore, version: ModelVersion, method: str) -> None:
    """Returns if the method can explain the version.

    Raises:
        InvalidInput: There is no such method, or it cannot work on this network.
    """
    if method not in METHODS:
        raise InvalidInput.choice("method", method, METHODS)
    reason = METHODS[method].unsuited(load(datasets.workspace, version))
    if reason is not None:
        raise InvalidInput(f"{method} {reason}")


def shards_of(version: ModelVersion, run: Run, method: str, rows: Sequence[int] | None = None) -> list[Shard]:
    """All shards, each of about a second of work, in order; they count places in `rows` where rows are given.

    Raises:
        InvalidInput: The rows are too many, not in order or not the run's.
    """
    if rows is not None:
        _refuse_odd(rows, run)
    size = max(index.plan(version) // (_HEAVY if EXPLANATIONS[method].dear else _LIGHT), 1)
    total = run.samples if rows is None else len(rows)
    starts = range(0, total, size)
    return [Shard(number, start, min(start + size, total)) for number, start in enumerate(starts)]


def explain_shard(
    datasets: DatasetStore,
    runs: RunStore,
    run: Run,
    version: ModelVersion,
    method: str,
    rows: Sequence[int] | None,
    shard: Shard,
    check: Callable[[], None] = lambda: None,
) -> int:
    """Explains the samples of one shard and keeps what `inference.measuring` makes of the maps.

    Args:
        check: Is called before each batch; what it raises ends the work.

    Returns:
        How many samples were explained.

    Raises:
        WorkspaceDamaged: A file is gone or was changed since the dataset was added.
    """
    dataset = datasets.get(run.dataset)
    if rows is None:
        samples = samples_between(datasets, dataset, shard.start, shard.stop)
    else:
        samples = samples_at(datasets, dataset, rows[shard.start : shard.stop])
    grids, figures = maps_of(datasets, runs, run, version, method, samples, lambda _share: check())
    ExplainedStore(datasets.workspace).write_shard(
        run.id, explained_key(run, method, rows), shard.number, grids, figures
    )
    return len(samples)


def maps_of(
    datasets: DatasetStore,
    runs: RunStore,
    run: Run,
    version: ModelVersion,
    method: str,
    samples: Sequence[Sample],
    pulse: Pulse = unheard,
) -> tuple[np.ndarray, np.ndarray]:
    """Explains the class that the run predicts for each sample; grids and figures as `inference.measuring.measure`.

    Args:
        pulse: Is called before each batch, and by the method within it; what it raises ends the work.
    """
    dataset, loaded = datasets.get(run.dataset), load(datasets.workspace, version)
    targets = _predicted(runs, run, [sample.row for sample in samples])
    found = []
    for place, images in _images(datasets, dataset, version, samples):
        batch, share = slice(place, place + len(images)), place / len(samples)
        pulse(share)

        def within(_share: float, share: float = share) -> None:
            pulse(share)

        maps = _attributed(loaded, method, images, targets[batch], within)
        found.append(measure(maps, _masks(datasets, dataset, version, samples[batch])))
    return np.concatenate([grids for grids, _ in found]), np.concatenate([figures for _, figures in found])


def merge(
    datasets: DatasetStore, run: Run, version: ModelVersion, method: str, rows: Sequence[int] | None = None
) -> Explained:
    """Makes one whole of the shards, which must all be there.

    Raises:
        WorkspaceDamaged: A shard is missing or damaged.
    """
    explained = Explained(
        key=explained_key(run, method, rows),
        run=run.id,
        method=method,
        samples=run.samples if rows is None else len(rows),
        side=min(MAX_SIDE, version.preprocessing.image_size),
        rows=None if rows is None else tuple(rows),
    )
    return ExplainedStore(datasets.workspace).finish(explained, len(shards_of(version, run, method, rows)))


def _refuse_odd(rows: Sequence[int], run: Run) -> None:
    if not 0 < len(rows) <= MAX_ROWS:
        raise InvalidInput(f"{len(rows):,} rows cannot be explained by name; give 1 to {MAX_ROWS:,}, or none for all")
    if rows[0] < 0 or rows[-1] >= run.samples or any(after <= row for row, after in pairwise(rows)):
        raise InvalidInput(f"The rows must be ascending, from 0 to {run.samples - 1}")


def _images(
    datasets: DatasetStore, dataset: Dataset, version: ModelVersion, samples: Sequence[Sample]
) -> Iterator[tuple[int, np.ndarray]]:
    """Batches of the network's input, (n, C, H, W), each with its place among the samples."""

    def read(some: Sequence[Sample]) -> list[np.ndarray]:
        return [
            to_array(decode_sample(datasets, dataset.name, sample, decode), version.preprocessing) for sample in some
        ]

    readers, place = torch.get_num_threads(), 0
    with ThreadPoolExecutor(readers, thread_name_prefix="decode") as pool:
        for images in ahead(pool, readers, read, samples, _BATCH):
            yield place, images
            place += len(images)


def _attributed(
    loaded: LoadedModel, method: str, images: np.ndarray, targets: Sequence[int], pulse: Pulse
) -> np.ndarray:
    """Maps, (n, H, W), in halves where a GPU that others use too has no room for all of them."""
    try:
        return METHODS[method](loaded, Question(images, targets), pulse).values
    except torch.OutOfMemoryError as error:
        if len(images) == 1:
            raise InvalidInput(
                f"{loaded.version.reference} needs more memory to explain one image than there is"
            ) from error
    half = len(images) // 2
    halves = (slice(0, half), slice(half, None))
    return np.concatenate([_attributed(loaded, method, images[part], targets[part], pulse) for part in halves])


def _predicted(runs: RunStore, run: Run, rows: Sequence[int]) -> list[int]:
    """The predicted class of each of the rows, which are ascending, by its place in the run's classes."""
    wanted: list[tuple[str, str, object]] = [("row", "in", list(rows))]
    tables = [read_table(path, ["row", "prediction"], wanted) for path in part_files(runs.workspace, run.id)]
    places = {name: place for place, name in reversed(list(enumerate(run.classes)))}
    return [places[name] for table in tables for name in table.sort_by("row")["prediction"].to_pylist()]


def _masks(
    datasets: DatasetStore, dataset: Dataset, version: ModelVersion, samples: Sequence[Sample]
) -> np.ndarray | None:
    """The objects' masks as the network sees them, (n, H, W) bool, false everywhere without one."""
    if not dataset.has_masks:
        return None
    seen = replace(version.preprocessing, mean=(0.0,), std=(1.0,), interpolation="nearest")
    size = version.preprocessing.image_size
    masks = np.zeros((len(samples), size, size), dtype=bool)
    for mask, sample in zip(masks, samples, strict=True):
        path = datasets.mask_path(dataset.name, sample)
        if path is not None:
            mask[:] = np.asarray(to_input_image(decode(path.read_bytes()), seen)) >= _ON_OBJECT
    return masks
