"""`adjust`: change a version's answers without training, and see what comes of it."""

from typing import Annotated, Any

import typer

from dashboard.cli.runs import DatasetArgument, ModelArgument, require_run
from dashboard.cli.terminal import terminal_of
from data.adjustments import Draft
from data.errors import InvalidInput
from inference.adjusting import completed, effect, fit_temperature, measured, own_rule, read_evidence

__all__ = ["register"]

_FIT = "fit"


def register(app: typer.Typer) -> None:
    """Adds the command of this module."""
    app.command("adjust")(adjust)


def adjust(
    context: typer.Context,
    dataset: DatasetArgument,
    model: ModelArgument,
    temperature: Annotated[
        str, typer.Option(help="A number that the logits are divided by, or fit: calibrated on half of the samples.")
    ] = "1",
    threshold: Annotated[
        list[str] | None, typer.Option(help="CLASS:NUMBER, as often as needed; by default 0.5 for each.")
    ] = None,
    share: Annotated[
        list[str] | None, typer.Option(help="CLASS:NUMBER: how frequent a class is expected to be, in (0, 1).")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Measure, and fit, on this split alone.")] = None,
    save: Annotated[bool, typer.Option("--save", help="Add the adjusted model as the next version.")] = False,
) -> None:
    """Adjust temperature, decision thresholds and class shares of a model without training."""
    terminal = terminal_of(context)
    services = terminal.services
    found, version = services.datasets.get(dataset), services.models.resolve(model)
    run = require_run(terminal, dataset, version.reference)
    if split is not None and split not in found.splits:
        raise InvalidInput.choice("--split", split, found.splits)
    evidence = read_evidence(services.workspace, found, run, split)
    fitted = f"{fit_temperature(evidence)}" if temperature == _FIT else temperature
    draft = Draft.of({"temperature": fitted, "threshold": threshold, "share": share})
    adjustment, own = completed(draft.adjustment(run.classes, evidence.counts.tolist()), version), own_rule(version)
    before, after = effect(evidence, own, own), effect(evidence, adjustment, own)
    facts = measured(found, split, evidence, before, after)
    if save:
        if adjustment == own:
            raise InvalidInput(
                "Nothing is adjusted, so there is nothing to save; give --temperature, --threshold or --share"
            )
        from inference.models import register_adjusted  # brings torch, which measuring can do without

        version = register_adjusted(services.workspace, services.models, version, adjustment, {"adjusted": facts})
    saved: dict[str, Any] = {"version": version.version, "parent": version.parent, "digest": version.digest}
    terminal.result(
        {"model": version.model, **saved, "saved": save, "adjustment": adjustment.facts(), **facts},
        f"temperature {adjustment.temperature:g}: accuracy {before.accuracy:.2%} → {after.accuracy:.2%}, calibration "
        f"error {before.ece:.2%} → {after.ece:.2%}, {after.changed:,} of {len(evidence.targets):,} decisions change"
        + (f"; saved as {version.reference}" if save else "; --save adds it as a version"),
    )
