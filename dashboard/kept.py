"""What the picture routes share: answers under a content key, which a browser may keep for ever."""

import io
import re

from flask import Response, abort
from PIL import Image

__all__ = ["FOR_EVER", "answer", "checked", "png"]

FOR_EVER = "private, max-age=31536000, immutable"
_KEY = re.compile(r"[0-9a-f]{8,64}", re.ASCII)


def checked(key: str) -> str:
    """The key of a request, or the end of the request as not found where it cannot be one."""
    if not _KEY.fullmatch(key):
        abort(404)
    return key


def png(picture: Image.Image) -> bytes:
    """The picture as a file, compressed quickly rather than well: it is drawn for one look."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def answer(picture: Image.Image | bytes) -> Response:
    """A PNG under an address that names what it holds."""
    content = picture if isinstance(picture, bytes) else png(picture)
    return Response(content, mimetype="image/png", headers={"Cache-Control": FOR_EVER})
