"""`trust`: how far a map that somebody brings deserves belief."""

import hashlib
from pathlib import Path
from typing import Annotated

import typer

from dashboard.cli.runs import DatasetArgument, ModelArgument
from dashboard.cli.terminal import terminal_of
from data.explanations import Trust
from data.maps import read_map
from data.samples import View
from inference.catalogue import MAP_CACHE
from inference.engine import EngineConfig
from inference.tasks import run_interactive

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Adds the command of this module."""
    app.command("trust")(trust)


def trust(
    context: typer.Context,
    dataset: DatasetArgument,
    model: ModelArgument,
    sample_id: Annotated[str, typer.Argument(help="The sample, as `predictions` names it.")],
    map_file: Annotated[
        Path, typer.Argument(metavar="MAP.npy", help="A map from anywhere: floats, H×W as the network sees the image.")
    ],
    target: Annotated[str | None, typer.Option(help="Class that it explains; default: the predicted one.")] = None,
) -> None:
    """Judge an attribution map, whoever made it."""
    terminal = terminal_of(context)
    services = terminal.services
    found = services.datasets.get(dataset)
    version = services.models.resolve(model)
    row = services.samples.by_id(View(found), sample_id).sample.row
    content = read_map(map_file, version.preprocessing.image_size)
    digest = hashlib.sha256(content).hexdigest()
    services.cache.put(MAP_CACHE, digest, ".npy", content)
    place = EngineConfig.of(services.workspace, terminal.settings).place
    payload = {
        "dataset": dataset,
        "row": row,
        "model": version.model,
        "version": version.version,
        "map": digest,
        "target": target,
    }
    facts = run_interactive("judge_map", place, payload).unwrap()
    judged = Trust(**facts["trust"])
    terminal.result(
        {**facts, "trust": judged.figures, "seconds": judged.seconds},
        f"{sample_id}: {facts['prediction']} at {facts['confidence']:.1%}; "
        f"{map_file} for {facts['target']} scores {judged.score:.2f}",
    )
