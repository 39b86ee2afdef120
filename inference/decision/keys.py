"""What can be known of a decision path without torch: its key, and what is cached of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from data.cache import FileCache
from data.paths import Ablation, DecisionPath, PathRequest
from data.types import ModelVersion
from data.workspace import content_key

__all__ = [
    "PATH_CACHE",
    "ablation_key",
    "cached_ablation",
    "cached_arrays",
    "cached_path",
    "path_key",
]

PATH_CACHE = "paths"
_ALGORITHM = "path-1"
_ABLATION_ALGORITHM = "path-ablation-1"


def path_key(version: ModelVersion, classes: Sequence[str], image_digest: str, request: PathRequest) -> str:
    """Under which key a decision path is cached; the same in every process.

    Args:
        classes: Names in the order of the logits.
        image_digest: SHA-256 of the image file's bytes.
    """
    return content_key(_ALGORITHM, version.digest, list(classes), image_digest, asdict(request))


def ablation_key(key: str) -> str:
    """Under which key it is cached what becomes of the decision without the units of a path."""
    return content_key(_ABLATION_ALGORITHM, key)


def cached_path(cache: FileCache, key: str) -> DecisionPath | None:
    """The path that was asked for under the key; None if it must be computed.

    The path's own key, under which its arrays lie, differs where it was asked for the predicted class without naming
    it.
    """
    stored = _facts(cache, key)
    if stored is None or cache.get(PATH_CACHE, str(stored["key"]), ".npz") is None:
        return None
    return DecisionPath.of(stored)


def cached_ablation(cache: FileCache, key: str) -> Ablation | None:
    """What becomes of the decision without the units of the path of that key, if a worker has found it out before."""
    stored = _facts(cache, ablation_key(key))
    return None if stored is None else Ablation.of(stored)


def cached_arrays(cache: FileCache, key: str) -> Mapping[str, np.ndarray] | None:
    """The arrays of a path, by name; None where they are not there any more.

    picture (H, W, C) uint8: what the network saw. pixels (H, W): contributions of the pixels. Of each stage by its
    place, 1 for the first after the image: contributions_1 (C,), of all units; units_1 (m,), those of which there is a
    map, and maps_1 (m, h, w), their activations where they lie in the image, as far as the stage has places.
    """
    path = cache.get(PATH_CACHE, key, ".npz")
    if path is None:
        return None
    try:
        with np.load(path, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except (OSError, ValueError, KeyError):  # evicted in this very moment, or left half-written by a power failure
        return None


def _facts(cache: FileCache, key: str) -> dict[str, Any] | None:
    path = cache.get(PATH_CACHE, key, ".json")
    if path is None:
        return None
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found
