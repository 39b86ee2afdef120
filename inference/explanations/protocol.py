"""What an explanation method offers. A new one is one file with a class of this shape, listed in `METHODS`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import numpy as np

from inference.models import LoadedModel

__all__ = ["Attribution", "ExplanationMethod", "Pulse", "Question", "unheard"]

Pulse = Callable[[float], None]
"""Told which share of the work is done, in [0, 1]; raises `data.errors.Cancelled` when nobody waits any more."""


def unheard(_share: float) -> None:
    """The pulse of work that nobody watches."""


@dataclass(frozen=True, slots=True)
class Question:
    """Why these logits for these images?

    Attributes:
        images: (N, C, H, W) float32, the network's input.
        targets: N indices of logits.
        layers: Where to look, for methods that choose a layer; empty for the method's own choice.
    """

    images: np.ndarray
    targets: Sequence[int]
    layers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Attribution:
    """Maps as the method gives them.

    Attributes:
        values: (N, H, W) float32 at the network's input resolution: not normalised, not smoothed, signed where the
            method is signed.
        layer: Where they were taken; `input` for methods that work on pixels.
        facts: What the method knows of its own accuracy, N values a name: `completeness_error` for instance.
    """

    values: np.ndarray
    layer: str
    facts: Mapping[str, Sequence[float]] = field(default_factory=dict)


class ExplanationMethod(Protocol):
    """Attributes one logit of each image to its pixels. A frozen dataclass whose fields are the method's parameters.

    Attributes:
        name: As in `inference.catalogue.EXPLANATIONS`.
    """

    name: ClassVar[str]

    def unsuited(self, loaded: LoadedModel) -> str | None:
        """Why the method cannot work on this network, in one line; None if it can. Runs no pass."""
        ...

    def __call__(self, loaded: LoadedModel, question: Question, pulse: Pulse = unheard) -> Attribution:
        """Computes the maps; takes the model's lock while the network runs, and leaves no hook and no gradient.

        Raises:
            InvalidInput: The method cannot work on this network, or at one of the layers.
            Cancelled: Nobody waits any more.
        """
        ...
