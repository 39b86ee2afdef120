"""`dataset add`, `dataset list`, `dataset remove`."""

import time
from typing import Annotated

import typer

from dashboard.cli.terminal import terminal_of
from data.removal import remove_dataset
from inference.sources import SOURCE_USAGE, open_source

__all__ = ["register"]

_SOURCE_HELP = f"One of: {SOURCE_USAGE}. PATH and FILE may be URLs, s3://bucket/prefix for instance."
_group = typer.Typer(no_args_is_help=True, help="Add, list and remove datasets.")


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.add_typer(_group, name="dataset")


@_group.command("add")
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the dataset in the workspace.")],
    source: Annotated[str, typer.Option(help=_SOURCE_HELP)],
) -> None:
    """Add a dataset; what cannot be read is put aside with its reason."""
    terminal = terminal_of(context)
    started = time.monotonic()
    with terminal.progress(f"Adding {name}") as report:
        added = terminal.services.datasets.add(name, open_source(source), progress=report)
    dataset = added.dataset
    quarantined = [{"path": bad.path, "reason": bad.reason} for bad in added.quarantined]
    text = f"{dataset.name}: {dataset.samples:,} samples, {len(dataset.classes)} classes"
    if added.existed:
        text += " (was there already)"
    if added.twins:
        terminal.note(f"{dataset.name} has the same content as {', '.join(added.twins)}")
    for bad in quarantined:
        terminal.note(f"Put aside: {bad['path']}: {bad['reason']}")
    terminal.result(
        {
            "dataset": dataset.name,
            "samples": dataset.samples,
            "classes": list(dataset.classes),
            "quarantined": quarantined,
            "digest": dataset.digest,
            "seconds": round(time.monotonic() - started, 3),
        },
        text,
    )


@_group.command("remove")
def remove(context: typer.Context, name: Annotated[str, typer.Argument(help="Name of the dataset.")]) -> None:
    """Remove a dataset with its runs and projections; its source, feedback and model versions stay."""
    terminal = terminal_of(context)
    services = terminal.services
    removed = remove_dataset(services.datasets, services.thumbnails, name)
    terminal.result(
        {"dataset": removed.dataset, "runs": removed.runs, "freed_bytes": removed.freed},
        f"{removed.dataset} and {removed.runs} runs are removed; {removed.freed / 2**20:,.1f} MiB are free again",
    )


@_group.command("list")
def list_datasets(context: typer.Context) -> None:
    """List the datasets of the workspace."""
    terminal = terminal_of(context)
    entries = [
        {
            "dataset": dataset.name,
            "samples": dataset.samples,
            "classes": list(dataset.classes),
            "splits": dict(dataset.splits),
            "quarantined": dataset.quarantined,
            "source": dataset.source,
            "digest": dataset.digest,
        }
        for dataset in terminal.services.datasets.list()
    ]
    terminal.table("datasets", entries, "No dataset yet. Add one: dataset add NAME --source imagefolder:PATH")
