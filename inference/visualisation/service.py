"""Visualisations by content: made once, seen while they form, then read from the cache by whoever asks."""

import io
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from data.cache import FileCache
from data.datasets import DatasetStore
from data.errors import Cancelled, InvalidInput
from data.images import decode
from data.samples import SampleTables, View
from data.types import Dataset, ModelVersion
from data.visualisations import VisualisationRequest
from data.workspace import Workspace, content_key
from inference.explanations.protocol import Pulse, unheard
from inference.models import load
from inference.preprocessing import to_pixels
from inference.reading import spread_rows
from inference.visualisation.ascent import ascend
from inference.visualisation.keys import VISUALISATION_CACHE, seen, visualisation_key
from inference.visualisation.parametrisation import Colours

__all__ = ["Source", "mosaic", "visualise"]

_COLOURS = "colours-1"
_LOOKED_AT = 256  # samples from which the colours are told
_SHOWN_EVERY = 0.25  # seconds


class Source:
    """A dataset to take colours and starting samples from."""

    def __init__(self, datasets: DatasetStore, samples: SampleTables, dataset: Dataset) -> None:
        self.dataset = dataset
        self._datasets = datasets
        self._samples = samples

    def colours(self, cache: FileCache, version: ModelVersion, decorrelate: bool) -> Colours:
        """How colours vary in samples from all over the dataset, as the version sees them."""
        key = content_key(_COLOURS, self.dataset.digest, asdict(version.preprocessing), decorrelate)
        known = cache.get("colours", key, ".json")
        if known is not None:
            try:
                mean, mixing = json.loads(known.read_bytes())
                return Colours(torch.tensor(mean), torch.tensor(mixing))
            except (OSError, ValueError):  # evicted in this very moment, or left half-written by a power failure
                pass
        rows = spread_rows(self.dataset.samples, _LOOKED_AT)
        colours = Colours.of(torch.stack([self._pixels(row, version) for row in rows]), decorrelate)
        facts = [colours.mean.tolist(), colours.mixing.tolist()]
        cache.put("colours", key, ".json", json.dumps(facts).encode())
        return Colours(torch.tensor(facts[0]), torch.tensor(facts[1]))

    def image(self, sample_id: str, version: ModelVersion) -> Tensor:
        """A sample as the version sees it, (C, H, W) in [0, 1]."""
        return self._pixels(self._samples.by_id(View(self.dataset), sample_id).sample.row, version)

    def _pixels(self, row: int, version: ModelVersion) -> Tensor:
        sample = self._samples.row(View(self.dataset), row).sample
        pixels = to_pixels(decode(self._datasets.read(self.dataset.name, sample)), version.preprocessing)
        return torch.tensor(pixels).permute(2, 0, 1).float() / 255


def visualise(
    workspace: Workspace,
    cache: FileCache,
    version: ModelVersion,
    classes: Sequence[str],
    request: VisualisationRequest,
    source: Source | None = None,
    pulse: Pulse = unheard,
) -> str:
    """Makes the images of a request; returns the key under which they lie in the cache, see `keys.seen`.

    Args:
        classes: Names in the order of the logits.
        source: None where there is no dataset: then colours are independent, and ascents start from noise alone.

    Raises:
        InvalidInput: The network has no such layer, unit or class, or there is no dataset to start from.
        NotFound: The dataset has no such sample.
        Cancelled: Nobody waits any more. What was seen last stays in the cache, marked as not done.
    """
    key = visualisation_key(version, source.dataset if source else None, request)
    known = seen(cache, key)
    if known is not None and known["done"]:
        return key
    if request.start and source is None:
        raise InvalidInput(f"start {request.start!r} needs a dataset to take the sample from; start from noise")
    loaded = load(workspace, version)
    recipe = _recipe(version, source.dataset if source else None, request)
    keeper = _Keeper(cache, key, recipe)
    try:
        found = ascend(
            loaded,
            request,
            classes,
            source.colours(cache, version, request.decorrelate) if source else None,
            source.image(request.start, version) if source and request.start else None,
            pulse,
            keeper.show,
        )
    except Cancelled:
        keeper.keep_last()
        raise
    keeper.keep(found.images, found.curve, done=True, values=found.values, converged=found.converged)
    return key


class _Keeper:
    """Puts what is there so far into the cache, a few times a second."""

    def __init__(self, cache: FileCache, key: str, recipe: dict[str, Any]) -> None:
        self._cache = cache
        self._key = key
        self._recipe = recipe
        self._shown = -math.inf
        self._last: tuple[Callable[[], Tensor], Sequence[float]] | None = None

    def show(self, images: Callable[[], Tensor], curve: Sequence[float]) -> None:
        """See `ascent.Show`."""
        self._last = images, curve
        now = time.monotonic()
        if now - self._shown >= _SHOWN_EVERY:
            self._shown = now
            self.keep(images(), curve, done=False)

    def keep_last(self) -> None:
        """Keeps the newest state of an ascent that was broken off."""
        if self._last is not None:
            self.keep(self._last[0](), self._last[1], done=False)

    def keep(
        self, images: Tensor, curve: Sequence[float], done: bool, values: Sequence[float] = (), converged: bool = False
    ) -> None:
        """The picture first, and what refers to it last."""
        self._cache.put(VISUALISATION_CACHE, self._key, ".png", _png(mosaic(images.cpu().numpy())))
        facts = {
            "done": done,
            "step": len(curve),
            "curve": [round(value, 5) for value in curve],
            "values": list(values),
            "converged": converged,
            "recipe": self._recipe,
        }
        self._cache.put(VISUALISATION_CACHE, self._key, ".json", json.dumps(facts).encode())


def mosaic(images: np.ndarray) -> Image.Image:
    """Images (N, C, H, W) uint8 side by side, in rows as long as there are rows, with a clear line between them."""
    count, channels, height, width = images.shape
    columns = math.ceil(math.sqrt(count))
    gap = max(width // 32, 1)
    rows = math.ceil(count / columns)
    size = (columns * (width + gap) - gap, rows * (height + gap) - gap)
    mode = "L" if channels == 1 else "RGB"
    if count == 1:
        return _image(images[0], mode)
    whole = Image.new("RGBA", size)
    for place, pixels in enumerate(images):
        down, right = divmod(place, columns)
        whole.paste(_image(pixels, mode).convert("RGBA"), (right * (width + gap), down * (height + gap)))
    return whole


def _image(pixels: np.ndarray, mode: str) -> Image.Image:
    return Image.fromarray(pixels[0] if mode == "L" else np.ascontiguousarray(pixels.transpose(1, 2, 0)), mode)


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _recipe(version: ModelVersion, dataset: Dataset | None, request: VisualisationRequest) -> dict[str, Any]:
    """All that decides the pixels, for a person who wants to make them again."""
    return {
        "version": version.reference,
        "version_digest": version.digest,
        "dataset": dataset.name if dataset else None,
        "dataset_digest": dataset.digest if dataset else None,
        "torch": torch.__version__,
        "request": asdict(request),
    }
