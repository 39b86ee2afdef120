"""One pass through a network, with what a run keeps of it."""

from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from data.types import PRECISIONS
from inference.layers import pool_embedding

__all__ = ["activation_bytes", "forward"]


def forward(
    network: nn.Module, embedding_layer: str, batch: Tensor, precision: str = PRECISIONS[0]
) -> tuple[Tensor, Tensor]:
    """Passes a batch through the network without recording a graph.

    Args:
        embedding_layer: Name of the layer whose pooled input is the embedding.
        batch: (N, C, H, W) float32 on the network's device.
        precision: `bf16` lets layers that bear it compute in bfloat16.

    Returns:
        Logits (N, K) and embeddings (N, D), float32, on the CPU.
    """
    embeddings: list[Tensor] = []

    def keep(_module: nn.Module, inputs: tuple[Any, ...]) -> None:
        # Taken at once: a later layer may change it in place.
        embeddings.append(pool_embedding(inputs[0]).to("cpu", torch.float32, copy=True))

    hook = network.get_submodule(embedding_layer).register_forward_pre_hook(keep)
    try:
        lower = torch.autocast(batch.device.type, torch.bfloat16, enabled=precision == "bf16")
        with torch.inference_mode(), lower:
            logits: Tensor = network(batch)
            return logits.to("cpu", torch.float32), embeddings[-1]
    finally:
        hook.remove()


def activation_bytes(network: nn.Module, image_size: int, channels: int) -> int:
    """Bytes that one image takes at once inside the network: input and output of its most demanding layer."""
    most = 0

    def weigh(_module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        nonlocal most
        tensors = [tensor for tensor in (*inputs, output) if isinstance(tensor, Tensor)]
        most = max(most, sum(tensor.nbytes for tensor in tensors))

    with ExitStack() as hooks, torch.inference_mode():
        for module in network.modules():
            hooks.callback(module.register_forward_hook(weigh).remove)
        network(torch.zeros(1, channels, image_size, image_size))
    return most
