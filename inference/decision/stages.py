"""Finding the stages of a pass without being told: layers that everything passes through, evenly chosen.

Whether everything passes through a layer is read from the graph that autograd records: of all ways from the logits
back to the image, as many lead through the layer as there are. So blocks of a residual network count and what lies
within them does not, whatever the network's own code looks like; a module that is called twice is two layers; and an
activation written as a function is simply part of what comes after it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from data.errors import InvalidInput
from inference.models import LoadedModel
from inference.visualisation.probing import hooked

__all__ = ["Site", "chosen", "named", "recorded", "sites", "unit_axis"]

_PASSING = ("Pool", "Flatten", "Dropout", "Identity", "Permute")
_remembered: "WeakKeyDictionary[nn.Module, list[Site]]" = WeakKeyDictionary()
_ALIKE = 2  # images in a trial pass: what is not one line for each of them is no layer of the image's


@dataclass(frozen=True, slots=True)
class Site:
    """Where a stage is: one call of one layer.

    Attributes:
        call, calls: Which of the layer's calls in a pass, from 1 up, and how many there are.
        kind: The layer's type.
        shape: Of its output for one image.
        whole: Whether everything from the image to the logits passes through it.
    """

    layer: str
    call: int
    calls: int
    kind: str
    shape: tuple[int, ...]
    whole: bool

    @property
    def units(self) -> int:
        return self.shape[unit_axis((1, *self.shape)) - 1]


@dataclass(slots=True)
class _Ended:
    """A call of a module that ended; `weighted` counts the calls of modules with weights up to and with it."""

    layer: str
    call: int
    module: nn.Module
    shape: tuple[int, ...]
    node: Any
    weighted: int


@dataclass(slots=True)
class _Trial:
    ended: list[_Ended] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=dict)
    weighted: int = 0


def unit_axis(shape: tuple[int, ...]) -> int:
    """Which axis of an output (N, …) tells its units apart: channels of a grid, features of tokens, numbers.

    A grid's channels are its second axis, or its last where only that order makes the grid square; see
    `inference.grids.grid_shape`.
    """
    return 1 if len(shape) == 2 or (len(shape) == 4 and not shape[1] == shape[2] != shape[3]) else len(shape) - 1


def sites(loaded: LoadedModel) -> list[Site]:
    """All that may be a stage, in order: of consecutive layers with one set of weights the last, pooling left out.

    The head, from which the logits come, is none of them; a network that is nothing but a head has none. They are
    remembered as long as the network is in memory.

    Raises:
        InvalidInput: The logits have no gradient down to the image.
    """
    if loaded.module not in _remembered:
        _remembered[loaded.module] = _find(loaded)
    return list(_remembered[loaded.module])


def _find(loaded: LoadedModel) -> list[Site]:
    trial, logits, image = _try(loaded)
    on_all_ways = _unavoidable(logits.grad_fn, image)
    last: dict[int, Any] = {}
    names: dict[Any, list[_Ended]] = {}
    for ended in trial.ended:
        whole = ended.node in on_all_ways and ended.node is not logits.grad_fn
        passing = any(word in type(ended.module).__name__ for word in _PASSING)
        if whole and not passing and 0 < ended.weighted < trial.weighted:
            last[ended.weighted] = ended.node
            names.setdefault(ended.node, []).append(ended)
    kept: list[_Ended] = []
    for node in dict.fromkeys(last.values()):
        # A block hands on what its last part gave, and stands for it; a row of blocks that are stages does not.
        fitting = [one for one in names[node] if not any(before.layer.startswith(f"{one.layer}.") for before in kept)]
        kept.append((fitting or names[node])[-1])
    return [_site(trial, ended, whole=True) for ended in kept]


def chosen(found: Sequence[Site], count: int) -> list[Site]:
    """At most so many of the sites, evenly, the first and the last among them."""
    if len(found) <= count:
        return list(found)
    if count == 1:
        return [found[-1]]
    return [found[round(place * (len(found) - 1) / (count - 1))] for place in range(count)]


def named(loaded: LoadedModel, layers: Sequence[str]) -> list[Site]:
    """The sites of layers by their names, in the order of the pass; of a layer that is called often, its last call.

    Raises:
        InvalidInput: A layer does not exist, no image passes through it, or it gives no units.
    """
    trial, logits, image = _try(loaded)
    on_all_ways = _unavoidable(logits.grad_fn, image)
    last = {ended.layer: ended for ended in trial.ended}
    known = {name for name, _module in loaded.module.named_modules() if name}
    for layer in layers:
        if layer not in known:
            raise InvalidInput(f"layer {layer!r} is no layer of the network; the Models page lists them")
        if layer not in last:
            raise InvalidInput(f"layer {layer!r} cannot be a stage: no image passes through it; choose another")
    ordered = sorted((last[layer] for layer in layers), key=trial.ended.index)
    return [_site(trial, ended, whole=ended.node in on_all_ways) for ended in ordered]


@contextmanager
def recorded(network: nn.Module, wanted: Sequence[Site], change: Any = None) -> Iterator[list[Tensor]]:
    """Inside the block, which is for one pass, the list is filled with what the sites give.

    What goes on is a copy, because the next layer may change it in place; with `change` what that makes of it.

    Args:
        change: Called with a site's place and its output; gives what goes on instead.
    """
    found: list[Tensor] = [torch.empty(0)] * len(wanted)
    calls: dict[str, int] = {}
    by_layer: dict[str, dict[int, int]] = {}
    for place, site in enumerate(wanted):
        by_layer.setdefault(site.layer, {})[site.call] = place
    with ExitStack() as hooks:
        for layer, places in by_layer.items():

            def take(output: Tensor, layer: str = layer, places: Mapping[int, int] = places) -> Tensor | None:
                calls[layer] = calls.get(layer, 0) + 1
                place = places.get(calls[layer])
                if place is None:
                    return None
                found[place] = output
                return output.clone() if change is None else change(place, output)

            hooks.enter_context(hooked(network.get_submodule(layer), take))
        yield found


def _try(loaded: LoadedModel) -> tuple[_Trial, Tensor, Tensor]:
    """A pass of noise: what ended in it, the logits, and the image at the beginning of the graph."""
    preprocessing = loaded.version.preprocessing
    shape = (_ALIKE, len(preprocessing.mean), preprocessing.image_size, preprocessing.image_size)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(loaded.device).requires_grad_()
    trial = _Trial()
    with loaded.lock, torch.enable_grad(), ExitStack() as hooks:
        for layer, module in loaded.module.named_modules():
            if layer:
                hooks.enter_context(_watched(trial, layer, module))
        logits = loaded.module(noise.clone())
    if not isinstance(logits, Tensor) or logits.grad_fn is None:
        raise InvalidInput("This network cannot be followed: its logits have no gradient down to the image")
    return trial, logits, noise


@contextmanager
def _watched(trial: _Trial, layer: str, module: nn.Module) -> Iterator[None]:
    weighted = any(parameter.ndim > 1 for parameter in module.parameters(recurse=False))

    def take(output: Tensor) -> None:
        trial.weighted += weighted
        trial.calls[layer] = trial.calls.get(layer, 0) + 1
        if output.grad_fn is not None and 2 <= output.ndim <= 4 and len(output) == _ALIKE:
            call = trial.calls[layer]
            trial.ended.append(_Ended(layer, call, module, tuple(output.shape[1:]), output.grad_fn, trial.weighted))

    with hooked(module, take):
        yield


def _site(trial: _Trial, ended: _Ended, whole: bool) -> Site:
    kind = type(ended.module).__name__
    return Site(ended.layer, ended.call, trial.calls[ended.layer], kind, ended.shape, whole)


def _unavoidable(root: Any, image: Tensor) -> set[Any]:
    """The nodes of a graph that all ways from the root to the image lead through.

    Ways are counted, as whole numbers of any size: as many lead through a node as there are from the root to it, times
    those from it to the image.
    """
    following: dict[Any, list[Any]] = {}
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node not in following:
            following[node] = [after for after, _place in node.next_functions if after is not None]
            waiting += following[node]
    order = list(TopologicalSorter(following).static_order())  # the image first
    onwards: dict[Any, int] = {}
    for node in order:
        ends = int(getattr(node, "variable", None) is image)
        onwards[node] = ends + sum(onwards[after] for after in following[node])
    reached = dict.fromkeys(order, 0)
    reached[root] = 1
    for node in reversed(order):
        for after in following[node]:
            reached[after] += reached[node]
    return {node for node in order if reached[node] * onwards[node] == onwards[root] > 0}
