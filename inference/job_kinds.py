"""What each kind of job does. A handler is driven by the runner, in a thread of the engine's process.

A handler may be killed anywhere and called again: it first looks at what is there already. The work itself is done
by tasks on the workers, so this module, like the whole engine process, imports no tensor library.
"""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from data.errors import EngineUnavailable
from data.explained import Explained, ExplainedStore
from data.text import lazy
from data.types import Job, Run
from inference.class_names import unscored
from inference.engine import Engine
from inference.job_progress import JobProgress
from inference.task_errors import as_vitrine_error
from inference.tasks import WorkerContext

__all__ = ["HANDLERS", "JobInterrupted", "Work"]

_GLANCE = 0.25  # seconds between two looks at whether to stop
_AHEAD = 2  # shards under way or waiting, for each worker


class JobInterrupted(Exception):
    """The engine stops while the job goes on; the next runner takes it up."""


@dataclass(frozen=True, slots=True)
class Work:
    """One job under way and what its handler may use."""

    job: Job
    context: WorkerContext
    engine: Engine
    stopping: threading.Event

    def progress(self, unit: str, done: int = 0) -> JobProgress:
        """A recorder of the job's progress that begins at `done`."""
        return JobProgress(self.context.jobs, self.job.id, unit, done=done)

    def check(self, progress: JobProgress) -> None:
        """Returns while the work should go on.

        Raises:
            JobCancelled: Somebody cancelled the job.
            JobInterrupted: The engine stops.
        """
        if self.stopping.is_set():
            raise JobInterrupted
        progress.check()

    def run(self, task: str, payload: Mapping[str, Any], progress: JobProgress) -> Any:
        """Has a worker do one task and waits for its value.

        Raises:
            JobCancelled, JobInterrupted: As `check`; the task is dropped. One that a worker does already goes on to
                its own next check, and the worker's place for batch work is taken until then: UMAP, a single call
                into its library, has none before its end.
            VitrineError: The task's error, as `inference.task_errors` words it.
        """
        with Flights(self.engine) as flights:
            flights.launch(task, payload)
            while True:
                for value in flights.landed():
                    return value
                self.check(progress)


class Flights:
    """Tasks under way on the workers. Used as `with`, it drops those that have not ended."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._flying: dict[str, tuple[str, Any]] = {}

    def launch(self, task: str, payload: Mapping[str, Any]) -> None:
        """Starts a task."""
        future = self._engine.submit(task, payload)
        self._flying[future.key] = (task, future)
        future.add_done_callback(self._ended.put)

    def landed(self) -> Iterator[Any]:
        """The value of the next task to end, waited for a moment; nothing if none did.

        Raises:
            VitrineError: A task's error, as `inference.task_errors` words it.
        """
        try:
            key = self._ended.get(timeout=_GLANCE).key
        except queue.Empty:
            return
        task, future = self._flying.pop(key)
        if future.cancelled():
            raise EngineUnavailable(f"The engine went away during task {task}; resume the job")
        error = future.exception()
        if error is not None:
            raise as_vitrine_error(task, error)
        yield future.result().unwrap()

    def __len__(self) -> int:
        return len(self._flying)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for flight in self._flying.values():
            flight[1].cancel()
        self._flying.clear()


def index(work: Work) -> dict[str, Any]:
    """Applies a version to a dataset, in shards of about a second.

    Parameters: dataset, model (`NAME@VERSION`), and precision where it is not the highest.
    """
    progress = work.progress(lazy("images"))
    progress.update(0, 0, lazy("Planning"))
    plan = work.run("plan_index", work.job.parameters, progress)
    bounds: list[tuple[int, int]] = plan["shards"]
    known = work.context.runs.known(plan["run"])
    processed = 0
    started = time.monotonic()
    if known is None or not work.context.runs.has_files(known):
        finished = work.context.runs.finished_shards(plan["run"])
        if finished:
            progress.log(f"{len(finished):,} of {len(bounds):,} shards are there already")
        work.context.runs.begin(plan["run"], work.job.parameters["dataset"], work.job.parameters["model"])
        missing = {n: limits for n, limits in enumerate(bounds) if n not in finished}
        processed = _shards(work, "index_shard", lazy("Indexing"), missing, bounds)
    elapsed = time.monotonic() - started
    rate = processed / elapsed if elapsed > 0 else 0.0
    # What was done before an interruption took its time too: the run's time is that of all samples at this pace.
    seconds = bounds[-1][1] / rate if processed else elapsed
    run: Run = work.run("merge_run", {**work.job.parameters, "seconds": seconds}, progress)
    if processed:
        progress.log(f"{processed:,} images in {elapsed:.1f} s, {rate:,.0f} a second")
    else:
        progress.log("Indexed before: nothing to do")
    if run.drift:
        changed, samples, most = (run.drift[name] for name in ("changed", "samples", "probability"))
        progress.log(
            f"{run.precision}: {changed:g} of {samples:g} classes differ from fp32, probabilities by up to {most:.2g}"
        )
    reason = unscored(work.context.models.resolve(run.reference), work.context.datasets.get(run.dataset))
    return {
        "run": run.id,
        "samples": run.samples,
        "accuracy": run.accuracy,
        "seconds": run.seconds,
        "images_per_second": rate,
        "cached": processed == 0,
        **({"unscored": asdict(reason)} if reason else {}),
    }


def explain(work: Work) -> dict[str, Any]:
    """Explains what a run predicts, sample by sample, in shards of about a second.

    Parameters: dataset, model (`NAME@VERSION`), method, and rows where not all of the run's are wanted.
    """
    progress = work.progress(lazy("images"))
    progress.update(0, 0, lazy("Planning"))
    plan = work.run("plan_explain", work.job.parameters, progress)
    bounds: list[tuple[int, int]] = plan["shards"]
    store = ExplainedStore(work.context.workspace)
    processed = 0
    started = time.monotonic()
    if store.find(plan["run"], plan["key"]) is None:
        finished = store.finished_shards(plan["run"], plan["key"])
        if finished:
            progress.log(f"{len(finished):,} of {len(bounds):,} shards are there already")
        missing = {n: limits for n, limits in enumerate(bounds) if n not in finished}
        processed = _shards(work, "explain_shard", lazy("Explaining"), missing, bounds)
    elapsed = time.monotonic() - started
    rate = processed / elapsed if elapsed > 0 else 0.0
    explained: Explained = work.run("merge_explained", work.job.parameters, progress)
    if processed:
        progress.log(f"{processed:,} images in {elapsed:.1f} s, {rate:,.0f} a second")
    else:
        progress.log("Explained before: nothing to do")
    return {
        "explained": explained.key,
        "samples": explained.samples,
        "images_per_second": rate,
        "cached": processed == 0,
    }


def inspect(work: Work) -> dict[str, Any]:
    """Records what the units of a layer give for every sample, in the shards of the run's index.

    Parameters: dataset, model (`NAME@VERSION`), layer.
    """
    progress = work.progress(lazy("images"))
    progress.update(0, 0, lazy("Planning"))
    plan = work.run("plan_inspection", work.job.parameters, progress)
    bounds: list[tuple[int, int]] = plan["shards"]
    processed = 0
    if not plan["done"]:
        finished = set(plan["finished"])
        if finished:
            progress.log(f"{len(finished):,} of {len(bounds):,} shards are there already")
        missing = {n: limits for n, limits in enumerate(bounds) if n not in finished}
        processed = _shards(work, "inspect_shard", lazy("Inspecting"), missing, bounds)
    result: dict[str, Any] = work.run("merge_inspection", work.job.parameters, progress)
    progress.log(f"{result['units']:,} units on {result['samples']:,} samples")
    return {**result, "cached": processed == 0}


def _shards(
    work: Work,
    task: str,
    message: str,
    missing: Mapping[int, tuple[int, int]],
    bounds: Sequence[tuple[int, int]],
) -> int:
    """Has the workers do shards, a few ahead of each; returns how many samples were done."""
    samples = bounds[-1][1]
    before = samples - sum(stop - start for start, stop in missing.values())
    done = before
    progress = work.progress(lazy("images"), before)
    progress.update(done, samples, message)
    waiting = deque(missing.items())
    with Flights(work.engine) as flights:
        while waiting or len(flights):
            while waiting and len(flights) < work.engine.workers * _AHEAD:
                shard, (start, stop) = waiting.popleft()
                part = {"shard": shard, "start": start, "stop": stop, "job": work.job.id}
                flights.launch(task, {**work.job.parameters, **part})
            for length in flights.landed():
                done += length
                progress.update(done, samples)
            work.check(progress)
    return done - before


def project(work: Work) -> dict[str, Any]:
    """Lays out a run's embeddings. Parameters: dataset, model (`NAME@VERSION`), method, parameters."""
    return _one_task(work, "project", lazy("steps"))


def train(work: Work) -> dict[str, Any]:
    """Trains one of the demo's networks. Parameters: recipe, dataset."""
    return _one_task(work, "train", lazy("steps"))


def finetune(work: Work) -> dict[str, Any]:
    """Trains a version on from feedback. Parameters: dataset, model, settings, person, until; see the task."""
    return _one_task(work, "finetune", lazy("steps"))


def verdicts(work: Work) -> dict[str, Any]:
    """Gives the demo's verdicts. Parameters: dataset, model (`NAME@VERSION`), count."""
    return _one_task(work, "give_verdicts", lazy("images"))


def add(work: Work) -> dict[str, Any]:
    """Adds a dataset. Parameters: name, source."""
    return _one_task(work, "add_dataset", lazy("files"))


def _one_task(work: Work, task: str, unit: str) -> dict[str, Any]:
    """A job that is one task: the worker itself records its progress and looks whether it was cancelled."""
    result: dict[str, Any] = work.run(task, {**work.job.parameters, "job": work.job.id}, work.progress(unit))
    return result


HANDLERS: Mapping[str, Callable[[Work], dict[str, Any]]] = {
    "add": add,
    "explain": explain,
    "finetune": finetune,
    "index": index,
    "inspect": inspect,
    "project": project,
    "train": train,
    "verdicts": verdicts,
}
