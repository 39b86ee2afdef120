"""The parts of an explain job, as tasks."""

from collections.abc import Mapping, Sequence
from typing import Any

from data.errors import NotFound
from data.explained import Explained
from data.types import ModelVersion, Run
from inference import explaining
from inference.explained import explained_key
from inference.index import Shard
from inference.job_progress import JobProgress
from inference.tasks import WorkerContext

__all__ = ["explain_shard", "merge", "plan", "subject"]


def plan(context: WorkerContext, payload: Mapping[str, Any]) -> dict[str, Any]:
    """The key of what shall be explained and the shards it is cut into.

    Payload: dataset, model (`NAME@VERSION`), method, rows (optional), as in the others here.

    Returns:
        {"run", "key", "shards": [[start, stop], …], in the order of their numbers}

    Raises:
        InvalidInput: The method is unknown or cannot work on this network, or the rows are not the run's.
        NotFound: The version was not applied to the dataset yet.
    """
    version, run = subject(context, payload["dataset"], payload["model"])
    explaining.suited(context.datasets, version, payload["method"])
    rows = _rows(payload)
    shards = explaining.shards_of(version, run, payload["method"], rows)
    return {
        "run": run.id,
        "key": explained_key(run, payload["method"], rows),
        "shards": [[shard.start, shard.stop] for shard in shards],
    }


def explain_shard(context: WorkerContext, payload: Mapping[str, Any]) -> int:
    """Explains one shard; returns how many samples it has. Payload: as `plan`, and shard, start, stop, job."""
    version, run = subject(context, payload["dataset"], payload["model"])
    shard = Shard(payload["shard"], payload["start"], payload["stop"])
    check = JobProgress(context.jobs, payload["job"], "images").check
    return explaining.explain_shard(
        context.datasets, context.runs, run, version, payload["method"], _rows(payload), shard, check
    )


def merge(context: WorkerContext, payload: Mapping[str, Any]) -> Explained:
    """Makes one whole of the shards. Payload: as `plan`."""
    version, run = subject(context, payload["dataset"], payload["model"])
    return explaining.merge(context.datasets, run, version, payload["method"], _rows(payload))


def subject(context: WorkerContext, dataset: str, model: str) -> tuple[ModelVersion, Run]:
    """A version and its run on a dataset; raises `NotFound` if it was not applied to it yet."""
    version = context.models.resolve(model)
    run = context.runs.find(context.datasets.get(dataset).name, version.model, version.version)
    if run is None:
        raise NotFound(f"{version.reference} was not applied to {dataset} yet; index it first")
    return version, run


def _rows(payload: Mapping[str, Any]) -> Sequence[int] | None:
    rows = payload.get("rows")
    return None if rows is None else [int(row) for row in rows]
