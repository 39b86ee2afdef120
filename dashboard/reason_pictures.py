"""Pictures of what explained samples say together: grids as maps to lay over an image, and mean images.

A request names a content key and a place, so that browsers may keep what they got for ever.
"""

import numpy as np
import numpy.typing as npt
from flask import Blueprint, Response, abort, request
from PIL import Image

from callbacks.services import Services
from dashboard.colour_maps import overlay
from dashboard.kept import answer, checked
from inference.explained import MEAN_IMAGE_CACHE
from inference.reasons import REASON_CACHE

__all__ = ["blueprint"]

_SIDE = 256  # pixels; drawn smoothly, for a grid's cells are no edges of anything
_GONE = "This is not in the cache any more; load the page again\n"


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
        signed = bool(request.args.get("signed"))
        return answer(overlay(smooth if signed else np.clip(smooth, 0, None), scale or None, signed=signed))

    @pictures.get("/mean/<key>.png")
    def mean(key: str) -> Response:
        path = services.cache.get(MEAN_IMAGE_CACHE, checked(key), ".png")
        if path is None:
            return Response(_GONE, 404, mimetype="text/plain")
        return answer(path.read_bytes())

    return pictures


def _grids(services: Services, key: str) -> npt.NDArray[np.float32]:
    path = services.cache.get(REASON_CACHE, checked(key), ".npy")
    if path is None:
        abort(404)
    return np.asarray(np.load(path, allow_pickle=False), dtype=np.float32)
