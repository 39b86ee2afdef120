"""What is told of a layer's units from their answers to a dataset: in two passes over shards, in bounded memory.

A unit's answer to a sample is its strongest activation anywhere in the sample. Without torch, so that pages read it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from data.inspections import Inspection
from data.types import ModelVersion
from data.workspace import content_key

__all__ = ["BINS", "ORDERS", "SAMPLES_KEPT", "Units", "inspection_key", "read_units", "summarise"]

_ALGORITHM = "inspection-1"
SAMPLES_KEPT = 24
SIMILAR_KEPT = 12
ORDERS = ("unit", "highest", "mean", "active", "selectivity", "alike")
BINS = 32
_FINE = 8  # bins in each of `BINS`, in which classes are told apart
_ROOM = 1 << 24  # counters in memory at once

Blocks = Callable[[], Iterable[Mapping[str, np.ndarray]]]


def inspection_key(version: ModelVersion, layer: str) -> str:
    """Under which key a run keeps the inspection of a layer."""
    return content_key(_ALGORITHM, version.digest, layer)


def summarise(blocks: Blocks, labels: np.ndarray, classes: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """What is told of C units.

    Args:
        blocks: Gives the shards in row order, each time it is called; see `data.inspections.Inspection.read_shard`.
        labels: (N,) indices of classes, -1 for samples without a label.
        classes: How many there are.

    Returns:
        The summary, by name, and histograms (C, max(classes, 1), `BINS`) of the answers by class; without classes all
        samples count as one.

        lowest, highest, mean, spread (C,): of the answers. `mean` is that of the whole grid's mean.
        active (C,): share of samples whose answer is above 0.
        rectified (): whether the layer gave no value below 0, so that 0 is silence.
        top, bottom (C, k): rows of the samples with the strongest and weakest answers; of equals the first.
        top_values, bottom_values (C, k); top_cells (C, k): cell of the grid, row by row.
        auc (C, classes): probability that a sample of the class is answered more strongly than one of another, ties
            counting half; NaN where it has no sample or all are of it. Of `BINS` × `_FINE` levels between lowest and
            highest.
        similar, correlation (C, m): the units whose answers correlate most over the samples, and how much (Pearson).
    """
    first = _First()
    for block in blocks():
        first.add(block)
    known = labels if classes else np.zeros(len(labels), np.int64)
    groups = max(classes, 1)
    histograms, auc = _by_class(blocks, known, groups, first.lowest, first.highest)
    similar, correlation, spread = first.alike()
    summary = {
        "lowest": first.lowest,
        "highest": first.highest,
        "mean": (first.mean_sum / first.samples).astype(np.float32),
        "spread": spread.astype(np.float32),
        "active": (first.active / first.samples).astype(np.float32),
        "rectified": np.array(first.floor >= 0),
        "auc": auc if classes else np.full((len(auc), 0), np.nan, np.float32),
        "similar": similar,
        "correlation": correlation,
        **first.extremes(),
    }
    return summary, histograms


class _First:
    """The first pass: extremes, means and correlations."""

    samples = 0
    floor = np.inf

    def add(self, block: Mapping[str, np.ndarray]) -> None:
        strongest, mean = (block[name].astype(np.float32) for name in ("strongest", "mean"))
        if not self.samples:
            units = strongest.shape[1]
            self.lowest, self.highest = np.full(units, np.inf, np.float32), np.full(units, -np.inf, np.float32)
            self.mean_sum, self.active = np.zeros(units), np.zeros(units, np.int64)
            self.centre = strongest.mean(0, dtype=np.float64)  # near the mean, so that no digits cancel
            self.sum, self.products = np.zeros(units), np.zeros((units, units))
            self._top = _Kept(-1, units)
            self._bottom = _Kept(1, units)
        rows = np.arange(self.samples, self.samples + len(strongest))
        self.samples += len(strongest)
        self.floor = min(self.floor, float(mean.min()), float(strongest.min()))
        self.lowest = np.minimum(self.lowest, strongest.min(0))
        self.highest = np.maximum(self.highest, strongest.max(0))
        self.mean_sum += mean.sum(0, dtype=np.float64)
        self.active += (strongest > 0).sum(0)
        deviation = strongest - self.centre
        self.sum += deviation.sum(0)
        self.products += deviation.T @ deviation
        self._top.add(strongest, block["cells"], rows)
        self._bottom.add(strongest, block["cells"], rows)

    def alike(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(similar, correlation, spread); a unit that never varies resembles none."""
        means = self.sum / self.samples
        covariance = self.products / self.samples - np.outer(means, means)
        spread = np.sqrt(np.clip(np.diag(covariance), 0, None))
        scale = np.outer(spread, spread)
        correlation = np.divide(covariance, scale, out=np.zeros_like(covariance), where=scale > 1e-12)
        np.fill_diagonal(correlation, -np.inf)
        similar = np.argsort(-correlation, axis=1, kind="stable")[:, : min(SIMILAR_KEPT, len(spread) - 1)]
        values = np.take_along_axis(correlation, similar, axis=1)
        return similar.astype(np.int32), values.astype(np.float32), spread

    def extremes(self) -> dict[str, np.ndarray]:
        """Rows, values and cells of the samples that are kept, (C, k)."""
        return {
            "top": self._top.rows.T.astype(np.int32),
            "top_values": self._top.values.T,
            "top_cells": self._top.cells.T,
            "bottom": self._bottom.rows.T.astype(np.int32),
            "bottom_values": self._bottom.values.T,
        }


class _Kept:
    """The samples with the largest (sign -1) or smallest (sign 1) answers of each unit so far, (k, C) each."""

    def __init__(self, sign: int, units: int) -> None:
        self._sign = sign
        self.values = np.empty((0, units), np.float32)
        self.cells = np.empty((0, units), np.uint16)
        self.rows = np.empty((0, units), np.int64)

    def add(self, values: np.ndarray, cells: np.ndarray, rows: np.ndarray) -> None:
        values, cells = np.concatenate([self.values, values]), np.concatenate([self.cells, cells])
        rows = np.concatenate([self.rows, np.broadcast_to(rows[:, None], (len(rows), values.shape[1]))])
        # Stable, and earlier rows stand first: of equals the first is kept, however the shards are cut.
        order = np.argsort(self._sign * values, axis=0, kind="stable")[:SAMPLES_KEPT]
        self.values, self.cells, self.rows = (np.take_along_axis(part, order, axis=0) for part in (values, cells, rows))


def _by_class(
    blocks: Blocks, labels: np.ndarray, classes: int, lowest: np.ndarray, highest: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Histograms (C, classes, `BINS`) and AUC (C, classes); as many units at once as there is room for."""
    fine = BINS * _FINE
    at_once = max(_ROOM // (classes * fine), 1)
    histograms, areas = [], []
    for start in range(0, len(lowest), at_once):
        chosen = slice(start, start + at_once)
        low, high = lowest[chosen], highest[chosen]
        scale = np.divide(fine, high - low, out=np.zeros_like(low), where=high > low)
        counts = np.zeros(len(low) * classes * fine, np.int64)
        row = 0
        for block in blocks():
            values = block["strongest"][:, chosen].astype(np.float32)
            belongs = labels[row : row + len(values)]
            row += len(values)
            values, belongs = values[belongs >= 0], belongs[belongs >= 0]
            level = np.clip((values - low) * scale, 0, fine - 1).astype(np.int64)
            place = (np.arange(len(low)) * classes + belongs[:, None]) * fine + level
            counts += np.bincount(place.ravel(), minlength=len(counts))
        shaped = counts.reshape(len(low), classes, fine)
        areas.append(_auc(shaped))
        histograms.append(shaped.reshape(len(low), classes, BINS, _FINE).sum(3))
    return np.concatenate(histograms), np.concatenate(areas)


def _auc(counts: np.ndarray) -> np.ndarray:
    """From histograms (C, K, B) to the area under each class's ROC curve, one against the rest, (C, K) float32."""
    others = counts.sum(1, keepdims=True) - counts
    below = np.cumsum(others, axis=2) - others
    wins = (counts * (below + 0.5 * others)).sum(2)
    pairs = counts.sum(2) * others.sum(2)
    area = np.divide(wins, pairs, out=np.full(pairs.shape, np.nan), where=pairs > 0)
    rounded: np.ndarray = area.astype(np.float32)
    return rounded


@dataclass(frozen=True, slots=True)
class Units:
    """A layer's units as an inspection tells of them; arrays as `summarise` names them.

    Attributes:
        grid: (h, w) of the layer.
        dead: (C,) whether a unit never answers: silent on every sample where the layer is rectified, and without any
            variation elsewhere.
        always: (C,) whether a unit of a rectified layer answers to every sample.
    """

    arrays: Mapping[str, np.ndarray]
    grid: tuple[int, int]
    dead: np.ndarray
    always: np.ndarray

    @property
    def count(self) -> int:
        return len(self.dead)

    def best_class(self) -> np.ndarray:
        """(C,) index of the class that each unit tells apart best; -1 without classes."""
        auc = np.nan_to_num(self.arrays["auc"], nan=-1.0)
        return auc.argmax(1) if auc.shape[1] else np.full(self.count, -1)

    def selectivity(self) -> np.ndarray:
        """(C,) the AUC of that class, 0.5 without classes."""
        auc = np.nan_to_num(self.arrays["auc"], nan=0.5)
        return auc.max(1) if auc.shape[1] else np.full(self.count, 0.5)

    def order(self, by: str) -> np.ndarray:
        """The units by `unit` (their number) or, largest first, by `highest`, `mean`, `active`, `selectivity`, `alike`.

        Those that are no number come last; of equals the first.
        """
        if by == "unit":
            return np.arange(self.count)
        if by == "selectivity":
            values = self.selectivity()
        elif by == "alike":
            nearest = self.arrays["correlation"]
            values = nearest[:, 0] if nearest.shape[1] else np.zeros(self.count)
        else:
            values = self.arrays[by]
        return np.argsort(-np.asarray(values, np.float64), kind="stable")


def read_units(inspection: Inspection) -> Units:
    """What an inspection that is done tells of the layer's units.

    Raises:
        WorkspaceDamaged: Its summary is missing or damaged.
    """
    arrays = inspection.summary()
    rectified = bool(arrays["rectified"])
    constant = arrays["spread"] <= 1e-6 * np.maximum(np.abs(arrays["highest"]), 1e-6)
    dead = arrays["active"] == 0 if rectified else constant
    always = (arrays["active"] == 1) & ~dead if rectified else np.zeros(len(dead), bool)
    return Units(arrays, (int(arrays["grid"][0]), int(arrays["grid"][1])), dead, always)
