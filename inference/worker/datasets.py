"""Adding a dataset, as a task."""

from collections.abc import Mapping
from typing import Any

from data.sources import open_source
from inference.job_progress import JobProgress
from inference.tasks import WorkerContext

__all__ = ["add"]


def add(context: WorkerContext, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Adds a dataset and returns what the script contract says of it.

    Payload: name, source (as on the command line), job.
    """
    progress = JobProgress(context.jobs, payload["job"], "files")
    source = open_source(payload["source"])
    progress.log(f"Reading {source.name}")
    added = context.datasets.add(payload["name"], source, progress.update, progress.check)
    for refused in added.quarantined:
        progress.log(f"Put aside {refused.path}: {refused.reason}")
    return {
        "dataset": added.dataset.name,
        "samples": added.dataset.samples,
        "classes": list(added.dataset.classes),
        "quarantined": len(added.quarantined),
        "digest": added.dataset.digest,
    }
