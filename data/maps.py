"""Attribution maps that somebody brings: read as numbers and nothing else, and bounded before they are read."""

import io
from pathlib import Path

import numpy as np

from data.errors import InvalidInput

__all__ = ["read_map"]

_MAX_BYTES = 2**28  # a map of float64 at the largest input there may be, 4096 × 4096, twice over


def read_map(path: Path, side: int) -> bytes:
    """The map in a `.npy` file as float32, again as `.npy`, so that the same map is the same bytes.

    Args:
        side: Pixels of the network's square input.

    Raises:
        InvalidInput: It is no such file, or not (side, side) finite floating-point numbers; the text says what it is.
    """
    try:
        size = path.stat().st_size
        if size > _MAX_BYTES:
            raise InvalidInput(f"Map {path} has {size:,} bytes, more than a map can have; give one array of float32")
        values = np.load(path, allow_pickle=False)
    except OSError as error:
        raise InvalidInput(f"Map {path} cannot be read: {error.strerror or error}; give a .npy file") from error
    except (ValueError, EOFError) as error:
        raise InvalidInput(f"Map {path} is no .npy file of numbers; save it with numpy.save") from error
    if not isinstance(values, np.ndarray):
        values.close()
        raise InvalidInput(f"Map {path} is an archive of several arrays; save the one array with numpy.save")
    if not np.issubdtype(values.dtype, np.floating):
        raise InvalidInput(f"Map {path} has {values.dtype} values; a map has floating-point numbers")
    if values.shape != (side, side):
        raise InvalidInput(f"Map {path} has the shape {values.shape}; the network sees {side} × {side} pixels")
    with np.errstate(over="ignore"):
        kept = values.astype(np.float32)
    if not np.isfinite(kept).all():
        raise InvalidInput(f"Map {path} has values that are not finite in float32; a map has a number everywhere")
    content = io.BytesIO()
    np.save(content, kept, allow_pickle=False)
    return content.getvalue()
