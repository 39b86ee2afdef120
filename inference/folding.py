"""The many attention maps of a translation made into one: a single head, the mean or largest of several, a rollout."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from data.errors import InvalidInput
from data.looks import Look
from data.translations import Translation

__all__ = ["fold", "heads_of", "thumbnails"]

Weights = npt.NDArray[np.float32]


def heads_of(translation: Translation, kind: str) -> Weights:
    """All maps of a kind, (layers, heads, queries, keys).

    Raises:
        InvalidInput: The network has none of that kind.
    """
    kinds = {heads.kind: heads for heads in translation.attention}
    if kind not in kinds:
        raise InvalidInput.choice("kind", kind, kinds)
    weights: Weights = kinds[kind].weights
    return weights


def fold(translation: Translation, look: Look) -> Weights:
    """One map, (queries, keys) float32. Rows add up to 1, except those of the largest of several heads.

    Raises:
        InvalidInput: There is no such kind, layer or head.
    """
    heads = heads_of(translation, look.kind)
    _check("layer", look.layer, len(heads))
    if look.head == "rollout":
        return _ROLLOUTS[look.kind](translation, look.layer or len(heads))
    if isinstance(look.head, int):
        _check("head", look.head, heads.shape[1])
        return np.ascontiguousarray(heads[(look.layer or len(heads)) - 1, look.head - 1])
    chosen = heads if look.layer is None else heads[look.layer - 1 : look.layer]
    folded: Weights = chosen.max((0, 1)) if look.head == "max" else chosen.mean((0, 1), dtype=np.float32)
    return folded


def thumbnails(heads: Weights, side: int) -> npt.NDArray[np.uint8]:
    """Every head as a small picture, (layers, heads, h, w): of each block of cells the largest weight.

    Scaled so that 255 is the largest weight of the head.

    Args:
        side: The most that h and w may be.
    """
    small = heads
    for axis in (2, 3):
        starts = np.linspace(0, small.shape[axis], min(side, small.shape[axis]), endpoint=False).astype(int)
        small = np.maximum.reduceat(small, starts, axis)
    peak = np.maximum(small.max((2, 3), keepdims=True), 1e-9)
    return (small / peak * 255).round().astype(np.uint8)


def _check(name: str, value: int | None, count: int) -> None:
    if value is not None and value > count:
        raise InvalidInput(f"{name} {value} is not there; the network has {count}, so give 1 to {count}")


def _mixed(heads: Weights) -> Weights:
    """What a layer's self-attention hands on: half of it past the attention, along the residual connection.

    Abnar & Zuidema 2020, "Quantifying attention flow in transformers": 0.5 A + 0.5 I with A the mean of the heads.
    """
    mean = heads.mean(0, dtype=np.float32)
    mixed: Weights = 0.5 * mean + 0.5 * np.eye(*mean.shape, dtype=np.float32)
    return mixed


def _self_rollout(kind: str) -> Callable[[Translation, int], Weights]:
    def roll(translation: Translation, depth: int) -> Weights:
        heads = heads_of(translation, kind)
        flow = np.eye(heads.shape[2], dtype=np.float32)
        for layer in heads[:depth]:
            flow = _mixed(layer) @ flow
        return flow

    return roll


def _cross_rollout(translation: Translation, depth: int) -> Weights:
    """From the output back to the source words themselves, through the decoder and all of the encoder.

    A decoder layer's state is followed as a mixture of source words: half of what self-attention gathers and half of
    what was there, then half of that and half of what cross-attention brings from the encoder's own rollout. What stays
    with the earlier output words is left out, so rows are scaled to add up to 1.
    """
    cross = heads_of(translation, "cross")
    kinds = {heads.kind: heads.weights for heads in translation.attention}
    words = cross.shape[3]
    encoder = kinds.get("encoder")
    read = np.eye(words, dtype=np.float32) if encoder is None else _self_rollout("encoder")(translation, len(encoder))
    decoder = kinds.get("decoder")
    state = np.zeros(cross.shape[2:], np.float32)
    for place, layer in enumerate(cross[:depth]):
        if decoder is not None and place < len(decoder):
            state = _mixed(decoder[place]) @ state
        state = 0.5 * state + 0.5 * layer.mean(0, dtype=np.float32) @ read
    flow: Weights = state / np.maximum(state.sum(1, keepdims=True), 1e-9)
    return flow


_ROLLOUTS: dict[str, Callable[[Translation, int], Weights]] = {
    "cross": _cross_rollout,
    "encoder": _self_rollout("encoder"),
    "decoder": _self_rollout("decoder"),
}
