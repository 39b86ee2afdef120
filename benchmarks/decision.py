"""Following a decision: its price in forward and backward passes, how complete it is, and what ablation says of it."""

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from benchmarks.measure import Figure, compare
from benchmarks.real import CLASSES, PICTURES, RESNET20, WEIGHTS
from dashboard.services import build_services
from dashboard.settings import Settings
from data.datasets import DatasetStore
from data.images import decode
from data.paths import PathRequest
from data.samples import View
from data.sources import open_source
from data.types import Dataset, Sample
from inference.decision.ablation import SEEDS, ablate
from inference.decision.service import ranking, stages_of, trace
from inference.models import LoadedModel, load, register
from inference.preprocessing import to_array
from inference.seeding import seeded

__all__ = ["run"]

_PASSES = 15
_FOLLOWED = 50  # pictures
_ASKED = PathRequest()


def run(folder: Path) -> Iterator[Figure]:
    """ResNet-18 at 224 and ResNet-20 at 32; what needs trained weights and pictures only where they are."""
    services = build_services(Settings(workspace=folder / "workspace"))

    def load_version(name: str, arch: str, weights: str, size: int) -> LoadedModel:
        version = register(services.workspace, services.models, name, arch, weights, classes=CLASSES, image_size=size)
        return load(services.workspace, version)

    small = load_version("resnet20", RESNET20, str(WEIGHTS) if WEIGHTS.exists() else "none", 32)
    yield _time(load_version("resnet18", "torchvision:resnet18", "none", 224), 224)
    yield _time(small, 32)
    if WEIGHTS.exists() and PICTURES.exists():
        dataset = services.datasets.add("cifar", open_source(f"tar:{PICTURES}")).dataset
        rows = range(0, dataset.samples, dataset.samples // _FOLLOWED)
        samples = services.samples.rows(View(dataset), list(rows))
        yield from _checked(small, services.datasets, dataset, [row.sample for row in samples])


def _time(loaded: LoadedModel, size: int) -> Figure:
    """Eight stages of five units; the stages, which are the network's and not the picture's, are found before."""
    with seeded(0):
        image = torch.randn(3, size, size)

    def ours() -> None:
        trace(loaded, image, CLASSES, _ASKED)

    def bare() -> None:
        for _ in range(_PASSES):
            given = image[None].clone().requires_grad_()
            loaded.module(given)[0, 0].backward()

    stages = len(stages_of(loaded, _ASKED))
    what = f"A path of {stages} stages with {_ASKED.units} units each, {loaded.version.model} at {size}"
    return compare(what, ours, f"{_PASSES} forward and backward passes", bare, rounds=7)


def _checked(
    loaded: LoadedModel, datasets: DatasetStore, dataset: Dataset, samples: Sequence[Sample]
) -> Iterator[Figure]:
    """How far a stage's contributions are from adding up, and how often ablation beats random units."""
    errors: dict[int, list[float]] = {8: [], 32: []}
    won = draws = 0
    for sample in samples:
        content = decode(datasets.read(dataset.name, sample))
        image = torch.from_numpy(to_array(content, loaded.version.preprocessing))
        for steps, found in errors.items():
            path, _arrays = trace(loaded, image, CLASSES, PathRequest(steps=steps))
            found += [abs(stage.total / path.rise - 1) for stage in path.stages]
        path, _arrays = trace(loaded, image, CLASSES, _ASKED)
        target = CLASSES.index(path.target), path.target
        ablated = ablate(loaded, image, target, stages_of(loaded, _ASKED), ranking(path))
        own = ablated.change(ablated.drawn_logits)
        won += sum(own > ablated.change(row) for row in ablated.random_logits)
        draws += SEEDS
    for steps, found in errors.items():
        median = 100 * statistics.median(found)
        yield Figure(f"Contributions of a stage off the logit's rise, {steps} steps, median", median, "it", 100, "%")
    yield Figure(f"Ablation beats random units, {len(samples)} pictures", won, "the draws", draws, "draws")
