"""From an image to the network's input, bit for bit as torchvision's transforms do it, without torch.

The web process shows what the network sees, so this module needs Pillow and NumPy only.
"""

from functools import lru_cache

import numpy as np
from PIL import Image

from data.types import Preprocessing

__all__ = ["resized", "seen_part", "to_array", "to_input_image", "to_input_mask", "to_picture", "to_pixels"]


def to_input_image(image: Image.Image, preprocessing: Preprocessing) -> Image.Image:
    """The picture that the network sees: resized, cut to the centre square, in the network's colours.

    Equal to torchvision's `Resize(resize, interpolation)` and `CenterCrop(image_size)` on the same image; with `squash`
    to `Resize((resize, resize), interpolation)` and the same cut.

    Returns:
        (image_size, image_size) pixels, mode "RGB" for 3 channels or "L" for 1.
    """
    mode = "L" if len(preprocessing.mean) == 1 else "RGB"
    converted = image if image.mode == mode else image.convert(mode)
    return _crop_centre(resized(converted, preprocessing), preprocessing.image_size)


def resized(image: Image.Image, preprocessing: Preprocessing) -> Image.Image:
    """The picture before the centre is cut out; one that has the size already is given back."""
    target = _resized_size(image.size, preprocessing)
    if target == image.size and not preprocessing.squash:
        return image
    return image.resize(target, Image.Resampling[preprocessing.interpolation.upper()])


def to_picture(mask: np.ndarray, size: tuple[int, int], preprocessing: Preprocessing) -> Image.Image:
    """Where a part of the network's input lies in the picture that it was made of.

    Args:
        mask: (image_size, image_size) bool.
        size: Width and height of the picture.

    Returns:
        Mode "L" of that size, 255 where the mask is true; what the network does not see is 0.
    """
    width, height = _resized_size(size, preprocessing)
    side = preprocessing.image_size
    corner = (
        _margin(max(width, side), side) - max(side - width, 0) // 2,
        _margin(max(height, side), side) - max(side - height, 0) // 2,
    )
    resized = Image.new("L", (width, height))
    resized.paste(Image.fromarray(mask.astype(np.uint8) * 255), corner)
    return resized.resize(size, Image.Resampling.NEAREST)


def to_input_mask(mask: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """Which pixels of the network's input show something of a region of the picture.

    Args:
        mask: (H, W) bool, of the picture's size.

    Returns:
        (image_size, image_size) bool; however small a region is, what the network sees of it is not lost.
    """
    region = Image.fromarray(mask.astype(np.float32))
    target = _resized_size(region.size, preprocessing)
    if target != region.size:
        region = region.resize(target, Image.Resampling.BILINEAR)
    shown: np.ndarray = np.asarray(_crop_centre(region, preprocessing.image_size)) > 0
    return shown


def seen_part(size: tuple[int, int], preprocessing: Preprocessing) -> tuple[float, float, float, float]:
    """The part of a picture that the network's input shows.

    Args:
        size: Width and height of the picture.

    Returns:
        Left, top, width and height as shares of the picture's sides; beyond [0, 1] where the input is wider.
    """
    width, height = _resized_size(size, preprocessing)
    side = preprocessing.image_size
    left, top = (_margin(max(full, side), side) - max(side - full, 0) // 2 for full in (width, height))
    return left / width, top / height, side / width, side / height


def to_pixels(image: Image.Image | np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """What the network's input is made of, before values are scaled and normalised.

    Args:
        image: A picture, or its pixels, (H, W, 3) uint8 in RGB; those that have the network's size are not copied.

    Returns:
        (H, W, C) uint8.
    """
    if isinstance(image, np.ndarray):
        size = preprocessing.image_size
        if image.shape == (size, size, len(preprocessing.mean)) and preprocessing.resize == size:
            return image
        image = Image.fromarray(image)
    pixels = np.asarray(to_input_image(image, preprocessing))
    return pixels[..., None] if pixels.ndim == 2 else pixels


def to_array(image: Image.Image, preprocessing: Preprocessing) -> np.ndarray:
    """The network's input for one image.

    Returns:
        (C, H, W) float32, each value (v / 255 - mean) / std.
    """
    channels = np.moveaxis(to_pixels(image, preprocessing), 2, 0)
    table = _normalised(preprocessing.mean, preprocessing.std)
    return np.stack([levels[channel] for levels, channel in zip(table, channels, strict=True)])


@lru_cache(maxsize=32)
def _normalised(mean: tuple[float, ...], std: tuple[float, ...]) -> np.ndarray:
    """What each of the 256 levels of each channel becomes, (C, 256) float32."""
    levels = np.arange(256, dtype=np.float32) / np.float32(255)
    centre, spread = (np.asarray(values, dtype=np.float32)[:, None] for values in (mean, std))
    table: np.ndarray = (levels - centre) / spread
    table.flags.writeable = False
    return table


def _resized_size(size: tuple[int, int], preprocessing: Preprocessing) -> tuple[int, int]:
    shorter, (width, height) = preprocessing.resize, size
    if preprocessing.squash:
        return shorter, shorter
    return (shorter, int(shorter * height / width)) if width <= height else (int(shorter * width / height), shorter)


def _crop_centre(image: Image.Image, size: int) -> Image.Image:
    """The centre square; an image that is smaller lies on black, one pixel nearer to the upper left if it must."""
    width, height = image.size
    if width < size or height < size:
        larger = Image.new(image.mode, (max(width, size), max(height, size)))
        larger.paste(image, (max(size - width, 0) // 2, max(size - height, 0) // 2))
        image, (width, height) = larger, larger.size
    left, top = _margin(width, size), _margin(height, size)
    return image.crop((left, top, left + size, top + size))


def _margin(length: int, size: int) -> int:
    """What is cut off before the centre."""
    return round((length - size) / 2)  # half to even, as torchvision rounds here too
