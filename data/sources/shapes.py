"""Generated pictures with a trap: coloured shapes on textured grounds, and a corner mark that goes with one class.

In the training split nearly every star carries a small bright patch in a corner and hardly any other shape does; in
the test split the patch falls on samples of all classes alike. A network that is trained here learns the patch
(a shortcut, as in Geirhos et al. 2020, "Shortcut learning in deep neural networks") and is wrong where it misleads.
The object's mask is kept, so that an explanation can be held against the truth.
"""

import colorsys
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw

from data.errors import InvalidInput
from data.sources.protocol import Item, MetadataValue

__all__ = ["MARKED", "ShapesSource", "mark_in"]

MARKED = "star"
_SIZE = 64
_FINE = 4  # shapes are drawn at this multiple and averaged, for soft edges
_SEED = 64
_CLASSES = ("circle", "cross", "square", "star", "triangle")
_SPLITS = {"train": 1500, "test": 500}
_MARK = 5
_MARK_COLOUR = (255, 250, 235)
_MARK_IN_TRAINING = {True: 0.92, False: 0.03}
_MARK_IN_TEST = 0.2


@dataclass(frozen=True, slots=True)
class ShapesSource:
    """2,000 RGB pictures of 64 × 64 pixels, the same bytes each time for one version of the image library."""

    name: str = "shapes"
    classes: tuple[str, ...] = _CLASSES
    splits: Mapping[str, int] = field(default_factory=lambda: dict(_SPLITS))
    has_masks: bool = True
    metadata: Mapping[str, type[MetadataValue]] = field(default_factory=lambda: {"mark": bool})

    @classmethod
    def open(cls, where: str) -> "ShapesSource":
        """Raises `InvalidInput` if something stands behind `shapes:`."""
        if where:
            raise InvalidInput(f"source 'shapes:{where}' is not known; write shapes alone")
        return cls()

    @property
    def total(self) -> int:
        return sum(self.splits.values())

    def items(self) -> Iterator[Item]:
        """PNGs with their masks, training samples first; classes take turns, so that each has the same number."""
        for split, count in self.splits.items():
            for index in range(count):
                label = _CLASSES[index % len(_CLASSES)]
                # A generator of its own makes each picture independent of how many come before it.
                generator = np.random.default_rng((_SEED, split == "test", index))
                chance = _MARK_IN_TRAINING[label == MARKED] if split == "train" else _MARK_IN_TEST
                mark = bool(generator.random() < chance)
                picture, mask = _picture(generator, label, mark)
                yield Item(
                    f"{split}/{index:04d}.png",
                    label,
                    split,
                    content=_png(picture),
                    mask=_png(np.where(mask > 0.5, 255, 0)),
                    metadata={"mark": mark},
                )


def mark_in(pixels: np.ndarray) -> np.ndarray:
    """Where the mark lies in a picture of 64 × 64 pixels, (64, 64) bool; nowhere where there is none.

    Args:
        pixels: (64, 64, 3) uint8.
    """
    found: np.ndarray = (pixels == np.array(_MARK_COLOUR, np.uint8)).all(2)
    found[: _SIZE - _MARK - 3] = found[:, : _SIZE - _MARK - 3] = False
    return found if found.sum() >= _MARK**2 else np.zeros_like(found)


def _picture(generator: np.random.Generator, label: str, mark: bool) -> tuple[np.ndarray, np.ndarray]:
    """One picture (64, 64, 3) with values 0 to 255, and how much of each pixel the shape covers, (64, 64) in [0, 1]."""
    ground, colour = _ground(generator)
    cover = _cover(generator, label)
    shade = 1 + 0.12 * _blotches(generator, 6)[..., None]
    picture = ground * (1 - cover[..., None]) + colour * shade * cover[..., None]
    picture += 5 * generator.standard_normal(picture.shape, dtype=np.float32)
    if mark:
        # Shapes keep within 18 pixels of a centre in the middle third, so none ever reaches under the mark.
        top, left = _SIZE - _MARK - 1 - generator.integers(0, 3, 2)
        picture[top : top + _MARK, left : left + _MARK] = _MARK_COLOUR
    return picture, cover


def _ground(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A textured ground (64, 64, 3) and a brighter colour for the shape, (3,)."""
    base = generator.uniform(50, 110) + generator.normal(0, 14, 3)
    across, down = np.meshgrid(np.arange(_SIZE), np.arange(_SIZE))
    angle, wave = generator.uniform(0, math.pi), generator.uniform(0.25, 0.9)
    stripes = np.sin((across * math.cos(angle) + down * math.sin(angle)) * wave + generator.uniform(0, 6))
    texture = generator.uniform(2, 9) * stripes + generator.uniform(5, 13) * _blotches(generator, 9)
    tint = generator.uniform(0.6, 1.4, 3)
    hue, saturation, value = generator.uniform((0.0, 0.35, 0.75), (1.0, 0.9, 1.0))
    colour = np.array(colorsys.hsv_to_rgb(hue, saturation, value)) * 255
    return base + texture[..., None] * tint, colour


def _blotches(generator: np.random.Generator, cells: int) -> np.ndarray:
    """Smooth noise, (64, 64), about standard normal."""
    coarse = Image.fromarray(generator.normal(size=(cells, cells)).astype(np.float32))
    return np.asarray(coarse.resize((_SIZE, _SIZE), Image.Resampling.BICUBIC))


def _cover(generator: np.random.Generator, label: str) -> np.ndarray:
    """The shape at a random place, size and rotation, (64, 64) in [0, 1]."""
    radius = generator.uniform(10, 18) * _FINE
    centre = generator.uniform(22, 42, 2) * _FINE
    angle = generator.uniform(0, 2 * math.pi)
    canvas = Image.new("L", (_SIZE * _FINE, _SIZE * _FINE))
    corners = [
        (centre[0] + radius * far * math.cos(angle + turn), centre[1] + radius * far * math.sin(angle + turn))
        for far, turn in _outline(label)
    ]
    ImageDraw.Draw(canvas).polygon(corners, fill=255)
    return np.asarray(canvas.reduce(_FINE), dtype=np.float64) / 255


def _outline(label: str) -> list[tuple[float, float]]:
    """Corners as (distance from the centre in radii, angle in radians)."""
    if label == "star":
        return [(1.0 if corner % 2 == 0 else 0.55, corner * math.pi / 5) for corner in range(10)]
    if label == "cross":
        wide, narrow = math.hypot(1, 0.38), 0.38 * math.sqrt(2)
        tip, notch = math.atan(0.38), math.pi / 4
        arm = [(1.0, -tip), (1.0, tip), (narrow / wide, notch)]
        return [(far, turn + quarter * math.pi / 2) for quarter in range(4) for far, turn in arm]
    sides = {"circle": 48, "square": 4, "triangle": 3}[label]
    return [(1.0, corner * 2 * math.pi / sides) for corner in range(sides)]


def _png(values: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8)).save(content, "PNG", compress_level=1)
    return content.getvalue()
