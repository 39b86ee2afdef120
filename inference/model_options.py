"""How the images of a version are prepared: what a person gave, and what stands for what was not given."""

import math
from collections.abc import Sequence

from torch import nn

from data.errors import InvalidInput
from data.types import Preprocessing
from inference.layers import input_channels

__all__ = ["sizes_of", "statistics_of"]

_SIZES = (224, 256)
_MAX_SIZE = 4096
_STATISTICS = {3: ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), 1: ((0.0,), (1.0,))}


def sizes_of(preset: Preprocessing | None, image_size: int | None, resize: int | None) -> tuple[int, int]:
    """(image_size, resize) from what was given and what the architecture is made for.

    Raises:
        InvalidInput: A size is not allowed.
    """
    own = (preset.image_size, preset.resize) if preset else _SIZES
    if image_size is None:
        image_size = own[0] if resize is None else min(own[0], resize)
        resize = own[1] if resize is None else resize
    resize = image_size if resize is None else resize
    for what, size in (("--image-size", image_size), ("--resize", resize)):
        if not 1 <= size <= _MAX_SIZE:
            raise InvalidInput(f"{what} {size} is not allowed; give 1 to {_MAX_SIZE} pixels")
    return image_size, resize


def statistics_of(
    network: nn.Module, preset: Preprocessing | None, mean: Sequence[float] | None, std: Sequence[float] | None
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(mean, std) from what was given and what the weights were trained with.

    Raises:
        InvalidInput: They are not as many as the network has channels, or not allowed.
    """
    channels = len(mean or std or ()) or input_channels(network)
    if channels not in _STATISTICS:
        raise InvalidInput(f"--mean and --std have {channels} numbers; give 3 (RGB) or 1 (grey)")
    fits = preset is not None and len(preset.mean) == channels
    default = (preset.mean, preset.std) if preset and fits else _STATISTICS[channels]
    centre, spread = tuple(mean or default[0]), tuple(std or default[1])
    if len(centre) != len(spread):
        raise InvalidInput(f"--mean has {len(centre)} numbers and --std {len(spread)}; give the same number of both")
    if not all(map(math.isfinite, (*centre, *spread))) or min(spread) <= 0:
        raise InvalidInput("--mean needs finite numbers and --std numbers above 0")
    return centre, spread
