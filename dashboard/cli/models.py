"""`model add`, `model list`."""

from typing import Annotated

import typer

from dashboard.cli.terminal import terminal_of
from data.errors import InvalidInput
from data.types import INTERPOLATIONS, ModelVersion

__all__ = ["register"]

_ARCH = "torchvision:NAME, timm:NAME, transformers:PATH, factory:FILE.py:CALLABLE or factory:PKG.MOD:CALLABLE."
_group = typer.Typer(no_args_is_help=True, help="Add and list model versions.")


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.add_typer(_group, name="model")


@_group.command("add")
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the model; adding again makes the next version.")],
    arch: Annotated[str, typer.Option(help=_ARCH)],
    weights: Annotated[str, typer.Option(help="A checkpoint file, DEFAULT or none.")],
    classes: Annotated[str | None, typer.Option(help="A file with one name a line, or a,b,c.")] = None,
    image_size: Annotated[int | None, typer.Option(help="Side of the network's input in pixels.")] = None,
    resize: Annotated[
        int | None, typer.Option(help="Shorter side before the centre is cut out; default: --image-size.")
    ] = None,
    mean: Annotated[
        str | None, typer.Option(help="Mean of each channel, r,g,b in [0, 1]; default: ImageNet's.")
    ] = None,
    std: Annotated[str | None, typer.Option(help="Standard deviation of each channel, likewise.")] = None,
    interpolation: Annotated[
        str | None, typer.Option(help=f"Of the resizing: {', '.join(INTERPOLATIONS)}; default: the architecture's.")
    ] = None,
    embedding_layer: Annotated[
        str | None, typer.Option(help="The layer whose input is the embedding; default: the classifier's last.")
    ] = None,
    explain_layer: Annotated[
        str | None,
        typer.Option(help="The layer that class-activation maps look at; default: the last grid of features."),
    ] = None,
) -> None:
    """Add a version of a model: architecture, weights, preprocessing and class names."""
    from inference.models import read_classes, register  # bring torch, which the other commands can do without

    terminal = terminal_of(context)
    version = register(
        terminal.services.workspace,
        terminal.services.models,
        name,
        arch=arch,
        weights=weights,
        classes=None if classes is None else read_classes(classes),
        image_size=image_size,
        resize=resize,
        mean=_numbers("--mean", mean),
        std=_numbers("--std", std),
        interpolation=interpolation,
        embedding_layer=embedding_layer,
        explain_layer=explain_layer,
    )
    terminal.result(
        _described(version),
        f"{version.reference}: {version.parameters:,} parameters, {version.outputs} classes, "
        f"input {version.preprocessing.image_size} px, explained at {version.explain_layer or 'no layer'}",
    )


@_group.command("list")
def list_versions(context: typer.Context) -> None:
    """List the model versions of the workspace."""
    terminal = terminal_of(context)
    entries = [_described(version) for version in terminal.services.models.list()]
    terminal.table(
        "models", entries, "No model yet. Add one: model add NAME --arch torchvision:resnet18 --weights FILE"
    )


def _described(version: ModelVersion) -> dict[str, object]:
    return {
        "model": version.model,
        "version": version.version,
        "digest": version.digest,
        "parameters": version.parameters,
        "classes": list(version.classes),
        "image_size": version.preprocessing.image_size,
        "embedding_dim": version.embedding_dim,
        "embedding_layer": version.embedding_layer,
        "explain_layer": version.explain_layer,
    }


def _numbers(option: str, text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise InvalidInput(f"{option} {text!r} is not a list of numbers; write 0.485,0.456,0.406") from error
