"""Fine-tuning from feedback: how it is asked for, what the feedback amounts to, and how far one under way is.

Without torch, for the web and the command line: the training itself is `inference.finetuning`.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from data.errors import InvalidInput
from data.lessons import Lesson
from data.types import Dataset, ModelVersion
from data.workspace import Workspace, content_key

__all__ = [
    "DEPTHS",
    "FinetuneSettings",
    "Teaching",
    "class_of",
    "finetune_folder",
    "finetune_key",
    "finetuned",
    "read_progress",
    "teaching",
]

_ALGORITHM = "finetune-2"
DEPTHS: Mapping[str, tuple[float, float]] = {"all": (3e-4, 1e-3), "block": (1e-3, 2e-3), "head": (1e-2, 1e-2)}
"""How much of the network learns, and the learning rates that are taken where none is given: of classes alone, which
few small steps teach, and of reasons, which need larger ones to be unlearnt."""
_PROGRESS = "progress.json"
_BOUNDS = {
    "learning_rate": (1e-7, 1.0),
    "epochs": (1, 500),
    "batch": (2, 1024),
    "replay": (0, 100_000),
    "must_not_look": (0.0, 1e4),
    "should_look": (0.0, 1e4),
    "patience": (1, 500),
    "seed": (0, 2**31 - 1),
}


@dataclass(frozen=True, slots=True)
class FinetuneSettings:
    """How a version is trained on from feedback. Everything here decides the weights.

    Attributes:
        depth: Of `DEPTHS`: the whole network, its last block with the head, or the head.
        learning_rate: Highest of a schedule that warms up and falls as a cosine (AdamW); None for what suits the depth
            and what is taught, see `rate`.
        epochs: Of the unchanged samples; fewer where nothing gets better any more, see `patience`.
        batch: Samples of a step, at most: half of them unchanged ones.
        replay: How many unchanged samples are learnt along, at most, so that nothing is forgotten.
        class_weights: Whether rare classes count as much as frequent ones.
        must_not_look: Weight of the penalty on looking inside masks that say so; 0 leaves it out. Its unit is the
            squared gradient everywhere before the training: what is hardly looked at is hardly penalised.
        should_look: Weight of the penalty on looking outside masks that say where to; 0 leaves it out.
        patience: Epochs without anything better after which the training stops.
    """

    depth: str = "all"
    learning_rate: float | None = None
    epochs: int = 12
    batch: int = 32
    replay: int = 1000
    class_weights: bool = False
    must_not_look: float = 300.0
    should_look: float = 1.0
    patience: int = 5
    seed: int = 0

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """From parameters; what is missing or None has its default. Others than these are left alone.

        Raises:
            InvalidInput: A value is not allowed.
        """
        kept = {field.name: given[field.name] for field in fields(cls) if given.get(field.name) is not None}
        depth = kept.get("depth", "all")
        if depth not in DEPTHS:
            raise InvalidInput.choice("depth", depth, DEPTHS)
        for name, value in kept.items():
            if name in _BOUNDS:
                kept[name] = _bounded(name, value)
        if not isinstance(kept.get("class_weights", False), bool):
            raise InvalidInput(f"class-weights {kept['class_weights']!r} is not allowed; give true or false")
        return cls(**kept)

    def rate(self, reasons: bool) -> float:
        """The learning rate.

        Args:
            reasons: Whether regions are taught too.
        """
        return DEPTHS[self.depth][reasons] if self.learning_rate is None else self.learning_rate

    def changed(self) -> dict[str, Any]:
        """What differs from the defaults: `of` makes the same of it."""
        default = type(self)(depth=self.depth)
        values = {name: value for name, value in asdict(self).items() if value != getattr(default, name)}
        return values if self.depth == "all" else {"depth": self.depth, **values}


def _bounded(name: str, value: object) -> float:
    """A number within its bounds; whole where these are whole."""
    low, high = _BOUNDS[name]
    whole = isinstance(low, int)
    right = isinstance(value, int) or (isinstance(value, float) and not whole)
    if isinstance(value, bool) or not right or not low <= value <= high:  # type: ignore[operator]
        kind = "a whole number" if whole else "a number"
        raise InvalidInput(f"{name.replace('_', '-')} {value!r} is not allowed; give {kind}, {low:g} to {high:g}")
    return value if whole else float(value)  # type: ignore[return-value, arg-type]


@dataclass(frozen=True, slots=True)
class Teaching:
    """What a dataset's feedback amounts to for a version.

    Attributes:
        lessons: What is learnt from: a class of the version, regions, or both. By row.
        left_out: Rows of samples that are flagged or about which people disagree without a region that stands: they
            are neither learnt from, nor learnt along, nor measured on.
        touched: Rows of all samples with feedback; none of them is measured on.
        labelled: How many lessons give a class.
        must_not_look, should_look: How many lessons have such regions.
        contradicted: Samples to which people give different classes: their regions count, their classes do not.
        flagged: Samples left out because of a flag.
        unknown: Classes that were given and that the version does not have, with how often.
        classes: How many lessons give each class.
    """

    lessons: tuple[Lesson, ...]
    left_out: tuple[int, ...]
    touched: tuple[int, ...]
    labelled: int
    must_not_look: int
    should_look: int
    contradicted: int
    flagged: int
    unknown: Mapping[str, int]
    classes: Mapping[str, int]

    @property
    def events(self) -> tuple[int, ...]:
        """Ids of the events that are learnt from, ascending."""
        return tuple(sorted({event for lesson in self.lessons for event in lesson.events}))


def teaching(found: Sequence[Lesson], classes: Sequence[str]) -> Teaching:
    """What lessons amount to for a version with these classes, in the order of its logits."""
    used, left_out = [], []
    unknown: dict[str, int] = {}
    given: dict[str, int] = {}
    for lesson in found:
        if lesson.label is not None and lesson.label not in classes:
            unknown[lesson.label] = unknown.get(lesson.label, 0) + 1
        label = class_of(lesson, classes)
        if lesson.flagged or (label is None and not _regions(lesson)):
            if lesson.flagged or lesson.contradicted or lesson.label is not None:
                left_out.append(lesson.row)
            continue
        used.append(lesson)
        if label is not None:
            given[label] = given.get(label, 0) + 1
    return Teaching(
        lessons=tuple(used),
        left_out=tuple(left_out),
        touched=tuple(lesson.row for lesson in found),
        labelled=sum(given.values()),
        must_not_look=sum(lesson.must_not_look is not None for lesson in used),
        should_look=sum(lesson.should_look is not None for lesson in used),
        contradicted=sum(lesson.contradicted for lesson in found),
        flagged=sum(lesson.flagged for lesson in found),
        unknown=unknown,
        classes=given,
    )


def class_of(lesson: Lesson, classes: Sequence[str]) -> str | None:
    """The class to learn from a lesson; None where none was given, people disagree, or the version lacks it."""
    return lesson.label if lesson.label in classes and not lesson.contradicted else None


def _regions(lesson: Lesson) -> bool:
    return lesson.must_not_look is not None or lesson.should_look is not None


def finetune_key(version: ModelVersion, dataset: Dataset, taught: Teaching, settings: FinetuneSettings) -> str:
    """Content key of a fine-tune: the same feedback, version, data and settings give the same weights."""
    content = [
        [
            lesson.row,
            lesson.label,
            lesson.contradicted,
            *(asdict(mask) if mask else None for mask in (lesson.must_not_look, lesson.should_look)),
        ]
        for lesson in taught.lessons
    ]
    beside = [list(taught.left_out), list(taught.touched)]
    return content_key(_ALGORITHM, version.model, version.digest, dataset.digest, content, beside, asdict(settings))


def finetuned(versions: Sequence[ModelVersion], key: str) -> ModelVersion | None:
    """The version that a fine-tune of this key made, if it was done before."""
    return next((version for version in versions if version.notes.get("finetune", {}).get("key") == key), None)


def finetune_folder(workspace: Workspace, key: str) -> Path:
    """Where the checkpoints of a fine-tune lie until it is done."""
    return workspace.root / "finetunes" / key


def read_progress(workspace: Workspace, key: str) -> dict[str, Any] | None:
    """How far a fine-tune is: `step`, `steps`, `before` and `curve`, as its last checkpoint says; None without one."""
    try:
        progress = json.loads((finetune_folder(workspace, key) / _PROGRESS).read_bytes())
    except (OSError, ValueError):
        return None
    return progress if isinstance(progress, dict) and math.isfinite(progress.get("step", math.nan)) else None
