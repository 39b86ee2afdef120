"""What a changed image makes of a decision, and which change would turn it."""

import hashlib
import io
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from data.errors import InvalidInput, NotFound
from data.images import decode
from data.types import ModelVersion
from data.workspace import content_key
from inference.catalogue import COUNTERFACTUAL_CACHE
from inference.class_names import class_names
from inference.counterfactual import Counterfactual
from inference.counterfactual import counterfactual as search
from inference.models import LoadedModel, load
from inference.prediction import predict, predict_pixels
from inference.preprocessing import resized, to_array, to_input_image, to_picture, to_pixels
from inference.superpixels import superpixels
from inference.tasks import WorkerContext
from inference.worker.pulse import task_pulse

__all__ = ["FILLS", "counterfactual", "probabilities"]

_UPLOADS = "uploads"
_ALGORITHM = "counterfactual-1"
_BLUR = 0.2  # of the shorter side: of a few superpixels side by side nothing can be told any more


def probabilities(context: WorkerContext, payload: Mapping[str, Any]) -> dict[str, Any]:
    """What a version says of a few uploads.

    Payload: uploads (digests), model, version, dataset (for the names of the classes, may be None).

    Returns:
        {"classes": […], "probabilities": one list for each upload, in the order of the classes}

    Raises:
        NotFound: An upload is no longer in the cache, or there is no such version.
    """
    version, classes = _subject(context, payload)
    pictures = [_upload(context, digest) for digest in payload["uploads"]]
    batch = np.stack([to_array(picture, version.preprocessing) for picture in pictures])
    output = predict(load(context.workspace, version), batch)
    return {"classes": list(classes), "probabilities": output.probabilities.tolist()}


def counterfactual(context: WorkerContext, payload: Mapping[str, Any]) -> dict[str, Any]:
    """The least that must be hidden in an upload for the version to decide otherwise; computed once.

    Payload: upload, model, version, dataset (may be None), fill (one of `FILLS`).

    Returns:
        The fields of `inference.counterfactual.Counterfactual`, less the mask, with classes by name; `share` of the
        network's input that is hidden, `seconds`, `edit`, the digest of the upload with the part hidden, and `key`,
        under which the cache holds the mask as a picture of the upload's size.

    Raises:
        InvalidInput: There is no such fill.
        NotFound: The upload is no longer in the cache, or there is no such version.
        Cancelled: Nobody waits any more.
    """
    if payload["fill"] not in FILLS:
        raise InvalidInput.choice("fill", payload["fill"], FILLS)
    version, classes = _subject(context, payload)
    key = content_key(_ALGORITHM, version.digest, list(classes), payload["upload"], payload["fill"])
    known = context.cache.get(COUNTERFACTUAL_CACHE, key, ".json")
    if known is not None:
        stored: dict[str, Any] = json.loads(known.read_bytes())
        pictures = ((COUNTERFACTUAL_CACHE, key), (_UPLOADS, stored["edit"]))
        if all(context.cache.get(kind, name, ".png") is not None for kind, name in pictures):
            return stored
    started = time.perf_counter()
    picture = _upload(context, payload["upload"])
    if min(picture.size) < version.preprocessing.resize:  # whose pixels are too coarse for what is to be hidden
        picture = resized(picture, version.preprocessing)
    loaded = load(context.workspace, version)
    found = _search(loaded, picture, payload["fill"])
    mask = to_picture(found.mask, picture.size, version.preprocessing)
    edit = _png(Image.composite(FILLS[payload["fill"]](picture), picture, mask))
    digest = hashlib.sha256(edit).hexdigest()
    answer = {
        "key": key,
        "flipped": found.flipped,
        "segments": list(found.segments),
        "total": found.total,
        "target": classes[found.target],
        "rival": classes[found.rival],
        "steps": [[step.hidden, step.target, step.rival] for step in found.steps],
        "passes": found.passes,
        "share": float(found.mask.mean()),
        "seconds": time.perf_counter() - started,
        "edit": digest,
    }
    context.cache.put(_UPLOADS, digest, ".png", edit)
    context.cache.put(COUNTERFACTUAL_CACHE, key, ".png", _png(mask))
    context.cache.put(COUNTERFACTUAL_CACHE, key, ".json", json.dumps(answer).encode())
    return answer


def _search(loaded: LoadedModel, picture: Image.Image, fill: str) -> Counterfactual:
    preprocessing = loaded.version.preprocessing
    seen = to_input_image(picture, preprocessing)
    shown, hidden = to_pixels(picture, preprocessing), np.asarray(FILLS[fill](seen)).reshape(*seen.size[::-1], -1)

    def look(masks: np.ndarray) -> np.ndarray:
        return predict_pixels(loaded, np.where(masks[..., None], hidden, shown)).logits

    return search(look, superpixels(shown), pulse=task_pulse())


def _blurred(picture: Image.Image) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(_BLUR * min(picture.size)))


def _mean_colour(picture: Image.Image) -> Image.Image:
    mean = np.rint(np.asarray(picture).reshape(picture.width * picture.height, -1).mean(0)).astype(int).tolist()
    return Image.new(picture.mode, picture.size, tuple(mean) if len(mean) > 1 else mean[0])


FILLS: Mapping[str, Callable[[Image.Image], Image.Image]] = {"blur": _blurred, "mean": _mean_colour}
"""What is shown in place of what is hidden, as a picture of the same size."""


def _subject(context: WorkerContext, payload: Mapping[str, Any]) -> tuple[ModelVersion, tuple[str, ...]]:
    version = context.models.get(payload["model"], payload["version"])
    return version, class_names(version, context.datasets.get(payload["dataset"]) if payload.get("dataset") else None)


def _upload(context: WorkerContext, digest: str) -> Image.Image:
    path = context.cache.get(_UPLOADS, digest, ".png")
    if path is None:
        raise NotFound("The uploaded image is no longer kept; upload it again")
    return decode(path)


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
