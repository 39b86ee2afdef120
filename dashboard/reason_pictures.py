"""Pictures of what explained samples say together: grids as maps to lay over an image, and mean images.

A request names a content key and a place, so that browsers may keep what they got for ever.
"""

import io
import re

import numpy as np
import numpy.typing as npt
from flask import Blueprint, Response, abort, request
from PIL import Image
from plotly.colors import hex_to_rgb

from callbacks.services import Services
from dashboard.colour_maps import overlay
from inference.explained import MEAN_IMAGE_CACHE
from inference.reasons import REASON_CACHE

__all__ = ["blueprint", "difference_overlay"]

_FOR_EVER = "private, max-age=31536000, immutable"
_KEY = re.compile(r"[0-9a-f]{8,64}", re.ASCII)
_SIDE = 256  # pixels; drawn smoothly, for a grid's cells are no edges of anything
_GONE = "This is not in the cache any more; load the page again\n"
# Blue where there is less, orange where there is more: apart for every kind of colour vision.
_LESS, _MORE = (np.array(hex_to_rgb(colour)) for colour in ("#2b7bba", "#e8660c"))


def blueprint(services: Services) -> Blueprint:
    """The routes below /media/reason."""
    pictures = Blueprint("reason_pictures", __name__, url_prefix="/media/reason")

    @pictures.get("/<key>/<int:place>.png")
    def grid(key: str, place: int) -> Response:
        grids = _grids(services, key)
        together = request.args.get("with", place, type=int)
        if not (0 <= place < len(grids) and 0 <= together < len(grids)):
            abort(404)
        scale = float(np.abs(grids[[place, together]]).max())
        smooth = np.asarray(Image.fromarray(grids[place]).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC))
        if request.args.get("signed"):
            return _png(difference_overlay(smooth, scale))
        return _png(overlay(np.clip(smooth, 0, None), scale or None))

    @pictures.get("/mean/<key>.png")
    def mean(key: str) -> Response:
        path = services.cache.get(MEAN_IMAGE_CACHE, _checked(key), ".png")
        if path is None:
            return Response(_GONE, 404, mimetype="text/plain")
        return _answer(path.read_bytes())

    return pictures


def difference_overlay(values: npt.NDArray[np.float32], scale: float) -> Image.Image:
    """A signed grid as a picture to lay over an image: blue where it is negative, orange where it is positive.

    Args:
        values: (H, W).
        scale: The magnitude that gets the full colour.

    Returns:
        RGBA of size (W, H).
    """
    level = np.clip(values / scale, -1, 1) if scale > 0 else np.zeros_like(values)
    colours = np.where(level[..., None] < 0, _LESS, _MORE).astype(np.uint8)
    alpha = np.rint(np.abs(level) ** 0.75 * 255).astype(np.uint8)
    return Image.fromarray(np.dstack([colours, alpha]), "RGBA")


def _grids(services: Services, key: str) -> npt.NDArray[np.float32]:
    path = services.cache.get(REASON_CACHE, _checked(key), ".npy")
    if path is None:
        abort(404)
    return np.asarray(np.load(path, allow_pickle=False), dtype=np.float32)


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key):
        abort(404)
    return key


def _png(picture: Image.Image) -> Response:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return _answer(buffer.getvalue())


def _answer(content: bytes) -> Response:
    return Response(content, mimetype="image/png", headers={"Cache-Control": _FOR_EVER})
