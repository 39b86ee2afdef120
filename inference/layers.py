"""Finding a network's layers by watching one pass: where its embedding is, and where its maps are explained."""

import math
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor, nn

from data.errors import InvalidInput
from inference.grids import feature_grid, grid_shape, pool_features

__all__ = ["ACTIVATIONS", "Layers", "input_channels", "inspect_network", "pool_embedding", "run_once"]

_WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d)
_POOLING = tuple(
    getattr(nn, f"{kind}Pool{dimensions}d")
    for kind in ("Max", "Avg", "AdaptiveMax", "AdaptiveAvg", "LP")
    for dimensions in (1, 2)
)
ACTIVATIONS = tuple(
    kind
    for kind in vars(nn.modules.activation).values()
    if isinstance(kind, type) and issubclass(kind, nn.Module) and kind not in (nn.Module, nn.MultiheadAttention)
)
_PASSING = (*_POOLING, *ACTIVATIONS, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout, nn.Flatten, nn.Identity)


@dataclass(frozen=True, slots=True)
class Layers:
    """What one pass through the network shows.

    Attributes:
        embedding_layer: The layer whose input is the embedding: the last linear layer or 1 × 1 convolution.
        embedding_dim: Width of the embedding after `pool_embedding`.
        explain_layer: The outermost layer that ends last with a grid of features of more than one cell, see
            `inference.grids`. Among tokens the last whose patches the embedding still depends on: where only the
            class token is read out, that is the norm before the last attention. None where the network has none.
        outputs: How many logits.
        parameters: How many learnt numbers.
        flops: Floating-point operations of convolutions and linear layers for one image.
    """

    embedding_layer: str
    embedding_dim: int
    explain_layer: str | None
    outputs: int
    parameters: int
    flops: int


@dataclass(slots=True)
class _Pass:
    """What happened in one pass, in order; `inputs` are those of the `wanted` layer."""

    wanted: str | None = None
    ends: list[tuple[str, nn.Module, tuple[int, ...], nn.Module]] = field(default_factory=list)
    inputs: list[Tensor] = field(default_factory=list)
    heads: list[tuple[int, str, Tensor, int]] = field(default_factory=list)
    flops: int = 0
    leaf: nn.Module | None = None


def inspect_network(
    network: nn.Module,
    image_size: int,
    channels: int,
    embedding_layer: str | None = None,
    explain_layer: str | None = None,
) -> Layers:
    """Passes one image of noise through the network and reports its layers.

    Args:
        network: In evaluation mode; it is left as it was found.
        image_size: Pixels a side of the input.
        channels: 3 or 1.
        embedding_layer, explain_layer: Names chosen by a person; None to find the layer.

    Raises:
        InvalidInput: The network does not take such an image, does not give one vector of logits for it, has no
            layer from which an embedding could be taken, or a chosen layer does not exist or does not serve.
    """
    for option, name in (("--embedding-layer", embedding_layer), ("--explain-layer", explain_layer)):
        _check_name(network, option, name)
    seen = _Pass(embedding_layer)
    with ExitStack() as hooks:
        for name, module in network.named_modules():
            _watch(hooks, seen, name, module)
        logits = run_once(network, image_size, channels)
    if not isinstance(logits, Tensor) or logits.ndim != 2 or logits.shape[0] != 1:
        shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise InvalidInput(f"The network gives {shape} for one image; it must give logits of shape (1, classes)")
    start, head, given = _head(seen, logits.shape[1])
    if embedding_layer is not None:
        given = _chosen_input(seen, embedding_layer)
    return Layers(
        embedding_layer=embedding_layer or head,
        embedding_dim=pool_embedding(given).shape[1],
        explain_layer=_chosen_grid(seen, explain_layer)
        or _explain_layer(seen, start, _Probe(network, image_size, channels, head)),
        outputs=logits.shape[1],
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        flops=seen.flops,
    )


def run_once(network: nn.Module, image_size: int, channels: int, gradients: bool = False) -> Any:
    """What the network gives for one image of noise.

    Args:
        gradients: Whether everything on the way is part of a graph that begins at the image.

    Raises:
        InvalidInput: The network does not take such an image.
    """
    noise = torch.randn(1, channels, image_size, image_size, generator=torch.Generator().manual_seed(0))
    try:
        with torch.set_grad_enabled(gradients):
            # A copy, because a network may change its input in place, which is not allowed on a leaf of the graph.
            return network(noise.requires_grad_(gradients).clone())
    except (RuntimeError, ValueError, TypeError, AssertionError, IndexError, KeyError, AttributeError) as error:
        line = " ".join(str(error).split())
        raise InvalidInput(
            f"The network fails on a {image_size} × {image_size} image with {channels} channels: {line}; "
            "check --image-size and --mean"
        ) from error


def input_channels(network: nn.Module) -> int:
    """How many channels the first convolution takes, 1 or 3; 3 where there is no convolution."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            if module.in_channels not in (1, 3):
                raise InvalidInput(f"The network takes {module.in_channels} channels; known are 1 (grey) and 3 (RGB)")
            return module.in_channels
    return 3


def pool_embedding(given: Tensor) -> Tensor:
    """One vector an image, (N, D), from a layer's input: grids and tokens are averaged."""
    return pool_features(given)


def _watch(hooks: ExitStack, seen: _Pass, name: str, module: nn.Module) -> None:
    weighted = isinstance(module, _WEIGHTED)

    def starts(_module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if name and name == seen.wanted and inputs and isinstance(inputs[0], Tensor):
            seen.inputs.append(inputs[0])
        if weighted and inputs and isinstance(inputs[0], Tensor):
            seen.heads.append((len(seen.ends), name, inputs[0], 0))

    def ends(module: nn.Module, _inputs: tuple[Any, ...], output: Any) -> None:
        if not any(True for _ in module.children()):
            seen.leaf = module
        shape = _shape(output)
        if weighted:
            at, _, given, _ = seen.heads.pop()
            channel = -1 if isinstance(module, nn.Linear) else 1
            seen.heads.append((at, name, given, shape[channel]))
            seen.flops += _flops(module, shape)
        if name and seen.leaf is not None:
            seen.ends.append((name, module, shape, seen.leaf))

    hooks.callback(module.register_forward_pre_hook(starts).remove)
    hooks.callback(module.register_forward_hook(ends).remove)


def _shape(output: Any) -> tuple[int, ...]:
    return tuple(output.shape) if isinstance(output, Tensor) else ()


def _flops(module: nn.Module, shape: tuple[int, ...]) -> int:
    weight = module.weight
    assert isinstance(weight, Tensor)  # for the type checker: all of _WEIGHTED have one
    return 2 * math.prod(shape) * (weight.numel() // weight.shape[0])


def _head(seen: _Pass, outputs: int) -> tuple[int, str, Tensor]:
    """When the head starts, its name, and its input."""
    latest_first = seen.heads[::-1]
    for at, name, given, _width in [head for head in latest_first if head[3] == outputs] + latest_first:
        if name:
            return at, name, given
    raise InvalidInput(
        "The network has no linear layer or convolution as a part of its own, so there is no embedding to take"
    )


@dataclass(frozen=True, slots=True)
class _Probe:
    """A second pass, with gradients, that tells which of a layer's tokens the embedding depends on."""

    network: nn.Module
    image_size: int
    channels: int
    head: str

    def influential(self, names: list[str]) -> Iterator[str]:
        """Those of the layers most of whose patches the head's input depends on, in the order given.

        The head's input and not the logits, because networks often begin with a head of zeros.
        """
        outputs: dict[str, Tensor] = {}
        given: list[Tensor] = []
        with ExitStack() as hooks:
            for name in names:

                def keep(_module: nn.Module, _inputs: tuple[Any, ...], output: Tensor, name: str = name) -> None:
                    outputs[name] = output

                hooks.callback(self.network.get_submodule(name).register_forward_hook(keep).remove)
            head = self.network.get_submodule(self.head)
            hooks.callback(head.register_forward_pre_hook(lambda _module, inputs: given.append(inputs[0])).remove)
            run_once(self.network, self.image_size, self.channels, gradients=True)
        kept = {name: outputs[name] for name in names if outputs[name].requires_grad}
        weights = torch.randn(given[-1].shape, generator=torch.Generator().manual_seed(1))
        found = torch.autograd.grad(given[-1], list(kept.values()), weights, allow_unused=True) if kept else ()
        for name, gradient in zip(kept, found, strict=True):
            grid = None if gradient is None else feature_grid(gradient)
            if grid is not None and grid.abs().amax(1).gt(0).float().mean() > 0.5:
                yield name


def _explain_layer(seen: _Pass, start: int, probe: _Probe) -> str | None:
    """The last grid of features before the head; where the head sees tokens, the last whose patches matter to it."""
    tokens: list[str] = []
    for name, module, shape, leaf in reversed(seen.ends[:start]):
        grid = grid_shape(shape) if shape and shape[0] == 1 else None
        if _only_passes_on(module) or grid is None or grid[1] * grid[2] <= 1:
            continue
        if _is_tokens(shape, leaf):
            # What lies within attention or a perceptron is no state of the network: norms and whole blocks are.
            if "Norm" in type(module).__name__ or any(True for _ in module.children()):
                tokens.append(name)
        elif not tokens:
            return name
    return next(probe.influential(tokens), None) if tokens else None


def _check_name(network: nn.Module, option: str, name: str | None) -> None:
    if name is None:
        return
    known = [known for known, _ in network.named_modules() if known]
    if name not in known:
        last = name.rpartition(".")[2]
        near = get_close_matches(name, known, n=5, cutoff=0.5) or [one for one in known if one.endswith(last)][-5:]
        raise InvalidInput(f"{option} {name!r} is no layer of the network; near: {', '.join(near or known[-5:])}")


def _chosen_input(seen: _Pass, name: str) -> Tensor:
    given = seen.inputs[-1] if seen.inputs else None
    if given is None or not 2 <= given.ndim <= 4:
        raise InvalidInput(
            f"--embedding-layer {name!r} is given no features in a pass; choose a layer that is, or none"
        )
    return given


def _chosen_grid(seen: _Pass, name: str | None) -> str | None:
    if name is None:
        return None
    shapes = [shape for known, _module, shape, _leaf in seen.ends if known == name]
    grid = grid_shape(shapes[-1]) if shapes else None
    if grid is None or grid[1] * grid[2] <= 1:
        what = f"gives {shapes[-1]}" if shapes and shapes[-1] else "gives no tensor"
        raise InvalidInput(f"--explain-layer {name!r} {what}; it must give a grid of features or patch tokens")
    return name


def _only_passes_on(module: nn.Module) -> bool:
    """Whether all parts of the module only pool, activate, drop or reshape: none has learnt anything."""
    return all(
        isinstance(part, _PASSING) or not any(True for _ in part.parameters(recurse=False)) for part in module.modules()
    )


def _is_tokens(shape: tuple[int, ...], leaf: nn.Module) -> bool:
    """Whether an output lists tokens, (N, T, D), or is a grid with its channels last, (N, H, W, C)."""
    last = (
        len(shape) == 4 and shape[1] == shape[2] and (shape[2] != shape[3] or type(leaf) in (nn.LayerNorm, nn.Linear))
    )
    return len(shape) == 3 or last
