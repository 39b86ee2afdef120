"""What can be chosen when a version is explained, as one pass of noise shows it."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from torch import Tensor, nn

from data.types import ExplanationChoices
from inference.explanations import METHODS
from inference.grids import grid_shape
from inference.layers import run_once
from inference.models import LoadedModel

__all__ = ["choices"]


def choices(loaded: LoadedModel) -> ExplanationChoices:
    """Which methods suit the version, and where they can look.

    Raises:
        InvalidInput: The network does not take an image of the version's size.
    """
    return ExplanationChoices(
        unsuited={name: method.unsuited(loaded) or "" for name, method in METHODS.items()},
        layers=_layers_with_grid(loaded),
        attention=(),
        heads=0,
    )


def _layers_with_grid(loaded: LoadedModel) -> tuple[str, ...]:
    """Names in the order in which the layers end; a layer that hands on the output of its last part stands for it.

    The inside of blocks is left out: people choose between stages and blocks, not between the norms within one.
    """
    ended: dict[str, int] = {}
    kept: list[Tensor] = []

    def watch(name: str) -> Any:
        def ends(_module: nn.Module, _inputs: Any, output: Any) -> None:
            grid = grid_shape(tuple(output.shape)) if isinstance(output, Tensor) else None
            if grid is not None and grid[1] * grid[2] > 1:
                kept.append(output)  # so that no other tensor is taken for it at the same place
                ended[name] = id(output)

        return ends

    preprocessing = loaded.version.preprocessing
    with loaded.lock, ExitStack() as hooks:
        for name in _stages_and_blocks(loaded.module, loaded.version.explain_layer):
            hooks.callback(loaded.module.get_submodule(name).register_forward_hook(watch(name)).remove)
        run_once(loaded.module, preprocessing.image_size, len(preprocessing.mean))
    outermost = {output: name for name, output in ended.items()}  # parts end before the whole
    return tuple(outermost.values())


def _stages_and_blocks(network: nn.Module, explain_layer: str | None) -> Iterator[str]:
    """Names of the modules that have parts, of those in a row at the top, and of the explain layer."""
    in_a_row = {""} | {name for name, module in network.named_modules() if isinstance(module, nn.Sequential)}
    for name, module in network.named_modules():
        parents = [name[:at] for at, sign in enumerate(name) if sign == "."]
        top = in_a_row.issuperset(parents)
        if name and (top or name == explain_layer or any(True for _ in module.children())):
            yield name
