"""The tasks that a worker can do, by name, and how it does one.

This module is light: the scheduler and the web process import it too. What a task needs is imported in the worker
when the task is first asked for.
"""

import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from data.cache import FileCache
from data.database import Database
from data.datasets import DatasetStore
from data.disk import disk_full_is_clear
from data.errors import InvalidInput, VitrineError
from data.feedback import FeedbackLog
from data.jobs import JobStore
from data.models import ModelStore
from data.runs import RunStore
from data.samples import SampleTables
from data.workspace import Workspace

__all__ = [
    "BATCH_EXECUTOR",
    "BATCH_RESOURCE",
    "COMPILED_METHODS",
    "COMPILE_RESOURCE",
    "INTERACTIVE_PRIORITY",
    "PROGRESS_TOPIC",
    "TASKS",
    "WORKER_NUMBER",
    "Outcome",
    "Place",
    "Task",
    "WorkerContext",
    "open_context",
    "run_batch",
    "run_interactive",
]

TASKS: Mapping[str, str] = {
    "ablate_path": "inference.worker.deciding:ablate_path",
    "ablate_unit": "inference.worker.looking:ablate_unit",
    "add_dataset": "inference.worker.datasets:add",
    "adjust_version": "inference.worker.adjusting:adjust_version",
    "architecture": "inference.worker.describing:architecture",
    "attention": "inference.worker.interactive:attention",
    "counterfactual": "inference.worker.whatif:counterfactual",
    "decision_path": "inference.worker.deciding:decision_path",
    "explain": "inference.worker.interactive:explain",
    "explain_shard": "inference.worker.explaining:explain_shard",
    "explanation_choices": "inference.worker.describing:explanation_choices",
    "finetune": "inference.worker.finetuning:finetune",
    "give_verdicts": "inference.worker.finetuning:give_verdicts",
    "index_shard": "inference.worker.indexing:index_shard",
    "inspect_shard": "inference.worker.looking:inspect_shard",
    "judge": "inference.worker.judging:judge",
    "judge_map": "inference.worker.judging:judge_map",
    "merge_explained": "inference.worker.explaining:merge",
    "merge_inspection": "inference.worker.looking:merge_inspection",
    "merge_run": "inference.worker.indexing:merge",
    "neighbours": "inference.worker.interactive:neighbours",
    "plan_explain": "inference.worker.explaining:plan",
    "plan_index": "inference.worker.indexing:plan",
    "plan_inspection": "inference.worker.looking:plan_inspection",
    "predict_image": "inference.worker.interactive:predict_image",
    "preview_source": "inference.worker.datasets:preview",
    "probabilities": "inference.worker.whatif:probabilities",
    "project": "inference.worker.projecting:project",
    "rank_differences": "inference.worker.reasoning:rank_differences",
    "study_reasons": "inference.worker.reasoning:study_reasons",
    "train": "inference.worker.training:train",
    "unit_evidence": "inference.worker.looking:unit_evidence",
    "visualise": "inference.worker.looking:visualise",
    "warm_up": "inference.worker.interactive:warm_up",
    "warm_up_projections": "inference.worker.projecting:warm_up",
    "worker_state": "inference.worker.state:worker_state",
}
INTERACTIVE_PRIORITY = 10
PROGRESS_TOPIC = "vitrine-progress"
"""Events in which a task tells how far it is: {"task": its key, "share": in [0, 1]}."""
BATCH_EXECUTOR = "batch"
BATCH_RESOURCE = "batch"
WORKER_NUMBER = "VITRINE_WORKER_NUMBER"
"""Environment variable in which a worker finds its number, from 0 up."""
COMPILE_RESOURCE = "compile"
"""Offered by one worker alone: what is compiled at its first use stays in the process that did it."""
COMPILED_METHODS = frozenset({"umap"})
_NICENESS = 10
_opening = threading.Lock()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a worker finds what it works on.

    Attributes:
        root: The workspace's folder.
        database_url: SQLAlchemy address.
        cache_bytes: Bound of the workspace's cache.
    """

    root: str
    database_url: str
    cache_bytes: int


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """The stores that a process opened, once for each workspace."""

    workspace: Workspace
    database: Database
    datasets: DatasetStore
    models: ModelStore
    runs: RunStore
    samples: SampleTables
    jobs: JobStore
    cache: FileCache

    def close(self) -> None:
        """Closes what is open."""
        self.samples.close()
        self.database.dispose()


Task = Callable[[WorkerContext, Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a task: its value, or the error that it raised on purpose.

    Such an error travels as a value, because the worker reports what is raised as a defect, with its traceback.
    """

    value: Any = None
    error: VitrineError | None = None

    def unwrap(self) -> Any:
        """The value, or the error raised here."""
        if self.error is not None:
            raise self.error
        return self.value


def open_context(place: Place) -> WorkerContext:
    """Opens the stores of a workspace that exists."""
    workspace = Workspace(Path(place.root))
    database = Database(place.database_url)
    return WorkerContext(
        workspace=workspace,
        database=database,
        datasets=DatasetStore(workspace, database),
        models=ModelStore(database),
        runs=RunStore(workspace, database),
        samples=SampleTables(workspace, FeedbackLog(database)),
        jobs=JobStore(database),
        cache=FileCache(workspace.cache, place.cache_bytes),
    )


_context = cache(open_context)  # a worker's, for as long as it lives


@cache
def _task(name: str) -> Task:
    if name not in TASKS:
        raise InvalidInput.choice("task", name, TASKS)
    module, _, function = TASKS[name].partition(":")
    task: Task = getattr(import_module(module), function)
    return task


def run_interactive(name: str, place: Place, payload: Mapping[str, Any]) -> Outcome:
    """Does a task for which a person waits; runs in a worker."""
    try:
        with _opening:  # two threads that import torch at once may find it half imported
            task, context = _task(name), _context(place)
        with disk_full_is_clear(place.root):
            return Outcome(task(context, payload))
    except VitrineError as error:
        return Outcome(error=error)


def run_batch(name: str, place: Place, payload: Mapping[str, Any]) -> Outcome:
    """Does a part of a job; runs in a worker, in its thread for batch work, which lets everybody else go first."""
    if sys.platform == "linux":  # elsewhere the priority is the whole process's
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
    return run_interactive(name, place, payload)
