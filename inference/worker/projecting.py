"""Projections, as tasks."""

from collections.abc import Mapping
from typing import Any

from data.errors import NotFound
from inference import projections
from inference.job_progress import JobProgress
from inference.projections import service
from inference.tasks import WorkerContext

__all__ = ["project", "warm_up"]


def project(context: WorkerContext, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Lays out a run's embeddings. Payload: dataset, model (`NAME@VERSION`), method, parameters, job.

    Raises:
        InvalidInput: The method or a parameter is not known or not allowed.
        NotFound: The version was not applied to the dataset yet.
    """
    version = context.models.resolve(payload["model"])
    run = context.runs.find(context.datasets.get(payload["dataset"]).name, version.model, version.version)
    if run is None:
        raise NotFound(f"{payload['model']} was not applied to {payload['dataset']} yet; index it first")
    progress = JobProgress(context.jobs, payload["job"], "steps")
    projection, cached = service.project(
        context.runs, run.id, payload["method"], payload["parameters"], progress.update, progress.check
    )
    return {
        "projection": projection.key,
        "samples": projection.samples,
        "seconds": projection.seconds,
        "cached": cached,
    }


def warm_up(context: WorkerContext, payload: Mapping[str, Any]) -> None:
    """Compiles what the projections compile at their first use."""
    projections.warm_up()
