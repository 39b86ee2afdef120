"""What a map is worth, as tasks: a map that was explained here, and one that somebody brings."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from data.errors import InvalidInput, NotFound, WorkspaceDamaged
from data.explanations import ExplanationRequest
from data.images import decode
from data.samples import View
from data.types import ModelVersion
from data.workspace import content_key
from inference.catalogue import EXPLANATION_CACHE, MAP_CACHE
from inference.class_names import class_names
from inference.explanations.evidence.examining import Subject
from inference.explanations.evidence.service import judge as judge_values
from inference.explanations.service import explain
from inference.models import LoadedModel, load
from inference.prediction import predict
from inference.preprocessing import to_array
from inference.tasks import WorkerContext
from inference.worker.pulse import task_pulse

__all__ = ["judge", "judge_map"]

_UPLOADS = "uploads"


def judge(context: WorkerContext, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Judges the explanation of a sample or of an upload; returns the fields of `data.explanations.Trust`.

    Payload: dataset and row, or upload; model, version, the fields of `data.explanations.ExplanationRequest`, and
    whether everything is wanted, whatever it costs, as `thorough`.

    Raises:
        InvalidInput: The method, a class or a layer is unknown, or the method cannot work on this network.
        NotFound: There is no such dataset, sample, upload or version.
        WorkspaceDamaged: The map was dropped from the cache at once.
    """
    asked = _asked(context, payload)
    request = ExplanationRequest.of(payload)
    explanation = explain(
        context.workspace,
        context.cache,
        asked.version,
        asked.classes,
        asked.content,
        asked.digest,
        request,
        task_pulse(),
    )
    path = context.cache.get(EXPLANATION_CACHE, explanation.key, ".npy")
    if path is None:
        raise WorkspaceDamaged("The map is no longer in the cache; make VITRINE_CACHE_MEGABYTES larger")
    values = np.load(path, allow_pickle=False)
    loaded = load(context.workspace, asked.version)
    target = asked.classes.index(explanation.target)
    contrast = None if request.contrast is None else asked.classes.index(request.contrast)
    subject = Subject(asked.input_of(loaded), target, contrast, request.method)
    thorough = bool(payload.get("thorough"))
    trust = judge_values(context.cache, loaded, subject, values, explanation.key, request, thorough, task_pulse())
    return asdict(trust)


def judge_map(context: WorkerContext, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Judges a map from elsewhere of a sample.

    Payload: dataset, row, model, version, target (name of a class, or None for the predicted one), and map (the
    SHA-256 of the `.npy` in the cache).

    Returns:
        {"target", "prediction", "confidence", "trust": the fields of `data.explanations.Trust`}

    Raises:
        InvalidInput: The class is unknown, or the map has not the size of the network's input.
        NotFound: There is no such dataset, sample, version or map.
    """
    asked = _asked(context, payload)
    path = context.cache.get(MAP_CACHE, payload["map"], ".npy")
    if path is None:
        raise NotFound("The map is no longer kept; give it again")
    if payload.get("target") and payload["target"] not in asked.classes:
        raise InvalidInput.choice("target", payload["target"], asked.classes)
    values = np.load(path, allow_pickle=False)
    loaded = load(context.workspace, asked.version)
    image = asked.input_of(loaded)
    if values.shape != image.shape[1:]:
        raise InvalidInput(f"The map is {values.shape}, but {asked.version.reference} sees {image.shape[1:]} pixels")
    output = predict(loaded, image[None])
    best = int(output.decisions[0])
    name = payload.get("target") or asked.classes[best]
    key = content_key(payload["map"], asked.version.digest, asked.digest, list(asked.classes), name)
    subject = Subject(image, asked.classes.index(name))
    trust = judge_values(context.cache, loaded, subject, values, key, pulse=task_pulse())
    return {
        "target": name,
        "prediction": asked.classes[best],
        "confidence": float(output.probabilities[0, best]),
        "trust": asdict(trust),
    }


@dataclass(frozen=True, slots=True)
class _Asked:
    """An image and the version that is asked about it.

    Attributes:
        classes: Names in the order of the logits.
        content: The image file's bytes; `digest` is their SHA-256.
    """

    version: ModelVersion
    classes: tuple[str, ...]
    content: bytes
    digest: str

    def input_of(self, loaded: LoadedModel) -> np.ndarray:
        """(C, H, W) float32, what the network sees."""
        return to_array(decode(self.content), loaded.version.preprocessing)


def _asked(context: WorkerContext, payload: Mapping[str, Any]) -> _Asked:
    version = context.models.get(payload["model"], payload["version"])
    dataset = context.datasets.get(payload["dataset"]) if payload.get("dataset") else None
    classes = class_names(version, dataset)
    if payload.get("upload"):
        path = context.cache.get(_UPLOADS, payload["upload"], ".png")
        if path is None:
            raise NotFound("The uploaded image is no longer kept; upload it again")
        return _Asked(version, classes, path.read_bytes(), payload["upload"])
    if dataset is None:
        raise InvalidInput("a dataset and a row, or an upload, must be named")
    sample = context.samples.row(View(dataset), payload["row"]).sample
    return _Asked(version, classes, context.datasets.read(dataset.name, sample), sample.digest)
