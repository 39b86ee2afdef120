"""Checking the parameters of a projection method."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from data.errors import InvalidInput

__all__ = ["Choice", "Number", "checked"]


@dataclass(frozen=True, slots=True)
class Number:
    """A number in [low, high]; a whole one if `default` is whole."""

    default: int | float
    low: float
    high: float

    def read(self, name: str, value: Any) -> int | float:
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        whole = isinstance(self.default, int)
        if not self.low <= number <= self.high or (whole and not number.is_integer()):
            kind = "a whole number" if whole else "a number"
            raise InvalidInput(f"{name} {value!r} is not allowed; give {kind} from {self.low:g} to {self.high:g}")
        return int(number) if whole else number


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few names."""

    default: str
    allowed: tuple[str, ...]

    def read(self, name: str, value: Any) -> str:
        if value not in self.allowed:
            raise InvalidInput.choice(name, value, self.allowed)
        return str(value)


def checked(method: str, known: Mapping[str, Number | Choice], given: Mapping[str, Any]) -> dict[str, Any]:
    """Every known parameter with the given value or its default.

    Raises:
        InvalidInput: A given name is unknown to the method or its value is not allowed.
    """
    for name in given:
        if name not in known:
            raise InvalidInput(f"{method} has no parameter {name!r}; it has: {', '.join(known) or 'none'}")
    return {name: kind.read(name, given[name]) if name in given else kind.default for name, kind in known.items()}
