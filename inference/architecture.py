"""A network's layers as a tree for people to read: names, types, output shapes, parameters."""

from contextlib import ExitStack
from typing import Any

from torch import Tensor, nn

from data.types import Architecture, LayerSummary, ModelVersion
from inference.layers import run_once

__all__ = ["MOST_LAYERS", "describe"]

MOST_LAYERS = 600


def describe(network: nn.Module, version: ModelVersion, most: int = MOST_LAYERS) -> Architecture:
    """The layers of a version's network in the order in which they were made, as one pass of noise sees them.

    A network with more than `most` layers is cut at the depth from which there would be more; what lies deeper is
    counted, and the embedding and explain layers are listed all the same.

    Args:
        network: In evaluation mode; it is left as it was found.

    Raises:
        InvalidInput: The network does not take an image of the version's size.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    named = {name: module for name, module in network.named_modules() if name}
    with ExitStack() as hooks:
        for name, module in named.items():

            def ended(_module: nn.Module, _inputs: Any, output: Any, name: str = name) -> None:
                shapes[name] = _shape(output)

            hooks.callback(module.register_forward_hook(ended).remove)
        run_once(network, version.preprocessing.image_size, len(version.preprocessing.mean))
    shown = _within(list(named), most, (version.embedding_layer, version.explain_layer))
    return Architecture(
        layers=tuple(
            LayerSummary(
                name=name,
                kind=type(named[name]).__name__,
                shape=shapes.get(name, ()),
                parameters=sum(parameter.numel() for parameter in named[name].parameters()),
                inside=sum(1 for _ in named[name].modules()) - 1,
            )
            for name in shown
        ),
        total=len(named),
    )


def _shape(output: Any) -> tuple[int, ...]:
    """Of the output, or of the first tensor in it, without the number of images."""
    if isinstance(output, dict):
        output = tuple(output.values())
    while isinstance(output, (tuple, list)) and output:
        output = output[0]
    return tuple(output.shape[1:]) if isinstance(output, Tensor) else ()


def _within(names: list[str], most: int, wanted: tuple[str | None, ...]) -> list[str]:
    """As many levels of the tree as fit, and the way to the layers that are wanted."""
    depths = [name.count(".") for name in names]
    deepest = max(depths, default=0)
    while deepest > 0 and sum(depth <= deepest for depth in depths) > most:
        deepest -= 1
    first = [name for name, depth in zip(names, depths, strict=True) if depth <= deepest][:most]
    ways = [".".join(name.split(".")[:end]) for name in wanted if name for end in range(1, name.count(".") + 2)]
    kept = {*first, *ways}
    return [name for name in names if name in kept]
