"""The words of the project as frozen values: what crosses the boundary between two floors.

Everything here is small, immutable and free of behaviour that needs a database, a file or a tensor.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from data.masks import Region

__all__ = [
    "INTERPOLATIONS",
    "MENTION",
    "PRECISIONS",
    "TERMINAL_STATES",
    "Architecture",
    "Dataset",
    "FeedbackEvent",
    "FeedbackKind",
    "FlagReason",
    "Job",
    "JobState",
    "LayerSummary",
    "ModelVersion",
    "Preprocessing",
    "Projection",
    "Quarantined",
    "Run",
    "Sample",
    "Unscored",
    "Verdict",
    "parse_model_reference",
]


@dataclass(frozen=True, slots=True)
class Dataset:
    """A named collection of samples, immutable once added.

    Attributes:
        digest: Of the sorted (sample_id, content, label, split) of all samples, hexadecimal.
        classes: Names in the order that the source gives them (alphabetical for folders).
        splits: Samples in each split; empty where the source knows none.
        has_masks: Whether the source carries the object's mask as ground truth.
    """

    name: str
    digest: str
    source: str
    samples: int
    classes: tuple[str, ...]
    splits: Mapping[str, int]
    quarantined: int
    has_masks: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A file that could not be read, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One image with its place in the dataset.

    Attributes:
        row: 0-based position in the dataset's table; stable, because datasets never change.
        uri: Absolute path, or a path relative to the dataset's folder in the workspace.
        digest: Of the file's bytes, hexadecimal.
        width, height: Pixels, after the EXIF orientation is applied.
    """

    row: int
    sample_id: str
    uri: str
    label: str | None
    split: str | None
    width: int
    height: int
    digest: str


INTERPOLATIONS = ("bilinear", "bicubic", "nearest", "lanczos")


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How an image becomes the network's input.

    The shorter side is resized to `resize` pixels (antialiased), the centre `image_size` square is cut out, values
    are scaled to [0, 1] and normalised channel by channel: (value - mean) / std. The length of `mean` is the number
    of channels: 3 for RGB, 1 for grey.

    Attributes:
        interpolation: How pixels are resampled, one of `INTERPOLATIONS`.
        squash: Whether both sides, and not only the shorter one, are resized to `resize`, whatever the proportions.
    """

    image_size: int
    resize: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str = "bilinear"
    squash: bool = False


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """Architecture, weights, preprocessing and class names under one content digest.

    Attributes:
        arch: As given on the command line, `torchvision:resnet18` for instance.
        classes: Names in the order of the logits; empty if unknown (then the dataset's are taken, see
            `inference.class_names.class_names`).
        parameters: How many numbers the network learns.
        outputs: How many logits.
        embedding_dim: Width of the embedding.
        embedding_layer: The layer whose input is the embedding.
        explain_layer: The layer whose activations class-activation maps use; None where no layer has a grid.
        parent: Number of the version that this one was trained from.
        notes: Facts for people: training recipe, metrics, source of the weights.
    """

    model: str
    version: int
    digest: str
    arch: str
    classes: tuple[str, ...]
    outputs: int
    parameters: int
    preprocessing: Preprocessing
    embedding_dim: int
    embedding_layer: str
    explain_layer: str | None
    parent: int | None
    created_at: datetime
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        """`model@version`, as it is written on the command line and in URLs."""
        return f"{self.model}@{self.version}"


@dataclass(frozen=True, slots=True)
class LayerSummary:
    """One layer of a network as a person reads it.

    Attributes:
        name: With those of the layers around it, `layer4.0.conv1` for instance.
        kind: The class of the module, `Conv2d` for instance.
        shape: Of its output for one image, without the number of images; empty if it gave no tensor or was not used.
        parameters: How many numbers it learns, with all layers in it.
        inside: How many layers are in it, at any depth.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    inside: int


@dataclass(frozen=True, slots=True)
class Architecture:
    """The layers of a network, each before those that are in it; `total` counts also those that are not listed."""

    layers: tuple[LayerSummary, ...]
    total: int


def parse_model_reference(reference: str) -> tuple[str, int | None]:
    """Splits `model` or `model@version`; the version is None where it is not given.

    Raises:
        ValueError: The part behind the @ is not a whole number from 1 up.
    """
    model, at, version = reference.partition("@")
    if not at:
        return model, None
    if not version.isascii() or not version.isdigit() or int(version) < 1:
        raise ValueError(f"{reference!r} is not a model version; write MODEL or MODEL@VERSION, say {model or 'net'}@1")
    return model, int(version)


PRECISIONS = ("fp32", "bf16")


@dataclass(frozen=True, slots=True)
class Run:
    """One model version applied to one dataset.

    Attributes:
        id: Content key of the run, see `inference.index.run_id`; hexadecimal.
        classes: Names in the order of the probabilities.
        accuracy: Over all labelled samples, in [0, 1]; None where nothing says what is right, see `Unscored`.
        split_accuracy: The same by split.
        seconds: Wall-clock time that the indexing took; of one that was interrupted, reckoned from its last part.
        precision: Of the arithmetic, one of `PRECISIONS`.
        drift: How far a lower precision is from fp32, measured on the first samples: `samples`, `changed` (how many
            have another class) and `probability` (largest difference of one, in [0, 1]); None for fp32.
    """

    id: str
    dataset: str
    model: str
    version: int
    samples: int
    classes: tuple[str, ...]
    accuracy: float | None
    split_accuracy: Mapping[str, float]
    embedding_dim: int
    seconds: float
    created_at: datetime
    precision: str = PRECISIONS[0]
    drift: Mapping[str, float] | None = None

    @property
    def reference(self) -> str:
        """`model@version` of the version that was run."""
        return f"{self.model}@{self.version}"


@dataclass(frozen=True, slots=True)
class Unscored:
    """Why a run has no accuracy: its classes and the labels have no name in common.

    Attributes:
        outputs: Of the model version.
        named: Whether they have names of their own.
        classes: How many classes the dataset's labels know; 0 without labels.
    """

    outputs: int
    named: bool
    classes: int


@dataclass(frozen=True, slots=True)
class Projection:
    """2-D coordinates of a run's embeddings.

    Attributes:
        key: Content key of (algorithm version, run, method, parameters), hexadecimal.
        method: `umap` or `pca`.
    """

    key: str
    run: str
    method: str
    parameters: Mapping[str, Any]
    samples: int
    seconds: float
    created_at: datetime


MENTION = re.compile(r"(?<![\w@])@(\w(?:[\w.-]{0,62}\w)?)")
"""Somebody named in a comment, as @name."""


class FeedbackKind(StrEnum):
    """What a person may say about a sample."""

    CONFIRM = "confirm"
    RELABEL = "relabel"
    FLAG = "flag"
    VERDICT = "verdict"
    TAG = "tag"
    COMMENT = "comment"
    UNDO = "undo"


class FlagReason(StrEnum):
    """Why a sample is flagged."""

    AMBIGUOUS = "ambiguous"
    BAD_IMAGE = "bad_image"
    OUT_OF_SCOPE = "out_of_scope"
    DUPLICATE = "duplicate"


class Verdict(StrEnum):
    """What a person says about the reason that an explanation shows."""

    RIGHT_REASON = "right_for_the_right_reason"
    WRONG_REASON = "right_for_the_wrong_reason"
    UNDERSTANDABLE = "wrong_for_an_understandable_reason"
    ARTEFACT = "artefact"


@dataclass(frozen=True, slots=True)
class FeedbackEvent:
    """One append-only statement of a person about a sample under a version.

    Attributes:
        label: The class that the person gives (relabel, confirm), else None.
        shown_label: The dataset's label at that time.
        shown_prediction: The model's prediction at that time.
        undoes: The id of the event that this one takes back (kind `undo`), else None.
        undone: Whether a later event took this one back.
        choice: Of a flag a `FlagReason` or None, of a verdict a `Verdict`, of a tag its text.
        regions: Where the model should have looked, or must not look; of a verdict.
        shown_explanation: Which explanation the person saw: `method`, `target`, `layers`, as far as they are known.
    """

    id: int
    at: datetime
    person: str
    kind: FeedbackKind
    dataset: str
    sample_id: str
    row: int
    model: str | None
    version: int | None
    label: str | None
    comment: str
    shown_label: str | None
    shown_prediction: str | None
    undoes: int | None
    undone: bool
    choice: str | None = None
    regions: tuple[Region, ...] = ()
    shown_explanation: Mapping[str, Any] | None = None


class JobState(StrEnum):
    """Where a job stands. Only `queued` and `running` change by themselves."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


TERMINAL_STATES = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})


@dataclass(frozen=True, slots=True)
class Job:
    """Durable background work.

    Attributes:
        key: Content key of (kind, parameters): two people who start the same work share one job.
        after: The job that must be done before this one starts.
        done, total: Progress in `unit`s; total is 0 while unknown.
        rate: Units a second over the last moments; 0 while unknown.
        cancel_requested: Whether somebody asked the job to stop.
    """

    id: int
    kind: str
    key: str
    parameters: Mapping[str, Any]
    state: JobState
    owner: str
    after: int | None
    done: int
    total: int
    unit: str
    rate: float
    message: str
    error: str | None
    result: Mapping[str, Any] | None
    cancel_requested: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def remaining_seconds(self) -> float | None:
        """Estimated time until the end; None while it cannot be told."""
        if self.state is not JobState.RUNNING or self.rate <= 0 or self.total <= 0:
            return None
        return max(self.total - self.done, 0) / self.rate
