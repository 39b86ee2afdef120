"""Explanations by content: computed once, then read from the cache by whoever asks."""

import io
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass, replace
from typing import Any

import numpy as np

from data.cache import FileCache
from data.errors import InvalidInput
from data.explanations import Explanation, ExplanationRequest
from data.images import decode
from data.types import ModelVersion
from data.workspace import Workspace
from inference.catalogue import (
    EXPLANATION_CACHE,
    EXPLANATIONS,
    cached_explanation,
    explanation_key,
    require_method,
)
from inference.explanations import METHODS, Attribution, Pulse, Question, unheard
from inference.models import LoadedModel, load
from inference.prediction import predict
from inference.preprocessing import to_array

__all__ = ["attribute", "explain"]


def explain(
    workspace: Workspace,
    cache: FileCache,
    version: ModelVersion,
    classes: Sequence[str],
    content: bytes,
    image_digest: str,
    request: ExplanationRequest,
    pulse: Pulse = unheard,
) -> Explanation:
    """Explains one class for one image; the map lies in the cache under the answer's key, as float32 (H, W) `.npy`.

    Args:
        classes: Names in the order of the logits, see `inference.prediction.class_names`.
        content: The image file's bytes.
        image_digest: SHA-256 of `content`.

    Raises:
        InvalidInput: The method, a class or a layer is unknown, or the method cannot work on this network.
        Cancelled: Nobody waits any more.
    """
    require_method("method", request.method, EXPLANATIONS)
    for what, name in (("target", request.target), ("contrast", request.contrast)):
        if name is not None and name not in classes:
            raise InvalidInput.choice(what, name, classes)
    known = cached_explanation(cache, explanation_key(version, classes, image_digest, request))
    if known is not None:
        return known
    started = time.perf_counter()
    loaded = load(workspace, version)
    image = to_array(decode(content), version.preprocessing)
    output = predict(loaded, image[None])
    best = int(output.decisions[0])
    explained = replace(request, target=classes[best] if request.target is None else request.target)
    target = list(classes).index(str(explained.target))
    contrast = None if request.contrast is None else list(classes).index(request.contrast)
    attribution = attribute(loaded, image, explained, target, contrast, pulse)
    values = attribution.values[0]
    explanation = Explanation(
        key=explanation_key(version, classes, image_digest, explained),
        method=request.method,
        target=classes[target],
        prediction=classes[best],
        confidence=float(output.probabilities[0, best]),
        target_probability=float(output.probabilities[0, target]),
        contrast=request.contrast,
        layer=attribution.layer,
        shape=(values.shape[0], values.shape[1]),
        facts={name: float(found[0]) for name, found in attribution.facts.items()},
        trust={},
        seconds=time.perf_counter() - started,
        cached=False,
        parameters=_parameters(METHODS[request.method]),
    )
    _keep(cache, explanation, values, explanation_key(version, classes, image_digest, request))
    return explanation


def attribute(
    loaded: LoadedModel,
    image: np.ndarray,
    request: ExplanationRequest,
    target: int,
    contrast: int | None,
    pulse: Pulse = unheard,
) -> Attribution:
    """The map of one image; against another class, the difference of the two classes' maps.

    Args:
        image: (C, H, W) float32, the network's input.
        target, contrast: Indices of logits.

    Raises:
        InvalidInput: The classes or their maps are the same, or the method cannot work on this network.
    """
    if contrast == target:
        raise InvalidInput(f"contrast {request.contrast!r} is the explained class itself; choose another class")
    asked = [target] if contrast is None else [target, contrast]
    images = np.repeat(image[None], len(asked), axis=0)
    found = METHODS[request.method](loaded, Question(images, asked, request.layers), pulse)
    if contrast is None:
        return found
    difference = found.values[:1] - found.values[1:]
    if not difference.any():
        raise InvalidInput(
            f"{request.method} gives the same map for {request.target!r} and {request.contrast!r}, so there is no "
            "difference to show; choose another method"
        )
    return replace(found, values=difference)


def _parameters(method: object) -> dict[str, Any]:
    return asdict(method) if is_dataclass(method) and not isinstance(method, type) else {}


def _keep(cache: FileCache, explanation: Explanation, values: np.ndarray, asked: str) -> None:
    """Puts the map first and what refers to it last; the same facts also under the key that was asked for."""
    array = io.BytesIO()
    np.save(array, values.astype(np.float32), allow_pickle=False)
    cache.put(EXPLANATION_CACHE, explanation.key, ".npy", array.getvalue())
    facts = json.dumps(asdict(replace(explanation, cached=True))).encode()
    for key in dict.fromkeys((explanation.key, asked)):
        cache.put(EXPLANATION_CACHE, key, ".json", facts)
