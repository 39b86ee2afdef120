"""Which of the many attention maps of a translation is looked at. Plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from data.errors import InvalidInput

__all__ = ["FOLDS", "KINDS", "Look"]

KINDS = ("cross", "encoder", "decoder")
"""From output to source words, from source to source words, from output to earlier output words."""
FOLDS = ("mean", "max", "rollout")


@dataclass(frozen=True, slots=True)
class Look:
    """A map, or how the maps of several heads become one.

    Attributes:
        kind: One of `KINDS`.
        layer: From 1 up; None for all layers together. A rollout goes up to this layer.
        head: From 1 up, or one of `FOLDS`. A single head without a layer is one of the last layer.
    """

    kind: str = "cross"
    layer: int | None = None
    head: int | str = "mean"

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Look":
        """From texts of an address; what is missing or empty takes its default.

        Raises:
            InvalidInput: A value is not allowed.
        """
        kind, layer, head = (_text(given, name) for name in ("kind", "layer", "head"))
        if kind and kind not in KINDS:
            raise InvalidInput.choice("kind", kind, KINDS)
        if head in FOLDS:
            return cls(kind or "cross", _number("layer", layer), head)
        return cls(kind or "cross", _number("layer", layer), _number("head", head) or "mean")


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    value = value[0] if isinstance(value, (list, tuple)) and value else value
    return str(value or "")


def _number(name: str, text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) < 1000):
        raise InvalidInput(f"{name} {text!r} is not allowed; give a number from 1 up")
    return int(text)
