"""Training, as a task."""

from collections.abc import Mapping
from typing import Any

from inference import training
from inference.job_progress import JobProgress
from inference.tasks import WorkerContext

__all__ = ["train"]


def train(context: WorkerContext, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Trains a version by a recipe and registers it. Payload: recipe, dataset, job.

    Raises:
        InvalidInput: There is no such recipe, or the dataset has no labelled training samples.
        NotFound: The dataset or the recipe's parent version does not exist.
    """
    progress = JobProgress(context.jobs, payload["job"], "steps")
    version = training.train(
        context.datasets, context.models, payload["recipe"], payload["dataset"], progress.update, progress.check
    )
    progress.log(f"Trained {version.reference}: {', '.join(f'{name} {fact}' for name, fact in version.notes.items())}")
    return {"model": version.model, "version": version.version, "digest": version.digest, **version.notes}
