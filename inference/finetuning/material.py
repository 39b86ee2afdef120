"""What a fine-tune learns from and is measured on, read from a dataset and its feedback.

taught      samples with feedback: a class, regions, or both
unchanged   other samples, learnt along so that nothing is forgotten
held out    samples that no feedback ever touched, never learnt; of these the training is judged
tests       the same of the dataset's other splits, for the report alone
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from data.datasets import DatasetStore
from data.errors import InvalidInput
from data.finetuning import FinetuneSettings, Teaching, class_of
from data.masks import Mask
from data.types import Dataset, Preprocessing, Sample
from data.workspace import content_key
from inference.preprocessing import to_input_mask
from inference.reading import pixel_batches, read_table, samples_at

__all__ = ["NO_CLASS", "Examples", "Material", "read_material"]

_TRAIN = "train"
_VALIDATION = ("val", "valid", "validation", "dev")
_HELD_OUT = 0.15
_MOST_HELD_OUT, _MOST_TESTED = 500, 1000
_AT_ONCE = 64
NO_CLASS = -1


@dataclass(frozen=True, slots=True)
class Examples:
    """N samples.

    Attributes:
        pixels: (N, H, W, C) uint8, what the network's input is made of.
        targets: (N,) int64, indices of classes; -1 where none is known.
        must_not_look, should_look: (N, H, W) bool; a sample without such a region has none inside.
    """

    pixels: np.ndarray
    targets: np.ndarray
    must_not_look: np.ndarray
    should_look: np.ndarray

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True, slots=True)
class Material:
    """See the module; `tests` by split."""

    taught: Examples
    unchanged: Examples
    held_out: Examples
    tests: Mapping[str, Examples]


def read_material(
    datasets: DatasetStore,
    dataset: Dataset,
    preprocessing: Preprocessing,
    classes: Sequence[str],
    taught: Teaching,
    settings: FinetuneSettings,
    check: Callable[[], None] = lambda: None,
) -> Material:
    """Reads all samples that are needed; which they are follows from the arguments alone.

    Held out are the samples of a split for validation, else some of those that could be learnt.

    Args:
        classes: Names in the order of the version's logits.
        check: Is called before each batch; what it raises ends the work.

    Raises:
        WorkspaceDamaged: A file is gone or was changed since the dataset was added.
    """
    touched, left_out = {*taught.touched}, {*taught.left_out}
    groups: dict[str, list[tuple[int, str]]] = {}
    table = read_table(
        datasets.workspace.dataset(dataset.name) / "samples.parquet", ["row", "label", "split"], [("row", ">=", 0)]
    )
    trains = _TRAIN in dataset.splits
    validates = next((name for name in _VALIDATION if name in dataset.splits), None) if trains else None
    for row, label, split in zip(*(table[name].to_pylist() for name in ("row", "label", "split")), strict=True):
        if label in classes and row not in left_out:
            place = str(split) if trains and split is not None else _TRAIN
            groups.setdefault(place, []).append((row, label))
    learnt = {lesson.row for lesson in taught.lessons}
    pool = _mixed((row for row, _ in groups.pop(_TRAIN, [])), dataset, settings.seed)
    free = [row for row in pool if row not in touched]
    if validates:
        held = [row for row, _ in groups.pop(validates, []) if row not in touched]
        held = _mixed(held, dataset, 0)[:_MOST_HELD_OUT]
    else:
        # Of the seed independent, so that two trainings are judged by the same samples.
        held = _mixed(free, dataset, 0)[: min(int(len(free) * _HELD_OUT), _MOST_HELD_OUT)]
    kept = {*held}
    unchanged = [row for row in pool if row not in learnt and row not in kept][: settings.replay]

    def read(rows: Iterable[int]) -> Examples:
        return _read(datasets, dataset, preprocessing, classes, [*rows], check)

    tests = {
        split: read(_mixed((row for row, _ in found if row not in touched), dataset, 0)[:_MOST_TESTED])
        for split, found in sorted(groups.items())
    }
    return Material(
        taught=_taught(datasets, dataset, preprocessing, classes, taught, check),
        unchanged=read(unchanged),
        held_out=read(held),
        tests={split: examples for split, examples in tests.items() if len(examples)},
    )


def _input_mask(mask: Mask, sample: Sample, preprocessing: Preprocessing) -> np.ndarray:
    """A region as the network sees it; one that was drawn on another size is stretched to the sample's."""
    pixels = mask.pixels()
    if pixels.shape != (sample.height, sample.width):
        size = (sample.width, sample.height)
        pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.NEAREST))
    return to_input_mask(pixels, preprocessing)


def _mixed(rows: Iterable[int], dataset: Dataset, seed: int) -> list[int]:
    """The rows in an order that has nothing to do with theirs, the same each time."""
    return sorted(rows, key=lambda row: content_key(dataset.digest, row, seed))


def _taught(
    datasets: DatasetStore,
    dataset: Dataset,
    preprocessing: Preprocessing,
    classes: Sequence[str],
    taught: Teaching,
    check: Callable[[], None],
) -> Examples:
    """The lessons' samples, with their classes in place of the dataset's labels, and with their regions."""
    rows = [lesson.row for lesson in taught.lessons]
    if not rows:
        raise InvalidInput(f"Nothing on {dataset.name} teaches anything; give samples a class, or mark regions")
    examples = _read(datasets, dataset, preprocessing, classes, rows, check)
    for place, (lesson, sample) in enumerate(zip(taught.lessons, samples_at(datasets, dataset, rows), strict=True)):
        label = class_of(lesson, classes)
        if label is not None:
            examples.targets[place] = classes.index(label)
        elif lesson.contradicted:
            examples.targets[place] = NO_CLASS
        for mask, inside in (
            (lesson.must_not_look, examples.must_not_look),
            (lesson.should_look, examples.should_look),
        ):
            if mask is not None:
                inside[place] = _input_mask(mask, sample, preprocessing)
    return examples


def _read(
    datasets: DatasetStore,
    dataset: Dataset,
    preprocessing: Preprocessing,
    classes: Sequence[str],
    rows: Sequence[int],
    check: Callable[[], None],
) -> Examples:
    """Samples of the given rows, by row, with the dataset's labels and no regions."""
    side = preprocessing.image_size
    samples: list[Sample] = samples_at(datasets, dataset, rows) if rows else []
    batches = [np.empty((0, side, side, len(preprocessing.mean)), np.uint8)]
    if samples:
        for batch in pixel_batches(datasets, dataset.name, preprocessing, samples, _AT_ONCE):
            check()
            batches.append(batch)
    index = {name: at for at, name in enumerate(classes)}
    targets = [index.get(sample.label or "", NO_CLASS) for sample in samples]
    masks = np.zeros((2, len(samples), side, side), bool)
    return Examples(np.concatenate(batches), np.array(targets, np.int64), masks[0], masks[1])
