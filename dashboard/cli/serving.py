"""`demo` and `serve`."""

from typing import Annotated

import typer

from dashboard.cli.terminal import Terminal, terminal_of
from dashboard.hosts import refuse_network
from dashboard.settings import load_settings
from data.errors import TaskFailed
from data.types import JobState

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.command("demo")(demo)
    app.command("serve")(serve)


def demo(context: typer.Context) -> None:
    """Prepare the demo in the workspace; what is there already is kept."""
    from inference.demo import current_step, submit_demo
    from inference.runner import run_jobs

    terminal = terminal_of(context)
    services = terminal.services
    submitted = submit_demo(services.jobs, terminal.settings.person)
    with terminal.progress("Preparing the demo") as report:
        ended = run_jobs(
            services.workspace,
            terminal.settings,
            [job.id for job in submitted],
            lambda now: report(sum(job.state is JobState.DONE for job in now), len(now), current_step(now)),
        )
    failed = [job for job in ended if job.state is not JobState.DONE]
    if failed:
        raise TaskFailed(f"Job {failed[0].id} ({failed[0].kind}) {failed[0].state}: {failed[0].error}; see `jobs show`")
    terminal.result(_contents(terminal), "The demo is ready; look at it with `serve`.")


def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to listen on (VITRINE_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (VITRINE_PORT).")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Prepare the demo while serving.")] = False,
) -> None:
    """Serve the dashboard and run its jobs, until Ctrl-C."""
    from dashboard.supervisor import supervise

    terminal = terminal_of(context)
    settings = load_settings(workspace=terminal.settings.workspace, host=host, port=port)
    refuse_network(settings.host)
    raise typer.Exit(supervise(settings, demo=demo))


def _contents(terminal: Terminal) -> dict[str, object]:
    services = terminal.services
    return {
        "workspace": str(services.workspace.root),
        "datasets": [dataset.name for dataset in services.datasets.list()],
        "models": [version.reference for version in services.models.list()],
        "runs": [run.id for run in services.runs.list()],
    }
