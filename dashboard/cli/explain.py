"""`explain`: one attribution map, with its evidence."""

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from callbacks.explaining import is_signed
from dashboard.cli.runs import DatasetArgument, ModelArgument
from dashboard.cli.terminal import terminal_of
from dashboard.colour_maps import overlay
from data.cache import FileCache
from data.errors import InvalidInput, WorkspaceDamaged
from data.explanations import ExplanationRequest, Trust
from data.samples import View
from inference.catalogue import EXPLANATION_CACHE, EXPLANATIONS, cached_explanation
from inference.engine import EngineConfig
from inference.tasks import run_interactive

__all__ = ["register"]

_TOLD = ("method", "target", "prediction", "confidence", "layer", "shape", "seconds", "cached")


def register(app: typer.Typer) -> None:
    """Adds the command of this module."""
    app.command("explain")(explain)


def explain(
    context: typer.Context,
    dataset: DatasetArgument,
    model: ModelArgument,
    sample_id: Annotated[str, typer.Argument(help="The sample, as `predictions` names it.")],
    method: Annotated[str, typer.Option(help=f"One of {', '.join(EXPLANATIONS)}.")],
    out: Annotated[Path, typer.Option(help="A .npy file (float32, H×W) or a .png picture of the map.")],
    target: Annotated[str | None, typer.Option(help="Class to explain; default: the predicted one.")] = None,
    contrast: Annotated[str | None, typer.Option(help="Explain why the target and not this class.")] = None,
    layer: Annotated[list[str] | None, typer.Option(help="Where to look, for methods that choose a layer.")] = None,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Measure also what costs much: a dear method's sanity, Captum's metrics.")
    ] = False,
) -> None:
    """Explain one prediction, and judge the explanation."""
    if out.suffix.lower() not in {".npy", ".png"}:
        raise InvalidInput(f"--out {out} must end in .npy or .png")
    terminal = terminal_of(context)
    services = terminal.services
    found = services.datasets.get(dataset)
    version = services.models.resolve(model)
    payload = {
        "dataset": dataset,
        "row": services.samples.by_id(View(found), sample_id).sample.row,
        "model": version.model,
        "version": version.version,
        **asdict(ExplanationRequest(method, target, contrast, tuple(layer or ()))),
    }
    # One map is computed sooner here than an engine is started for it.
    place = EngineConfig.of(services.workspace, terminal.settings).place
    facts = run_interactive("explain", place, payload).unwrap()
    judged = Trust(**run_interactive("judge", place, {**payload, "thorough": thorough}).unwrap())
    _save(services.cache, facts["key"], out)
    terminal.result(
        {
            **{name: facts[name] for name in _TOLD},
            **({"contrast": contrast} if contrast else {}),
            "trust": {**judged.figures, **facts["facts"]},
        },
        f"{sample_id}: {facts['prediction']} at {facts['confidence']:.1%}; "
        f"{method} for {facts['target']} at {facts['layer']} written to {out}; trust {judged.score:.2f}",
    )


def _save(cache: FileCache, key: str, out: Path) -> None:
    kept = cache.get(EXPLANATION_CACHE, key, ".npy")
    if kept is None:
        raise WorkspaceDamaged("The map is no longer in the cache; make VITRINE_CACHE_MEGABYTES larger")
    if out.suffix.lower() == ".npy":
        shutil.copyfile(kept, out)
    else:
        signed = is_signed(cached_explanation(cache, key))
        overlay(np.load(kept, allow_pickle=False), signed=signed).save(out)
