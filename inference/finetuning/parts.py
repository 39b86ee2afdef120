"""Which numbers of a network learn, and how much memory a step takes."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from data.errors import InvalidInput
from data.types import ModelVersion

__all__ = ["graph_bytes", "learning", "make_smooth", "twice_differentiable"]


def learning(network: nn.Module, version: ModelVersion, depth: str) -> dict[str, nn.Parameter]:
    """The parameters that learn, by name, in the network's order; all others are frozen.

    The last block begins with the layer that class-activation maps look at; where that is the whole body of the
    network (`features` of VGG and the like), with the last part in it that has weights.

    Args:
        depth: One of `data.finetuning.DEPTHS`.

    Raises:
        InvalidInput: Nothing in that part of the network can learn.
    """
    head = f"{version.embedding_layer}."
    names = [name for name, parameter in network.named_parameters() if parameter.is_floating_point()]
    chosen = set(names)
    if depth == "head":
        chosen = {name for name in names if name.startswith(head)}
    elif depth == "block":
        block = _last_block(network, version)
        inside = [name for name in names if name.startswith(block)]
        start = names.index(inside[0]) if inside else len(names)
        chosen = {name for place, name in enumerate(names) if place >= start or name.startswith(head)}
    if not chosen:
        raise InvalidInput(f"{version.reference} has nothing to learn in its {depth}; choose another depth")
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name in chosen)
    return {name: parameter for name, parameter in network.named_parameters() if name in chosen}


def _last_block(network: nn.Module, version: ModelVersion) -> str:
    """Name of the layer with which the last block begins, and a dot; of the head where there is no such layer."""
    name = version.explain_layer
    while name and not _has_weights(network.get_submodule(name)):
        name = name.rpartition(".")[0]
    if not name:
        return f"{version.embedding_layer}."
    first = next(iter(dict(network.named_parameters())))
    while first.startswith(f"{name}."):
        parts = [own for own, part in network.get_submodule(name).named_children() if _has_weights(part)]
        if not parts:
            break
        name = f"{name}.{parts[-1]}"
    return f"{name}."


def _has_weights(module: nn.Module) -> bool:
    return any(parameter.ndim > 1 for parameter in module.parameters())


def graph_bytes(network: nn.Module, image_size: int, channels: int) -> int:
    """Bytes that the graph of one image takes about: what all layers give, with its gradients of two orders."""
    total = 0

    def weigh(_module: nn.Module, _inputs: tuple[Any, ...], output: Any) -> None:
        nonlocal total
        total += output.nbytes if isinstance(output, Tensor) else 0

    with ExitStack() as hooks, torch.inference_mode():
        for module in network.modules():
            if not any(True for _ in module.children()):
                hooks.callback(module.register_forward_hook(weigh).remove)
        network(torch.zeros(1, channels, image_size, image_size))
    return 4 * total


class _Hardsigmoid(nn.Module):
    """The same function, of parts for which torch has second derivatives."""

    def forward(self, given: Tensor) -> Tensor:
        return F.relu6(given + 3) / 6


def make_smooth(network: nn.Module) -> nn.Module:
    """Puts layers that can be differentiated twice in place of those that cannot, and returns the network.

    They answer the same and have no parameters, so the names of the network's weights stay what they are.
    """
    for module in [*network.modules()]:
        for name, part in module.named_children():
            if isinstance(part, nn.Hardsigmoid):
                setattr(module, name, _Hardsigmoid())
    return network


@contextmanager
def twice_differentiable() -> Iterator[None]:
    """Inside the block attention and convolutions compute so that they can be differentiated twice, and repeatably."""
    with (
        sdpa_kernel(SDPBackend.MATH),
        torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True),
    ):
        yield
