"""Training the demo's networks: seeded, on one thread's worth of data, the same weights each time on one machine."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow.parquet as pq
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from data.datasets import DatasetStore
from data.errors import InvalidInput
from data.images import decode
from data.models import ModelStore
from data.types import Dataset, ModelVersion, Preprocessing, Sample
from inference import networks
from inference.models import load, register_module
from inference.preprocessing import to_array
from inference.recipes import RECIPES, Recipe
from inference.seeding import seeded

__all__ = ["Split", "fit", "train"]

_TRAIN = "train"
_WEIGHT_DECAY = 1e-2
_MEASURED_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Split:
    """Images (N, C, H, W) float32 and the indices of their classes (N,) int64."""

    images: Tensor
    targets: Tensor


def train(
    datasets: DatasetStore,
    models: ModelStore,
    recipe: str,
    dataset: str,
    progress: Callable[[int, int], None] = lambda done, total: None,
    check: Callable[[], None] = lambda: None,
) -> ModelVersion:
    """Trains a version by a recipe of `RECIPES` and registers it; the same training gives the same version.

    Args:
        dataset: Name of a dataset with a split `train`; its other samples measure the result.
        progress: Is told (steps done, steps in all).
        check: Is called before each step; what it raises ends the training and registers nothing.

    Raises:
        InvalidInput: There is no such recipe, or the dataset has no labelled training samples.
        NotFound: The dataset or the recipe's parent version does not exist.
    """
    if recipe not in RECIPES:
        raise InvalidInput.choice("recipe", recipe, RECIPES)
    chosen, source = RECIPES[recipe], datasets.get(dataset)
    parent = models.get(chosen.model, chosen.parent) if chosen.parent is not None else None
    trained_on, measured_on = _read(datasets, source, chosen.preprocessing, check)
    trained_on = _evenly(trained_on, chosen.samples)
    with seeded(chosen.seed):
        network: nn.Module = getattr(networks, chosen.network)(len(source.classes))
    if parent is not None:
        network.load_state_dict(load(datasets.workspace, parent).module.state_dict())
    loss = fit(network, trained_on, chosen, progress, check)
    accuracy = {_TRAIN: _accuracy(network, trained_on), "test": _accuracy(network, measured_on)}
    return register_module(
        datasets.workspace,
        models,
        chosen.model,
        f"factory:inference.networks:{chosen.network}",
        network,
        chosen.preprocessing,
        source.classes,
        parent=chosen.parent,
        notes={
            "recipe": recipe,
            "dataset": dataset,
            "samples": len(trained_on.targets),
            "epochs": chosen.epochs,
            "loss": round(loss, 6),
            **{f"{split}_accuracy": share for split, share in accuracy.items() if share is not None},
        },
    )


def fit(
    network: nn.Module,
    split: Split,
    recipe: Recipe,
    progress: Callable[[int, int], None],
    check: Callable[[], None],
) -> float:
    """Trains in place with AdamW and one cycle of the learning rate; returns the last epoch's mean loss."""
    generator = torch.Generator().manual_seed(recipe.seed)
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=_WEIGHT_DECAY)
    # A last batch of one sample would leave batch normalisation without a variance, so what is left over waits.
    batches = max(len(split.targets) // recipe.batch, 1)
    steps = batches * recipe.epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.learning_rate, total_steps=steps + 1)
    network.train()
    losses = [math.nan]
    for step in range(steps):
        check()
        if step % batches == 0:
            order = torch.randperm(len(split.targets), generator=generator)
            losses = []
        rows = order[step % batches * recipe.batch :][: recipe.batch]
        images = _shifted(split.images[rows], recipe.shift, generator)
        loss = F.cross_entropy(network(images), split.targets[rows])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
        progress(step + 1, steps)
    network.eval()
    return sum(losses) / len(losses)


def _shifted(images: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """Each image moved by up to `most` pixels in both directions, its border value moving in."""
    if not most:
        return images
    height, width = images.shape[2:]
    padded = F.pad(images, (most, most, most, most), mode="replicate")
    moves = torch.randint(0, 2 * most + 1, (len(images), 2), generator=generator).tolist()
    windows = [(slice(None), slice(down, down + height), slice(right, right + width)) for down, right in moves]
    return torch.stack([image[window] for image, window in zip(padded, windows, strict=True)])


def _accuracy(network: nn.Module, split: Split) -> float | None:
    """Share of right predictions in [0, 1]; None without samples."""
    if not len(split.targets):
        return None
    right = 0
    with torch.no_grad():
        for start in range(0, len(split.targets), _MEASURED_AT_ONCE):
            rows = slice(start, start + _MEASURED_AT_ONCE)
            right += int((network(split.images[rows]).argmax(1) == split.targets[rows]).sum())
    return right / len(split.targets)


def _evenly(split: Split, samples: int | None) -> Split:
    if samples is None or samples >= len(split.targets):
        return split
    rows = torch.linspace(0, len(split.targets) - 1, samples).round().long()
    return Split(split.images[rows], split.targets[rows])


def _read(
    datasets: DatasetStore, dataset: Dataset, preprocessing: Preprocessing, check: Callable[[], None]
) -> tuple[Split, Split]:
    """The labelled samples of the split `train`, and all others."""
    table = pq.read_table(datasets.workspace.dataset(dataset.name) / "samples.parquet", columns=list(Sample.__slots__))
    samples = [Sample(**record) for record in table.sort_by("row").to_pylist()]
    index = {name: at for at, name in enumerate(dataset.classes)}
    labelled = [sample for sample in samples if sample.label in index]
    splits = []
    for group in (
        [sample for sample in labelled if sample.split == _TRAIN],
        [sample for sample in labelled if sample.split != _TRAIN],
    ):
        arrays = []
        for sample in group:
            check()
            arrays.append(to_array(decode(datasets.read(dataset.name, sample)), preprocessing))
        targets = torch.tensor([index[sample.label] for sample in group if sample.label is not None], dtype=torch.int64)
        shape = (0, len(preprocessing.mean), preprocessing.image_size, preprocessing.image_size)
        splits.append(Split(torch.from_numpy(np.stack(arrays) if arrays else np.empty(shape, np.float32)), targets))
    if not len(splits[0].targets):
        raise InvalidInput(f"{dataset.name} has no labelled samples in a split {_TRAIN!r}, so nothing can be trained")
    return splits[0], splits[1]
