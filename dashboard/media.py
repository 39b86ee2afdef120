"""Pictures by address: thumbnails, images, network inputs, explanation overlays and uploads.

A request names a dataset, a row or a content key, never a path. Addresses carry a digest, so browsers may keep what
they got for ever.
"""

import io
import re
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from flask import Blueprint, Response, abort, request
from PIL import Image
from plotly.colors import hex_to_rgb, sequential

from callbacks.services import Services
from data.errors import InvalidInput, NotFound, VitrineError
from data.images import decode
from data.samples import View
from data.thumbnails import THUMBNAIL_SIZE
from data.types import Sample
from inference.preprocessing import to_input_image

__all__ = ["THUMBNAIL_SIZE", "blueprint", "overlay"]

MAX_SIDE = 2048
_FOR_EVER = "private, max-age=31536000, immutable"
_KEY = re.compile(r"[0-9a-f]{8,64}", re.ASCII)


def blueprint(services: Services) -> Blueprint:
    """The routes below /media."""
    media = Blueprint("media", __name__, url_prefix="/media")

    @lru_cache(maxsize=50_000)
    def sample_of(name: str, _digest: str, row: int) -> Sample:
        return services.samples.row(View(services.datasets.get(name)), row).sample

    def find(name: str, row: int) -> Sample:
        dataset = services.datasets.get(name)
        if not 0 <= row < dataset.samples:
            raise NotFound(f"{name} has rows 0 to {dataset.samples - 1}, not {row}")
        return sample_of(name, dataset.digest, row)

    @media.errorhandler(VitrineError)
    def refuse(error: VitrineError) -> Response:
        return Response(f"{error}\n", 404, mimetype="text/plain")

    @media.get("/thumb/<dataset>/<int:row>")
    def thumb(dataset: str, row: int) -> Response:
        sample = find(dataset, row)
        return _picture(services.thumbnails.thumbnail(dataset, sample, THUMBNAIL_SIZE), "image/webp", sample.digest)

    @media.get("/image/<dataset>/<int:row>")
    def image(dataset: str, row: int) -> Response:
        sample = find(dataset, row)
        picture = decode(services.datasets.read(dataset, sample), at_least=MAX_SIDE)
        picture.thumbnail((MAX_SIDE, MAX_SIDE))
        return _picture(_encode(picture), "image/webp", sample.digest)

    @media.get("/input/<model>/<int:version>/<dataset>/<int:row>.png")
    def network_input(model: str, version: int, dataset: str, row: int) -> Response:
        preprocessing = services.models.get(model, version).preprocessing
        sample = find(dataset, row)
        seen = to_input_image(decode(services.datasets.read(dataset, sample)), preprocessing)
        grey = len(preprocessing.mean) == 1
        return _picture(_png(seen.convert("L") if grey else seen), "image/png", sample.digest)

    @media.get("/map/<key>.png")
    def explanation_map(key: str) -> Response:
        path = services.cache.get("explanations", _checked(key), ".npy")
        if path is None:
            raise NotFound("This explanation is not in the cache any more; open the sample again")
        values = np.load(path, allow_pickle=False)
        return _picture(_png(overlay(values, _scale(request.args.get("scale", "auto")))), "image/png", key, key)

    @media.get("/upload/<digest>.png")
    def upload(digest: str) -> Response:
        path = services.cache.get("uploads", _checked(digest), ".png")
        if path is None:
            raise NotFound("This upload is not kept any more; upload it again")
        return _picture(path.read_bytes(), "image/png", digest, digest)

    return media


def overlay(values: npt.NDArray[np.float32], scale: float | None = None) -> Image.Image:
    """An attribution map as a picture to lay over the image: the more a pixel matters, the brighter and more opaque.

    Args:
        values: (H, W), any range; the magnitude is shown.
        scale: The magnitude that gets the full colour; None takes the map's largest.

    Returns:
        RGBA of size (W, H).
    """
    magnitude = np.abs(np.nan_to_num(np.asarray(values, dtype=np.float32)))
    full = scale if scale is not None else float(magnitude.max(initial=0.0))
    level = np.clip(magnitude / full, 0.0, 1.0) if full > 0 else np.zeros_like(magnitude)
    colours = _palette()[np.rint(level * 255).astype(np.uint8)]
    alpha = np.rint(np.sqrt(level) * 255).astype(np.uint8)
    return Image.fromarray(np.dstack([colours, alpha]), "RGBA")


@lru_cache(maxsize=1)
def _palette() -> npt.NDArray[np.uint8]:
    """256 colours of the inferno scale, which keeps its order for colour-blind people and in grey. (256, 3)."""
    anchors = np.array([hex_to_rgb(colour) for colour in sequential.Inferno], dtype=np.float32)
    places = np.linspace(0, len(anchors) - 1, 256)
    channels = [np.interp(places, np.arange(len(anchors)), anchors[:, channel]) for channel in range(3)]
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8)


def _scale(text: str) -> float | None:
    if text == "auto":
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value < float("inf"):
        raise InvalidInput(f"scale {text!r} is not allowed; give auto or a positive number")
    return value


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key):
        abort(404)
    return key


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _encode(picture: Image.Image) -> bytes:
    """WebP, without loss where the picture is so small that every pixel is looked at."""
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", lossless=max(picture.size) <= 256, quality=90)
    return buffer.getvalue()


def _picture(content: bytes, mimetype: str, digest: str, asked: str | None = None) -> Response:
    """Kept for ever only under an address that names what it holds."""
    asked = asked if asked is not None else request.args.get("v", "")
    lasting = len(asked) >= 8 and digest.startswith(asked)
    return Response(
        content, mimetype=mimetype, headers={"Cache-Control": _FOR_EVER if lasting else "private, max-age=300"}
    )
