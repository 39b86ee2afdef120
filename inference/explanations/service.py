"""Explanations by content: computed once, then read from the cache by whoever asks."""

import io
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np

from data.cache import FileCache
from data.errors import InvalidInput
from data.images import decode
from data.types import Explanation, ModelVersion
from data.workspace import Workspace
from inference.catalogue import (
    EXPLANATION_CACHE,
    EXPLANATIONS,
    cached_explanation,
    explanation_key,
    require_method,
)
from inference.explanations import METHODS
from inference.explanations.evidence import deletion_check
from inference.models import load
from inference.prediction import predict
from inference.preprocessing import to_array

__all__ = ["explain"]


def explain(
    workspace: Workspace,
    cache: FileCache,
    version: ModelVersion,
    classes: Sequence[str],
    content: bytes,
    image_digest: str,
    method: str,
    target: str | None,
) -> Explanation:
    """Explains one class for one image; the map lies in the cache under the answer's key, as float32 (H, W) `.npy`.

    Args:
        classes: Names in the order of the logits, see `inference.prediction.class_names`.
        content: The image file's bytes.
        image_digest: SHA-256 of `content`.
        target: The class to explain; None for the predicted one.

    Raises:
        InvalidInput: The method or the target is unknown, or the method cannot work on this network.
    """
    require_method("method", method, EXPLANATIONS)
    if target is not None and target not in classes:
        raise InvalidInput.choice("target", target, classes)
    asked = explanation_key(version, classes, image_digest, method, target)
    known = cached_explanation(cache, asked)
    if known is not None:
        return known
    started = time.perf_counter()
    loaded = load(workspace, version)
    image = to_array(decode(content), version.preprocessing)
    output = predict(loaded, image[None])
    best = int(output.logits[0].argmax())
    explained = best if target is None else list(classes).index(target)
    attribution = METHODS[method](loaded, image, explained)
    explanation = Explanation(
        key=explanation_key(version, classes, image_digest, method, classes[explained]),
        method=method,
        target=classes[explained],
        prediction=classes[best],
        confidence=float(output.probabilities[0, best]),
        target_probability=float(output.probabilities[0, explained]),
        layer=attribution.layer,
        shape=(attribution.values.shape[0], attribution.values.shape[1]),
        trust=deletion_check(loaded, image, attribution.values, explained),
        seconds=time.perf_counter() - started,
        cached=False,
    )
    _keep(cache, explanation, attribution.values, asked)
    return explanation


def _keep(cache: FileCache, explanation: Explanation, values: np.ndarray, asked: str) -> None:
    """Puts the map first and what refers to it last; the same facts also under the key that was asked for."""
    array = io.BytesIO()
    np.save(array, values.astype(np.float32), allow_pickle=False)
    cache.put(EXPLANATION_CACHE, explanation.key, ".npy", array.getvalue())
    facts = json.dumps(asdict(replace(explanation, cached=True))).encode()
    for key in dict.fromkeys((explanation.key, asked)):
        cache.put(EXPLANATION_CACHE, key, ".json", facts)
