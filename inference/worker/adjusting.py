"""Saving a version whose answers are adjusted without training, as a task."""

from collections.abc import Mapping
from typing import Any

from data.adjustments import Adjustment
from inference.models import register_adjusted
from inference.tasks import WorkerContext

__all__ = ["adjust_version"]


def adjust_version(context: WorkerContext, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Adds a version that is another with its answers adjusted further.

    Payload: model (`NAME@VERSION`), adjustment (as `Adjustment.facts`), measured (what is noted of its effect).

    Returns:
        {"model", "version"}

    Raises:
        InvalidInput: The adjustment does not suit the version.
        NotFound: There is no such version.
    """
    parent = context.models.resolve(payload["model"])
    adjustment = Adjustment.of(payload["adjustment"], parent.outputs)
    notes = {"adjusted": dict(payload["measured"])}
    version = register_adjusted(context.workspace, context.models, parent, adjustment, notes)
    return {"model": version.model, "version": version.version}
