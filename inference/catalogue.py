"""What can be computed, and under which key it is cached. Without torch, for the web."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from data.cache import FileCache
from data.errors import InvalidInput
from data.explanations import Explanation, ExplanationChoices, ExplanationRequest, Trust
from data.types import Architecture, LayerSummary, ModelVersion
from data.workspace import content_key
from inference.methods import EXPLANATIONS, FAMILIES, PROJECTIONS, Method

__all__ = [
    "ARCHITECTURE_CACHE",
    "CHOICES_CACHE",
    "COUNTERFACTUAL_CACHE",
    "EXPLANATIONS",
    "EXPLANATION_CACHE",
    "FAMILIES",
    "MAP_CACHE",
    "PROJECTIONS",
    "TRUST_CACHE",
    "Method",
    "architecture_key",
    "cached_architecture",
    "cached_choices",
    "cached_explanation",
    "cached_trust",
    "choices_key",
    "explanation_key",
    "require_method",
    "trust_key",
]

ARCHITECTURE_CACHE = "architectures"
CHOICES_CACHE = "choices"
COUNTERFACTUAL_CACHE = "counterfactuals"
EXPLANATION_CACHE = "explanations"
TRUST_CACHE = "trust"
MAP_CACHE = "maps"
_ARCHITECTURE_ALGORITHM = "architecture-1"
_CHOICES_ALGORITHM = "choices-1"
_EXPLANATION_ALGORITHM = "explanation-2"
_TRUST_ALGORITHM = "trust-1"


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
        classes: Names in the order of the logits, as `Run.classes` or `inference.class_names.class_names` gives them.
        image_digest: SHA-256 of the image file's bytes.
    """
    return content_key(_EXPLANATION_ALGORITHM, version.digest, list(classes), image_digest, asdict(request))


def cached_explanation(cache: FileCache, key: str) -> Explanation | None:
    """What is cached under the key, with `cached` true, and how it was judged, if it was; None if it must be computed.

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
    judged = cached_trust(cache, stored["key"])
    trust = judged.figures if judged else {}
    return Explanation(**{**stored, "shape": tuple(stored["shape"]), "trust": trust, "cached": True})


def trust_key(map_key: str, thorough: bool = False) -> str:
    """Under which key the judgement of a map is cached.

    Args:
        map_key: The explanation's, or of a map from elsewhere whatever names it together with what it explains.
        thorough: Whether everything was asked for, whatever it costs.
    """
    return content_key(_TRUST_ALGORITHM, map_key, thorough)


def cached_trust(cache: FileCache, map_key: str, thorough: bool = False) -> Trust | None:
    """How a map was judged; None if it has not been yet.

    A thorough judgement, which has all that a quick one has, is taken first; with `thorough` it alone will do.
    """
    for every in (True,) if thorough else (True, False):
        kept = cache.get(TRUST_CACHE, trust_key(map_key, every), ".json")
        if kept is None:
            continue
        try:
            return Trust(**json.loads(kept.read_bytes()))
        except (OSError, ValueError):  # evicted in this very moment, or left half-written by a power failure
            continue
    return None


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


def choices_key(version: ModelVersion) -> str:
    """Under which key it is cached what can be chosen when a version is explained."""
    return content_key(_CHOICES_ALGORITHM, version.digest, version.explain_layer, list(EXPLANATIONS))


def cached_choices(cache: FileCache, version: ModelVersion) -> ExplanationChoices | None:
    """What can be chosen when the version is explained, if a worker has found it out before."""
    facts = cache.get(CHOICES_CACHE, choices_key(version), ".json")
    if facts is None:
        return None
    try:
        return ExplanationChoices.of(json.loads(facts.read_bytes()))
    except (OSError, ValueError):  # evicted in this very moment, or left half-written by a power failure
        return None
