"""What is changed about a version's answers without training: temperature, prior shift, decision thresholds.

A version carries it in its `model.json`, and every prediction applies it:

    "adjustment": {"temperature": T, "shift": [b₁ … b_K], "thresholds": [t₁ … t_K]}

    logits        zₖ / T + bₖ                  Guo et al. 2017, "On calibration of modern neural networks", section 4.2;
                                               bₖ = log(π'ₖ / πₖ), Saerens et al. 2002, equation 4
    probabilities softmax of these             so thresholds leave them alone
    decision      the class of the largest pₖ / tₖ

With two classes and thresholds t and 1 - t a class is decided where its probability exceeds t. An empty list stands
for zeros in `shift` and for equal `thresholds`. Without torch, for the web.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from data.errors import InvalidInput

__all__ = ["Adjustment", "Draft", "expected_shares", "prior_shift"]

_TEMPERATURES = (0.05, 20.0)
_LOWEST_THRESHOLD = 1e-4
_MOST_SHIFT = 50.0
_NAMED = 20


@dataclass(frozen=True, slots=True)
class Adjustment:
    """See the module; `shift` and `thresholds` are in the order of the logits."""

    temperature: float = 1.0
    shift: tuple[float, ...] = ()
    thresholds: tuple[float, ...] = ()

    @classmethod
    def of(cls, given: Mapping[str, Any], outputs: int) -> Self:
        """From plain values.

        Args:
            outputs: How many logits there are.

        Raises:
            InvalidInput: A value is not allowed, or there are not as many as logits.
        """
        temperature = _number("temperature", given.get("temperature", 1.0), *_TEMPERATURES)
        shift = _numbers("shift", given.get("shift", ()), outputs, -_MOST_SHIFT, _MOST_SHIFT)
        thresholds = _numbers("threshold", given.get("thresholds", ()), outputs, _LOWEST_THRESHOLD, 1.0)
        return cls(
            temperature,
            shift if any(shift) else (),
            thresholds if len(set(thresholds)) > 1 else (),
        )

    @property
    def plain(self) -> bool:
        """Whether it changes nothing."""
        return self.temperature == 1 and not self.shift and not self.thresholds

    def facts(self) -> dict[str, Any]:
        """As `model.json` has it."""
        return {"temperature": self.temperature, "shift": [*self.shift], "thresholds": [*self.thresholds]}

    def then(self, later: "Adjustment") -> "Adjustment":
        """This one and, of what it gives, a later one; the later thresholds replace the earlier ones."""
        ours = np.array(self.shift or np.zeros(len(later.shift)))
        theirs = np.array(later.shift or np.zeros(len(ours)))
        shift = ours / later.temperature + theirs
        return Adjustment(
            self.temperature * later.temperature,
            tuple(shift.tolist()) if shift.any() else (),
            later.thresholds,
        )

    def logits(self, logits: np.ndarray) -> np.ndarray:
        """(N, K) adjusted, float64."""
        found: np.ndarray = logits.astype(np.float64) / self.temperature + np.array(self.shift or 0.0)
        return found

    def decisions(self, logits: np.ndarray) -> np.ndarray:
        """Which class is decided for, (N,), from logits that are adjusted already; of equals the first."""
        if not self.thresholds:
            found: np.ndarray = logits.argmax(1)
            return found
        return np.asarray((logits - np.log(self.thresholds)).argmax(1))


@dataclass(frozen=True, slots=True)
class Draft:
    """An adjustment as people ask for it, class by class.

    Attributes:
        thresholds: By class; of the others it is one half. Of two classes the other one's is what is left to 1.
        shares: How frequent a class is expected to be, in (0, 1); the others keep their proportions to each other.
    """

    temperature: float = 1.0
    thresholds: Mapping[str, float] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """From an address or a command: `temperature`, and any number of `threshold` and `share`, each CLASS:NUMBER.

        Raises:
            InvalidInput: A value is malformed or not allowed.
        """
        return cls(
            _number("temperature", _parsed("temperature", given.get("temperature") or 1.0), *_TEMPERATURES),
            _by_class("threshold", given.get("threshold"), _LOWEST_THRESHOLD),
            _by_class("share", given.get("share"), _LOWEST_THRESHOLD),
        )

    def parameters(self) -> dict[str, Any]:
        """What `of` makes the same of; what is as by default is left out."""
        return {
            **({"temperature": f"{self.temperature:g}"} if self.temperature != 1 else {}),
            **({"threshold": _written(self.thresholds)} if self.thresholds else {}),
            **({"share": _written(self.shares)} if self.shares else {}),
        }

    def adjustment(self, classes: Sequence[str], counts: Sequence[float]) -> Adjustment:
        """What comes of it.

        Args:
            classes: Names in the order of the logits.
            counts: How many samples of each class the network learnt from, above 0.

        Raises:
            InvalidInput: A class is none of these, or the shares leave nothing for the other classes.
        """
        for name in (*self.thresholds, *self.shares):
            if name not in classes:
                raise InvalidInput(f"Class {name!r} is not known; allowed: {', '.join(classes[:_NAMED])}")
        rest = 0.5
        if len(classes) == 2 and len(self.thresholds) == 1:
            rest = max(1 - next(iter(self.thresholds.values())), _LOWEST_THRESHOLD)
        thresholds = [self.thresholds.get(name, rest) for name in classes] if self.thresholds else []
        places = {classes.index(name): share for name, share in self.shares.items()}
        shift = prior_shift(expected_shares(counts, places), counts) if places else ()
        facts = {"temperature": self.temperature, "shift": shift, "thresholds": thresholds}
        return Adjustment.of(facts, len(classes))


def expected_shares(counts: Sequence[float], changed: Mapping[int, float]) -> list[float]:
    """Shares of the classes: those that were changed as given, the others in their old proportions to each other.

    Raises:
        InvalidInput: The given shares leave nothing for the others.
    """
    had = np.array(counts, np.float64) / sum(counts)
    others = np.array([place not in changed for place in range(len(had))])
    rest = 1 - sum(changed.values())
    if others.any() and rest <= 0:
        raise InvalidInput(f"The expected shares sum to {1 - rest:.3g}, which leaves nothing for the other classes")
    scale = rest / had[others].sum() if others.any() else 0.0
    return [changed.get(place, float(share * scale)) for place, share in enumerate(had)]


def prior_shift(expected: Sequence[float], trained: Sequence[float]) -> tuple[float, ...]:
    """What makes up for classes that are more or less frequent than where the network learnt.

    Args:
        expected: Shares of the classes where it will be used; they need not sum to 1.
        trained: Counts or shares where it learnt; a class that was not seen has next to none.

    Raises:
        InvalidInput: A share is not above 0.
    """
    if not expected or not all(math.isfinite(share) and share > 0 for share in expected):
        raise InvalidInput("The expected share of every class must be above 0; leave a class as it is instead")
    wanted, had = np.array(expected, np.float64), np.maximum(np.array(trained, np.float64), np.finfo(float).tiny)
    shift = np.log(wanted / wanted.sum()) - np.log(had / had.sum())
    # Only differences matter; so that nothing changes where nothing was asked for, exactly.
    shift = np.where(np.abs(shift) < 1e-9, 0.0, shift)
    return tuple(shift.tolist()) if shift.any() else ()


def _by_class(name: str, given: object, low: float) -> dict[str, float]:
    found: dict[str, float] = {}
    for text in [given] if isinstance(given, str) else given if isinstance(given, Sequence) else []:
        label, colon, value = str(text).rpartition(":")
        if not colon or not label:
            raise InvalidInput(f"{name} {text!r} is malformed; write CLASS:NUMBER, say star:0.3")
        found[label] = _number(f"{name} of {label}", _parsed(f"{name} of {label}", value), low, 1.0)
    return found


def _parsed(name: str, value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{name} {value!r} is no number") from error


def _written(values: Mapping[str, float]) -> list[str]:
    return [f"{name}:{value:g}" for name, value in values.items()]


def _number(name: str, value: object, low: float, high: float) -> float:
    right = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
    if not right:
        raise InvalidInput(f"{name} {value!r} is not allowed; give a number, {low:g} to {high:g}")
    return float(value)  # type: ignore[arg-type]


def _numbers(name: str, values: object, count: int, low: float, high: float) -> tuple[float, ...]:
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) not in (0, count):
        raise InvalidInput(f"{name} needs a number for each of the {count} classes, or none at all")
    return tuple(_number(name, value, low, high) for value in values)
