"""`feedback add`, `feedback list`, `feedback undo`, `feedback export`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from dashboard.cli.runs import DatasetArgument
from dashboard.cli.terminal import terminal_of
from data.errors import InvalidInput
from data.export import export_feedback
from data.feedback import FeedbackQuery
from data.images import decode
from data.masks import Mask, Region, Role
from data.samples import View
from data.types import FeedbackKind, FlagReason, Sample, Verdict

__all__ = ["register"]

_CHOICE = (
    f"Of a verdict: {', '.join(Verdict)}; of a flag: {', '.join(FlagReason)}, or nothing; of a tag: the tag itself."
)

_MASK = "An image of the sample's size, black outside the region."

_group = typer.Typer(no_args_is_help=True, help="Give, list, take back and export feedback.")

PersonOption = Annotated[str | None, typer.Option(help="Who says so; default: VITRINE_PERSON.")]
DatasetOption = Annotated[str | None, typer.Option(help="Only of this dataset.")]
KindOption = Annotated[str | None, typer.Option(help=f"Only this kind: {', '.join(FeedbackKind)}.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.add_typer(_group, name="feedback")


@_group.command("add")
def add(
    context: typer.Context,
    dataset: DatasetArgument,
    sample_id: Annotated[str, typer.Argument(help="The sample.")],
    kind: Annotated[str, typer.Option(help="confirm, relabel, flag, comment, verdict or tag.")],
    label: Annotated[str | None, typer.Option(help="The right class, for relabel.")] = None,
    model: Annotated[str | None, typer.Option(help="MODEL or MODEL@VERSION that was looked at.")] = None,
    choice: Annotated[str | None, typer.Option(help=_CHOICE)] = None,
    must_not_look: Annotated[Path | None, typer.Option(help=f"Of a verdict: where it must not look. {_MASK}")] = None,
    should_look: Annotated[Path | None, typer.Option(help=f"Of a verdict: where it should look. {_MASK}")] = None,
    comment: Annotated[str, typer.Option(help="A remark.")] = "",
    person: PersonOption = None,
) -> None:
    """Give feedback on one sample."""
    terminal = terminal_of(context)
    services = terminal.services
    found = services.datasets.get(dataset)
    version = services.models.resolve(model) if model else None
    run = services.runs.find(dataset, version.model, version.version) if version else None
    row = services.samples.by_id(View(found, run), sample_id)
    chosen = _kind(kind)
    if label is not None and found.classes and label not in found.classes:
        raise InvalidInput.choice("Label", label, found.classes)
    if chosen is FeedbackKind.CONFIRM:
        label = row.sample.label
    event = services.feedback.add(
        chosen,
        person or terminal.settings.person,
        dataset,
        sample_id,
        row.sample.row,
        model=version.model if version else None,
        version=version.version if version else None,
        label=label,
        choice=choice,
        regions=[
            _region(role, file, row.sample)
            for role, file in ((Role.MUST_NOT_LOOK, must_not_look), (Role.SHOULD_LOOK, should_look))
            if file is not None
        ],
        comment=comment,
        shown_label=row.sample.label,
        shown_prediction=row.prediction,
    )
    terminal.result({"feedback": asdict(event)}, f"Feedback {event.id}: {event.kind} on {sample_id} by {event.person}")


@_group.command("list")
def list_events(
    context: typer.Context,
    dataset: DatasetOption = None,
    kind: KindOption = None,
    person: Annotated[str | None, typer.Option(help="Only of this person.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many, newest first.")] = 50,
) -> None:
    """List feedback, newest first."""
    terminal = terminal_of(context)
    query = FeedbackQuery(dataset=dataset, person=person, kind=_kind(kind) if kind else None)
    entries = [asdict(event) for event in terminal.services.feedback.events(query, limit=limit)]
    if not terminal.json:
        shown = ("id", "at", "person", "kind", "dataset", "sample_id", "label", "comment", "undone")
        entries = [{name: entry[name] for name in shown} for entry in entries]
    terminal.table("feedback", entries, "No feedback. Give some: feedback add DATASET SAMPLE_ID --kind confirm")


@_group.command("undo")
def undo(
    context: typer.Context,
    event: Annotated[int, typer.Argument(help="Number of the feedback to take back.")],
    person: PersonOption = None,
) -> None:
    """Take one feedback back by adding an event that says so."""
    terminal = terminal_of(context)
    undone = terminal.services.feedback.undo(event, person or terminal.settings.person)
    terminal.result({"feedback": asdict(undone)}, f"Feedback {event} is taken back (event {undone.id})")


@_group.command("export")
def export(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="A .csv, .jsonl or .parquet file.")],
    dataset: DatasetOption = None,
    kind: KindOption = None,
) -> None:
    """Write feedback to a file."""
    terminal = terminal_of(context)
    query = FeedbackQuery(dataset=dataset, kind=_kind(kind) if kind else None)
    count = export_feedback(terminal.services.feedback.stream(query), out)
    terminal.result({"out": str(out), "events": count}, f"{count:,} events written to {out}")


def _region(role: Role, file: Path, sample: Sample) -> Region:
    """The pixels of a picture that are not black."""
    try:
        pixels: np.ndarray = np.asarray(decode(file)).max(2) > 0
    except InvalidInput as error:
        raise InvalidInput(f"{file} {error}; give an image file") from error
    height, width = pixels.shape
    if (width, height) != (sample.width, sample.height):
        raise InvalidInput(
            f"{file} has {width} × {height} pixels, and {sample.sample_id} {sample.width} × {sample.height}; "
            "draw the region on the sample's own image"
        )
    if not pixels.any():
        raise InvalidInput(f"{file} is black all over, so it marks nothing; paint the region white")
    return Region(role, Mask.of(pixels))


def _kind(text: str) -> FeedbackKind:
    if text not in tuple(FeedbackKind):
        raise InvalidInput.choice("Kind", text, FeedbackKind)
    return FeedbackKind(text)
