"""How a benchmark measures: alternating rounds of both sides, medians, and one figure that is a ratio."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Figure", "compare", "median_seconds"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured ratio.

    Attributes:
        seconds, baseline: Median wall-clock time of ours and of the bare baseline; or whatever else `unit` names.
    """

    what: str
    seconds: float
    baseline_name: str
    baseline: float
    unit: str = "s"

    @property
    def ratio(self) -> float:
        """Our time over the baseline's: below 1 is faster."""
        return self.seconds / self.baseline

    def __str__(self) -> str:
        scale, unit = (1000, "ms") if self.unit == "s" else (1, self.unit)
        ours, theirs = scale * self.seconds, scale * self.baseline
        return f"{self.what}: {ours:,.1f} {unit}, {self.ratio:.2f} × {self.baseline_name} ({theirs:,.1f} {unit})"


def compare(
    what: str, ours: Callable[[], object], baseline_name: str, baseline: Callable[[], object], rounds: int = 15
) -> Figure:
    """Measures both in turns, so that a machine that slows down slows both, after one round to warm up."""
    times: tuple[list[float], list[float]] = ([], [])
    for round_number in range(rounds + 1):
        for side, function in enumerate((ours, baseline)):
            seconds = median_seconds(function, 1)
            if round_number:
                times[side].append(seconds)
    return Figure(what, statistics.median(times[0]), baseline_name, statistics.median(times[1]))


def median_seconds(function: Callable[[], object], rounds: int) -> float:
    """Median wall-clock time of a call."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return statistics.median(times)
