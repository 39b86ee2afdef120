"""Removing a dataset with all that was made of it, so that the disk it used is given back.

What people said about its samples stays: feedback is only ever added to. Registered model versions stay too.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from data.datasets import DatasetStore, alone
from data.errors import InvalidInput
from data.runs import unfinished_subject
from data.schema import DatasetRow, JobRow, ProjectionRow, RunRow
from data.thumbnails import Thumbnails
from data.types import JobState
from data.workspace import content_key, write_json

__all__ = ["Removed", "remove_dataset"]

_ACTIVE = (JobState.QUEUED.value, JobState.RUNNING.value)
_RUNS = "removing.json"
_BATCH = 8192
_BLOCK = 512  # what st_blocks counts, whatever the file system's own blocks are


@dataclass(frozen=True, slots=True)
class Removed:
    """What went with a dataset.

    Attributes:
        runs: How many runs.
        freed: Bytes that the deleted files took on the disk.
    """

    dataset: str
    runs: int
    freed: int


def remove_dataset(datasets: DatasetStore, thumbnails: Thumbnails, name: str) -> Removed:
    """Deletes a dataset, its runs, finished or not, its projections, and its cached thumbnails.

    Files outside of the workspace stay.

    The rows go first, in one transaction: from then on nobody finds the dataset, whatever is killed. What a crash
    leaves of the files, `check` names, and the next removal of that name deletes.

    Raises:
        NotFound: There is no such dataset, and nothing left of one.
        InvalidInput: A job that is queued or running works on it.
    """
    workspace = datasets.workspace
    folder = workspace.dataset(name)
    aside = folder.with_name(f".{name}.removing")
    if not folder.exists() and not aside.exists():
        datasets.get(name)  # says what there is
    with alone(folder.with_name(f".{name}.lock")):
        with datasets.database.read() as session:
            _refuse_busy(session, name)
            runs = list(session.scalars(select(RunRow.id).where(RunRow.dataset == name)))
        runs = sorted({*runs, *_left_behind(folder), *_left_behind(aside)})
        unfinished = [path for path in workspace.root.glob("runs/*/") if (unfinished_subject(path) or ("",))[0] == name]
        if folder.exists():
            write_json(folder / _RUNS, {"runs": runs})  # for the removal that ends this one, should it be killed
        with datasets.database.write() as session:
            _refuse_busy(session, name)
            _delete_rows(session, name)
            elsewhere = set(session.scalars(select(RunRow.id).where(RunRow.id.in_(runs))))
        _forget_thumbnails(thumbnails, folder)
        freed = 0
        for run in runs:
            if run not in elsewhere:
                freed += _delete(workspace.run(run))
        for shards in unfinished:
            freed += _delete(shards)
        freed += _delete(aside)
        if folder.exists():
            folder.rename(aside)
            freed += _delete(aside)
    return Removed(name, len(runs), freed)


def _refuse_busy(session: Session, name: str) -> None:
    for job in session.scalars(select(JobRow).where(JobRow.state.in_(_ACTIVE)).order_by(JobRow.id)):
        if name in (job.parameters.get("dataset"), job.parameters.get("name") if job.kind == "add" else None):
            raise InvalidInput(
                f"Dataset {name!r} cannot be removed: job {job.id} ({job.kind}) works on it; cancel it or let it end"
            )


def _delete_rows(session: Session, name: str) -> None:
    runs = select(RunRow.id).where(RunRow.dataset == name)
    session.execute(delete(ProjectionRow).where(ProjectionRow.run.in_(runs)))
    session.execute(delete(RunRow).where(RunRow.dataset == name))
    session.execute(delete(DatasetRow).where(DatasetRow.name == name))
    # The work of its jobs is no longer there: nobody may take them for it, as `demo` does with what is done.
    for job in session.scalars(select(JobRow).where(JobRow.state.not_in(_ACTIVE))):
        if name in (job.parameters.get("dataset"), job.parameters.get("name") if job.kind == "add" else None):
            session.execute(update(JobRow).where(JobRow.id == job.id).values(key=content_key("removed", job.id)))


def _left_behind(folder: Path) -> Sequence[str]:
    """The runs that a removal which was killed had begun to delete."""
    try:
        return [str(run) for run in json.loads((folder / _RUNS).read_bytes())["runs"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _forget_thumbnails(thumbnails: Thumbnails, folder: Path) -> None:
    """Also those of images that other datasets have too: they are made again when they are wanted."""
    try:
        with pq.ParquetFile(folder / "samples.parquet") as file:
            for batch in file.iter_batches(_BATCH, columns=["digest"]):
                thumbnails.forget(batch["digest"].to_pylist())
    except (OSError, pa.ArrowException):
        return  # a damaged table is removed all the same; the cache is bounded anyway


def _delete(folder: Path) -> int:
    """Deletes a folder, if it is there, and returns how many bytes it took on the disk."""
    size = sum(path.lstat().st_blocks * _BLOCK for path in folder.rglob("*")) if folder.exists() else 0
    shutil.rmtree(folder, ignore_errors=True)
    return size
