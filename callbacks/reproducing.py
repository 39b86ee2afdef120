"""The recipe of an explanation: everything that it was computed from, and the command that computes it again."""

import shlex
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from callbacks.context import one, resolve
from callbacks.services import Services
from data.errors import InvalidInput, NotFound
from data.explanations import Explanation, ExplanationRequest
from data.samples import View
from inference.catalogue import cached_explanation, explanation_key

__all__ = ["command", "recipe"]

_PACKAGES = ("torch", "torchvision", "timm", "captum", "numpy", "pillow")


def recipe(services: Services, key: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What an explanation in the cache was computed from, as plain values.

    Args:
        key: Of the explanation.
        parameters: Names what the key only digests: `dataset`, `model`, `layers`, and `row` or `upload`.

    Raises:
        NotFound: The explanation is not in the cache any more, or there is no such dataset, version or row.
        InvalidInput: The explanation is not one of that image by that version.
    """
    found = cached_explanation(services.cache, key)
    if found is None:
        raise NotFound("This explanation is not in the cache any more; open the sample again")
    context = resolve(services, {name: parameters[name] for name in ("dataset", "model") if name in parameters})
    if context.version is None:
        raise NotFound(f"There is no model for {context.dataset.name} yet")
    layers = tuple(name for name in (one(parameters, "layers") or "").split(",") if name)
    request = ExplanationRequest(found.method, found.target, found.contrast, layers)
    model, dataset, upload = context.version, context.dataset, one(parameters, "upload")
    if upload is not None:
        image: dict[str, Any] = {"digest": upload, "address": f"/media/upload/{upload}.png"}
        again = None
    else:
        row = _row(one(parameters, "row"), dataset.samples)
        sample = services.samples.row(View(dataset), row).sample
        image = {"dataset": dataset.name, "sample": sample.sample_id, "digest": sample.digest}
        image["dataset_digest"] = dataset.digest
        again = command(dataset.name, model.reference, sample.sample_id, request)
    if context.run is not None and explanation_key(model, context.run.classes, image["digest"], request) != key:
        raise InvalidInput(f"Explanation {key} is not one of this image by {model.reference}")
    return {
        "image": image,
        "model": {"reference": model.reference, "digest": model.digest},
        "method": {"name": found.method, "parameters": dict(found.parameters), "layer": found.layer},
        "target": found.target,
        "contrast": found.contrast,
        "layers": list(layers),
        "result": _result(found),
        "packages": _packages(),
        "command": again,
    }


def command(dataset: str, model: str, sample_id: str, request: ExplanationRequest) -> str:
    """The command line that computes the same map, for a shell."""
    words = ["python", "-m", "dashboard", "explain", "--method", request.method, "--out", "map.npy"]
    for option, value in (("--target", request.target), ("--contrast", request.contrast)):
        words += [] if value is None else [option, value]
    words += [word for layer in request.layers for word in ("--layer", layer)]
    return shlex.join([*words, "--", dataset, model, sample_id])


def _row(text: str | None, samples: int) -> int:
    if text is None or not text.isdecimal() or int(text) >= samples:
        raise InvalidInput(f"row {text!r} is not allowed; give a number from 0 to {samples - 1}")
    return int(text)


def _result(found: Explanation) -> dict[str, Any]:
    return {
        "key": found.key,
        "shape": list(found.shape),
        "prediction": found.prediction,
        "confidence": found.confidence,
        "facts": dict(found.facts),
        "trust": dict(found.trust),
    }


def _packages() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
