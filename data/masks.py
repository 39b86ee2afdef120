"""Regions of an image that people marked, as run lengths: the form in which COCO keeps and exchanges masks."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np
from PIL import Image, ImageDraw

from data.errors import InvalidInput

__all__ = ["MAX_SIDE", "Mask", "Region", "Role", "union"]

MAX_SIDE = 8192
"""Pixels: the longest side of a mask that is taken."""
_MAX_COUNTS = 200_000
_COUNTS = re.compile(r"[0-o]+")


class Role(StrEnum):
    """What a region says about an explanation: where the model should have looked, or must not look."""

    SHOULD_LOOK = "should_look"
    MUST_NOT_LOOK = "must_not_look"


@dataclass(frozen=True, slots=True)
class Mask:
    """A set of pixels of an image of `height` × `width` pixels, upright as the sample is shown.

    Attributes:
        counts: COCO's compressed run lengths, column by column, as `pycocotools.mask` writes them, in ASCII.
    """

    height: int
    width: int
    counts: str

    @classmethod
    def of(cls, pixels: np.ndarray) -> Self:
        """The mask of an array (H, W) that is true, or not 0, inside."""
        from pycocotools import mask as coco  # here: it is asked for by few pages

        encoded = coco.encode(np.asfortranarray(pixels != 0, dtype=np.uint8))
        height, width = pixels.shape
        return cls(height, width, encoded["counts"].decode("ascii"))

    @classmethod
    def of_polygon(cls, corners: Iterable[tuple[float, float]], height: int, width: int) -> Self:
        """The mask of a polygon with corners (x, y) in pixels."""
        picture = Image.new("1", (width, height))
        ImageDraw.Draw(picture).polygon([*corners], fill=1, outline=1)
        return cls.of(np.asarray(picture))

    @classmethod
    def parse(cls, height: object, width: object, counts: object) -> Self:
        """A mask from outside.

        Raises:
            InvalidInput: The size is not allowed, or the run lengths are malformed or do not fill the image.
        """
        if not (
            isinstance(height, int) and isinstance(width, int) and 0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE
        ):
            raise InvalidInput(f"A mask has sides of 1 to {MAX_SIDE} pixels; this one has {width!r} × {height!r}")
        if not isinstance(counts, str) or len(counts) > _MAX_COUNTS or not _COUNTS.fullmatch(counts):
            raise InvalidInput("The run lengths of a mask are malformed; write them as COCO's compressed RLE")
        runs = _runs(counts)
        if min(runs) < 0 or sum(runs) != height * width:
            raise InvalidInput(f"The run lengths of a mask cover {sum(runs)} pixels; the image has {height * width}")
        return cls(height, width, counts)

    def pixels(self) -> np.ndarray:
        """(H, W) bool, true inside."""
        runs = _runs(self.counts)  # not by the library, whose decoder warns under NumPy 2
        inside = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
        return inside.reshape((self.height, self.width), order="F")

    @property
    def area(self) -> int:
        """How many pixels are inside."""
        return sum(_runs(self.counts)[1::2])


@dataclass(frozen=True, slots=True)
class Region:
    """A mask and what it says."""

    role: Role
    mask: Mask


def union(masks: Iterable[Mask]) -> Mask | None:
    """All pixels of masks of one size together; None of none.

    Raises:
        InvalidInput: The masks differ in size.
    """
    together = [*masks]
    if not together:
        return None
    if len({(mask.height, mask.width) for mask in together}) > 1:
        raise InvalidInput("Masks of one sample differ in size; draw them on the same image")
    return together[0] if len(together) == 1 else Mask.of(np.any([mask.pixels() for mask in together], axis=0))


def _runs(counts: str) -> list[int]:
    """Lengths of the runs, outside first: each number in groups of five bits, from the third on as a difference."""
    runs: list[int] = []
    value = shift = 0
    for letter in counts:
        bits = ord(letter) - 48
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    return runs
