"""The parts of an index job, as tasks."""

from collections.abc import Mapping
from typing import Any

from data.types import PRECISIONS, Dataset, ModelVersion, Run
from inference import index
from inference.job_progress import JobProgress
from inference.tasks import WorkerContext

__all__ = ["index_shard", "merge", "plan"]


def plan(context: WorkerContext, payload: Mapping[str, Any]) -> dict[str, Any]:
    """The run's id and the shards it is cut into.

    Payload: dataset, model (`NAME@VERSION`), precision (optional, as in the others here).

    Returns:
        {"run", "shards": [[start, stop], …], in the order of their numbers}

    Raises:
        InvalidInput: The version's classes are the labels in another spelling, see `inference.class_names`.
    """
    dataset, version = _subject(context, payload)
    shards = index.shards_of(version, dataset)
    return {
        "run": index.run_id(version, dataset, _precision(payload)),
        "shards": [[shard.start, shard.stop] for shard in shards],
    }


def index_shard(context: WorkerContext, payload: Mapping[str, Any]) -> int:
    """Indexes one shard; returns how many samples it has. Payload: dataset, model, shard, start, stop, job."""
    dataset, version = _subject(context, payload)
    shard = index.Shard(payload["shard"], payload["start"], payload["stop"])
    check = JobProgress(context.jobs, payload["job"], "images").check
    return index.index_shard(context.datasets, context.runs, dataset, version, shard, check, _precision(payload))


def merge(context: WorkerContext, payload: Mapping[str, Any]) -> Run:
    """Makes the run from its shards. Payload: dataset, model, seconds."""
    dataset, version = _subject(context, payload)
    return index.merge(context.datasets, context.runs, dataset, version, payload["seconds"], _precision(payload))


def _precision(payload: Mapping[str, Any]) -> str:
    return str(payload.get("precision", PRECISIONS[0]))


def _subject(context: WorkerContext, payload: Mapping[str, Any]) -> tuple[Dataset, ModelVersion]:
    return context.datasets.get(payload["dataset"]), context.models.resolve(payload["model"])
