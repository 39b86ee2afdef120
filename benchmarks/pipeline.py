"""Indexing: against the loop that a user would write, against the bare network, with more workers, with more images."""

import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.measure import Figure
from benchmarks.photographs import write_photographs
from benchmarks.real import RESNET20, WEIGHTS
from callbacks.services import Services
from dashboard.services import build_services
from dashboard.settings import Settings
from data.sources import open_source
from data.types import JobState, ModelVersion, Preprocessing, Run
from inference.engine import Engine, EngineConfig, worker_environment
from inference.engine_files import EngineLock
from inference.models import load, register
from inference.prediction import predict_pixels
from inference.runner import JobRunner
from inference.tasks import open_context
from inference.vision import torchvision

__all__ = ["run"]

_BATCH = 64
_MANY = (10_000, 100_000)


@dataclass(frozen=True, slots=True)
class _Indexed:
    """What came of an index job: seconds, and the most memory that a worker ever held, in bytes."""

    run: Run
    seconds: float
    peak: int


class _Files(Dataset[torch.Tensor]):
    """Image files as torchvision's usual transforms give them."""

    def __init__(self, paths: list[Path], preprocessing: Preprocessing) -> None:
        transforms = torchvision.transforms
        self._paths = paths
        self._transform = transforms.Compose(
            [
                transforms.Resize(preprocessing.resize),
                transforms.CenterCrop(preprocessing.image_size),
                transforms.ToTensor(),
                transforms.Normalize(preprocessing.mean, preprocessing.std),
            ]
        )

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        tensor: torch.Tensor = self._transform(Image.open(self._paths[index]).convert("RGB"))
        return tensor


def run(folder: Path) -> Iterator[Figure]:
    """ResNet-18 at 224 × 224 with random weights, and the small ResNet-20 at 32 × 32."""
    settings = Settings(workspace=folder / "workspace")
    services = build_services(settings)
    photographs = write_photographs(folder / "photographs", 1024)
    large = register(services.workspace, services.models, "resnet18", "torchvision:resnet18", "none")
    yield from _figures(services, settings, "photographs", photographs, large)
    small = register(
        services.workspace,
        services.models,
        "resnet20",
        RESNET20,
        str(WEIGHTS) if WEIGHTS.exists() else "none",
        image_size=32,
    )
    miniatures = _miniatures(folder / "miniatures", photographs, _MANY[0])
    many = _multiplied(miniatures, folder / "many", 4)  # so that the start and the end of a job count for little
    yield from _figures(services, settings, "many", many, small)
    yield from _with_more(services, settings, many, small)
    for count in _MANY:
        _multiplied(miniatures, folder / f"memory{count}", count // _MANY[0])
    yield _memory(services, settings, folder, small)


def _figures(
    services: Services, settings: Settings, name: str, pictures: Path, version: ModelVersion
) -> Iterator[Figure]:
    """The same pictures both ways; the classes must be identical and the probabilities within 1e-4."""
    services.datasets.add(name, open_source(f"imagefolder:{pictures}"))
    paths = sorted(pictures.rglob("*.jpg"))
    what = f"index {len(paths):,} images with {version.model} at {version.preprocessing.image_size}"
    ours = _index(services, settings, name, version)
    theirs, probabilities = _plain_loop(load(services.workspace, version).module, paths, version.preprocessing)
    found = np.stack([services.runs.probabilities(ours.run.id, row) for row in range(0, len(paths), 16)])
    if not np.array_equal(found.argmax(1), probabilities[::16].argmax(1)):
        raise RuntimeError("the index and the plain loop disagree about classes")
    if np.abs(found - probabilities[::16]).max() > 1e-4:
        raise RuntimeError("the index and the plain loop disagree about probabilities")
    yield Figure(what, ours.seconds, "plain loop", theirs)
    yield Figure(what, ours.seconds, "the network alone, from memory", _alone(settings, version, len(paths)))
    again = time.perf_counter()
    services.runs.find(name, version.model, version.version)
    yield Figure("index again", time.perf_counter() - again, "first index", ours.seconds)


def _with_more(services: Services, settings: Settings, pictures: Path, version: ModelVersion) -> Iterator[Figure]:
    """Two workers against one, of one thread each."""
    times = {}
    for workers in (1, 2):
        name = f"workers{workers}"
        services.datasets.add(name, open_source(f"imagefolder:{pictures}"))
        with _environment(OMP_NUM_THREADS="1"):
            indexed = _index(services, settings, name, version, workers)
        times[workers] = indexed.seconds
    yield Figure(f"index {indexed.run.samples:,} images, two workers of one thread", times[2], "one worker", times[1])


def _memory(services: Services, settings: Settings, folder: Path, version: ModelVersion) -> Figure:
    """The most memory that a worker holds, with few images and with ten times as many."""
    peaks = {}
    for count in _MANY:
        name = f"memory{count}"
        services.datasets.add(name, open_source(f"imagefolder:{folder / name}"))
        peaks[count] = _index(services, settings, name, version).peak / 2**20
    few, many = (peaks[count] for count in _MANY)
    return Figure(f"most memory of a worker, {_MANY[1]:,} images", many, f"{_MANY[0]:,} images", few, "MiB")


def _multiplied(pictures: Path, folder: Path, times: int) -> Path:
    """The same pictures `times` over, as links."""
    for path in pictures.rglob("*.jpg"):
        for copy in range(times):
            target = folder / path.parent.name / f"{copy}-{path.name}"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.hardlink_to(path)
    return folder


def _index(
    services: Services, settings: Settings, dataset: str, version: ModelVersion, workers: int | None = None
) -> _Indexed:
    """An index job on workers that have the network loaded already."""
    chosen = settings if workers is None else settings.model_copy(update={"workers": workers})
    config = EngineConfig.of(services.workspace, chosen)
    context = open_context(config.place)
    with EngineLock(services.workspace) as lock:
        lock.acquire()
        with Engine(config) as engine, JobRunner(context, engine):
            for future in engine.warm_up():
                future.result()
            job = services.jobs.submit("index", {"dataset": dataset, "model": version.reference}, "benchmark")
            started = time.perf_counter()
            while services.jobs.get(job.id).state in {JobState.QUEUED, JobState.RUNNING}:
                time.sleep(0.05)
            seconds = time.perf_counter() - started
            peak = max(map(_peak_bytes, engine.worker_pids()))
    context.close()
    ended = services.jobs.get(job.id)
    found = services.runs.find(dataset, version.model, version.version)
    if ended.state is not JobState.DONE or found is None:
        raise RuntimeError(f"the index job ended {ended.state}: {ended.error}")
    return _Indexed(found, seconds, peak)


def _plain_loop(network: nn.Module, paths: list[Path], preprocessing: Preprocessing) -> tuple[float, np.ndarray]:
    """Seconds of the usual loop, and the probabilities of each image."""
    loader = DataLoader(_Files(paths, preprocessing), batch_size=_BATCH, num_workers=2)
    started = time.perf_counter()
    with torch.inference_mode():
        probabilities = torch.cat([network(batch).softmax(1) for batch in loader])
    return time.perf_counter() - started, probabilities.numpy()


def _alone(settings: Settings, version: ModelVersion, count: int) -> float:
    """As `_from_memory`, with the cores shared out as is fastest: one process of all, or as many as there are workers.

    A small network does not use two cores well, and two processes of one core each do; to hold the index against the
    slower of the two would flatter it.
    """
    context = multiprocessing.get_context("spawn")
    times = []
    for processes in {1, settings.worker_count}:
        with _environment(**worker_environment(processes)), ProcessPoolExecutor(processes, context) as pool:
            ready = [pool.submit(_from_memory, settings, version, _BATCH) for _ in range(processes)]
            for future in ready:
                future.result()
            shares = [pool.submit(_from_memory, settings, version, count // processes) for _ in range(processes)]
            times.append(max(future.result() for future in shares))
    return min(times)


def _from_memory(settings: Settings, version: ModelVersion, count: int) -> float:
    """Seconds that the network takes as the workers have it, for as many images, which need not be read."""
    loaded, size = load(build_services(settings).workspace, version, fast=True), version.preprocessing.image_size
    pixels = np.random.default_rng(0).integers(0, 256, (_BATCH, size, size, 3), dtype=np.uint8)
    predict_pixels(loaded, pixels)
    batches = -(-count // _BATCH)
    started = time.perf_counter()
    for _ in range(batches):
        predict_pixels(loaded, pixels)
    return (time.perf_counter() - started) * count / (batches * _BATCH)


def _miniatures(folder: Path, photographs: Path, count: int) -> Path:
    """Cuts of 32 × 32 pixels from all over the photographs, as JPEG files in the same class folders."""
    generator, sources = np.random.default_rng(1), sorted(photographs.rglob("*.jpg"))
    for number in range(count):
        source = sources[number % len(sources)]
        with Image.open(source) as picture:
            left, top = (int(generator.integers(side - 64)) for side in picture.size)
            cut = picture.crop((left, top, left + 64, top + 64)).resize((32, 32))
        target = folder / source.parent.name / f"{number:05d}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        cut.save(target, quality=95)
    return folder


def _peak_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
