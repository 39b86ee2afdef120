"""Reading a layer in the middle of a pass: what its units give, where, and no further than needed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from data.errors import InvalidInput
from inference.grids import feature_grid, grid_shape
from inference.models import LoadedModel

__all__ = ["Probe", "forgiving_relus", "hooked", "probe", "unit_grid", "unit_values"]


class _Reached(Exception):
    """The pass got as far as it had to."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A layer of a network, as one pass of noise saw it.

    Attributes:
        calls: How often one pass calls it; the last call counts.
        units: Channels of its grid, features of its tokens, or numbers of its vector.
        grid: (h, w); (1, 1) for a vector.
    """

    module: nn.Module
    name: str
    calls: int
    units: int
    grid: tuple[int, int]

    def read(self, network: nn.Module, batch: Tensor) -> Tensor:
        """The layer's output as (N, C, h, w), differentiable where the batch is; what lies behind it does not run."""
        kept: list[Tensor] = []
        left = self.calls

        def take(output: Tensor) -> None:
            nonlocal left
            left -= 1
            if not left:
                kept.append(unit_grid(output))
                raise _Reached

        with hooked(self.module, take), suppress(_Reached):
            network(batch)
        return kept[0]


def probe(loaded: LoadedModel, layer: str) -> Probe:
    """Finds out what a layer gives.

    Raises:
        InvalidInput: The network has no such layer, no image passes through it, or it gives no tensor of units.
    """
    try:
        module = loaded.module.get_submodule(layer)
    except AttributeError as error:
        raise InvalidInput(f"layer {layer!r} is no layer of the network; the Models page lists them") from error
    outputs: list[Tensor] = []
    with loaded.lock, hooked(module, lambda output: outputs.append(output.clone())):
        size, channels = loaded.version.preprocessing.image_size, len(loaded.version.preprocessing.mean)
        with torch.no_grad():
            loaded.module(torch.zeros(1, channels, size, size, device=loaded.device))
    if not outputs or not layer:
        raise InvalidInput(f"layer {layer!r} cannot be looked into: no image passes through it; choose another")
    grid = unit_grid(outputs[-1])
    return Probe(module, layer, len(outputs), grid.shape[1], (grid.shape[2], grid.shape[3]))


def unit_grid(output: Tensor) -> Tensor:
    """Any layer's output as (N, C, h, w): tokens where their patches lie, other tokens in a row, a vector as one cell.

    Raises:
        InvalidInput: It is none of these.
    """
    if output.ndim == 2:
        return output[:, :, None, None]
    grid = feature_grid(output)
    if grid is None and output.ndim == 3:
        grid = output.transpose(1, 2)[:, :, None]
    if grid is None:
        raise InvalidInput(f"its output {tuple(output.shape)} has no units; choose a layer with a grid or a vector")
    return grid


def unit_values(output: Tensor, unit: int) -> Tensor:
    """All that a layer's output says of one unit, as a view: tokens that stand for no place are in it too."""
    grid = grid_shape(tuple(output.shape)) if output.ndim == 4 else None
    return output.select(1 if grid and output.shape[1] == grid[0] else -1, unit)


@contextmanager
def hooked(module: nn.Module, take: Callable[[Tensor], Tensor | None]) -> Iterator[None]:
    """Inside the block, `take` is given each output of the layer; what it returns goes on instead."""

    def hook(_module: nn.Module, _inputs: Any, output: Any) -> Any:
        if isinstance(output, (tuple, list)) and output and isinstance(output[0], Tensor):
            changed = take(output[0])
            return None if changed is None else type(output)((changed, *output[1:]))
        return take(output) if isinstance(output, Tensor) else None

    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


class _Forgiving(torch.autograd.Function):
    """max(0, x), whose gradient passes where it would be zero for a whole image, unless it pushes x further down.

    Without it a unit that is silent on the first image has no slope to climb. Mordvintsev et al. 2017 do so in Lucid
    (`redirected_relu_grad`) for the first steps of an ascent, and so do we.
    """

    @staticmethod
    def forward(context: Any, given: Tensor) -> Tensor:
        context.save_for_backward(given)
        return given.clamp_min(0)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        (given,), gradient = context.saved_tensors, gradients[0]
        true = torch.where(given < 0, 0.0, gradient)
        passed = torch.where((given < 0) & (gradient > 0), 0.0, gradient)
        silent = true.flatten(1).abs().amax(1) == 0
        return torch.where(silent.reshape(-1, *[1] * (given.ndim - 1)), passed, true)


class _Redirect(TorchFunctionMode):
    """Replaces every rectifier that is called inside the block, written as a module or as a function."""

    # Not those that change their argument by name (`relu_`): who calls them may go on with the argument.
    _RECTIFIERS = frozenset({torch.relu, torch.nn.functional.relu, Tensor.relu})

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function in self._RECTIFIERS and args[0].ndim > 1 and args[0].requires_grad:
            return _Forgiving.apply(args[0])  # type: ignore[no-untyped-call]
        return function(*args, **(kwargs or {}))


def forgiving_relus() -> TorchFunctionMode:
    """A block in which the gradient of an image that is silent at a rectifier passes it all the same."""
    return _Redirect()
