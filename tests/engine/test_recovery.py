import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from data.types import JobState
from inference.tasks import WorkerContext
from tests.engine.engine_world import copy_of, files_of
from tests.serving import until

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine")]


@contextmanager
def engine_process(root: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "VITRINE_WORKSPACE": str(root), "VITRINE_WORKERS": "2", "VITRINE_DATABASE_URL": ""}
    process = subprocess.Popen([sys.executable, "-m", "dashboard.engine_process"], env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def workers(pid: int) -> list[int]:
    """Pids of the engine's worker processes."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        pids = (task / "children").read_text().split()
        found += [int(pid) for pid in pids if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return found


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def shards(context: WorkerContext) -> int:
    return len(list(context.workspace.root.glob("runs/*/shards/*.parquet")))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_an_index_job_survives_the_death_of_a_worker_and_of_the_engine(
    context: WorkerContext, pristine: Path, tmp_path: Path
) -> None:
    parameters = {"dataset": "digits", "model": "net@1"}
    job = context.jobs.submit("index", parameters, "ada").id
    with engine_process(context.workspace.root) as engine:
        until(lambda: shards(context) >= 2, 60)
        os.kill(workers(engine.pid)[0], signal.SIGKILL)
        before = shards(context)
        until(lambda: shards(context) >= before + 2, 60)
        orphans = workers(engine.pid)
        engine.kill()
        engine.wait()
    until(lambda: not any(alive(pid) for pid in orphans), 10)
    assert context.jobs.get(job).state is JobState.RUNNING
    kept = shards(context)
    assert 0 < kept < 29

    undisturbed = copy_of(pristine, tmp_path / "undisturbed")
    other = undisturbed.jobs.submit("index", parameters, "ada").id
    with engine_process(context.workspace.root) as engine:
        until(lambda: context.jobs.get(job).state is JobState.DONE, 90)
        engine.send_signal(signal.SIGTERM)
        assert engine.wait(10) == 0
    with engine_process(undisturbed.workspace.root):
        until(lambda: undisturbed.jobs.get(other).state is JobState.DONE, 90)

    result = context.jobs.get(job).result
    assert result is not None
    files = files_of(context, result["run"])
    assert files == files_of(undisturbed, result["run"])
    table = pq.read_table(context.workspace.run(result["run"]) / "part-00000.parquet")
    assert np.array_equal(table["row"].to_numpy(), np.arange(1797))
    assert len(context.runs.list("digits")) == 1
    assert any("shards are there already" in line for _at, line in context.jobs.lines(job))
    undisturbed.close()
