"""Is the workspace whole? Every finding says where, what is wrong, and how it is mended. Nothing is changed."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data.database import REVISION, Database
from data.datasets import DatasetStore, table_digest
from data.errors import WorkspaceDamaged
from data.explained import ExplainedStore
from data.images import resolve
from data.jobs import JobStore
from data.models import ModelStore
from data.runs import RunStore, part_files, projection_file, unfinished_subject
from data.types import Dataset, ModelVersion, Run
from data.workspace import Workspace

__all__ = ["Finding", "check_workspace"]

_MAX_FILES = 20  # findings about single files, for each dataset
_BATCH = 4096
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    where: str
    problem: str
    remedy: str


def check_workspace(
    workspace: Workspace,
    database: Database,
    datasets: DatasetStore,
    models: ModelStore,
    runs: RunStore,
    jobs: JobStore,
    read_images: bool = True,
    progress: Progress = lambda done, total: None,
) -> list[Finding]:
    """Compares the workspace's files with the database and with their digests.

    While a job is queued or running, what an unfinished one leaves is not called a fault.

    Args:
        read_images: Whether every image is read again; otherwise only its presence is looked at.
        progress: Is told (samples looked at, samples in all).
    """
    known, versions, finished = datasets.list(), models.list(), runs.list()
    findings = list(_database(database))
    looked_at, total = 0, sum(dataset.samples for dataset in known)
    for dataset in known:
        findings += _dataset(workspace.dataset(dataset.name), dataset)
        for done, bad in _images(datasets, dataset, read_images):
            findings += bad
            progress(looked_at + done, total)
        looked_at += dataset.samples
    for version in versions:
        findings += _version(workspace.model(version.model, version.version), version)
    idle = not jobs.active_count()
    for run in finished:
        findings += _run(workspace, runs, run)
        findings += _explained(workspace, run, idle)
    if idle:
        findings += _orphans(workspace, known, versions, finished)
    return findings


def _database(database: Database) -> Iterator[Finding]:
    revision = database.revision()
    if revision != REVISION:
        yield Finding("database", f"is at revision {revision}, not {REVISION}", "Start `serve`; it upgrades")


def _dataset(folder: Path, dataset: Dataset) -> Iterator[Finding]:
    remedy = f"Restore it, or add {dataset.source} again under another name"
    table = folder / "samples.parquet"
    try:
        digest = table_digest(table)
    except (OSError, pa.ArrowException) as error:
        yield Finding(str(table), f"cannot be read: {error}", remedy)
        return
    if digest != dataset.digest:
        yield Finding(str(table), "is not the table that was added (its digest differs)", remedy)


def _images(datasets: DatasetStore, dataset: Dataset, read: bool) -> Iterator[tuple[int, list[Finding]]]:
    """Yields (samples looked at, what is wrong with the last of them)."""
    table = datasets.workspace.dataset(dataset.name) / "samples.parquet"
    try:
        file = pq.ParquetFile(table)
    except (OSError, pa.ArrowException):
        return  # said already
    bad = done = 0
    with file:
        for batch in file.iter_batches(_BATCH, columns=["uri", "digest"]):
            findings = []
            for uri, digest in zip(batch["uri"].to_pylist(), batch["digest"].to_pylist(), strict=True):
                path = resolve(datasets.workspace.dataset(dataset.name), uri)
                problem = _image_problem(path, digest, read)
                if problem:
                    bad += 1
                    if bad <= _MAX_FILES:
                        findings.append(Finding(str(path), problem, f"Restore it from {dataset.source}"))
            done += len(batch)
            yield done, findings
    if bad > _MAX_FILES:
        summary = f"{bad:,} images are missing or changed; the first {_MAX_FILES} are named"
        yield done, [Finding(dataset.name, summary, f"Restore them from {dataset.source}")]


def _image_problem(path: Path, digest: str, read: bool) -> str | None:
    if not path.is_file():
        return "is missing"
    if not read:
        return None
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None if found == digest else "was changed after it was added"


def _version(folder: Path, version: ModelVersion) -> Iterator[Finding]:
    remedy = f"Restore the folder, or add {version.model} again as it was added: its files are then written anew"
    try:
        description = json.loads((folder / "model.json").read_bytes())
        expected = {
            "weights.safetensors": description["weights_sha256"],
            _kept(description): description["code_sha256"],
        }
    except (OSError, ValueError, KeyError, TypeError):
        yield Finding(str(folder / "model.json"), "is missing or unreadable", remedy)
        return
    if description.get("digest") != version.digest:
        yield Finding(str(folder / "model.json"), f"does not belong to {version.reference}", remedy)
    for name, digest in expected.items():
        if digest is None:
            continue
        problem = _image_problem(folder / name, digest, read=True)
        if problem:
            yield Finding(str(folder / name), problem, remedy)


def _kept(description: Mapping[str, Any]) -> str:
    """The file in which a version keeps what its network is built from; the older ones knew code alone."""
    return str(description.get("code_name", "factory.py"))


def _run(workspace: Workspace, runs: RunStore, run: Run) -> Iterator[Finding]:
    folder = workspace.run(run.id)
    again = f"Delete {folder} and run: index {run.dataset} {run.reference}"
    try:
        rows = sum(pq.read_metadata(path).num_rows for path in part_files(workspace, run.id))
        parts = [np.load(path, mmap_mode="r", allow_pickle=False) for path in sorted(folder.glob("embeddings-*.npy"))]
    except (OSError, ValueError, pa.ArrowException) as error:
        yield Finding(str(folder), f"cannot be read: {error}", again)
        return
    if rows != run.samples:
        yield Finding(str(folder), f"has the predictions of {rows:,} of {run.samples:,} samples", again)
    embedded = sum(len(part) for part in parts)
    if embedded != run.samples or any(part.shape[1:] != (run.embedding_dim,) for part in parts):
        yield Finding(str(folder), f"has {embedded:,} of {run.samples:,} embeddings", again)
    for projection in runs.projections(run.id):
        path = projection_file(workspace, run.id, projection.key)
        try:
            whole = pq.read_metadata(path).num_rows == run.samples
        except (OSError, pa.ArrowException):
            whole = False
        if not whole:
            given = "".join(f" --param {name}={value}" for name, value in projection.parameters.items())
            remedy = f"Delete it and run: project {run.dataset} {run.reference} --method {projection.method}{given}"
            yield Finding(str(path), "is missing or damaged", remedy)


def _unfinished(folder: Path, datasets: Collection[str]) -> Finding:
    """The shards of an index that was cancelled, failed or killed."""
    subject = unfinished_subject(folder)
    if subject is None:
        return Finding(str(folder), "is an index that did not end", "`serve` or `jobs resume` goes on; or delete it")
    dataset, model = subject
    if dataset not in datasets:
        problem = f"is an index of {dataset} by {model} that did not end, and {dataset} was removed"
        return Finding(str(folder), problem, "Delete it")
    return Finding(
        str(folder),
        f"is an index of {dataset} by {model} that did not end",
        f"`jobs resume` or `index {dataset} {model}` goes on with it; or delete it",
    )


def _explained(workspace: Workspace, run: Run, idle: bool) -> Iterator[Finding]:
    """What is kept of a run's explanations.

    Args:
        idle: Whether no job is at work that could be about to end what is unfinished.
    """
    store = ExplainedStore(workspace)
    for folder in sorted((workspace.run(run.id) / "explanations").glob("*/")):
        explained = store.find(run.id, folder.name)
        if explained is None:
            if idle:
                remedy = "`jobs resume` goes on, or explain again; or delete it"
                yield Finding(str(folder), "is an explanation of a run that did not end", remedy)
            continue
        try:
            rows = {sum(len(part) for part in parts(explained)) for parts in (store.grids, store.figures_parts)}
        except WorkspaceDamaged:
            rows = set()
        if rows != {explained.samples}:
            remedy = f"Delete it, and explain {run.dataset} with {run.reference} again on the page Reasons"
            yield Finding(str(folder), "is not whole", remedy)


def _orphans(
    workspace: Workspace, datasets: list[Dataset], versions: list[ModelVersion], runs: list[Run]
) -> Iterator[Finding]:
    known = {
        *(workspace.dataset(dataset.name) for dataset in datasets),
        *(workspace.model(version.model, version.version) for version in versions),
        *(workspace.run(run.id) for run in runs),
    }
    root = workspace.root
    for folder in sorted(
        found for pattern in ("datasets/*/", "models/*/*/", "runs/*/") for found in root.glob(pattern)
    ):
        if folder in known:
            continue
        if (folder / "shards").is_dir():
            yield _unfinished(folder, {dataset.name for dataset in datasets})
        else:
            yield Finding(str(folder), "is known to nobody: left behind by a crash", "Delete it")
    for rest in sorted(root.rglob(".*.tmp")):
        yield Finding(str(rest), "is a half-written file of a crash", "Delete it while nothing runs")
