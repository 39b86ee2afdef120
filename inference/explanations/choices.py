"""What can be chosen when a version is explained, as passes of noise show it."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from data.errors import InvalidInput
from data.explanations import ExplanationChoices
from inference.catalogue import EXPLANATIONS
from inference.explanations import METHODS, ExplanationMethod, Question
from inference.explanations.tokens import attend
from inference.grids import grid_shape
from inference.layers import run_once
from inference.models import LoadedModel

__all__ = ["choices"]


_ROWS = (nn.Sequential, nn.ModuleList)
_PASSING_ON = (nn.Identity, nn.Dropout, nn.Dropout2d)


def choices(loaded: LoadedModel) -> ExplanationChoices:
    """Which methods suit the version, and where they can look.

    Methods of few passes are tried on an image of noise too, because some networks show only in a pass what they
    compute with.

    Raises:
        InvalidInput: The network does not take an image of the version's size.
    """
    layers = _layers_with_grid(loaded)
    unsuited = {name: _unsuited(loaded, method) for name, method in METHODS.items()}
    attention: tuple[str, ...] = ()
    heads = 0
    if not unsuited["attention"]:
        found = attend(loaded, torch.from_numpy(_noise(loaded)).to(loaded.device), "attention")
        attention, heads = found.names, max(weights.shape[1] for weights in found.weights)
    return ExplanationChoices(unsuited, layers, attention, heads)


def _unsuited(loaded: LoadedModel, method: ExplanationMethod) -> str:
    """Why the method cannot work on the network; empty if it can."""
    reason = method.unsuited(loaded)
    if reason is None and not EXPLANATIONS[method.name].dear:
        try:
            method(loaded, Question(_noise(loaded), [0]))
        except InvalidInput as error:
            return str(error).removeprefix(f"{method.name} ")
    return reason or ""


def _noise(loaded: LoadedModel) -> np.ndarray:
    preprocessing = loaded.version.preprocessing
    shape = (1, len(preprocessing.mean), preprocessing.image_size, preprocessing.image_size)
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


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
    return tuple(
        name
        for name, output in ended.items()
        if not any(name.startswith(f"{whole}.") and given == output for whole, given in ended.items())
    )


def _stages_and_blocks(network: nn.Module, explain_layer: str | None) -> Iterator[str]:
    """Names of the modules that have parts, of those in a row at the top, and of the explain layer.

    What lies within one of the like parts of a row is left out.
    """
    rows = {name for name, module in network.named_modules() if isinstance(module, _ROWS)}
    blocks = {
        name
        for name, module in network.named_modules()
        if name.rpartition(".")[0] in rows and name not in rows and any(True for _ in module.children())
    }
    for name, module in network.named_modules():
        parents = {name[:at] for at, sign in enumerate(name) if sign == "."}
        if isinstance(module, _PASSING_ON):
            continue
        listed = parents <= rows or (parents.isdisjoint(blocks) and any(True for _ in module.children()))
        if name and (listed or name == explain_layer):
            yield name
