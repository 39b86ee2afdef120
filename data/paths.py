"""How a decision comes about inside a network: units that contributed, and what flows between them. Plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from data.errors import InvalidInput

__all__ = [
    "BOUNDS",
    "CELLS",
    "STEPS",
    "Ablation",
    "DecisionPath",
    "PathEdge",
    "PathRequest",
    "PathStage",
    "PathUnit",
    "cells",
]

CELLS = 4
"""The image is looked at in so many rows and columns of regions."""
STEPS = (8, 16, 32, 64)
BOUNDS: Mapping[str, tuple[int, int]] = {"units": (1, 12), "stages": (1, 16)}


@dataclass(frozen=True, slots=True)
class PathRequest:
    """What is asked of a decision. Together with a version and an image it decides every number of the answer.

    Attributes:
        target: The class whose logit is followed; None for the predicted one.
        units: How many units are drawn in each stage.
        stages: How many stages are chosen, evenly; without a say where layers are named.
        layers: Layers to take as stages instead, in any order.
        lenient: Whether layers that the network does not have are left out, as for a network beside another one;
            where none is left, stages are chosen.
        steps: Into how many the way from the plain image is cut, one of `STEPS`: the more, the more exact.
    """

    target: str | None = None
    units: int = 5
    stages: int = 8
    layers: tuple[str, ...] = ()
    lenient: bool = False
    steps: int = STEPS[0]

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "PathRequest":
        """From plain values, texts of an address among them; what is missing or empty takes its default.

        Raises:
            InvalidInput: A value is not allowed.
        """
        usual: dict[str, Any] = {field.name: field.default for field in fields(cls)}
        layers = given.get("layers") or ()
        names = layers.split(",") if isinstance(layers, str) else [str(name) for name in layers]
        chosen = tuple(dict.fromkeys(name.strip() for name in names if name.strip()))
        most = BOUNDS["stages"][1]
        if len(chosen) > most:
            raise InvalidInput(f"layers names {len(chosen)} layers; name at most {most}")
        steps = _number(given, "steps", usual["steps"], (min(STEPS), max(STEPS)))
        if steps not in STEPS:
            raise InvalidInput.choice("steps", str(steps), [str(allowed) for allowed in STEPS])
        return cls(
            target=str(given["target"]) if given.get("target") else None,
            units=_number(given, "units", usual["units"], BOUNDS["units"]),
            stages=usual["stages"] if chosen else _number(given, "stages", usual["stages"], BOUNDS["stages"]),
            layers=chosen,
            lenient=bool(chosen) and given.get("lenient") is True,
            steps=steps,
        )


@dataclass(frozen=True, slots=True)
class PathUnit:
    """A unit of a stage, or a region of the image.

    Attributes:
        number: Of the channel, feature or number; of a region row by row through `CELLS` × `CELLS`.
        contribution: What it adds to the rise of the logit; negative if it speaks against the class.
        answer: Its strongest activation anywhere in the image; of a region the mean of its pixels, in [0, 1].
    """

    number: int
    contribution: float
    answer: float


@dataclass(frozen=True, slots=True)
class PathStage:
    """One stage of the pass; the first is the image itself.

    Attributes:
        layer: Its name; empty for the image.
        call, calls: Which of the layer's calls in one pass this is, from 1 up, and how many there are.
        kind: The layer's type.
        shape: Of its output for one image.
        count: How many units it has.
        whole: Whether everything from the image to the logit passes through it.
        total: The contributions of all its units together. Of a whole stage they add up to the logit's rise, less
            the error of adding up in steps.
        units: Those that are drawn, the largest contribution first, by magnitude.
        strongest: [unit, activation] of those that answer most strongly, whatever that contributes.
    """

    layer: str
    call: int
    calls: int
    kind: str
    shape: tuple[int, ...]
    count: int
    whole: bool
    total: float
    units: tuple[PathUnit, ...]
    strongest: tuple[tuple[int, float], ...]

    @property
    def drawn(self) -> float:
        """The contributions of the drawn units together."""
        return sum(unit.contribution for unit in self.units)


@dataclass(frozen=True, slots=True)
class PathEdge:
    """What flows from a unit of a stage to one of the next.

    Attributes:
        stage: Of the unit that it leaves, its place among the stages.
        source, target: Numbers of the units.
        flow: Of the rise of the logit; negative if it lowers it.
    """

    stage: int
    source: int
    target: int
    flow: float


@dataclass(frozen=True, slots=True)
class DecisionPath:
    """From the image's regions to a logit.

    Attributes:
        key: Under which it is cached, together with its arrays.
        target: The class whose logit is followed; `prediction` is what the network says.
        probability: Of the target, in [0, 1].
        logit, plain: The target's logit for the image and for the plain image, zero at the network's input.
        stages: The image first.
        edges: Between drawn units of consecutive stages.
        through: What flows along paths that pass drawn units alone, from a drawn region to the logit.
    """

    key: str
    target: str
    prediction: str
    probability: float
    logit: float
    plain: float
    stages: tuple[PathStage, ...]
    edges: tuple[PathEdge, ...]
    through: float
    seconds: float

    @property
    def rise(self) -> float:
        """What is to be explained: by how much the image's logit is above the plain image's."""
        return self.logit - self.plain

    def share(self, amount: float) -> float | None:
        """An amount as a share of the rise; None where the logit hardly moves, so that there is nothing to share."""
        return amount / self.rise if abs(self.rise) > 1e-6 * max(abs(self.logit), abs(self.plain), 1e-6) else None

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "DecisionPath":
        """From plain values, as `asdict` and JSON give them."""
        stages = tuple(
            PathStage(
                **{
                    **stage,
                    "shape": tuple(stage["shape"]),
                    "units": tuple(PathUnit(**unit) for unit in stage["units"]),
                    "strongest": tuple((int(unit), float(value)) for unit, value in stage["strongest"]),
                }
            )
            for stage in stored["stages"]
        )
        return cls(**{**stored, "stages": stages, "edges": tuple(PathEdge(**edge) for edge in stored["edges"])})


@dataclass(frozen=True, slots=True)
class Ablation:
    """What becomes of the decision when units are set to what they give for the plain image.

    Attributes:
        probability, logit: Of the target with nothing changed.
        counts: How many units were set, ascending.
        drawn, drawn_logits: The target's probability and logit without the strongest of the drawn units that speak for
            it.
        random, random_logits: The same without as many random units of the same stages: a list for each seed.
    """

    target: str
    probability: float
    logit: float
    counts: tuple[int, ...]
    drawn: tuple[float, ...]
    drawn_logits: tuple[float, ...]
    random: tuple[tuple[float, ...], ...]
    random_logits: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Ablation":
        """From plain values, as `asdict` and JSON give them."""

        def rows(name: str) -> tuple[tuple[float, ...], ...]:
            return tuple(tuple(row) for row in stored[name])

        lists = {name: tuple(stored[name]) for name in ("counts", "drawn", "drawn_logits")}
        return cls(**{**stored, **lists, "random": rows("random"), "random_logits": rows("random_logits")})

    def change(self, values: Sequence[float]) -> float:
        """How far logits are from the unchanged one, on average over the counts."""
        return sum(abs(value - self.logit) for value in values) / max(len(values), 1)


def cells(side: int) -> npt.NDArray[np.int64]:
    """(side,): to which of `CELLS` equal parts each pixel of a side belongs; a small image has fewer parts."""
    return np.arange(side, dtype=np.int64) * min(CELLS, side) // side


def _number(given: Mapping[str, Any], name: str, default: int, bounds: tuple[int, int]) -> int:
    value = given.get(name)
    if value in (None, ""):
        return default
    low, high = bounds
    text = str(value)
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None
    if number is None or not low <= number <= high:
        raise InvalidInput(f"{name} {value!r} is not allowed; give {low} to {high}")
    return number
