"""Indexing against the loop that a user would write: PIL, torchvision's transforms, a DataLoader of two workers."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.measure import Figure
from benchmarks.photographs import write_photographs
from callbacks.services import Services
from dashboard.services import build_services
from dashboard.settings import Settings
from data.sources import open_source
from data.types import JobState, ModelVersion
from inference.engine import Engine, EngineConfig
from inference.engine_files import EngineLock
from inference.models import load, register
from inference.runner import JobRunner
from inference.tasks import open_context
from inference.vision import torchvision

__all__ = ["run"]

_IMAGES = 1024
_SIZE, _RESIZE = 224, 256


class _Files(Dataset[torch.Tensor]):
    """Image files as torchvision's usual transforms give them."""

    def __init__(self, paths: list[Path]) -> None:
        transforms = torchvision.transforms
        self._paths = paths
        self._transform = transforms.Compose(
            [
                transforms.Resize(_RESIZE),
                transforms.CenterCrop(_SIZE),
                transforms.ToTensor(),
                transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
            ]
        )

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        tensor: torch.Tensor = self._transform(Image.open(self._paths[index]).convert("RGB"))
        return tensor


def run(folder: Path) -> Iterator[Figure]:
    """Indexes the same photographs with ResNet-18 (random weights) both ways and compares the classes, too."""
    photographs = write_photographs(folder / "photographs", _IMAGES)
    settings = Settings(workspace=folder / "workspace")
    services = build_services(settings)
    services.datasets.add("photographs", open_source(f"imagefolder:{photographs}"))
    version = register(services.workspace, services.models, "resnet18", "torchvision:resnet18", "none")
    network = load(services.workspace, version).module
    ours = _index(services, settings, version)
    theirs, classes = _plain_loop(network, sorted(photographs.rglob("*.jpg")))
    indexed = services.runs.find("photographs", version.model, version.version)
    if indexed is None:
        raise RuntimeError("the index job left no run")
    found = np.array([services.runs.probabilities(indexed.id, row).argmax() for row in range(0, _IMAGES, 16)])
    if not np.array_equal(found, classes[::16]):
        raise RuntimeError("the index and the plain loop disagree about classes")
    yield Figure(f"index {_IMAGES} photographs, ResNet-18 at {_SIZE}", ours, "plain loop", theirs)
    again = time.perf_counter()
    services.runs.find("photographs", version.model, version.version)
    yield Figure("index again", time.perf_counter() - again, "first index", ours)


def _index(services: Services, settings: Settings, version: ModelVersion) -> float:
    """Seconds of an index job, on workers that have the network loaded already."""
    config = EngineConfig.of(services.workspace, settings)
    context = open_context(config.place)
    with EngineLock(services.workspace) as lock:
        lock.acquire()
        with Engine(config) as engine, JobRunner(context, engine):
            for future in engine.warm_up()[:-1]:
                future.result()
            job = services.jobs.submit("index", {"dataset": "photographs", "model": version.reference}, "benchmark")
            started = time.perf_counter()
            while services.jobs.get(job.id).state in {JobState.QUEUED, JobState.RUNNING}:
                time.sleep(0.05)
            seconds = time.perf_counter() - started
    ended = services.jobs.get(job.id)
    if ended.state is not JobState.DONE:
        raise RuntimeError(f"the index job ended {ended.state}: {ended.error}")
    return seconds


def _plain_loop(network: nn.Module, paths: list[Path]) -> tuple[float, np.ndarray]:
    """Seconds of the usual loop, and the class of each image."""
    loader = DataLoader(_Files(paths), batch_size=64, num_workers=2)
    started = time.perf_counter()
    with torch.inference_mode():
        classes = torch.cat([network(batch).argmax(1) for batch in loader])
    return time.perf_counter() - started, classes.numpy()
