"""Pictures of a decision path: regions of the image, where units answer in it, and the path as a file.

A request names a content key, a stage and a unit, so that browsers may keep what they got for ever.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import numpy.typing as npt
from flask import Blueprint, Response, abort
from PIL import Image

from callbacks.services import Services
from dashboard.colour_maps import overlay
from dashboard.kept import answer, checked
from data.paths import cells
from inference.decision.keys import cached_ablation, cached_arrays, cached_path

__all__ = ["blueprint"]

_SIDE = 192  # pixels
_DIM = 0.78  # how far what lies outside of a region is darkened


def blueprint(services: Services) -> Blueprint:
    """The routes below /media/path."""
    pictures = Blueprint("path_pictures", __name__, url_prefix="/media/path")

    def arrays(key: str) -> Mapping[str, np.ndarray]:
        found = cached_arrays(services.cache, checked(key))
        if found is None:
            abort(404)
        return found

    @pictures.get("/<key>/<int:stage>/<int:unit>.png")
    def unit(key: str, stage: int, unit: int) -> Response:
        found = arrays(key)
        if stage == 0:
            return answer(_region(found["picture"], unit))
        listed = found.get(f"units_{stage}")
        if listed is None or unit not in listed:
            abort(404)
        values = found[f"maps_{stage}"][int(np.flatnonzero(listed == unit)[0])]
        return answer(_laid_over(found["picture"], np.clip(values, 0, None), signed=False))

    @pictures.get("/<key>/pixels.png")
    def pixels(key: str) -> Response:
        found = arrays(key)
        return answer(_laid_over(found["picture"], found["pixels"], signed=True))

    @pictures.get("/<key>.json")
    def facts(key: str) -> Response:
        path = cached_path(services.cache, checked(key))
        if path is None:
            abort(404)
        ablation = cached_ablation(services.cache, key)
        told = {**asdict(path), "ablation": None if ablation is None else asdict(ablation)}
        return Response(json.dumps(told, indent=2, ensure_ascii=False), mimetype="application/json")

    return pictures


def _region(picture: npt.NDArray[np.uint8], cell: int) -> Image.Image:
    """The picture with all but one of its regions darkened."""
    places = [cells(side) for side in picture.shape[:2]]
    columns = int(places[1][-1]) + 1
    if cell >= (int(places[0][-1]) + 1) * columns:
        abort(404)
    inside = (places[0][:, None] == cell // columns) & (places[1][None] == cell % columns)
    light = np.where(inside, 1.0, 1 - _DIM)[..., None]
    return _enlarged((picture * light).round().astype(np.uint8))


def _laid_over(picture: npt.NDArray[np.uint8], values: npt.NDArray[np.float32], signed: bool) -> Image.Image:
    """The picture in greys under a map; drawn smoothly, for a map's cells are no edges of anything."""
    under = _enlarged(picture).convert("L").point(lambda level: level * 7 // 10).convert("RGBA")
    smooth = np.asarray(Image.fromarray(values.astype(np.float32)).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC))
    drawn = overlay(smooth if signed else np.clip(smooth, 0, None), float(np.abs(smooth).max()) or None, signed=signed)
    under.alpha_composite(drawn)
    return under.convert("RGB")


def _enlarged(picture: npt.NDArray[np.uint8]) -> Image.Image:
    image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture).convert("RGB")
    coarse = max(image.size) * 2 <= _SIDE
    return image.resize((_SIDE, _SIDE), Image.Resampling.NEAREST if coarse else Image.Resampling.BILINEAR)
