"""Small pictures of samples for galleries and hovers, made once and cached by the sample's content."""

import io
from collections.abc import Iterable

from PIL import Image

from data.cache import FileCache
from data.datasets import DatasetStore
from data.errors import InvalidInput, WorkspaceDamaged
from data.images import decode
from data.types import Sample
from data.workspace import Workspace, content_key

__all__ = ["MAX_SIZE", "THUMBNAIL_SIZE", "Thumbnails", "encode_thumbnail"]

MAX_SIZE = 1024
THUMBNAIL_SIZE = 192
"""Pixels of the longer side on every page."""
_ALGORITHM = "thumbnail-1"
_TINY = 64
_QUALITY = 80


class Thumbnails:
    """Makes thumbnails on demand. Safe to share between threads; two that make the same one write the same bytes."""

    def __init__(self, workspace: Workspace, cache: FileCache, datasets: DatasetStore) -> None:
        self.workspace = workspace
        self.cache = cache
        self.datasets = datasets

    def thumbnail(self, dataset: str, sample: Sample, size: int) -> bytes:
        """A WebP whose longer side has at most `size` pixels; smaller images keep their size.

        Images of at most 64 pixels are kept without loss at their own size, for the browser to enlarge: every pixel
        of them counts. Others are compressed at quality 80.

        Raises:
            InvalidInput: The size is not 1 to `MAX_SIZE`.
            WorkspaceDamaged: The sample's file is gone or was changed since the dataset was added.
        """
        if not 1 <= size <= MAX_SIZE:
            raise InvalidInput(f"thumbnail size {size} is not allowed; give 1 to {MAX_SIZE} pixels")
        key = content_key(_ALGORITHM, sample.digest, size)
        cached = self.cache.get("thumbnails", key, ".webp")
        if cached is not None:
            try:
                return cached.read_bytes()
            except FileNotFoundError:
                pass  # trimmed in between: it is made again
        content = self._make(dataset, sample, size)
        self.cache.put("thumbnails", key, ".webp", content)
        return content

    def forget(self, digests: Iterable[str]) -> None:
        """Removes the thumbnails of the pages' size from the cache, by the samples' digests."""
        for digest in digests:
            key = content_key(_ALGORITHM, digest, THUMBNAIL_SIZE)
            self.cache.path("thumbnails", key, ".webp").unlink(missing_ok=True)

    def _make(self, dataset: str, sample: Sample, size: int) -> bytes:
        data = self.datasets.read(dataset, sample)
        try:
            return encode_thumbnail(data, size)
        except InvalidInput as error:
            raise WorkspaceDamaged(f"{self.datasets.image_path(dataset, sample)}: {error}") from error


def encode_thumbnail(data: bytes, size: int) -> bytes:
    """An image file's picture as a small WebP, see `Thumbnails.thumbnail`.

    Raises:
        InvalidInput: The image cannot be read, see `data.images.decode`.
    """
    image = decode(data, at_least=2 * size)
    content = io.BytesIO()
    if max(image.size) <= _TINY:
        image.save(content, "WEBP", lossless=True)
    else:
        image.thumbnail((size, size), Image.Resampling.LANCZOS)
        image.save(content, "WEBP", quality=_QUALITY)
    return content.getvalue()
