"""What a person waits for: explanations, predictions of an upload, neighbours. And what makes the first wait short."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from data.errors import InvalidInput, NotFound, VitrineError
from data.explanations import ExplanationRequest
from data.images import decode
from data.samples import View
from inference.class_names import class_names
from inference.explanations.attention import attention_from
from inference.explanations.service import explain as explain_image
from inference.models import load
from inference.neighbours import nearest
from inference.prediction import predict
from inference.preprocessing import to_array
from inference.tasks import WorkerContext
from inference.worker.pulse import task_pulse

__all__ = ["attention", "explain", "neighbours", "predict_image", "warm_up"]

_UPLOADS = "uploads"
_TOP = 5
_WARM_MODELS = 4


def explain(context: WorkerContext, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Explains a sample; returns the fields of `data.explanations.Explanation`.

    Payload: dataset, row, model, version, and the fields of `data.explanations.ExplanationRequest`.

    Raises:
        InvalidInput: The method, a class or a layer is unknown, or the method cannot work on this network.
        NotFound: There is no such dataset, sample or version.
    """
    dataset = context.datasets.get(payload["dataset"])
    version = context.models.get(payload["model"], payload["version"])
    sample = context.samples.row(View(dataset), payload["row"]).sample
    explanation = explain_image(
        context.workspace,
        context.cache,
        version,
        class_names(version, dataset),
        context.datasets.read(dataset.name, sample),
        sample.digest,
        ExplanationRequest.of(payload),
        task_pulse(),
    )
    return asdict(explanation)


def predict_image(context: WorkerContext, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Predicts an uploaded image and explains the prediction.

    Payload: upload (digest of the PNG in the cache), model, version, dataset (for the names of the classes, may be
    None), and the fields of `data.explanations.ExplanationRequest`.

    Returns:
        {"probabilities": [[class, probability], …] of the decided class and the most probable others, "explanation":
        {…} or None, "refused": why there is no explanation, else None}

    Raises:
        NotFound: The upload is no longer in the cache, or there is no such version.
    """
    content = _uploaded(context, payload["upload"])
    version = context.models.get(payload["model"], payload["version"])
    classes = class_names(version, context.datasets.get(payload["dataset"]) if payload.get("dataset") else None)
    loaded = load(context.workspace, version)
    output = predict(loaded, to_array(decode(content), version.preprocessing)[None])
    decided = int(output.decisions[0])
    ranked = output.logits[0].argsort(kind="stable")[::-1].tolist()
    best = [decided, *(at for at in ranked if at != decided)][:_TOP]
    try:
        explained = explain_image(
            context.workspace,
            context.cache,
            version,
            classes,
            content,
            payload["upload"],
            ExplanationRequest.of(payload),
            task_pulse(),
        )
        explanation, refused = asdict(explained), None
    except InvalidInput as error:  # a network without a grid, for instance, predicts all the same
        explanation, refused = None, str(error)
    return {
        "probabilities": [[classes[at], float(output.probabilities[0, at])] for at in best],
        "explanation": explanation,
        "refused": refused,
    }


def attention(context: WorkerContext, payload: Mapping[str, Any]) -> list[list[float]]:
    """How much a token of a transformer takes from each patch: the rows of the grid of patches, in [0, 1].

    Payload: model, version; of a sample dataset and row, of an upload its digest as `upload`; layer (one of
    `ExplanationChoices.attention`), head (None for the mean of all), patch ([row, column] on the grid; None for the
    token that the logits are read from).

    Raises:
        InvalidInput: The network has no attention between all its tokens, or no such layer, head or patch.
        NotFound: There is no such dataset, sample, upload or version.
    """
    version = context.models.get(payload["model"], payload["version"])
    image = to_array(decode(_content(context, payload)), version.preprocessing)
    patch = payload.get("patch")
    grid = attention_from(
        load(context.workspace, version),
        image,
        payload["layer"],
        payload.get("head"),
        None if patch is None else (int(patch[0]), int(patch[1])),
    )
    rows: list[list[float]] = grid.tolist()
    return rows


def _content(context: WorkerContext, payload: Mapping[str, Any]) -> bytes:
    """The image file of an upload or of a sample."""
    if payload.get("upload"):
        return _uploaded(context, payload["upload"])
    dataset = context.datasets.get(payload["dataset"])
    return context.datasets.read(dataset.name, context.samples.row(View(dataset), payload["row"]).sample)


def _uploaded(context: WorkerContext, digest: str) -> bytes:
    path = context.cache.get(_UPLOADS, digest, ".png")
    if path is None:
        raise NotFound("The uploaded image is no longer kept; upload it again")
    return path.read_bytes()


def neighbours(context: WorkerContext, payload: Mapping[str, Any]) -> list[list[float]]:
    """The samples nearest to one in embedding space: [[row, cosine distance], …]. Payload: run, row, k."""
    found = nearest(context.runs, payload["run"], payload["row"], payload["k"])
    return [[neighbour.row, neighbour.distance] for neighbour in found]


def warm_up(context: WorkerContext, payload: Mapping[str, Any]) -> list[str]:
    """Loads the newest versions, so that the first person to ask does not wait for it; returns their names."""
    newest = sorted(context.models.list(), key=lambda version: version.created_at)[-_WARM_MODELS:]
    loaded = []
    for version in newest:
        try:
            loaded.append(load(context.workspace, version).version.reference)
        except VitrineError:
            continue  # who asks for this version is told why it cannot be loaded
    return loaded
