"""What can be known of a visualisation without torch: its key, and what is cached of it."""

import json
from dataclasses import asdict
from typing import Any

from data.cache import FileCache
from data.types import Dataset, ModelVersion
from data.visualisations import VisualisationRequest
from data.workspace import content_key
from inference.grids import grid_shape

__all__ = [
    "EVIDENCE_CACHE",
    "VISUALISATION_CACHE",
    "ablation_key",
    "cached_facts",
    "evidence_key",
    "map_key",
    "seen",
    "units_in",
    "visualisation_key",
]

VISUALISATION_CACHE = "visualisations"
EVIDENCE_CACHE = "evidence"
_ALGORITHM = "visualisation-1"


def units_in(shape: tuple[int, ...]) -> int:
    """How many units a layer has whose output for one image has this shape; 0 where it has none to speak of.

    Channels of a grid, features of tokens, or the numbers of a vector.
    """
    if len(shape) == 1:
        return shape[0]
    grid = grid_shape((1, *shape))
    return grid[0] if grid else shape[-1] if len(shape) == 2 else 0


def visualisation_key(version: ModelVersion, dataset: Dataset | None, request: VisualisationRequest) -> str:
    """Under which key a visualisation is cached; the same in every process.

    Args:
        dataset: What colours and starting samples are taken from; its content is part of the key where it has a say.
    """
    asked = asdict(request)
    says = dataset is not None and (request.decorrelate or request.start)
    source = dataset.digest if dataset is not None and says else None
    return content_key(_ALGORITHM, version.digest, source, asked)


def map_key(version: ModelVersion, layer: str, unit: int, image_digest: str) -> str:
    """Under which key the map of a unit's activation on a sample is cached, among the explanations."""
    return content_key("unit-map-1", version.digest, layer, unit, image_digest)


def evidence_key(version: ModelVersion, run: str, layer: str, unit: int) -> str:
    """Under which key lies what a unit does on the samples that excite it most."""
    return content_key("unit-evidence-1", version.digest, run, layer, unit)


def ablation_key(version: ModelVersion, run: str, layer: str, unit: int) -> str:
    """Under which key lies what becomes of a run without the unit."""
    return content_key("unit-ablation-1", version.digest, run, layer, unit)


def cached_facts(cache: FileCache, kind: str, key: str) -> dict[str, Any] | None:
    """What a task left in the cache as JSON; None where it is not there any more."""
    path = cache.get(kind, key, ".json")
    if path is None:
        return None
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError):  # evicted in this very moment, or left half-written by a power failure
        return None
    return found


def seen(cache: FileCache, key: str) -> dict[str, Any] | None:
    """What is known of a visualisation, also while it forms; None if nothing is.

    Returns:
        {"done", "step", "curve": [[step, objective], …], "values": of the finished images, by image, "converged",
        "recipe"}
    """
    if cache.get(VISUALISATION_CACHE, key, ".png") is None:
        return None
    return cached_facts(cache, VISUALISATION_CACHE, key)
