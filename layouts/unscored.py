"""Why a run has no accuracy, in words: for the pages, and for the command line."""

from data.text import gettext as _
from data.types import Unscored
from layouts.parts import number

__all__ = ["unscored_words"]


def unscored_words(reason: Unscored) -> str:
    """One sentence with what would help; without labels nothing would."""
    if not reason.classes:
        return _("Accuracy is unknown because the dataset has no labels.")
    if reason.named:
        return _("Accuracy is unknown because the model's classes and the dataset's labels have no name in common.")
    return _(
        "Accuracy is unknown because the model names none of its {outputs} outputs and the dataset has {classes} "
        "classes: predictions read “class 0” and so on. Add the model with --classes to name them.",
        outputs=number(reason.outputs),
        classes=number(reason.classes),
    )
