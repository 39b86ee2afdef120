"""`jobs list`, `jobs show`, `jobs cancel`, `jobs resume`."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from dashboard.cli.terminal import terminal_of
from data.types import Job

__all__ = ["register"]

_group = typer.Typer(no_args_is_help=True, help="Watch, cancel and resume background work.")

JobArgument = Annotated[int, typer.Argument(help="Number of the job.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.add_typer(_group, name="jobs")


@_group.command("list")
def list_jobs(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, newest first.")] = 20,
) -> None:
    """List jobs, newest first."""
    terminal = terminal_of(context)
    found = terminal.services.jobs.list(limit)
    entries: list[dict[str, Any]]
    if terminal.json:
        entries = [asdict(job) for job in found]
    else:
        entries = [
            {"job": job.id, "kind": job.kind, "state": str(job.state), "progress": _progress(job), "owner": job.owner}
            for job in found
        ]
    terminal.table("jobs", entries, "No jobs. One starts with `index` or in the dashboard.")


@_group.command("show")
def show(context: typer.Context, job: JobArgument) -> None:
    """Show one job with its log."""
    terminal = terminal_of(context)
    found = terminal.services.jobs.get(job)
    lines = terminal.services.jobs.lines(job)
    text = [f"Job {found.id}: {found.kind}, {found.state}, {_progress(found)}"]
    text += [f"Error: {found.error}"] if found.error else []
    text += [f"{at.astimezone():%H:%M:%S}  {line}" for at, line in lines]
    log = [{"at": at.isoformat(), "line": line} for at, line in lines]
    terminal.result({**asdict(found), "log": log}, "\n".join(text))


@_group.command("cancel")
def cancel(context: typer.Context, job: JobArgument) -> None:
    """Stop a job; what it finished is kept."""
    terminal = terminal_of(context)
    terminal.result(asdict(terminal.services.jobs.cancel(job)), f"Job {job} is cancelled")


@_group.command("resume")
def resume(context: typer.Context, job: JobArgument) -> None:
    """Queue a failed or cancelled job again; `serve` goes on with it from what it finished."""
    terminal = terminal_of(context)
    terminal.result(asdict(terminal.services.jobs.resume(job)), f"Job {job} is queued again; it runs under `serve`")


def _progress(job: Job) -> str:
    return f"{job.done:,} of {job.total:,} {job.unit}".rstrip() if job.total else "–"
