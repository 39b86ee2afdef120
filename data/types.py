"""The words of the project as frozen values: what crosses the boundary between two floors.

Everything here is small, immutable and free of behaviour that needs a database, a file or a tensor.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

__all__ = [
    "INTERPOLATIONS",
    "PRECISIONS",
    "TERMINAL_STATES",
    "Architecture",
    "Calibration",
    "Dataset",
    "Explanation",
    "ExplanationChoices",
    "ExplanationRequest",
    "FeedbackEvent",
    "FeedbackKind",
    "Job",
    "JobState",
    "LayerSummary",
    "ModelVersion",
    "Preprocessing",
    "Projection",
    "Quarantined",
    "Run",
    "Sample",
    "Trust",
    "Unscored",
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


@dataclass(frozen=True, slots=True)
class ExplanationRequest:
    """What a person wants explained of an image, and how.

    Attributes:
        method: One of `inference.catalogue.EXPLANATIONS`.
        target: The class to explain; None for the predicted one, whichever that is.
        contrast: The class that it is held against ("why this and not that"); None for the class alone.
        layers: Where to look, for methods that choose a layer; empty for the method's own choice.
    """

    method: str
    target: str | None = None
    contrast: str | None = None
    layers: tuple[str, ...] = ()

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> "ExplanationRequest":
        """From plain values that JSON can carry, as `asdict` gives them; what is missing takes its default."""
        known = {name: payload[name] for name in ("method", "target", "contrast") if name in payload}
        return cls(**known, layers=tuple(payload.get("layers") or ()))


@dataclass(frozen=True, slots=True)
class ExplanationChoices:
    """What can be chosen when a version is explained.

    Attributes:
        unsuited: For each method why it cannot work on this network; empty if it can.
        layers: Names of the layers with a grid of features, in the order in which an image passes through them; of
            layers that give the same grid of features to each other, the outermost.
        attention: Names of the layers in which tokens attend to each other, likewise.
        heads: How many heads each of them has; 0 where there is none.
    """

    unsuited: Mapping[str, str]
    layers: tuple[str, ...]
    attention: tuple[str, ...]
    heads: int

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> "ExplanationChoices":
        """From plain values that JSON can carry, as `asdict` gives them."""
        layers, attention = tuple(payload["layers"]), tuple(payload["attention"])
        return cls(dict(payload["unsuited"]), layers, attention, int(payload["heads"]))


@dataclass(frozen=True, slots=True)
class Explanation:
    """An attribution map and what it was computed for; the map itself lies in the cache under `key`.

    Attributes:
        target: Name of the explained class.
        prediction: Name of the class that the model gives.
        confidence: Probability of `prediction`, in [0, 1].
        target_probability: Probability of `target`, in [0, 1].
        contrast: Name of the class that the explained one is held against; None for the class alone. The map is then
            the explained class's minus this one's, and signed.
        layer: Where the map was taken.
        facts: What the method knows of its own accuracy, by name; see `inference.explanations.Attribution`.
        shape: (H, W) of the map: the model's input resolution.
        trust: `Trust.figures` of the map, as far as it has been judged; empty before.
        parameters: Of the method, by name.
    """

    key: str
    method: str
    target: str
    prediction: str
    confidence: float
    target_probability: float
    contrast: str | None
    layer: str
    shape: tuple[int, int]
    facts: Mapping[str, float]
    trust: Mapping[str, float | None]
    seconds: float
    cached: bool
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trust:
    """How far a map deserves belief, and from what that follows; see `inference.explanations.evidence`.

    Attributes:
        score: In [0, 1].
        curves: Probability of the explained class, in [0, 1], at each of `shares` (of the pixels, 0 to 1): `deletion`,
            `insertion`, `random_deletion`, `random_insertion`.
        areas: Under each of the four, in [0, 1].
        odds_raised: By which factor the odds were multiplied in all of them; 1 unless the class is improbable.
        sanity: How much of the map survives the loss of what the network has learnt, in [0, 1]; None if not asked.
        sanity_skipped: Why it was not asked: `dear`, `elsewhere` (nobody knows how the map was made), `impossible`.
        agreement: Rank correlation with other methods' maps, by their names, in [-1, 1].
        edges: Rank correlation with the edges of the image, in [-1, 1].
        empty: Whether the map is the same everywhere, so that it says nothing.
        infidelity, sensitivity: Captum's metrics; None if not asked for.
    """

    score: float
    curves: Mapping[str, Sequence[float]]
    areas: Mapping[str, float]
    odds_raised: float
    sanity: float | None
    sanity_skipped: str
    agreement: Mapping[str, float]
    edges: float
    empty: bool
    infidelity: float | None
    sensitivity: float | None
    seconds: float

    @property
    def agreed(self) -> float | None:
        """The mean rank correlation with other methods' maps; None where there is no other."""
        return sum(self.agreement.values()) / len(self.agreement) if self.agreement else None

    @property
    def figures(self) -> dict[str, float | None]:
        """The score and its parts as numbers by name."""
        return {
            "score": self.score,
            **{f"{name}_auc": area for name, area in self.areas.items()},
            "sanity": self.sanity,
            "agreement": self.agreed,
            "edges": self.edges,
            "odds_raised": self.odds_raised,
            "infidelity": self.infidelity,
            "sensitivity": self.sensitivity,
        }


@dataclass(frozen=True, slots=True)
class Calibration:
    """How often the trust score was right where the truth is known.

    Attributes:
        maps: How many were judged, `good` of them right.
        auc: Probability that a right map scores higher than a wrong one.
        high, high_right: Maps that score `high_from` or more, and how many of them were right.
        low, low_wrong: Maps that score less than `low_below`, and how many of them were wrong.
    """

    maps: int
    good: int
    auc: float
    high_from: float
    high: int
    high_right: int
    low_below: float
    low: int
    low_wrong: int


class FeedbackKind(StrEnum):
    """What a person may say about a sample."""

    CONFIRM = "confirm"
    RELABEL = "relabel"
    FLAG = "flag"
    COMMENT = "comment"
    UNDO = "undo"


@dataclass(frozen=True, slots=True)
class FeedbackEvent:
    """One append-only statement of a person about a sample under a version.

    Attributes:
        label: The class that the person gives (relabel, confirm), else None.
        shown_label: The dataset's label at that time.
        shown_prediction: The model's prediction at that time.
        undoes: The id of the event that this one takes back (kind `undo`), else None.
        undone: Whether a later event took this one back.
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
