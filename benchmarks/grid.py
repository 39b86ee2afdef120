"""The grid of methods as a page asks for it: when the first maps are there, and how long a map of before takes."""

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import Figure, median_seconds
from benchmarks.photographs import write_photographs
from callbacks.explaining import sample_payload
from callbacks.map_grid import Gathered, Order, gather, method_orders
from callbacks.services import Services
from dashboard.app import create_app
from dashboard.services import build_services
from dashboard.settings import Settings
from data.explanations import ExplanationRequest
from data.samples import View
from data.sources import open_source
from data.types import ModelVersion
from inference.engine import Engine, EngineConfig
from inference.engine_files import EngineLock
from inference.models import register
from layouts.tiles import POLL_MILLISECONDS, Tile

__all__ = ["run"]

_FIRST, _CACHED = 0.5, 0.03  # seconds that people are promised
_PROMISED = "the promised 0.5 s"
_IMAGES = 6
_LONGEST = 120.0


@dataclass(frozen=True, slots=True)
class _Opened:
    """Seconds until a grid had its first map and all its cheap ones, and the maps' keys."""

    first: float
    cheap: float
    keys: tuple[str, ...]


def run(folder: Path) -> Iterator[Figure]:
    """ResNet-18 at 224 × 224 with random weights, on an engine that has it loaded."""
    settings = Settings(workspace=folder / "workspace")
    services = build_services(settings)
    services.datasets.add("photographs", open_source(f"imagefolder:{write_photographs(folder / 'images', _IMAGES)}"))
    version = register(services.workspace, services.models, "resnet18", "torchvision:resnet18", "none")
    client = create_app(settings, services).server.test_client()
    with EngineLock(services.workspace) as lock:
        lock.acquire()
        with Engine(EngineConfig.of(services.workspace, settings)) as engine:
            for future in engine.warm_up():
                future.result()
            # The page's picker has asked before which methods suit the network; the others are not in its grid.
            services.engine.call("explanation_choices", {"model": version.model, "version": version.version})
            opened = [_opened(services, version, row) for row in range(_IMAGES)]
    count, cheap = len(_orders(services, version, 0)), len(opened[0].keys)
    firsts, wholes = [one.first for one in opened], [one.cheap for one in opened]
    # The first image finds the methods themselves unused, as the first person after a start does.
    yield Figure(f"first maps of a grid of {count} methods, opened first of all", firsts[0], _PROMISED, _FIRST)
    yield Figure(f"first maps of a grid of {count} methods", statistics.median(firsts[1:]), _PROMISED, _FIRST)
    yield Figure(f"its {cheap} cheap ones", statistics.median(wholes[1:]), "the first", statistics.median(firsts[1:]))
    served = median_seconds(lambda: client.get(f"/media/map/{opened[0].keys[0]}.f32"), 15)
    yield Figure("a cached map's values over HTTP", served, "the promised 0.03 s", _CACHED)
    services.engine.close()


def _opened(services: Services, version: ModelVersion, row: int) -> _Opened:
    """Opens a grid as a page does, and leaves it when the cheap maps are there."""
    orders = _orders(services, version, row)
    wanted = sum(not order.dear for order in orders)
    started = time.perf_counter()
    first = None
    while True:
        found = gather(services, orders)
        passed, keys = time.perf_counter() - started, _keys(found)
        if first is None and keys:
            first = passed
        if first is not None and len(keys) >= wanted:
            for order in orders:
                services.engine.leave(order.task, order.payload)
            return _Opened(first, passed, keys)
        if passed > _LONGEST:
            raise RuntimeError(f"{len(keys)} of {wanted} cheap maps are there after {passed:.0f} s")
        time.sleep(POLL_MILLISECONDS / 1000)


def _keys(found: Gathered) -> tuple[str, ...]:
    return tuple(tile.key for tile in found.tiles if tile.key is not None)


def _orders(services: Services, version: ModelVersion, row: int) -> list[Order]:
    dataset = services.datasets.get("photographs")
    sample = services.samples.row(View(dataset), row).sample

    def task(request: ExplanationRequest) -> tuple[str, dict[str, Any]]:
        return "explain", sample_payload(dataset.name, sample, version, request)

    request = ExplanationRequest("gradcam")
    return method_orders(services, version, request, Tile("", ""), task, lambda _request: None)
