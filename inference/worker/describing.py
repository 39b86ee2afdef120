"""What a network consists of and what can be asked about it, as tasks."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from inference.architecture import describe
from inference.catalogue import ARCHITECTURE_CACHE, CHOICES_CACHE, architecture_key, choices_key
from inference.explanations.choices import choices
from inference.models import load
from inference.tasks import WorkerContext

__all__ = ["architecture", "explanation_choices"]


def architecture(context: WorkerContext, payload: Mapping[str, Any]) -> int:
    """Lists a version's layers in the cache, see `catalogue.cached_architecture`; returns how many there are.

    Payload: model, version.

    Raises:
        NotFound: There is no such version.
        WorkspaceDamaged: A file of the version is missing or was changed.
    """
    version = context.models.get(payload["model"], payload["version"])
    loaded = load(context.workspace, version)
    with loaded.lock:
        found = describe(loaded.module, version)
    content = json.dumps(asdict(found)).encode()
    context.cache.put(ARCHITECTURE_CACHE, architecture_key(version), ".json", content)
    return found.total


def explanation_choices(context: WorkerContext, payload: Mapping[str, Any]) -> dict[str, Any]:
    """What can be chosen when a version is explained: the fields of `data.explanations.ExplanationChoices`.

    They are kept in the cache, see `catalogue.cached_choices`. Payload: model, version.

    Raises:
        NotFound: There is no such version.
        WorkspaceDamaged: A file of the version is missing or was changed.
    """
    version = context.models.get(payload["model"], payload["version"])
    found = asdict(choices(load(context.workspace, version)))
    context.cache.put(CHOICES_CACHE, choices_key(version), ".json", json.dumps(found).encode())
    return found
