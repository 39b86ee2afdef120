"""`index`, `project`, `predictions`: apply a model to a dataset, lay its embeddings out, export the result."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from dashboard.cli.terminal import Terminal, terminal_of
from data.errors import InvalidInput, JobCancelled, NotFound, TaskFailed
from data.runs import projection_file
from data.samples import View
from data.types import PRECISIONS, Job, JobState, Run
from inference.catalogue import PROJECTIONS, require_method
from inference.class_names import unscored
from layouts.unscored import unscored_words

__all__ = ["register", "require_run", "run_of"]

DatasetArgument = Annotated[str, typer.Argument(help="Name of the dataset.")]
ModelArgument = Annotated[str, typer.Argument(help="MODEL or MODEL@VERSION; without a number the newest.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.command("index")(index)
    app.command("project")(project)
    app.command("predictions")(predictions)


def index(
    context: typer.Context,
    dataset: DatasetArgument,
    model: ModelArgument,
    precision: Annotated[
        str, typer.Option(help="fp32, or bf16: faster on hardware made for it, and it tells how far it drifts.")
    ] = PRECISIONS[0],
) -> None:
    """Compute predictions, probabilities and embeddings of a whole dataset."""
    terminal = terminal_of(context)
    started = time.monotonic()
    services = terminal.services
    found = services.datasets.get(dataset)
    version = services.models.resolve(model)
    if precision not in PRECISIONS:
        raise InvalidInput.choice("--precision", precision, PRECISIONS)
    run = services.runs.find(dataset, version.model, version.version, precision)
    cached = run is not None and services.runs.has_files(run)
    if run is None or not cached:
        wanted = {"dataset": dataset, "model": version.reference}
        lower = {} if precision == PRECISIONS[0] else {"precision": precision}
        result = finish_job(terminal, "index", wanted | lower, f"Indexing {dataset}").result or {}
        run = services.runs.get(result["run"])
    seconds = time.monotonic() - started
    reason = unscored(version, found)
    if reason:
        terminal.note(unscored_words(reason))
    accuracy = "accuracy unknown" if run.accuracy is None else f"accuracy {run.accuracy:.2%}"
    terminal.result(
        {
            "run": run.id,
            "samples": run.samples,
            "accuracy": run.accuracy,
            "seconds": round(seconds, 3),
            "images_per_second": round(run.samples / max(run.seconds, 1e-9), 1),
            "cached": cached,
            **({"precision": precision, "drift": dict(run.drift)} if run.drift else {}),
        },
        f"{found.name} × {run.reference}: {run.samples:,} samples, {accuracy}"
        + _drifted(run)
        + (" (cached)" if cached else ""),
    )


def _drifted(run: Run) -> str:
    if not run.drift:
        return ""
    changed, samples = run.drift["changed"], run.drift["samples"]
    return f"; {run.precision}: {changed:g} of {samples:g} classes differ from fp32"


def project(
    context: typer.Context,
    dataset: DatasetArgument,
    model: ModelArgument,
    method: Annotated[str, typer.Option(help="umap or pca.")] = "umap",
    param: Annotated[list[str] | None, typer.Option(help="k=v, as often as needed, say n_neighbors=30.")] = None,
) -> None:
    """Lay a run's embeddings out in two dimensions."""
    terminal = terminal_of(context)
    started = time.monotonic()
    services = terminal.services
    run = require_run(terminal, dataset, model)
    wanted = {"dataset": dataset, "model": run.reference, "method": method, "parameters": _pairs(param or [])}
    require_method("method", method, PROJECTIONS)
    before = services.jobs.find("project", wanted)
    known = {projection.key: projection for projection in services.runs.projections(run.id)}
    projection = known.get((before.result or {}).get("projection", "")) if before else None
    cached = projection is not None and projection_file(services.workspace, run.id, projection.key).exists()
    if projection is None or not cached:
        result = finish_job(terminal, "project", wanted, f"Projecting {dataset}").result or {}
        projection, cached = services.runs.projection(result["projection"]), result["cached"]
    terminal.result(
        {
            "projection": projection.key,
            "samples": projection.samples,
            "seconds": round(time.monotonic() - started, 3),
            "cached": cached,
        },
        f"{method} of {dataset} × {run.reference}: {projection.samples:,} samples" + (" (cached)" if cached else ""),
    )


def predictions(
    context: typer.Context,
    dataset: DatasetArgument,
    model: ModelArgument,
    out: Annotated[Path, typer.Option(help="Parquet file to write.")],
) -> None:
    """Export sample_id, label, prediction, confidence, x, y of a run."""
    terminal = terminal_of(context)
    services = terminal.services
    run = require_run(terminal, dataset, model)
    projections = sorted(services.runs.projections(run.id), key=lambda known: known.method != "umap")
    view = View(services.datasets.get(dataset), run, projections[0] if projections else None)
    services.samples.export(view, out)
    terminal.result(
        {"out": str(out), "samples": run.samples, "projection": projections[0].key if projections else None},
        f"{run.samples:,} predictions written to {out}",
    )


def run_of(terminal: Terminal, dataset: str, model: str) -> Run | None:
    """The run of a version on a dataset, if it was indexed; raises NotFound where either does not exist."""
    services = terminal.services
    version = services.models.resolve(model)
    return services.runs.find(services.datasets.get(dataset).name, version.model, version.version)


def require_run(terminal: Terminal, dataset: str, model: str) -> Run:
    """As `run_of`, but a run must be there.

    Raises:
        NotFound: The version was not applied to the dataset yet; the text names the command that does it.
    """
    run = run_of(terminal, dataset, model)
    if run is None:
        raise NotFound(f"{model} was not applied to {dataset} yet; run: index {dataset} {model}")
    return run


def finish_job(terminal: Terminal, kind: str, parameters: Mapping[str, Any], title: str) -> Job:
    """Submits work and waits for its end, whoever does it: a server on this workspace, or this process.

    Raises:
        TaskFailed: It failed; the text is its reason.
        JobCancelled: Somebody cancelled it.
    """
    from inference.runner import run_job

    asked = datetime.now(UTC)
    job = terminal.services.jobs.submit(kind, parameters, terminal.settings.person)
    if job.created_at < asked:
        terminal.note(f"Job {job.id} of {job.owner} does the same work already; waiting for it")
    with terminal.progress(title) as report:
        job = run_job(
            terminal.services.workspace,
            terminal.settings,
            job.id,
            lambda now: report(now.done, now.total, _pace(now)),
        )
    if job.state is JobState.CANCELLED:
        raise JobCancelled(f"Job {job.id} was cancelled; `jobs resume {job.id}` goes on with it")
    if job.state is not JobState.DONE:
        raise TaskFailed(job.error or f"Job {job.id} failed")
    return job


def _pace(job: Job) -> str:
    """Behind the count: what is counted, how fast it goes, and how long it will take."""
    words = [job.unit]
    if job.rate >= 1:
        words.append(f"{job.rate:,.0f} a second")
    if job.remaining_seconds is not None:
        words.append(f"{job.remaining_seconds:,.0f} s left")
    return ", ".join(word for word in words if word)


def _pairs(texts: list[str]) -> dict[str, Any]:
    pairs: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InvalidInput(f"--param {text!r} is not k=v; write --param n_neighbors=30")
        pairs[name] = _number(value)
    return pairs


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
