"""Reading images: by content, within bounds, and always to the same kind of picture."""

import hashlib
import io
import os
import stat
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from data.errors import InvalidInput
from data.jpeg import plain_jpeg, plain_size

__all__ = [
    *("MAX_BYTES", "MAX_PIXELS", "SUFFIXES"),
    *("Probe", "decode", "decode_fast", "probe", "read_bounded", "resolve"),
]

MAX_PIXELS = 100_000_000
MAX_BYTES = 64 * 2**20
SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff"),
        *(".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".avif", ".jp2", ".j2k", ".jpx", ".jpf", ".j2c", ".jpc"),
    }
)
# Named one by one, so that no decoder which starts programs (EPS) or was never meant here is reached.
# A JPEG with several pictures in it (MPO) is opened as a JPEG.
_FORMATS = tuple(
    plugin.format
    for plugin in (
        JpegImagePlugin.JpegImageFile,
        PngImagePlugin.PngImageFile,
        WebPImagePlugin.WebPImageFile,
        GifImagePlugin.GifImageFile,
        BmpImagePlugin.BmpImageFile,
        BmpImagePlugin.DibImageFile,
        TiffImagePlugin.TiffImageFile,
        PpmImagePlugin.PpmImageFile,
        AvifImagePlugin.AvifImageFile,
        Jpeg2KImagePlugin.Jpeg2KImageFile,
    )
)
_UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    ArithmeticError,
    LookupError,
    EOFError,
    RuntimeError,  # of AVIF's decoder
    MemoryError,
    AssertionError,
    AttributeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Pillow warns above its limit and refuses at twice it; here the limit itself refuses.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
# What Pillow warns of is either passed over rightly (broken EXIF only costs the orientation, see _turn) or refused soon
# after; thousands of lines about it help nobody.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


@dataclass(frozen=True, slots=True)
class Probe:
    """What is kept about an image that can be read.

    Attributes:
        width, height: Pixels, after the EXIF orientation is applied.
        digest: SHA-256 of the file's bytes, hexadecimal.
    """

    width: int
    height: int
    digest: str


def decode(content: bytes | Path, at_least: int | None = None) -> Image.Image:
    """Decodes an image to RGB: first frame, EXIF orientation applied, transparency laid on white.

    White, because that is the paper that drawings, logos and cut-out products were made for, and because what lies
    under transparent pixels is arbitrary and must not reach a network.

    Args:
        content: The file's bytes, or where they lie.
        at_least: A JPEG may be decoded at 1/2, 1/4 or 1/8 of its size as long as both sides keep this many pixels:
            several times faster, for thumbnails only. None decodes every pixel.

    Returns:
        Mode "RGB". Grey of 16 bits is scaled to 8, see `_to_rgb`; colours of 16 bits keep their upper 8.

    Raises:
        InvalidInput: Not an image of a known format, damaged, or larger than `MAX_BYTES` or `MAX_PIXELS`.
    """
    data = read_bounded(content) if isinstance(content, Path) else _bounded(content)
    image = _open(data)
    try:
        if at_least is not None:
            image.draft(image.mode, (at_least, at_least))
        rgb = _to_rgb(image)
        turn = _turn(image)  # after the pixels: looking for it may read them, and then a damage must not be passed over
        return rgb.transpose(turn) if turn is not None else rgb
    except _UNREADABLE as error:
        raise InvalidInput(_reason(error)) from error


def decode_fast(content: bytes) -> Image.Image | np.ndarray:
    """As `decode`, for bulk work: where it is cheaper, the same pixels without an image around them.

    Returns:
        (H, W, 3) uint8 in RGB for a small plain JPEG, see `data.jpeg`; for all else what `decode` returns.

    Raises:
        InvalidInput: As `decode`.
    """
    pixels = plain_jpeg(_bounded(content))
    return decode(content) if pixels is None else pixels


def probe(content: bytes | Path) -> Probe:
    """Reads an image once, to learn its size and digest and whether all of it can be decoded.

    Raises:
        InvalidInput: As `decode` would; the text is the reason in one line.
    """
    data = read_bounded(content) if isinstance(content, Path) else _bounded(content)
    size = plain_size(data)
    if size is None or plain_jpeg(data, reduced=True) is None:
        size = _checked_size(data)
    return Probe(*size, hashlib.sha256(data).hexdigest())


def _checked_size(data: bytes) -> tuple[int, int]:
    """(width, height) of an image that was decoded to the end, as it is shown."""
    image = _open(data)
    try:
        if image.format in ("JPEG", "MPO"):
            # Every byte is read and checked also at an eighth of the size, in a third of the time.
            width, height = image.size
            image.draft(image.mode, (1, 1))
            image.load()
        else:
            width, height = _to_rgb(image).size
        turn = _turn(image)
    except _UNREADABLE as error:
        raise InvalidInput(_reason(error)) from error
    if turn in (_TURNS[5], _TURNS[6], _TURNS[7], _TURNS[8]):
        width, height = height, width
    return width, height


def read_bounded(path: Path) -> bytes:
    """The bytes of a file, never more than `MAX_BYTES`.

    Raises:
        InvalidInput: The file is missing, may not be read, or is too large.
    """
    try:
        # A pipe or a device would be waited for: it is opened without waiting, and refused.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise InvalidInput("not a regular file")
            # Python sets aside as much memory as it is asked to read, so it is asked for the file and one byte more.
            return _bounded(file.read(min(status.st_size, MAX_BYTES) + 1))
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror or error}") from error


def resolve(dataset_folder: Path, uri: str) -> Path:
    """Where a sample's file lies: `uri` itself if absolute, else inside the dataset's folder."""
    return dataset_folder / uri


def _bounded(data: bytes) -> bytes:
    if not data:
        raise InvalidInput("the file is empty")
    if len(data) > MAX_BYTES:
        raise InvalidInput(f"the file is larger than {MAX_BYTES // 2**20} MiB")
    return data


def _open(data: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data), formats=_FORMATS)
    except _UNREADABLE as error:
        raise InvalidInput(_reason(error)) from error
    if image.width * image.height > MAX_PIXELS:
        raise InvalidInput(f"{image.width} × {image.height} pixels are more than {MAX_PIXELS:,}")
    return image


def _reason(error: BaseException) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not an image of a known format (JPEG, PNG, WebP, GIF, BMP, TIFF, PPM, AVIF, JPEG 2000)"
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return f"more than {MAX_PIXELS:,} pixels"
    return f"damaged: {' '.join(str(error).split()) or type(error).__name__}"


def _turn(image: Image.Image) -> Image.Transpose | None:
    if image.format == "TIFF":
        return None  # Pillow turns these itself when it reads the pixels
    try:
        return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation))  # type: ignore[arg-type]
    except (*_UNREADABLE, UserWarning):
        return None


def _to_rgb(image: Image.Image) -> Image.Image:
    """The picture in mode RGB, every pixel decoded.

    Grey of 16 bits is divided by 257, so that 65535 becomes 255. Integers of 32 bits and floating-point numbers have
    no agreed white: the least of 1 (for floating point), 255 and 65535 that no value exceeds is taken for it. Values
    outside of all these, of measurements for instance, are stretched so that the least is black and the greatest
    white. What is not a number is black.
    """
    image.load()
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format != "TIFF"):
        return _grey(np.asarray(image, dtype=np.float64) / 257)
    if image.mode in ("I", "F"):
        return _grey(_measured(np.asarray(image, dtype=np.float64), whole=image.mode == "I"))
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        # Premultiplied modes reach RGBA only one step at a time.
        straight = image.convert({"RGBa": "RGBA", "La": "LA"}.get(image.mode, image.mode)).convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", straight.size, "white"), straight).convert("RGB")
    return image.convert("RGB")


def _measured(values: np.ndarray, whole: bool) -> np.ndarray:
    """Values of any range, (H, W), scaled to [0, 255]; see `_to_rgb`."""
    finite = np.isfinite(values)
    if not finite.all():
        values = np.where(finite, values, values[finite].min(initial=0))
    low, high = float(values.min()), float(values.max())
    whites = (255, 65535) if whole else (1, 255, 65535)
    white = next((white for white in whites if low >= 0 and high <= white), None)
    if white is None:
        return (values - low) * (255 / (high - low)) if high > low else np.zeros_like(values)
    return values * (255 / white)


def _grey(values: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8)).convert("RGB")
