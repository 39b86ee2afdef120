"""What can be computed, for people to choose from, and under which key it is cached. Without torch, for the web.

The registries of the workers (`inference.explanations`, `inference.projections`) have exactly these names; a test
proves it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from data.cache import FileCache
from data.errors import InvalidInput
from data.text import lazy
from data.types import Architecture, Explanation, ExplanationRequest, LayerSummary, ModelVersion
from data.workspace import content_key

__all__ = [
    "ARCHITECTURE_CACHE",
    "EXPLANATIONS",
    "EXPLANATION_CACHE",
    "PROJECTIONS",
    "Method",
    "architecture_key",
    "cached_architecture",
    "cached_explanation",
    "explanation_key",
    "require_method",
]

ARCHITECTURE_CACHE = "architectures"
EXPLANATION_CACHE = "explanations"
_ARCHITECTURE_ALGORITHM = "architecture-1"
_EXPLANATION_ALGORITHM = "explanation-2"


@dataclass(frozen=True, slots=True)
class Method:
    """A method as people meet it.

    Attributes:
        name: As on the command line and in URLs.
        title, note: For people; pass them through `data.text.gettext` where they are shown.
        signed: Whether a map has negative values that mean something.
    """

    name: str
    title: str
    note: str
    signed: bool = False


EXPLANATIONS: Mapping[str, Method] = {
    method.name: method
    for method in (
        Method(
            "gradcam",
            lazy("Grad-CAM"),
            lazy("Where the last feature maps speak for the class. Coarse, fast, and a good first look."),
        ),
    )
}
PROJECTIONS: Mapping[str, Method] = {
    method.name: method
    for method in (
        Method(
            "umap",
            lazy("UMAP"),
            lazy("Keeps neighbours together: clusters mean something, the distances between them little."),
        ),
        Method(
            "pca",
            lazy("PCA"),
            lazy("The two directions of greatest variance: distances are true, fine structure is lost."),
        ),
    )
}


def require_method(what: str, name: str, methods: Mapping[str, Method]) -> Method:
    """The method of that name.

    Raises:
        InvalidInput: There is none; the text names those there are.
    """
    if name not in methods:
        raise InvalidInput.choice(what, name, methods)
    return methods[name]


def explanation_key(
    version: ModelVersion,
    classes: Sequence[str],
    image_digest: str,
    request: ExplanationRequest,
) -> str:
    """Under which key an explanation is cached; the same in every process.

    Args:
        classes: Names in the order of the logits, as `Run.classes` or `inference.prediction.class_names` gives them.
        image_digest: SHA-256 of the image file's bytes.
    """
    return content_key(_EXPLANATION_ALGORITHM, version.digest, list(classes), image_digest, asdict(request))


def cached_explanation(cache: FileCache, key: str) -> Explanation | None:
    """What is cached under the key, with `cached` true; None if it must be computed.

    The key of the explanation in the answer, under which its map lies, differs from `key` where that one was asked
    for the predicted class without naming it.
    """
    facts = cache.get(EXPLANATION_CACHE, key, ".json")
    if facts is None:
        return None
    try:
        stored = json.loads(facts.read_bytes())
    except (OSError, ValueError):  # evicted in this very moment, or left half-written by a power failure
        return None
    if cache.get(EXPLANATION_CACHE, stored["key"], ".npy") is None:
        return None
    return Explanation(**{**stored, "shape": tuple(stored["shape"]), "cached": True})


def architecture_key(version: ModelVersion) -> str:
    """Under which key the layers of a version's network are cached."""
    layers = [version.embedding_layer, version.explain_layer]
    return content_key(_ARCHITECTURE_ALGORITHM, version.digest, layers)


def cached_architecture(cache: FileCache, version: ModelVersion) -> Architecture | None:
    """The version's layers, if a worker has listed them before."""
    facts = cache.get(ARCHITECTURE_CACHE, architecture_key(version), ".json")
    if facts is None:
        return None
    try:
        stored = json.loads(facts.read_bytes())
    except (OSError, ValueError):  # evicted in this very moment, or left half-written by a power failure
        return None
    layers = (LayerSummary(**{**layer, "shape": tuple(layer["shape"])}) for layer in stored["layers"])
    return Architecture(tuple(layers), stored["total"])
