"""The same network, faster: channels last in memory and, for bulk work, batch norm folded into the convolutions.

Both are old tricks with traps: a convolution may feed other layers besides its batch norm, or be used twice. So what
belongs together is seen in a pass, not read from the code, and what comes out is held against the original's answer;
a network that would answer otherwise stays as it is.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from inference.passes import forward

__all__ = ["fold_batch_norm", "lay_channels_last"]

_IMAGES = 2
_TOLERANCE = 1e-4


def fold_batch_norm(network: nn.Module, embedding_layer: str, image_size: int, channels: int) -> None:
    """Folds what can be folded, in place; logits and embeddings stay the same to about 1e-6, layers within do not.

    A network that would not give the same is left as it was.

    Args:
        network: In evaluation mode, on the CPU, without gradients.
        embedding_layer: Stays what it is, with the same input.
        image_size, channels: Of the input.
    """
    noise = _noise(image_size, channels)
    expected = forward(network, embedding_layer, noise)
    folded = [_fold(network, *pair) for pair in _pairs(network, embedding_layer, noise)]
    if folded and not _same(expected, forward(network, embedding_layer, noise)):
        for one in reversed(folded):
            one.undo(network)


def lay_channels_last(network: nn.Module, embedding_layer: str, image_size: int, channels: int) -> None:
    """Lays the network's weights out with channels last, in place; arguments as for `fold_batch_norm`.

    Convolutions are faster so, by a quarter on a processor, and every layer gives what it gave. A network that cannot
    work so, because it reads its activations by their place in memory, is left as it was.
    """
    if not any(isinstance(module, nn.Conv2d) for module in network.modules()):
        return
    noise = _noise(image_size, channels)
    expected = forward(network, embedding_layer, noise)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    try:
        same = _same(expected, forward(network, embedding_layer, noise.to(memory_format=torch.channels_last)))
    except RuntimeError:  # of a view
        same = False
    if not same:
        network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]


def _noise(image_size: int, channels: int) -> Tensor:
    return torch.randn(_IMAGES, channels, image_size, image_size, generator=torch.Generator().manual_seed(0))


@dataclass(frozen=True, slots=True)
class _Folded:
    """A convolution that took its batch norm in, and what was there before."""

    convolution: str
    weight: Tensor
    bias: Tensor | None
    norm: str
    batch_norm: nn.Module

    def undo(self, network: nn.Module) -> None:
        convolution = network.get_submodule(self.convolution)
        convolution.weight, convolution.bias = self.weight, self.bias  # type: ignore[assignment]
        _replace(network, self.norm, self.batch_norm)


@dataclass(slots=True)
class _Seen:
    """Who gave and who took in one pass; tensors are kept, so that none is taken for another at the same place."""

    calls: Counter[str] = field(default_factory=Counter)
    given: dict[int, str] = field(default_factory=dict)
    taken: list[tuple[int, str]] = field(default_factory=list)
    kept: list[Tensor] = field(default_factory=list)


def _pairs(network: nn.Module, embedding_layer: str, noise: Tensor) -> Iterator[tuple[str, str]]:
    """Names of the convolutions whose output goes straight to a batch norm, each with that one; both used once."""
    seen = _Seen()
    with ExitStack() as hooks, torch.inference_mode():
        for name, module in network.named_modules():
            if name and isinstance(module, (nn.Conv2d, nn.BatchNorm2d)):
                hooks.callback(module.register_forward_hook(_watcher(seen, name)).remove)
        network(noise)
    modules = dict(network.named_modules())
    for tensor, norm in seen.taken:
        convolution = seen.given.get(tensor, "")
        pair = (convolution, norm)
        once = all(seen.calls[name] == 1 for name in pair)
        if convolution and once and embedding_layer not in pair and modules[norm].running_mean is not None:
            yield pair


def _watcher(seen: _Seen, name: str) -> Any:
    def watch(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        seen.calls[name] += 1
        if isinstance(module, nn.Conv2d):
            seen.given[id(output)] = name
            seen.kept.append(output)
        elif inputs:
            seen.taken.append((id(inputs[0]), name))

    return watch


def _fold(network: nn.Module, convolution: str, norm: str) -> _Folded:
    layer, batch_norm = network.get_submodule(convolution), network.get_submodule(norm)
    assert isinstance(layer, nn.Conv2d)  # for the type checker, both: see _pairs
    assert isinstance(batch_norm, nn.BatchNorm2d)
    mean, variance = batch_norm.running_mean, batch_norm.running_var
    assert mean is not None
    assert variance is not None
    folded = _Folded(convolution, layer.weight, layer.bias, norm, batch_norm)
    layer.weight, layer.bias = fuse_conv_bn_weights(
        layer.weight,
        layer.bias,
        mean,
        variance,
        batch_norm.eps,
        batch_norm.weight,
        batch_norm.bias,
    )
    _replace(network, norm, nn.Identity())
    return folded


def _replace(network: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, own = name.rpartition(".")
    setattr(network.get_submodule(parent), own, module)


def _same(expected: tuple[Tensor, ...], found: tuple[Tensor, ...]) -> bool:
    return all(
        torch.allclose(ours, theirs, rtol=_TOLERANCE, atol=_TOLERANCE * float(theirs.abs().max()))
        for ours, theirs in zip(found, expected, strict=True)
    )
