"""Indexing: one model version applied to every sample of a dataset, in shards that any worker can do.

    shards_of ─▶ index_shard, for each shard that is not there yet ─▶ merge

Shards are cut by the samples' rows alone, never by time, so that a job which goes on after a kill finds the shards of
the one before it.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import torch

from data.datasets import DatasetStore
from data.errors import InvalidInput
from data.runs import RunStore
from data.types import PRECISIONS, Dataset, ModelVersion, Run, Sample
from data.workspace import content_key
from inference.class_names import class_names, comparable
from inference.devices import memory_bytes
from inference.models import LoadedModel, load
from inference.prediction import Output, predict_pixels, table
from inference.reading import pixel_batches, read_table, samples_between

__all__ = ["Shard", "batch_size", "index_shard", "merge", "plan", "run_id", "shards_of"]

_ALGORITHM = "index-2"
_ASSUMED_FLOPS = 150e9
_SMALLEST, _LARGEST = 16, 2048
_BATCH = {"cpu": 64, "mps": 64, "cuda": 512}  # larger ones are not faster
_BATCH_FLOPS = 30e9  # on a processor: less than a second, so that a cancelled job ends soon
_MEASURED = 256  # samples on which the drift of a lower precision is measured
_MEMORY_SHARE = 16  # of a device, for one batch's most demanding layer; what else is kept is a few times as much


@dataclass(frozen=True, slots=True)
class Shard:
    """Rows `start` to `stop` - 1 of the dataset, as shard `number` of the run."""

    number: int
    start: int
    stop: int


def run_id(version: ModelVersion, dataset: Dataset, precision: str = PRECISIONS[0]) -> str:
    """Content key of the run.

    The dataset's name is a part of it, because a run is removed together with its dataset, and the same samples may be
    there under two names.

    Raises:
        InvalidInput: The precision is none of `data.types.PRECISIONS`.
    """
    if precision not in PRECISIONS:
        raise InvalidInput.choice("--precision", precision, PRECISIONS)
    classes = class_names(version, dataset)
    return content_key(_ALGORITHM, version.digest, dataset.name, dataset.digest, classes, precision)


def plan(version: ModelVersion) -> int:
    """How many samples make a shard of about a second of work.

    A power of two that follows from the network's operations at an assumed speed: the same on every machine, and no
    work is ever timed to decide it.
    """
    operations = max(float(version.notes.get("flops", 0)), 1.0)
    size = _SMALLEST
    while size < _LARGEST and size * 2 * operations <= _ASSUMED_FLOPS:
        size *= 2
    return size


def shards_of(version: ModelVersion, dataset: Dataset) -> list[Shard]:
    """All shards of the run, in row order."""
    size = plan(version)
    starts = range(0, dataset.samples, size)
    return [Shard(number, start, min(start + size, dataset.samples)) for number, start in enumerate(starts)]


def batch_size(loaded: LoadedModel) -> int:
    """How many samples pass through the network at once, a power of two.

    It follows from the network and the device alone: what is free just now must not change the result's last digit.
    """
    room = memory_bytes(loaded.device) // _MEMORY_SHARE // max(loaded.activation_bytes, 1)
    if loaded.device.type == "cpu":
        room = min(room, int(_BATCH_FLOPS / max(float(loaded.version.notes.get("flops", 0)), 1.0)))
    size: int = 1 << (max(room, 1).bit_length() - 1)
    return min(size, _BATCH.get(loaded.device.type, _BATCH["cpu"]))


def index_shard(
    datasets: DatasetStore,
    runs: RunStore,
    dataset: Dataset,
    version: ModelVersion,
    shard: Shard,
    check: Callable[[], None] = lambda: None,
    precision: str = PRECISIONS[0],
) -> int:
    """Predicts the samples of one shard and keeps the result in the run store.

    Images of the next batch are read and decoded while the network works on the present one.

    Args:
        check: Is called before each batch; what it raises ends the work.
        precision: One of `data.types.PRECISIONS`.

    Returns:
        How many samples were indexed.

    Raises:
        WorkspaceDamaged: A file is gone or was changed since the dataset was added.
    """
    classes = class_names(version, dataset)
    samples = samples_between(datasets, dataset, shard.start, shard.stop)
    outputs = list(_outputs(datasets, dataset, version, samples, precision, check))
    output = Output(*(np.concatenate([getattr(part, name) for part in outputs]) for name in Output.__slots__))
    content = table(
        [sample.row for sample in samples],
        [sample.sample_id for sample in samples],
        [sample.label for sample in samples],
        classes,
        comparable(classes, dataset),
        output,
    )
    runs.write_shard(run_id(version, dataset, precision), shard.number, content, output.embeddings)
    return len(samples)


def merge(
    datasets: DatasetStore,
    runs: RunStore,
    dataset: Dataset,
    version: ModelVersion,
    seconds: float,
    precision: str = PRECISIONS[0],
) -> Run:
    """Makes the run from its shards, which must all be there, and returns it.

    Args:
        seconds: Wall-clock time that the indexing took, to be kept with the run.
        precision: One of `data.types.PRECISIONS`; how far a lower one is from the highest is measured here.

    Raises:
        WorkspaceDamaged: A shard is missing or damaged.
    """
    identifier, shards = run_id(version, dataset, precision), shards_of(version, dataset)
    known = runs.known(identifier)
    if known is None:
        right, labelled = _count_right(datasets, runs, dataset, identifier, shards)
        total = sum(labelled.values())
        known = Run(
            id=identifier,
            dataset=dataset.name,
            model=version.model,
            version=version.version,
            samples=dataset.samples,
            classes=class_names(version, dataset),
            accuracy=sum(right.values()) / total if total else None,
            split_accuracy={split: right[split] / count for split, count in sorted(labelled.items()) if split},
            embedding_dim=version.embedding_dim,
            seconds=seconds,
            created_at=datetime.now(UTC),
            precision=precision,
            drift=None if precision == PRECISIONS[0] else _drift(datasets, dataset, version, precision),
        )
    return runs.finish(known, len(shards))


def _outputs(
    datasets: DatasetStore,
    dataset: Dataset,
    version: ModelVersion,
    samples: Sequence[Sample],
    precision: str,
    check: Callable[[], None] = lambda: None,
) -> Iterator[Output]:
    """What the network gives for the samples, batch by batch."""
    loaded = load(datasets.workspace, version, fast=True)
    for batch in pixel_batches(datasets, dataset.name, version.preprocessing, samples, batch_size(loaded)):
        check()
        yield from _predict(loaded, batch, precision)


def _drift(datasets: DatasetStore, dataset: Dataset, version: ModelVersion, precision: str) -> dict[str, float]:
    """How far a precision is from the highest, on the first samples; see `data.types.Run`."""
    samples = samples_between(datasets, dataset, 0, _MEASURED)
    exact, lower = (
        np.concatenate([output.probabilities for output in _outputs(datasets, dataset, version, samples, asked)])
        for asked in (PRECISIONS[0], precision)
    )
    return {
        "samples": len(samples),
        "changed": int((exact.argmax(1) != lower.argmax(1)).sum()),
        "probability": float(np.abs(exact - lower).max()),
    }


def _predict(loaded: LoadedModel, batch: np.ndarray, precision: str) -> list[Output]:
    """The batch's outputs, in halves where a GPU that others use too has no room for all of it."""
    try:
        return [predict_pixels(loaded, batch, precision)]
    except torch.OutOfMemoryError as error:
        if len(batch) == 1:
            raise InvalidInput(f"{loaded.version.reference} needs more memory for one image than there is") from error
    half = len(batch) // 2
    return _predict(loaded, batch[:half], precision) + _predict(loaded, batch[half:], precision)


def _count_right(
    datasets: DatasetStore, runs: RunStore, dataset: Dataset, identifier: str, shards: Sequence[Shard]
) -> tuple[Counter[str], Counter[str]]:
    """By split ("" where there is none): right predictions, and labelled samples."""
    right: Counter[str] = Counter()
    labelled: Counter[str] = Counter()
    for shard in shards:
        wanted = [("row", ">=", shard.start), ("row", "<", shard.stop)]
        samples = read_table(datasets.workspace.dataset(dataset.name) / "samples.parquet", ["row", "split"], wanted)
        splits = samples.sort_by("row")["split"].to_pylist()
        outcomes = runs.read_shard(identifier, shard.number, ["correct"])["correct"].to_pylist()
        for split, correct in zip(splits, outcomes, strict=True):
            if correct is not None:
                labelled[split or ""] += 1
                right[split or ""] += correct
    return right, labelled
