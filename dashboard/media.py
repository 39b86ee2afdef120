"""Pictures by address: thumbnails, images, network inputs, uploads, and attribution maps with their values.

A request names a dataset, a row or a content key, never a path. Addresses carry a digest, so browsers may keep what
they got for ever.
"""

import io
import json
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from flask import Blueprint, Response, request
from PIL import Image

from callbacks.explaining import is_signed
from callbacks.reproducing import recipe
from callbacks.services import Services
from dashboard.colour_maps import SEQUENTIAL, colour_tables, overlay
from dashboard.kept import FOR_EVER, checked, png
from data.cache import FileCache
from data.errors import InvalidInput, NotFound, VitrineError
from data.images import decode
from data.samples import View
from data.thumbnails import THUMBNAIL_SIZE
from data.types import Sample
from inference.catalogue import EXPLANATION_CACHE, cached_explanation
from inference.preprocessing import to_input_image
from inference.visualisation.keys import VISUALISATION_CACHE

__all__ = ["THUMBNAIL_SIZE", "blueprint", "reduced"]

MAX_SIDE = 2048
MAX_MAP_SIDE = 1024
_AN_HOUR = "public, max-age=3600"


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
        return _picture(png(seen.convert("L") if grey else seen), "image/png", sample.digest)

    @media.get("/map/<key>.png")
    def map_picture(key: str) -> Response:
        drawn = overlay(
            _values(services.cache, key),
            _scale(request.args.get("scale", "auto")),
            _colours(request.args.get("colours", "inferno")),
            is_signed(cached_explanation(services.cache, key)),
        )
        return _picture(png(drawn), "image/png", key, key)

    @media.get("/map/<key>.f32")
    def map_values(key: str) -> Response:
        """Little-endian float32, row by row; the shape is in a header."""
        values = reduced(_values(services.cache, key), MAX_MAP_SIDE)
        response = _picture(values.astype("<f4").tobytes(), "application/octet-stream", key, key)
        response.headers["X-Map-Shape"] = ",".join(map(str, values.shape))
        response.headers["X-Map-Signed"] = "1" if is_signed(cached_explanation(services.cache, key)) else "0"
        return response

    @media.get("/map/<key>.npy")
    def map_array(key: str) -> Response:
        array = io.BytesIO()
        np.save(array, _values(services.cache, key), allow_pickle=False)
        return _picture(array.getvalue(), "application/octet-stream", key, key)

    @media.get("/map/<key>.json")
    def map_recipe(key: str) -> Response:
        found = recipe(services, checked(key), request.args.to_dict())
        return Response(json.dumps(found, indent=2, ensure_ascii=False), mimetype="application/json")

    @media.get("/colours.json")
    def colours() -> Response:
        return Response(json.dumps(colour_tables()), mimetype="application/json", headers={"Cache-Control": _AN_HOUR})

    @media.get("/vision/<key>.<any(png, json):kind>")
    def vision(key: str, kind: str) -> Response:
        path = services.cache.get(VISUALISATION_CACHE, checked(key), f".{kind}")
        if path is None:
            raise NotFound("This image is not in the cache any more; open the unit again")
        # While it forms, the same address shows another image in a moment; `v` is given when it is done.
        return _picture(path.read_bytes(), "image/png" if kind == "png" else "application/json", key)

    @media.get("/upload/<digest>.png")
    def upload(digest: str) -> Response:
        path = services.cache.get("uploads", checked(digest), ".png")
        if path is None:
            raise NotFound("This upload is not kept any more; upload it again")
        return _picture(path.read_bytes(), "image/png", digest, digest)

    return media


def reduced(values: npt.NDArray[np.float32], most: int) -> npt.NDArray[np.float32]:
    """The map with at most `most` pixels a side, (H, W): the mean of each block, what does not fill one left out."""
    block = -(-max(values.shape) // most)
    if block == 1:
        return values
    height, width = (side // block for side in values.shape)
    blocks = values[: height * block, : width * block].reshape(height, block, width, block)
    means: npt.NDArray[np.float32] = blocks.mean((1, 3), dtype=np.float32)
    return means


def _values(cache: FileCache, key: str) -> npt.NDArray[np.float32]:
    """The map that is cached under the key, (H, W)."""
    path = cache.get(EXPLANATION_CACHE, checked(key), ".npy")
    if path is None:
        raise NotFound("This explanation is not in the cache any more; open the sample again")
    values: npt.NDArray[np.float32] = np.load(path, allow_pickle=False)
    return values


def _colours(name: str) -> str:
    if name not in SEQUENTIAL:
        raise InvalidInput.choice("colours", name, SEQUENTIAL)
    return name


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
        content, mimetype=mimetype, headers={"Cache-Control": FOR_EVER if lasting else "private, max-age=300"}
    )
