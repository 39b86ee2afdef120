"""Inspecting a layer: what each of its units gives for every sample of a run, in shards that any worker can do.

shards of the run's index ─▶ inspect_shard, for each that is not there yet ─▶ merge
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from data.datasets import DatasetStore
from data.errors import InvalidInput, WorkspaceDamaged
from data.inspections import Inspection
from data.types import Dataset, ModelVersion
from inference.index import Shard, batch_size, shards_of
from inference.models import LoadedModel, load
from inference.prediction import normalised
from inference.reading import pixel_batches, read_table, samples_between
from inference.visualisation.probing import probe
from inference.visualisation.summary import summarise

__all__ = ["MOST_UNITS", "inspect_shard", "merge", "to_input"]

MOST_UNITS = 8192  # beyond, the units' correlations alone would take a gigabyte
_MOST_CELLS = 65_536


def inspect_shard(
    datasets: DatasetStore,
    inspection: Inspection,
    dataset: Dataset,
    version: ModelVersion,
    layer: str,
    shard: Shard,
    check: Callable[[], None] = lambda: None,
) -> int:
    """Keeps what the layer's units give for the samples of one shard; returns how many samples that are.

    Args:
        check: Is called before each batch; what it raises ends the work.

    Raises:
        InvalidInput: The network has no such layer, or one with too many units.
        WorkspaceDamaged: A file is gone or was changed since the dataset was added.
    """
    loaded = load(datasets.workspace, version)
    found = probe(loaded, layer)
    if found.units > MOST_UNITS or found.grid[0] * found.grid[1] > _MOST_CELLS:
        raise InvalidInput(f"layer {layer!r} has {found.units:,} units; inspected are layers of up to {MOST_UNITS:,}")
    samples = samples_between(datasets, dataset, shard.start, shard.stop)
    parts: list[tuple[np.ndarray, ...]] = []
    for pixels in pixel_batches(datasets, dataset.name, version.preprocessing, samples, batch_size(loaded)):
        check()
        with loaded.lock, torch.inference_mode():
            answers = found.read(loaded.module, to_input(loaded, pixels)).float().flatten(2)
            strongest, cells = answers.max(2)
            parts.append(tuple(part.cpu().numpy() for part in (strongest, answers.mean(2), cells)))
    inspection.write_shard(shard.number, *(np.concatenate(part) for part in zip(*parts, strict=True)))
    return len(samples)


def merge(
    datasets: DatasetStore, inspection: Inspection, dataset: Dataset, version: ModelVersion, layer: str
) -> dict[str, int]:
    """Makes the inspection from its shards, which must all be there; returns how many units and samples there are.

    Raises:
        WorkspaceDamaged: A shard is missing or damaged.
    """
    if not inspection.done:
        shards = len(shards_of(version, dataset))
        missing = set(range(shards)) - inspection.finished_shards()
        if missing:
            raise WorkspaceDamaged(f"{len(missing)} of {shards} shards of {layer!r} are missing; inspect it again")
        index = {name: at for at, name in enumerate(dataset.classes)}
        path = datasets.workspace.dataset(dataset.name) / "samples.parquet"
        column = read_table(path, ["row", "label"], [("row", ">=", 0)]).sort_by("row")["label"].to_pylist()
        labels = np.array([index.get(label, -1) for label in column], np.int64)
        summary, histograms = summarise(lambda: inspection.blocks(shards), labels, len(dataset.classes))
        grid = probe(load(datasets.workspace, version), layer).grid
        shape = dataset.samples, len(summary["lowest"])
        inspection.finish(shards, shape, histograms, {**summary, "grid": np.array(grid, np.int32)})
    found = inspection.summary()
    return {"units": len(found["lowest"]), "samples": dataset.samples}


def to_input(loaded: LoadedModel, pixels: np.ndarray) -> Tensor:
    """The network's input, (N, C, H, W), from (N, H, W, C) uint8."""
    return normalised(pixels, loaded.version.preprocessing, loaded.device)
