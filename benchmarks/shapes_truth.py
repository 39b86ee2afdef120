"""Networks for the generated shapes of which it is known where they look, and maps of their decisions, good and bad.

A network that was trained where the mark goes with stars decides by the mark wherever it calls a marked shape that is
no star one. A network that was trained where the mark falls on all shapes alike has nothing but the shape to decide by.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import binary_dilation, gaussian_filter

from dashboard.services import build_services
from dashboard.settings import Settings
from data.sources.shapes import MARKED, ShapesSource
from data.types import Preprocessing
from inference import networks
from inference.models import LoadedModel, load, register_module
from inference.preprocessing import to_array
from inference.recipes import RECIPES
from inference.seeding import seeded
from inference.training import Split, fit

__all__ = ["Case", "Pictures", "cases", "oracle", "points_right", "trained", "truth_of"]

_CLASSES = ShapesSource().classes
_STAR = _CLASSES.index(MARKED)
_TEST = 500
_MARK = (255, 250, 235)
_FAIR_EPOCHS = 14  # without the mark to lean on, shapes take twice as long to learn
_CELL = 8  # pixels of one place in the last features of these networks
_NEAR = 2
_DENSE = 1.5


@dataclass(frozen=True, slots=True)
class Pictures:
    """N pictures with what they show: inputs (N, 3, 64, 64), classes (N,), objects and marks (N, 64, 64) bool."""

    images: np.ndarray
    targets: np.ndarray
    objects: np.ndarray
    marks: np.ndarray

    @classmethod
    def generate(cls, split: str, count: int, preprocessing: Preprocessing) -> "Pictures":
        """The first pictures of a split of the shapes; in `test` the mark falls on all classes alike."""
        images, targets, objects, marks = [], [], [], []
        for item in ShapesSource(splits={split: count}).items():
            picture = Image.open(io.BytesIO(item.content or b"")).convert("RGB")
            images.append(to_array(picture, preprocessing))
            targets.append(_CLASSES.index(str(item.label)))
            objects.append(np.asarray(Image.open(io.BytesIO(item.mask or b""))) > 127)
            found = (np.asarray(picture) == np.array(_MARK, np.uint8)).all(2)
            marks.append(found & bool(item.metadata["mark"]))
        return cls(np.stack(images), np.array(targets), np.stack(objects), np.stack(marks))

    def split(self, rows: slice) -> Split:
        """Some of them to train on."""
        return Split(torch.from_numpy(self.images[rows]), torch.from_numpy(self.targets[rows]))


@dataclass(frozen=True, slots=True)
class Case:
    """A decision of which it is known what it rests on.

    Attributes:
        number: Of the picture.
        target: Index of the class that the network gives.
        region: Where that is, (64, 64) bool.
    """

    network: str
    loaded: LoadedModel
    number: int
    image: np.ndarray
    target: int
    region: np.ndarray


def trained(folder: Path, shortcut: Mapping[str, int], fair: Mapping[str, int]) -> dict[str, LoadedModel]:
    """Networks by name, from a seed each; those that learn the shortcut first."""
    recipe = RECIPES["shapes-1"]
    services = build_services(Settings(workspace=folder / "workspace"))
    trap = Pictures.generate("train", 1500, recipe.preprocessing).split(slice(None))
    plain = Pictures.generate("test", 2000, recipe.preprocessing).split(slice(_TEST, None))
    plans = [(name, seed, trap, recipe) for name, seed in shortcut.items()]
    plans += [(name, seed, plain, replace(recipe, epochs=_FAIR_EPOCHS)) for name, seed in fair.items()]
    found = {}
    for name, seed, split, plan in plans:
        with seeded(seed):
            network = networks.shapes_cnn(len(_CLASSES))
        fit(network, split, replace(plan, seed=seed), lambda _done, _total: None, lambda: None)
        arch = "factory:inference.networks:shapes_cnn"
        version = register_module(
            services.workspace, services.models, name, arch, network, plan.preprocessing, _CLASSES
        )
        found[name] = load(services.workspace, version)
    services.database.dispose()
    return found


def cases(
    name: str, loaded: LoadedModel, shortcut: bool, pictures: Pictures, right: int, misled: int
) -> Iterator[Case]:
    """Decisions of a network: some that are right, and of one with the shortcut some that the mark misled."""
    with torch.inference_mode():
        given = loaded.module(torch.from_numpy(pictures.images)).argmax(1).numpy()
    generator = np.random.default_rng(len(name))
    kinds = [(np.flatnonzero(given == pictures.targets), right)]
    if shortcut:
        marked = pictures.marks.any((1, 2))
        kinds.append((np.flatnonzero((given == _STAR) & (pictures.targets != _STAR) & marked), misled))
    for numbers, count in kinds:
        for number in generator.permutation(numbers)[:count].tolist():
            target = int(given[number])
            region = truth_of(pictures, number, target, shortcut)
            yield Case(name, loaded, number, pictures.images[number], target, region)


def truth_of(pictures: Pictures, number: int, target: int, shortcut: bool) -> np.ndarray:
    """Where lies what the network decided by: the object; for one with the shortcut that says star, also the mark."""
    thing: np.ndarray = pictures.objects[number]
    mark: np.ndarray = pictures.marks[number]
    if target != pictures.targets[number]:
        return mark
    return thing | mark if shortcut and target == _STAR else thing


def points_right(values: np.ndarray, region: np.ndarray) -> bool:
    """Whether a map points at the region (the pointing game) and has its mass there.

    The map's highest value lies within one place of the last features from the region (Zhang et al. 2018, "Top-down
    neural attention by excitation backprop", who allow as much), and inside the map is half as dense again as overall.
    """
    near = binary_dilation(region, np.ones((3, 3)), iterations=_CELL)
    inside = binary_dilation(region, np.ones((3, 3)), iterations=_NEAR)
    mass = np.maximum(values, 0)
    if not mass.sum():
        return False
    hit = near[values == values.max()].mean() >= 0.5
    return bool(hit and mass[inside].sum() / mass.sum() >= _DENSE * inside.mean())


def oracle(region: np.ndarray) -> np.ndarray:
    """The map of somebody who knows the truth."""
    return np.asarray(gaussian_filter(region.astype(np.float32), _NEAR))
