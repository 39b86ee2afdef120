"""What an adjustment would change, from the probabilities that a run has kept. Without torch, for the web."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data.adjustments import Adjustment
from data.errors import InvalidInput, WorkspaceDamaged
from data.runs import part_files
from data.types import Dataset, ModelVersion, Run
from data.workspace import Workspace

__all__ = [
    "BINS",
    "Effect",
    "Evidence",
    "completed",
    "effect",
    "fit_temperature",
    "measured",
    "own_rule",
    "read_evidence",
]

BINS = 15
_MOST_NUMBERS = 4_000_000
_TINY = 1e-38
_SEED = 0
_INVERSES = (0.05, 20.0)  # of the temperatures that are looked at


@dataclass(frozen=True)
class Evidence:
    """What a run says about N labelled samples.

    Attributes:
        logits: (N, K) float64, up to a constant a row.
        targets: (N,) indices of the labels.
        counts: (K,) how many labelled samples of each class there are where the network learnt: in the split `train`,
            else in all; at least 1.
    """

    logits: np.ndarray
    targets: np.ndarray
    counts: np.ndarray

    @cached_property
    def fitting(self) -> np.ndarray:
        """(N,) bool: the half that a temperature is fitted on; calibration is measured on the other."""
        chosen = np.zeros(len(self.targets), bool)
        chosen[np.random.default_rng(_SEED).permutation(len(chosen))[: len(chosen) // 2]] = True
        return chosen


@dataclass(frozen=True, slots=True)
class Effect:
    """How a version does under an adjustment.

    Attributes:
        accuracy: In [0, 1].
        ece: Expected calibration error, in [0, 1], of the decided class's probability in `BINS` bins of equal width
            (Naeini et al. 2015; Guo et al. 2017, equation 3), on the half that no temperature is fitted on.
        confidence, right, weight: Of each bin that is not empty: mean probability, share right, share of the samples.
        confusion: (K, K) counts; rows are labels, columns decisions.
        changed: How many decisions differ from those without the adjustment.
    """

    accuracy: float
    ece: float
    confidence: tuple[float, ...]
    right: tuple[float, ...]
    weight: tuple[float, ...]
    confusion: np.ndarray
    changed: int


def read_evidence(workspace: Workspace, dataset: Dataset, run: Run, split: str | None = None) -> Evidence:
    """The run's answers on the labelled samples of a split, or on all; of very many a part from all over.

    Raises:
        InvalidInput: No sample there has a label that the version knows.
        WorkspaceDamaged: The dataset's table is missing or damaged.
    """
    path = workspace.dataset(dataset.name) / "samples.parquet"
    try:
        samples = pq.read_table(path, columns=["row", "label", "split"]).sort_by("row")
    except (OSError, pa.ArrowInvalid) as error:
        raise WorkspaceDamaged(f"{path} is missing or damaged; add the dataset again from its source") from error
    index = {name: place for place, name in enumerate(run.classes)}
    targets = np.array([index.get(label, -1) for label in samples["label"].to_pylist()])
    splits = np.array([split or "" for split in samples["split"].to_pylist()])
    known = targets >= 0
    learnt = known & (splits == "train") if "train" in dataset.splits else known
    rows = np.flatnonzero(known & (splits == split) if split else known)
    if not len(rows):
        where = f"in the split {split}" if split else "there"
        raise InvalidInput(f"No sample of {dataset.name} {where} has a label that {run.reference} knows")
    most = max(_MOST_NUMBERS // len(run.classes), 1)
    rows = rows[np.linspace(0, len(rows) - 1, most).astype(int)] if len(rows) > most else rows
    return Evidence(
        np.log(np.maximum(_probabilities(workspace, run, rows), _TINY)),
        targets[rows],
        np.maximum(np.bincount(targets[learnt], minlength=len(run.classes)), 1),
    )


def _probabilities(workspace: Workspace, run: Run, rows: np.ndarray) -> np.ndarray:
    """(N, K) float64 of the given rows, ascending; part by part, so that no more than one lies in memory."""
    found, start = [], 0
    for path in part_files(workspace, run.id):
        column = pq.read_table(path, columns=["probabilities"])["probabilities"].combine_chunks()
        inside = rows[(rows >= start) & (rows < start + len(column))] - start
        start += len(column)
        if len(inside):
            taken = column.take(pa.array(inside))
            found.append(taken.flatten().to_numpy(zero_copy_only=False).reshape(len(inside), -1).astype(np.float64))
    return np.concatenate(found)


def fit_temperature(evidence: Evidence) -> float:
    """The temperature with the smallest negative log likelihood on the half that is for fitting.

    Guo et al. 2017. The likelihood has one minimum in the inverse temperature.
    """
    from scipy.optimize import minimize_scalar  # here: a part of a second that most pages never need

    logits, targets = evidence.logits[evidence.fitting], evidence.targets[evidence.fitting]

    def loss(inverse: float) -> float:
        scaled = logits * inverse
        scaled -= scaled.max(1, keepdims=True)
        return float((np.log(np.exp(scaled).sum(1)) - scaled[np.arange(len(targets)), targets]).mean())

    found = minimize_scalar(loss, bounds=_INVERSES, method="bounded", options={"xatol": 1e-6})
    return round(1 / float(found.x), 4)


def effect(evidence: Evidence, adjustment: Adjustment, before: Adjustment = Adjustment()) -> Effect:  # noqa: B008
    """What comes of an adjustment.

    Args:
        before: What the decisions are held against for `changed`: the version's own thresholds.
    """
    logits, targets = adjustment.logits(evidence.logits), evidence.targets
    decided = adjustment.decisions(logits)
    powers = np.exp(logits - logits.max(1, keepdims=True))
    sure = (powers / powers.sum(1, keepdims=True))[np.arange(len(decided)), decided]
    measured = ~evidence.fitting
    bins = _bins(sure[measured], (decided == targets)[measured])
    classes = logits.shape[1]
    confusion = np.bincount(targets * classes + decided, minlength=classes**2).reshape(classes, classes)
    return Effect(
        accuracy=float((decided == targets).mean()),
        ece=sum(weight * abs(right - confidence) for confidence, right, weight in bins),
        confidence=tuple(confidence for confidence, _, _ in bins),
        right=tuple(right for _, right, _ in bins),
        weight=tuple(weight for _, _, weight in bins),
        confusion=confusion,
        changed=int((decided != before.decisions(evidence.logits)).sum()),
    )


def _bins(sure: np.ndarray, right: np.ndarray) -> list[tuple[float, float, float]]:
    """Of each bin that is not empty (mean probability, share right, share of the samples)."""
    places = np.minimum((sure * BINS).astype(int), BINS - 1)
    return [
        (float(sure[places == place].mean()), float(right[places == place].mean()), float((places == place).mean()))
        for place in range(BINS)
        if (places == place).any()
    ]


def measured(dataset: Dataset, split: str | None, evidence: Evidence, before: Effect, after: Effect) -> dict[str, Any]:
    """What is noted with a version of how its adjustment did."""
    return {
        "dataset": dataset.name,
        "dataset_digest": dataset.digest,
        "split": split,
        "samples": len(evidence.targets),
        "changed": after.changed,
        "before": {"accuracy": before.accuracy, "ece": before.ece},
        "after": {"accuracy": after.accuracy, "ece": after.ece},
    }


def completed(adjustment: Adjustment, version: ModelVersion) -> Adjustment:
    """An adjustment of a version's answers, with the version's own thresholds where it gives none."""
    return adjustment if adjustment.thresholds else replace(adjustment, thresholds=own_rule(version).thresholds)


def own_rule(version: ModelVersion) -> Adjustment:
    """The decision thresholds that a version has already; its probabilities are adjusted in what a run keeps of it."""
    return Adjustment(thresholds=tuple(version.notes.get("adjustment", {}).get("thresholds", ())))
