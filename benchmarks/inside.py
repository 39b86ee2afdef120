"""Looking inside: a step of activation maximisation, inspecting a layer, and whether images beat the best sample."""

from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.measure import Figure, compare
from benchmarks.real import CLASSES, PICTURES, RESNET20, WEIGHTS
from dashboard.services import build_services
from dashboard.settings import Settings
from data.inspections import Inspection
from data.sources import open_source
from data.visualisations import VisualisationRequest
from inference import index
from inference.models import LoadedModel, load, register
from inference.seeding import seeded
from inference.visualisation.ascent import ascend
from inference.visualisation.inspection import inspect_shard, merge
from inference.visualisation.parametrisation import Colours
from inference.visualisation.service import Source
from inference.visualisation.summary import read_units

__all__ = ["run"]

_LAYER = "layer3"
_STEPS = 100


def run(folder: Path) -> Iterator[Figure]:
    """ResNet-20 at 32 × 32: with its own weights and the CIFAR-10 test images where they are, else with random ones."""
    services = build_services(Settings(workspace=folder / "workspace"))
    version = register(
        services.workspace,
        services.models,
        "resnet20",
        RESNET20,
        str(WEIGHTS) if WEIGHTS.exists() else "none",
        classes=CLASSES,
        image_size=32,
    )
    loaded = load(services.workspace, version)
    yield _step(loaded)
    if not (WEIGHTS.exists() and PICTURES.exists()):
        return
    dataset = services.datasets.add("cifar", open_source(f"tar:{PICTURES}")).dataset
    shards = index.shards_of(version, dataset)
    inspection = Inspection(folder / "inspection")
    load(services.workspace, version, fast=True)

    def inspect_one() -> None:
        inspect_shard(services.datasets, inspection, dataset, version, _LAYER, shards[0])

    def index_one() -> None:
        index.index_shard(services.datasets, services.runs, dataset, version, shards[0])

    yield compare(f"Inspecting {shards[0].stop:,} images", inspect_one, "indexing them", index_one, rounds=5)
    for shard in shards:
        inspect_shard(services.datasets, inspection, dataset, version, _LAYER, shard)
    merge(services.datasets, inspection, dataset, version, _LAYER)
    units = read_units(inspection)
    colours = Source(services.datasets, services.samples, dataset).colours(services.cache, version, True)
    yield _beaten(loaded, units.arrays["highest"].tolist(), colours)


def _step(loaded: LoadedModel) -> Figure:
    """Per image of so many steps; the baseline passes forward and back through the whole network as often."""
    request = VisualisationRequest.of({"layer": _LAYER, "unit": 1, "steps": _STEPS})
    with seeded(0):
        batch = torch.randn(1, 3, 32, 32)

    def ours() -> None:
        ascend(loaded, request, CLASSES)

    def bare() -> None:
        for _ in range(_STEPS):
            given = batch.clone().requires_grad_()
            loaded.module(given)[0, 0].backward()

    return compare(f"{_STEPS} steps of an ascent", ours, "bare forward and backward passes", bare)


def _beaten(loaded: LoadedModel, best: list[float], colours: Colours) -> Figure:
    """How many units answer to their optimised image more strongly than to the best of 10,000 samples."""
    won = 0
    for unit, highest in enumerate(best):
        found = ascend(loaded, VisualisationRequest.of({"layer": _LAYER, "unit": unit}), CLASSES, colours)
        won += found.values[0] > highest
    return Figure("Optimised images above the best of 10,000 samples", won, "the units", len(best), "units")
