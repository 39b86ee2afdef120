"""Small plain JPEGs, which most data sets are made of, decoded by libjpeg-turbo alone.

Pillow decodes with the same library, but opening a small picture and copying it takes Pillow several times as long as
the decoding. So a file that is sure to come out the same goes this shorter way; for any other there is none, and Pillow
says what it is and whether it can be read.
"""

import numpy as np
import simplejpeg

__all__ = ["plain_jpeg", "plain_size"]

_MAX_PIXELS = 2**20  # a larger one is no faster: what counts then is the decoding
_SCAN, _JFIF, _ICC, _ADOBE = 0xDA, 0xE0, 0xE2, 0xEE
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive
_TABLES = frozenset({0xDB, 0xC4, 0xDD, 0xFE})  # quantization, Huffman codes, restart interval; and comments
# Other segments that may be there: they change no pixel, or libjpeg itself heeds them. Each with the least length that
# Pillow takes. Neither EXIF nor XMP, which turn a picture, nor MPF, which adds another.
_OTHERS = {_JFIF: (b"JFIF\0", 16), _ICC: (b"ICC_PROFILE\0", 16), _ADOBE: (b"Adobe", 14)}


def plain_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) of a small plain JPEG by its header, nothing being decoded; None for all else.

    Plain is one of 8 bits, grey or of three components, with nothing in it that turns the picture or adds another.
    """
    if not data.startswith(b"\xff\xd8"):
        return None
    at, size = 2, None
    while at + 10 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], data[at + 2] << 8 | data[at + 3]
        if marker == _SCAN:
            return size
        if marker in _FRAMES:
            bits, components = data[at + 4], data[at + 9]
            width, height = data[at + 7] << 8 | data[at + 8], data[at + 5] << 8 | data[at + 6]
            if size is not None or bits != 8 or components not in (1, 3) or not 0 < width * height <= _MAX_PIXELS:
                return None
            size = width, height
        elif marker not in _TABLES:
            name, least = _OTHERS.get(marker, (b"", 0))
            if not name or length < least or not data.startswith(name, at + 4):
                return None
        at += 2 + length
    return None


def plain_jpeg(data: bytes, *, reduced: bool = False) -> np.ndarray | None:
    """The pixels of a small plain JPEG, the very ones that Pillow gives.

    Args:
        reduced: Whether an eighth of each side is enough: the whole file is read and checked even so.

    Returns:
        (H, W, 3) uint8 in RGB; None if it is not small and plain, or damaged in any way.
    """
    if plain_size(data) is None:
        return None
    least = 1 if reduced else 0
    try:
        # Strict: what libjpeg merely warns of is damage too, and Pillow says which damage is passed over.
        pixels: np.ndarray = simplejpeg.decode_jpeg(
            data, "RGB", min_height=least, min_width=least, min_factor=8 if reduced else 1, strict=True
        )
    except (ValueError, MemoryError):
        return None
    return pixels
