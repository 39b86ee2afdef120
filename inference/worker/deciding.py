"""Following a decision through a network, as tasks."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from data.paths import PathRequest
from data.samples import View
from inference.class_names import class_names
from inference.decision import service
from inference.tasks import WorkerContext
from inference.worker.pulse import task_pulse

__all__ = ["ablate_path", "decision_path"]


def decision_path(context: WorkerContext, payload: Mapping[str, Any]) -> dict[str, Any]:
    """How a version comes to its decision about a sample; returns the fields of `data.paths.DecisionPath`.

    Payload: dataset, row, model, version, and the fields of `data.paths.PathRequest`.

    Raises:
        InvalidInput: There is no such class or layer, or the network cannot be followed.
        NotFound: There is no such dataset, sample or version.
    """
    return asdict(service.follow(context.cache, _asked(context, payload), task_pulse()))


def ablate_path(context: WorkerContext, payload: Mapping[str, Any]) -> dict[str, Any]:
    """What becomes of the decision without the units of its path; returns the fields of `data.paths.Ablation`.

    Payload and errors: as `decision_path`.
    """
    return asdict(service.ablate(context.cache, _asked(context, payload), task_pulse()))


def _asked(context: WorkerContext, payload: Mapping[str, Any]) -> service.Decision:
    dataset = context.datasets.get(payload["dataset"])
    version = context.models.get(payload["model"], payload["version"])
    sample = context.samples.row(View(dataset), payload["row"]).sample
    return service.Decision(
        workspace=context.workspace,
        version=version,
        classes=class_names(version, dataset),
        content=context.datasets.read(dataset.name, sample),
        image_digest=sample.digest,
        request=PathRequest.of(payload),
    )
