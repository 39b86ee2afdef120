"""How the tokens of a transformer attend to each other, whichever way its attention is computed.

A network may call the fused attention of torch, its multi-head attention, or a softmax between two products; none of
the fused ones tells its weights. Here these functions are watched while they are called, in this thread alone, and the
fused ones computed step by step, so that the weights lie on the graph.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from data.errors import InvalidInput
from inference.grids import prefix_tokens
from inference.models import LoadedModel

__all__ = ["Attended", "attend", "token_grid", "without_attention"]

_ATTENDING = ("attention", "attn", "mha")
_WINDOWED = ("window", "shifted", "swin", "maxvit", "partition")
_NONE = "needs tokens that attend to each other; {network} has none"
_WINDOWS = "needs tokens that all attend to each other; those of {network} attend within windows"


@dataclass(frozen=True, slots=True)
class Attended:
    """The attention of one pass.

    Attributes:
        names: Of the layers, in order.
        weights: One of each layer, (N, heads, T, T): how much each token (row) takes from each token (column).
        logits: (N, K).
    """

    names: tuple[str, ...]
    weights: tuple[Tensor, ...]
    logits: Tensor


def without_attention(loaded: LoadedModel) -> str | None:
    """Why a network has no attention between all its tokens, as far as its modules tell; None if it may have."""
    kinds = [type(module).__name__.lower() for module in loaded.module.modules()]
    parts = {name.rpartition(".")[2].lower() for name, _module in loaded.module.named_modules()}
    if any(word in kind for kind in kinds for word in _WINDOWED):
        return _WINDOWS.format(network=loaded.version.reference)
    if not any(sign in word for word in (*kinds, *parts) for sign in _ATTENDING):
        return _NONE.format(network=loaded.version.reference)
    return None


def attend(loaded: LoadedModel, batch: Tensor, method: str, graph: bool = False) -> Attended:
    """Passes a batch through the network and keeps how its tokens attend.

    Args:
        graph: Whether the weights are to be part of a graph that leads to the logits.

    Raises:
        InvalidInput: There is no attention between all tokens, or a way of computing it is not known.
    """
    reason = without_attention(loaded)
    if reason is not None:
        raise InvalidInput(f"{method} {reason}")
    watch = _Watch()
    with loaded.lock, torch.set_grad_enabled(graph), _named(loaded.module, watch.inside), watch:
        logits = loaded.module(batch.detach().clone().requires_grad_(graph).clone())
    network = loaded.version.reference
    if not watch.found:
        raise InvalidInput(f"{method} {_NONE.format(network=network)}")
    if any(len(weights) != len(batch) for _, weights in watch.found):
        raise InvalidInput(f"{method} {_WINDOWS.format(network=network)}")
    tokens = {weights.shape[-1] for _, weights in watch.found}
    if len(tokens) > 1 or prefix_tokens(tokens.pop()) is None:
        raise InvalidInput(f"{method} needs the same square grid of tokens in all layers; {network} has another")
    names, weights = zip(*watch.found, strict=True)
    return Attended(names, weights, logits)


def token_grid(rows: Tensor) -> Tensor:
    """(N, 1, h, w) of what a token takes from each patch, from (N, T) of what it takes from each token."""
    patches = rows.shape[1] - (prefix_tokens(rows.shape[1]) or 0)
    side = math.isqrt(patches)
    return rows[:, -patches:].reshape(len(rows), 1, side, side)


class _Watch(TorchFunctionMode):
    """Inside the block, keeps the weights of attention with the name of the module that computes them."""

    def __init__(self) -> None:
        super().__init__()
        self.inside: list[str] = []
        self.found: list[tuple[str, Tensor]] = []

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        options = dict(kwargs or {})
        if func is F.scaled_dot_product_attention:
            return self._scaled(*args, **options)
        if func is F.multi_head_attention_forward:
            return self._multi_head(*args, **options)
        found = func(*args, **options)
        if getattr(func, "__name__", "") == "softmax" and isinstance(found, Tensor) and found.ndim == 4:
            self._keep(found)
        return found

    def _keep(self, weights: Tensor) -> None:
        if weights.shape[2] == weights.shape[3] > 1:
            self.found.append((self.inside[-1] if self.inside else "", weights))

    def _scaled(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> Tensor:
        if is_causal or enable_gqa:
            raise InvalidInput("Attention that is causal or shares its keys between heads is not known here")
        scores = query @ key.transpose(-2, -1) * (query.shape[-1] ** -0.5 if scale is None else scale)
        if attn_mask is not None:
            hidden = attn_mask.dtype == torch.bool
            scores = scores.masked_fill(~attn_mask, -math.inf) if hidden else scores + attn_mask
        weights = scores.softmax(-1)
        if weights.ndim == 4:
            self._keep(weights)
        return weights @ value

    def _multi_head(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        embed_dim_to_check: int,
        num_heads: int,
        in_proj_weight: Tensor | None,
        in_proj_bias: Tensor | None,
        bias_k: Tensor | None,
        bias_v: Tensor | None,
        add_zero_attn: bool,
        dropout_p: float,
        out_proj_weight: Tensor,
        out_proj_bias: Tensor | None,
        **options: Any,
    ) -> tuple[Tensor, Tensor | None]:
        """As torch's function; (T, N, D) each, as `nn.MultiheadAttention` gives them."""
        special = bias_k is not None or add_zero_attn or options.get("key_padding_mask") is not None
        if special or in_proj_weight is None or query is not key or key is not value or query.ndim != 3:
            raise InvalidInput("Multi-head attention of other than the tokens themselves is not known here")
        tokens, images, width = query.shape
        parts = F.linear(query, in_proj_weight, in_proj_bias).chunk(3, dim=-1)
        heads = [part.reshape(tokens, images, num_heads, -1).permute(1, 2, 0, 3) for part in parts]
        mixed = self._scaled(heads[0], heads[1], heads[2], options.get("attn_mask"))
        given = F.linear(mixed.permute(2, 0, 1, 3).reshape(tokens, images, width), out_proj_weight, out_proj_bias)
        weights = self.found[-1][1] if options.get("need_weights", True) else None
        averaged = options.get("average_attn_weights", True)
        return given, weights.mean(1) if weights is not None and averaged else weights


@contextmanager
def _named(network: nn.Module, inside: list[str]) -> Iterator[None]:
    """Inside the block, `inside` has the names of the modules that are being computed, the innermost last."""
    with ExitStack() as hooks:
        for name, module in network.named_modules():

            def begin(_module: nn.Module, _inputs: Any, name: str = name) -> None:
                inside.append(name)

            def end(_module: nn.Module, _inputs: Any, _output: Any) -> None:
                inside.pop()

            hooks.callback(module.register_forward_pre_hook(begin).remove)
            hooks.callback(module.register_forward_hook(end).remove)
        yield
