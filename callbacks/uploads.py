"""Images that people bring: decoded, bounded, and kept in the cache under the digest of what they show.

What arrives is decoded by content and written anew as PNG: neither the client's file name nor any byte that is not a
pixel (comments, places, programs) is kept.
"""

import base64
import binascii
import hashlib
import io
from dataclasses import dataclass

from PIL import Image

from callbacks.services import Services
from data.errors import InvalidInput, NotFound
from data.images import decode
from data.text import gettext as _
from data.types import ModelVersion

__all__ = ["MAX_SIDE", "UPLOADS", "Upload", "content_of", "keep", "keep_picture", "read", "seen_url"]

UPLOADS = "uploads"
MAX_SIDE = 4096
_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF")


@dataclass(frozen=True, slots=True)
class Upload:
    """An image that was taken. `digest` is the SHA-256 of its PNG, hexadecimal."""

    digest: str
    width: int
    height: int


def content_of(data_url: str, limit: int) -> bytes:
    """The bytes of a `data:` address, as browsers send a file.

    Args:
        limit: Most bytes that are taken.

    Raises:
        InvalidInput: It is not one, or holds more than `limit` bytes.
    """
    head, comma, body = data_url.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        raise InvalidInput(_("That did not arrive as a file; choose a PNG, JPEG or WebP image"))
    if len(body) > limit * 4 // 3 + 4:
        raise InvalidInput(_("The file is larger than {n} MB; choose a smaller one", n=round(limit / 2**20)))
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput(_("The file arrived damaged; try again")) from error


def keep(services: Services, content: bytes, any_format: bool = False) -> Upload:
    """Takes an image in.

    A side of more than `MAX_SIDE` pixels is brought down to that: no network here sees more.

    Args:
        any_format: Also formats other than PNG, JPEG and WebP, for samples that a dataset holds already.

    Raises:
        InvalidInput: It is not an image of an allowed format, damaged, or has too many pixels.
    """
    if not any_format and not content.startswith(_SIGNATURES):
        raise InvalidInput(_("That is not a PNG, JPEG or WebP image; choose one of these"))
    try:
        picture = decode(content)
    except InvalidInput as error:
        raise InvalidInput(_("The image cannot be read: {reason}", reason=error)) from error
    return keep_picture(services, picture)


def keep_picture(services: Services, picture: Image.Image, most: int = MAX_SIDE) -> Upload:
    """Keeps a picture, its sides brought down to at most `most` pixels."""
    if max(picture.size) > most:
        picture.thumbnail((most, most), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=3)
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    services.cache.put(UPLOADS, digest, ".png", buffer.getvalue())
    return Upload(digest, *picture.size)


def seen_url(version: ModelVersion, digest: str) -> str:
    """Where an upload is shown as the version sees it."""
    return f"/try/seen/{version.model}/{version.version}/{digest}.png"


def read(services: Services, digest: str) -> Image.Image:
    """An upload as it was kept, RGB.

    Raises:
        NotFound: The cache does not hold it any more.
    """
    usable = digest.isascii() and digest.isalnum() and len(digest) == 64
    path = services.cache.get(UPLOADS, digest, ".png") if usable else None
    if path is None:
        raise NotFound(_("This upload is not kept any more; upload the image again"))
    return decode(path)
