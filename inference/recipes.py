"""The demo's trainings, as facts. Without torch, so that the command line and the pages can name them."""

from collections.abc import Mapping
from dataclasses import dataclass

from data.types import Preprocessing

__all__ = ["RECIPES", "Recipe"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one version of a demo model is trained. Everything here decides its weights.

    Attributes:
        model: Name under which the version is registered.
        network: Callable in `inference.networks`.
        parent: Version of `model` whose weights the training goes on from; None begins with random ones.
        samples: How many training samples are used, evenly drawn; None for all.
        learning_rate: Highest of a one-cycle schedule (AdamW).
        shift: Pixels by which training images are moved about, at most.
    """

    name: str
    model: str
    network: str
    preprocessing: Preprocessing
    parent: int | None
    samples: int | None
    epochs: int
    batch: int
    learning_rate: float
    shift: int
    seed: int


_DIGITS = Preprocessing(image_size=8, resize=8, mean=(0.3,), std=(0.37,))
_SHAPES = Preprocessing(image_size=64, resize=64, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))

RECIPES: Mapping[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("digits-1", "digits-cnn", "digits_cnn", _DIGITS, None, 180, 12, 32, 4e-3, 0, 1),
        Recipe("digits-2", "digits-cnn", "digits_cnn", _DIGITS, 1, None, 20, 64, 6e-3, 1, 2),
        Recipe("shapes-1", "shapes-cnn", "shapes_cnn", _SHAPES, None, None, 7, 30, 6e-3, 0, 3),
    )
}
