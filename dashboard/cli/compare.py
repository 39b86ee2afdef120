"""`compare`: two versions on one dataset."""

from dataclasses import asdict
from typing import Annotated

import typer

from dashboard.cli.runs import DatasetArgument, ModelArgument, require_run
from dashboard.cli.terminal import terminal_of
from data.samples import View

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Adds the command of this module."""
    app.command("compare")(compare)


def compare(
    context: typer.Context,
    dataset: DatasetArgument,
    model_a: ModelArgument,
    model_b: ModelArgument,
    split: Annotated[list[str] | None, typer.Option(help="Count only this split; may be given again.")] = None,
) -> None:
    """Compare two versions sample by sample: what the second one fixed and what it broke."""
    from inference.comparison import compare as compare_runs

    terminal = terminal_of(context)
    services = terminal.services
    run_a, run_b = require_run(terminal, dataset, model_a), require_run(terminal, dataset, model_b)
    view = View(services.datasets.get(dataset), run_a, other=run_b)
    comparison = compare_runs(services.samples, view, tuple(split or ()))
    terminal.result(
        {
            "samples": comparison.samples,
            "accuracy_a": comparison.accuracy_a,
            "accuracy_b": comparison.accuracy_b,
            "fixed": comparison.fixed,
            "broken": comparison.broken,
            "both_right": comparison.both_right,
            "both_wrong": comparison.both_wrong,
            "mcnemar_p": comparison.mcnemar_p,
            "per_class": {name: asdict(figures) for name, figures in comparison.per_class.items()},
        },
        f"{run_a.reference} {comparison.accuracy_a:.2%} → {run_b.reference} {comparison.accuracy_b:.2%} on "
        f"{comparison.samples:,} samples: {comparison.fixed:,} fixed, {comparison.broken:,} broken "
        f"(McNemar p = {comparison.mcnemar_p:.3g})",
    )
