"""Photographs to measure on: crops of the two that scikit-learn carries, as JPEG files in class folders."""

from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

__all__ = ["write_photographs"]

_CLASSES = 10


def write_photographs(folder: Path, count: int, seed: int = 0) -> Path:
    """Writes `count` JPEG files of 120 to 640 pixels a side under `folder/<class>/`; returns the folder."""
    generator = np.random.default_rng(seed)
    pictures = [Image.fromarray(pixels) for pixels in load_sample_images().images]
    for number in range(count):
        picture = pictures[generator.integers(len(pictures))]
        width, height = (int(side) for side in generator.integers(120, 400, 2))
        left, top = (int(generator.integers(room)) for room in (picture.width - width, picture.height - height))
        scale = generator.uniform(0.8, 1.6)
        crop = picture.crop((left, top, left + width, top + height))
        target = folder / f"class{number % _CLASSES}" / f"{number:05d}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        crop.resize((int(width * scale), int(height * scale))).save(target, quality=int(generator.integers(75, 95)))
    return folder
