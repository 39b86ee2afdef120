"""The engine: worker processes that keep models loaded, reached through a Dask scheduler.

Each worker has two threads and one unit of the resource `batch`. Every part of a job takes that unit, so that a job
never fills a worker: one thread stays free for the person who waits for an explanation. Batch work also runs at a
lower priority of the operating system (see `inference.tasks`).
"""

import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from multiprocessing import resource_tracker
from types import TracebackType
from typing import Any, Protocol, Self
from uuid import uuid4

from data.errors import EngineUnavailable
from data.workspace import Workspace
from inference.dask_setup import import_distributed, silence_shutdown
from inference.engine_files import EngineAddress
from inference.tasks import (
    BATCH_EXECUTOR,
    BATCH_RESOURCE,
    COMPILE_RESOURCE,
    COMPILED_METHODS,
    Place,
    run_batch,
    run_interactive,
)

__all__ = ["BATCH_PRIORITY", "WARM_UP_PRIORITY", "Engine", "EngineConfig", "EngineSettings"]

BATCH_PRIORITY = 0
WARM_UP_PRIORITY = -10
THREADS_PER_WORKER = 2
_KEPT_BYTES = 256 * 2**20
_ALLOCATOR = {  # read by glibc; others ignore them
    "MALLOC_MMAP_THRESHOLD_": str(_KEPT_BYTES),
    "MALLOC_TRIM_THRESHOLD_": str(_KEPT_BYTES),
    "MALLOC_ARENA_MAX": "2",
}
_START_TIMEOUT = 60
_LOOK_EVERY = 5.0
_ATTEMPTS, _ATTEMPT_EVERY = 10, 0.5
_LAUNCHES = 5
_SHORT = frozenset({"plan_index", "merge_run"})  # need not wait for a long task of another job to end
_logger = logging.getLogger(__name__)


class EngineSettings(Protocol):
    """The part of the settings that concerns the engine."""

    @property
    def engine(self) -> str: ...
    @property
    def worker_count(self) -> int: ...
    @property
    def database_address(self) -> str: ...
    @property
    def cache_megabytes(self) -> int: ...


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """What an engine needs to know.

    Attributes:
        workers: Worker processes to start on this machine.
        address: Of a Dask scheduler to use instead of starting one; empty for workers on this machine.
    """

    workspace: Workspace
    place: Place
    workers: int
    address: str = ""

    @classmethod
    def of(cls, workspace: Workspace, settings: EngineSettings) -> "EngineConfig":
        """The configuration that the settings ask for."""
        place = Place(str(workspace.root), settings.database_address, settings.cache_megabytes * 2**20)
        return cls(workspace, place, settings.worker_count, settings.engine)


class Engine:
    """Starts the workers, or joins those of a scheduler elsewhere, and publishes the address in the workspace.

    Only the holder of the `EngineLock` may start one. Used as `with`, it leaves no process behind.
    """

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        self._cluster: Any = None
        self._client: Any = None
        self._published: EngineAddress | None = None
        self._looked = float("-inf")
        self._annotate: Any = None
        self._session = uuid4().hex[:8]
        self._numbers = count()
        self._workers: Mapping[str, Any] = {}

    def start(self) -> None:
        """Returns when the workers answer.

        Raises:
            EngineUnavailable: The scheduler at `config.address` does not answer, or the workers here do not start.
        """
        EngineAddress.forget(self.config.workspace)
        distributed = import_distributed()
        import dask

        self._annotate = dask.annotate
        self._published = self._join(distributed) if self.config.address else self._launch(distributed)
        from inference.worker.plugin import VitrineWorkerPlugin  # needs distributed, imported a moment ago

        self._register(VitrineWorkerPlugin())
        self._published.publish(self.config.workspace)

    def _register(self, plugin: Any) -> None:
        """Gives all workers the plugin, present and coming; again where one dies in this very moment."""
        for left in reversed(range(_ATTEMPTS)):
            try:
                self._client.register_plugin(plugin)
                return
            except OSError as error:
                if not left:
                    raise EngineUnavailable(f"The workers do not stay alive: {error}") from error
                time.sleep(_ATTEMPT_EVERY)

    def _launch(self, distributed: Any) -> EngineAddress:
        _start_resource_tracker()
        security = distributed.Security.temporary()
        self._cluster = self._cluster_here(distributed, security)
        self._client = distributed.Client(self._cluster, set_as_default=False)
        return EngineAddress(
            self._cluster.scheduler_address,
            self.config.place.database_url,
            self.config.place.cache_bytes,
            security.tls_client_cert,
            security.tls_client_key,
        )

    def _cluster_here(self, distributed: Any, security: Any) -> Any:
        """Starts the workers on this machine; again where one is killed in its first moments."""
        import dask

        # Not the cluster's `env`, which comes too late: the allocator reads its variables when a process starts.
        environment = {"distributed.nanny.pre-spawn-environ": worker_environment(self.config.workers)}
        attempts = count(1)
        while True:
            try:
                with dask.config.set(environment):
                    return distributed.LocalCluster(
                        n_workers=self.config.workers,
                        threads_per_worker=THREADS_PER_WORKER,
                        processes=True,
                        host="127.0.0.1",
                        protocol="tls://",
                        security=security,
                        memory_limit=0,
                        dashboard_address="127.0.0.1:0",
                        scheduler_kwargs={"dashboard": False},
                        silence_logs=logging.ERROR,
                    )
            except RuntimeError as error:
                if next(attempts) >= _LAUNCHES:
                    reason = error.__cause__ or error
                    raise EngineUnavailable(f"The workers on this machine do not start: {reason}; try again") from error

    def _join(self, distributed: Any) -> EngineAddress:
        try:
            self._client = distributed.Client(self.config.address, set_as_default=False, timeout=_START_TIMEOUT)
        except (OSError, TimeoutError, ValueError, TypeError) as error:  # the latter two: no address, no certificate
            raise EngineUnavailable(
                f"No Dask scheduler answers at VITRINE_ENGINE={self.config.address}; start it or unset the variable"
            ) from error
        return EngineAddress(self.config.address, self.config.place.database_url, self.config.place.cache_bytes)

    def submit(
        self,
        task: str,
        payload: Mapping[str, Any],
        *,
        priority: int = BATCH_PRIORITY,
        worker: str | None = None,
    ) -> Any:
        """Starts a task of `inference.tasks.TASKS` as a part of a job.

        Args:
            worker: Address of the worker that shall do it while it lives; None for any.

        Returns:
            A Dask future. Dropping it cancels the task unless it runs already.
        """
        short = task in _SHORT
        with self._annotate(executor="default" if short else BATCH_EXECUTOR):
            return self._client.submit(
                run_interactive if short else run_batch,
                task,
                self.config.place,
                dict(payload),
                key=f"{task}-{self._session}-{next(self._numbers)}",
                resources={} if short else self._resources(task, payload),
                priority=priority,
                pure=False,
                workers=[worker] if worker else None,
                allow_other_workers=worker is not None,
            )

    def _resources(self, task: str, payload: Mapping[str, Any]) -> dict[str, int]:
        compiles = task == "warm_up_projections" or (task == "project" and payload.get("method") in COMPILED_METHODS)
        # Elsewhere no worker is sure to stay, so none is chosen to compile for all.
        chosen = {COMPILE_RESOURCE: 1} if compiles and self._cluster is not None else {}
        return {BATCH_RESOURCE: 1} | chosen

    @property
    def workers(self) -> int:
        """How many workers there are, at least 1: elsewhere they come and go."""
        return max(self.config.workers if self._cluster is not None else len(self._present()), 1)

    def _present(self) -> Mapping[str, Any]:
        """The workers by address, as of a few seconds ago at most."""
        if time.monotonic() - self._looked > _LOOK_EVERY and self.running:
            self._workers = self._client.scheduler_info(n_workers=-1)["workers"]
            self._looked = time.monotonic()
        return self._workers

    def warm_up(self) -> list[Any]:
        """Imports torch and loads the newest models in every worker, behind all other work.

        Returns:
            The futures, to be kept until they are done.
        """
        return [self.submit("warm_up", {}, priority=WARM_UP_PRIORITY, worker=address) for address in self._present()]

    def warm_up_projections(self) -> Any:
        """Compiles UMAP, half a minute of work, in the worker that will do all such projections; returns the future."""
        return self.submit("warm_up_projections", {}, priority=WARM_UP_PRIORITY)

    @property
    def running(self) -> bool:
        """Whether the scheduler still answers."""
        return self._client is not None and self._client.status == "running"

    def worker_pids(self) -> list[int]:
        """Process ids of the workers on this machine."""
        if self._cluster is None:
            return []
        nannies = list(self._cluster.workers.values())
        return [nanny.pid for nanny in nannies if getattr(nanny, "pid", None)]

    def close(self) -> None:
        """Ends the workers at once, whatever they do: nothing of a job lives only in a worker."""
        silence_shutdown()
        if self._published is not None:
            self._published.withdraw(self.config.workspace)
        if self._client is not None:
            self._client.close(timeout=2)
        if self._cluster is not None:
            self._cluster.close(timeout=5)
        self._client = self._cluster = self._published = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _start_resource_tracker() -> None:
    """Starts the process that cleans up after workers without its habit of reporting each lock of a killed one."""
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = "ignore::UserWarning:multiprocessing.resource_tracker"
    try:
        resource_tracker.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = before


def worker_environment(workers: int) -> dict[str, str]:
    """Variables for the workers: the machine's cores divided among their numerical libraries, and memory kept.

    Who sets `OMP_NUM_THREADS` says how many cores each worker uses.

    Activations of a few megabytes are asked for and given back in every layer. By default each goes to the system and
    comes back as pages to be cleared, which costs a small network a third of its speed; a worker keeps them instead.
    It keeps them in two places, not in one for each of its threads: photographs of a camera's size, decoded now by this
    thread and now by that, would else leave some hundred megabytes in each.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = os.environ.get("OMP_NUM_THREADS") or str(max(1, cores // max(workers, 1)))
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    return {**dict.fromkeys(names, threads), **_ALLOCATOR}
