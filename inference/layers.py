"""Finding a network's layers by watching one pass: where its embedding is, and where its maps are explained."""

import math
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from data.errors import InvalidInput

__all__ = ["Layers", "input_channels", "inspect_network", "pool_embedding"]

_WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d)
_POOLING = tuple(
    getattr(nn, f"{kind}Pool{dimensions}d")
    for kind in ("Max", "Avg", "AdaptiveMax", "AdaptiveAvg", "LP")
    for dimensions in (1, 2)
)
_ACTIVATIONS = tuple(
    kind
    for kind in vars(nn.modules.activation).values()
    if isinstance(kind, type) and issubclass(kind, nn.Module) and kind not in (nn.Module, nn.MultiheadAttention)
)
_PASSING = (*_POOLING, *_ACTIVATIONS, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout, nn.Flatten, nn.Identity)


@dataclass(frozen=True, slots=True)
class Layers:
    """What one pass through the network shows.

    Attributes:
        embedding_layer: The layer whose input is the embedding: the last linear layer or 1 × 1 convolution.
        embedding_dim: Width of the embedding after `pool_embedding`.
        explain_layer: The outermost layer that ends last with a grid of features, (N, C, H, W) with H · W > 1; None
            where the network has none, a vision transformer for instance.
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
    """What happened in one pass, in order."""

    ends: list[tuple[str, nn.Module, tuple[int, ...], nn.Module]] = field(default_factory=list)
    heads: list[tuple[int, str, Tensor, int]] = field(default_factory=list)
    flops: int = 0
    leaf: nn.Module | None = None


def inspect_network(network: nn.Module, image_size: int, channels: int) -> Layers:
    """Passes one image of noise through the network and reports its layers.

    Args:
        network: In evaluation mode; it is left as it was found.
        image_size: Pixels a side of the input.
        channels: 3 or 1.

    Raises:
        InvalidInput: The network does not take such an image, does not give one vector of logits for it, or has no
            layer from which an embedding could be taken.
    """
    noise = torch.randn(1, channels, image_size, image_size, generator=torch.Generator().manual_seed(0))
    seen = _Pass()
    with ExitStack() as hooks, torch.no_grad():
        for name, module in network.named_modules():
            _watch(hooks, seen, name, module)
        try:
            logits = network(noise)
        except (RuntimeError, ValueError, TypeError, AssertionError, IndexError, KeyError, AttributeError) as error:
            line = " ".join(str(error).split())
            raise InvalidInput(
                f"The network fails on a {image_size} × {image_size} image with {channels} channels: {line}; "
                "check --image-size and --mean"
            ) from error
    if not isinstance(logits, Tensor) or logits.ndim != 2 or logits.shape[0] != 1:
        shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise InvalidInput(f"The network gives {shape} for one image; it must give logits of shape (1, classes)")
    start, name, given = _head(seen, logits.shape[1])
    return Layers(
        embedding_layer=name,
        embedding_dim=pool_embedding(given).shape[1],
        explain_layer=_explain_layer(seen, start),
        outputs=logits.shape[1],
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        flops=seen.flops,
    )


def input_channels(network: nn.Module) -> int:
    """How many channels the first convolution takes, 1 or 3; 3 where there is no convolution."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            if module.in_channels not in (1, 3):
                raise InvalidInput(f"The network takes {module.in_channels} channels; known are 1 (grey) and 3 (RGB)")
            return module.in_channels
    return 3


def pool_embedding(given: Tensor) -> Tensor:
    """One vector an image, (N, D), from a layer's input: grids (N, D, H, W) and tokens (N, T, D) are averaged."""
    if given.ndim == 4:
        return given.mean((2, 3))
    return given.mean(1) if given.ndim == 3 else given


def _watch(hooks: ExitStack, seen: _Pass, name: str, module: nn.Module) -> None:
    weighted = isinstance(module, _WEIGHTED)

    def starts(_module: nn.Module, inputs: tuple[Any, ...]) -> None:
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
    if isinstance(output, (tuple, list)) and output:
        output = output[0]
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


def _explain_layer(seen: _Pass, start: int) -> str | None:
    """The last grid of features before the head, or None if what the head sees are tokens rather than a grid."""
    for name, module, shape, leaf in reversed(seen.ends[:start]):
        if _only_passes_on(module):
            continue
        if _is_tokens(shape, leaf):
            return None
        if len(shape) == 4 and shape[2] * shape[3] > 1:
            return name
    return None


def _only_passes_on(module: nn.Module) -> bool:
    """Whether all parts of the module only pool, activate, drop or reshape."""
    return all(isinstance(leaf, _PASSING) for leaf in _leaves(module))


def _leaves(module: nn.Module) -> Iterator[nn.Module]:
    for part in module.modules():
        if not any(True for _ in part.children()):
            yield part


def _is_tokens(shape: tuple[int, ...], leaf: nn.Module) -> bool:
    """Whether an output lists tokens, (N, T, D), or is a grid with its channels last, (N, H, W, C)."""
    return len(shape) == 3 or (len(shape) == 4 and type(leaf) in (nn.LayerNorm, nn.Linear))
