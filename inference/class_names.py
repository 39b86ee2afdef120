"""What the outputs of a model version are called, and whether a dataset's labels can say that they are right."""

from collections.abc import Sequence

from data.errors import InvalidInput
from data.types import Dataset, ModelVersion, Unscored

__all__ = ["class_names", "comparable", "unscored"]


def class_names(version: ModelVersion, dataset: Dataset | None) -> tuple[str, ...]:
    """Names in the order of the logits: the version's own, else the dataset's if their number fits, else numbers.

    Names are compared with labels by name, so the order of a dataset's folders need not be that of the logits. A
    version that knows other things than the labels say (ImageNet's classes on one's own) is welcome: its predictions
    are neither right nor wrong, and embeddings, projections and explanations need no label.

    Args:
        dataset: None for an image that belongs to no dataset.

    Raises:
        InvalidInput: Names and labels are the same things in another spelling (`great_dane`, `Great Dane`), so that
            every prediction would go uncounted by mistake.
    """
    if not version.classes:
        if dataset is not None and len(dataset.classes) == version.outputs:
            return dataset.classes
        return tuple(f"class {index}" for index in range(version.outputs))
    if dataset is not None:
        # Also where only some are spelled otherwise: their samples would all count as wrong.
        spellings = {_spoken(name): name for name in version.classes if name not in dataset.classes}
        unknown = [label for label in dataset.classes if label not in version.classes]
        meant = [
            (spellings[_spoken(label)], label) for label in unknown if _spoken(label) and _spoken(label) in spellings
        ]
        if meant:
            pairs = [f"{name!r} for {label!r}" for name, label in meant]
            raise InvalidInput(
                f"{version.reference} spells {len(meant)} of its classes otherwise than {dataset.name} is labelled: "
                f"{_some(pairs)}; add the model with --classes spelled as the labels are"
            )
    return version.classes


def comparable(classes: Sequence[str], dataset: Dataset) -> bool:
    """Whether a prediction of one of `classes` can be right at all: labels and classes have a name in common."""
    return not set(classes).isdisjoint(dataset.classes)


def unscored(version: ModelVersion, dataset: Dataset) -> Unscored | None:
    """Why the version has no accuracy on the dataset; None where it has one."""
    if comparable(class_names(version, dataset), dataset):
        return None
    return Unscored(version.outputs, bool(version.classes), len(dataset.classes))


def _spoken(name: str) -> str:
    """The name without what spellings differ in: case, spaces, signs."""
    return "".join(character for character in name.casefold() if character.isalnum())


def _some(names: Sequence[str], shown: int = 3) -> str:
    return ", ".join(names[:shown]) + (f" and {len(names) - shown} more" if len(names) > shown else "")
