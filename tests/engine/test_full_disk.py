"""An index job on a disk that is full: it stops and says so, and nothing that was finished is lost."""

import http.client
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from data.types import TERMINAL_STATES, JobState
from inference.tasks import WorkerContext
from tests.engine.engine_world import SAMPLES, files_of, patient_workspace
from tests.serving import Server, until

pytestmark = [
    pytest.mark.engine,
    pytest.mark.xdist_group("engine"),
    pytest.mark.skipif(sys.platform != "linux", reason="mounts a small disk, or limits processes"),
]
_DISK_BYTES = 96 * 2**20
_FILE_BYTES = 8 * 2**20  # more than the database needs, less than the merged embeddings
_WIDTH = 2048
_PARAMETERS = {"dataset": "digits", "model": "patient@1"}


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    return tmp_path / "slowly"


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of `_DISK_BYTES`; skips where this user may not mount one, which leaves the test by a limit."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "tmpfs", str(folder)]
    tried = subprocess.run(mount, capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"no disk can be mounted here: {tried.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(path: Path) -> None:
    """Writes a file until there is no room for one byte more."""
    with path.open("wb", buffering=0) as file:
        for size in (2**20, 2**12, 1):
            try:
                while file.write(bytes(size)) == size:
                    continue
            except OSError:
                continue


def limit_files(server: Server, soft: int) -> None:
    """Lets the engine and its workers write no file larger than `soft` bytes, as a quota would."""
    for pid, words in server.family().items():
        if "dashboard.engine_process" in words or "spawn_main" in words:
            _soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


def answer(server: Server, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


def ended(context: WorkerContext, job: int) -> bool:
    return context.jobs.get(job).state in TERMINAL_STATES


def goes_on(context: WorkerContext, job: int, finished: set[int]) -> None:
    """Resumes a job that failed, and compares its run with one made from nothing."""
    context.jobs.resume(job)
    until(lambda: ended(context, job), 90)
    assert (context.jobs.get(job).state, context.jobs.get(job).error) == (JobState.DONE, None)
    assert context.jobs.get(job).done == SAMPLES
    # At least: a shard that another worker had under way may have found room after all.
    kept = [re.match(r"(\d+) of 57 shards are there already", line) for _at, line in context.jobs.lines(job)]
    assert max(int(found[1]) for found in kept if found) >= len(finished)
    result = context.jobs.get(job).result
    assert result is not None
    files = files_of(context, result["run"])
    for path in context.workspace.run(result["run"]).iterdir():
        path.unlink()
    again = context.jobs.submit("index", _PARAMETERS, "ada").id
    until(lambda: ended(context, again), 90)
    assert files_of(context, result["run"]) == files


def test_a_job_on_a_full_disk_fails_in_words_and_goes_on_when_there_is_room(tmp_path: Path, gate: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        context = patient_workspace(disk / "workspace", gate, width=_WIDTH)
        gate.touch()
        job = context.jobs.submit("index", _PARAMETERS, "ada").id
        server = Server(context.workspace.root, tmp_path / "serve.log", workers=2)
        try:
            until(lambda: context.jobs.get(job).done > 0, 60)
            fill(disk / "filler")
            gate.unlink()
            until(lambda: ended(context, job), 30)
            failed = context.jobs.get(job)
            assert failed.state is JobState.FAILED
            assert failed.error is not None
            assert "is full; free some space there, then try again or resume the job" in failed.error
            (run,) = [path.parent.name for path in context.workspace.root.glob("runs/*/shards")]
            finished = context.runs.finished_shards(run)
            assert 0 < len(finished) < 57
            assert not list(context.workspace.root.glob("runs/**/*.tmp"))

            fill(disk / "filler-2")  # what the job's own end had set free
            assert answer(server, "/media/thumb/digits/7") == 200
            assert answer(server, "/jobs") == 200
            for filler in disk.glob("filler*"):
                filler.unlink()
            goes_on(context, job, finished)
            server.stop()
        finally:
            server.kill()
            context.close()


def test_a_job_beyond_its_quota_fails_in_words_and_goes_on_when_it_is_raised(tmp_path: Path, gate: Path) -> None:
    context = patient_workspace(tmp_path / "workspace", gate, width=_WIDTH)
    gate.touch()
    job = context.jobs.submit("index", _PARAMETERS, "ada").id
    server = Server(context.workspace.root, tmp_path / "serve.log", workers=2)
    try:
        until(lambda: context.jobs.get(job).done > 0, 60)
        limit_files(server, _FILE_BYTES)
        gate.unlink()
        until(lambda: ended(context, job), 90)
        failed = context.jobs.get(job)
        assert failed.state is JobState.FAILED
        assert failed.error is not None
        assert "is full; free some space there, then try again or resume the job" in failed.error
        (run,) = [path.parent.name for path in context.workspace.root.glob("runs/*/shards")]
        finished = context.runs.finished_shards(run)
        assert len(finished) == 57
        assert not list(context.workspace.root.glob("runs/**/*.tmp"))
        limit_files(server, resource.RLIM_INFINITY)
        goes_on(context, job, finished)
        server.stop()
    finally:
        server.kill()
        context.close()
