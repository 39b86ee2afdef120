"""`finetune`: train a version on from what people said about its decisions and its reasons."""

import time
from typing import Annotated, Any

import typer

from dashboard.cli.runs import DatasetArgument, ModelArgument, finish_job
from dashboard.cli.terminal import terminal_of
from data.finetuning import DEPTHS, FinetuneSettings, finetune_key, finetuned, teaching
from data.lessons import lessons
from data.types import ModelVersion
from inference.class_names import class_names

__all__ = ["register"]

_DEFAULT = FinetuneSettings()
_RATES = ", ".join(f"{few:g} or {many:g} for {depth}" for depth, (few, many) in DEPTHS.items())


def register(app: typer.Typer) -> None:
    """Adds the command of this module."""
    app.command("finetune")(finetune)


def finetune(
    context: typer.Context,
    dataset: DatasetArgument,
    model: ModelArgument,
    depth: Annotated[str, typer.Option(help="What learns: all, block (the last one) or head.")] = _DEFAULT.depth,
    learning_rate: Annotated[
        float | None, typer.Option(help=f"Highest rate; default, without and with regions: {_RATES}.")
    ] = None,
    epochs: Annotated[int, typer.Option(help="At most so many, of the unchanged samples.")] = _DEFAULT.epochs,
    batch: Annotated[int, typer.Option(help="Samples of a step, at most; half of them unchanged.")] = _DEFAULT.batch,
    replay: Annotated[
        int, typer.Option(help="Unchanged samples that are learnt along, so that nothing is forgotten.")
    ] = _DEFAULT.replay,
    class_weights: Annotated[
        bool, typer.Option("--class-weights", help="Let rare classes count as much as frequent ones.")
    ] = False,
    must_not_look: Annotated[
        float, typer.Option(help="Weight of not looking inside regions marked so; 0: plain fine-tuning.")
    ] = _DEFAULT.must_not_look,
    should_look: Annotated[
        float, typer.Option(help="Weight of looking inside regions marked so; 0: plain fine-tuning.")
    ] = _DEFAULT.should_look,
    patience: Annotated[int, typer.Option(help="Epochs without anything better, then stop.")] = _DEFAULT.patience,
    seed: Annotated[int, typer.Option(help="Of all that is drawn.")] = _DEFAULT.seed,
    person: Annotated[str | None, typer.Option(help="Whose feedback counts alone.")] = None,
) -> None:
    """Fine-tune a model from the feedback on a dataset: corrected classes, and where it must and should look."""
    terminal = terminal_of(context)
    services = terminal.services
    started = time.monotonic()
    found, parent = services.datasets.get(dataset), services.models.resolve(model)
    settings = FinetuneSettings.of(
        {
            "depth": depth,
            "learning_rate": learning_rate,
            "epochs": epochs,
            "batch": batch,
            "replay": replay,
            "class_weights": class_weights,
            "must_not_look": must_not_look,
            "should_look": should_look,
            "patience": patience,
            "seed": seed,
        }
    )
    taught = teaching(lessons(services.feedback, dataset, person), class_names(parent, found))
    version = finetuned(services.models.list(), finetune_key(parent, found, taught, settings))
    cached = version is not None
    if version is None:
        wanted: dict[str, Any] = {"dataset": dataset, "model": parent.reference, **settings.changed()}
        wanted |= {"until": services.feedback.newest(dataset), **({"person": person} if person else {})}
        result = finish_job(terminal, "finetune", wanted, f"Fine-tuning {parent.reference}").result or {}
        version = services.models.get(result["model"], result["version"])
    facts = version.notes["finetune"]
    terminal.result(
        {
            "model": version.model,
            "version": version.version,
            "parent": version.parent,
            "digest": version.digest,
            "dataset": dataset,
            "dataset_digest": facts["dataset_digest"],
            "events": facts["events"],
            "samples": facts["samples"],
            "parameters": facts["parameters"],
            "metrics": facts["metrics"],
            "epoch": facts["epoch"],
            "seconds": round(time.monotonic() - started, 3),
            "cached": cached,
        },
        _told(version),
    )


def _told(version: ModelVersion) -> str:
    facts = version.notes["finetune"]
    before, after = facts["metrics"]["before"], facts["metrics"]["after"]
    words = {
        "validation_accuracy": "held-out accuracy",
        "taught_accuracy": "taught samples right",
        "must_not_look": "attention where it must not look",
        "should_look": "attention where it should look",
    }
    told = [f"{word} {before[name]:.1%} → {after[name]:.1%}" for name, word in words.items() if after[name] is not None]
    what = f"{version.reference} from {version.model}@{version.parent} and {len(facts['events'])} feedback events"
    return ": ".join((what, ", ".join(told)))
