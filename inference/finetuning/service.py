"""Fine-tuning from feedback, from the log to the registered version."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from data.datasets import DatasetStore
from data.errors import InvalidInput
from data.feedback import FeedbackLog
from data.finetuning import FinetuneSettings, Teaching, finetune_folder, finetune_key, finetuned, teaching
from data.lessons import lessons
from data.models import ModelStore
from data.types import Dataset, ModelVersion
from inference.class_names import class_names, comparable
from inference.finetuning.checkpoint import Checkpoints
from inference.finetuning.loop import Tuned, tune
from inference.finetuning.material import Material, read_material
from inference.model_files import alone
from inference.models import read_network, register_tuned

__all__ = ["Finetuned", "finetune", "taught_by"]


@dataclass(frozen=True, slots=True)
class Finetuned:
    """A version made from feedback; `cached` where it had been made before."""

    version: ModelVersion
    cached: bool


def taught_by(
    log: FeedbackLog, dataset: Dataset, version: ModelVersion, person: str | None = None, until: int | None = None
) -> Teaching:
    """What the feedback on a dataset teaches a version.

    Args:
        person, until: As `data.lessons.lessons`.

    Raises:
        InvalidInput: It teaches nothing: there is none, or none that a version with these classes can learn from.
    """
    classes = class_names(version, dataset)
    if not comparable(classes, dataset):
        raise InvalidInput(f"{version.reference} knows none of the classes of {dataset.name}, so nothing can be taught")
    found = teaching(lessons(log, dataset.name, person, until), classes)
    if not found.lessons:
        raise InvalidInput(f"No feedback on {dataset.name} teaches {version.reference} anything: {_why(found)}")
    return found


def _why(found: Teaching) -> str:
    reasons = [
        (found.flagged, "flagged"),
        (found.contradicted, "given different classes"),
        (sum(found.unknown.values()), "given a class that it does not have"),
    ]
    told = ", ".join(f"{count} {words}" for count, words in reasons if count)
    return f"{told or 'there is none'}; give samples a class, or mark regions in a verdict on an explanation"


def finetune(
    datasets: DatasetStore,
    models: ModelStore,
    log: FeedbackLog,
    dataset: Dataset,
    parent: ModelVersion,
    settings: FinetuneSettings,
    person: str | None = None,
    until: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    check: Callable[[], None] = lambda: None,
) -> Finetuned:
    """Trains a version on from feedback and registers what comes out; the same feedback gives the same version.

    Args:
        person, until: Whose feedback counts, and up to which event; None for all.
        progress: Is told (steps done, steps in all).
        check: Is called before each part of a step; what it raises ends the work at the last checkpoint.

    Raises:
        InvalidInput: Nothing is taught, or the network cannot be trained so.
        WorkspaceDamaged: A file of the dataset or the version is gone or was changed.
    """
    taught = taught_by(log, dataset, parent, person, until)
    key = finetune_key(parent, dataset, taught, settings)
    checkpoints = Checkpoints(finetune_folder(datasets.workspace, key))
    with alone(checkpoints.folder):
        known = finetuned(models.list(), key)
        if known is not None:
            checkpoints.remove()
            return Finetuned(known, cached=True)
        started = time.monotonic()
        classes = class_names(parent, dataset)
        material = read_material(datasets, dataset, parent.preprocessing, classes, taught, settings, check)
        network = read_network(datasets.workspace, parent)
        tuned = tune(network, parent, material, settings, checkpoints, progress, check)
        notes = {
            "finetune": {
                "key": key,
                "dataset": dataset.name,
                "dataset_digest": dataset.digest,
                "events": list(taught.events),
                "samples": _samples(taught, material),
                "parameters": {**asdict(settings), "learning_rate": tuned.rate, "person": person},
                "metrics": _metrics(tuned),
                "curve": tuned.curve,
                "epoch": tuned.best,
                "seconds": round(time.monotonic() - started, 3),
            }
        }
        version = register_tuned(datasets.workspace, models, parent, network, notes)
        checkpoints.remove()
    return Finetuned(version, cached=False)


def _samples(taught: Teaching, material: Material) -> dict[str, Any]:
    return {
        "taught": len(material.taught),
        "labelled": taught.labelled,
        "must_not_look": taught.must_not_look,
        "should_look": taught.should_look,
        "contradicted": taught.contradicted,
        "flagged": taught.flagged,
        "unknown": sum(taught.unknown.values()),
        "unchanged": len(material.unchanged),
        "held_out": len(material.held_out),
    }


def _metrics(tuned: Tuned) -> dict[str, dict[str, float | None]]:
    before, after = (
        {name: value for name, value in figures.items() if name != "score"} for figures in (tuned.before, tuned.after)
    )
    for split, (was, now) in tuned.tested.items():
        before[f"{split}_accuracy"], after[f"{split}_accuracy"] = was, now
    return {"before": before, "after": after}
