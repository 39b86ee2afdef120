"""`torchvision:CLASS[/VARIANT]:ROOT`: the data sets that torchvision knows how to read, FashionMNIST's for instance.

Nothing is ever downloaded. Most of these classes give images decoded, and the workspace keeps them as PNG, without
loss; those that list files in folders are read from their files.
"""

import gzip
import inspect
import io
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from data.errors import InvalidInput
from data.sources.columns import ordered_classes
from data.sources.protocol import Item, MetadataValue
from inference.vision import torchvision

__all__ = ["TorchvisionSource"]

_SPLITS = {"train": "train", "val": "val", "valid": "val", "test": "test"}
_PNG_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"})
_VARIANTS = {"EMNIST": "split"}  # classes of several data sets, and the argument that chooses among them
_PIECE = 2**20
_MAX_UNPACKED = 2**30  # the largest, EMNIST's by class, has 547 MB
_TARGETS = ("targets", "labels", "_labels")


@dataclass(frozen=True, slots=True)
class TorchvisionSource:
    """One of torchvision's map-style image data sets, all its splits that are there.

    Attributes:
        folder: Where its files lie, with all links followed.
        parts: Each split's name, or None where the class knows none, with its data set.
        named: Whether the class itself names its classes; else their numbers are the labels.
    """

    name: str
    folder: Path
    parts: Sequence[tuple[str | None, Any]]
    classes: tuple[str, ...]
    named: bool
    has_masks: bool = False
    metadata: Mapping[str, type[MetadataValue]] = field(default_factory=dict)

    @classmethod
    def open(cls, where: str) -> "TorchvisionSource":
        """Opens every split that lies in the folder.

        Raises:
            InvalidInput: torchvision has no such class, the folder lacks its files, or it gives no images by number.
        """
        written, _, root = where.partition(":")
        name, _, variant = written.partition("/")
        known = torchvision.datasets.__all__
        if name not in known:
            raise InvalidInput.choice("torchvision data set", name, known)
        kind = getattr(torchvision.datasets, name)
        chosen = _chosen(kind, name, variant)
        folder = Path(root).expanduser().resolve()
        if not root or not folder.is_dir():
            raise InvalidInput(f"source 'torchvision:{where}' lacks its folder; write torchvision:{written}:ROOT")
        with _unpacked(kind, folder) as there:
            parts = _open_splits(kind, written, there, chosen)
        first = parts[0][1]
        given = getattr(first, "classes", None)
        canonical = f"torchvision:{written}:{folder}"
        if isinstance(given, Sequence) and not isinstance(given, str) and given:
            return cls(canonical, folder, parts, _unique(given), named=True)
        classes = ordered_classes(label for _, part in parts for label in _labels(part))
        return cls(canonical, folder, parts, classes, named=False)

    @property
    def total(self) -> int:
        return sum(len(part) for _, part in self.parts)

    def items(self) -> Iterator[Item]:
        """Split after split in the class's order, named by its file or by number."""
        for split, part in self.parts:
            if isinstance(part, torchvision.datasets.DatasetFolder):
                yield from self._files(split, part)
                continue
            for index in range(len(part)):
                sample_id = f"{split or 'all'}/{index:06d}.png"
                try:
                    image, target = part[index][:2]
                    # Only the PNG is made when it is wanted: these classes are not made for several threads.
                    yield Item(sample_id, self._label(target), split, reader=partial(_png, image))
                except Exception as error:  # noqa: BLE001  # each class raises errors of its own; the rest goes on
                    reason = " ".join(str(error).split()) or type(error).__name__
                    yield Item(sample_id, None, None, problem=f"damaged: {reason}")

    def _files(self, split: str | None, part: Any) -> Iterator[Item]:
        """The files that the class would decode, as they are: nothing of theirs is lost, and none is copied."""
        for listed, target in part.samples:
            path = Path(listed).resolve()
            if not path.is_relative_to(self.folder):
                yield Item(Path(listed).name, None, None, problem=f"leads out of {self.folder}")
                continue
            sample_id = Path(listed).relative_to(self.folder).as_posix().encode("utf-8", "replace").decode()
            yield Item(sample_id, self._label(target), split, path=path)

    def _label(self, target: Any) -> str | None:
        label = _label(target)
        if label is None or not self.named:
            return label
        if label.isdigit() and int(label) < len(self.classes):
            return self.classes[int(label)]
        return label if label in self.classes else None


def _chosen(kind: Any, name: str, variant: str) -> dict[str, str]:
    """The argument that chooses among the data sets of one class; none for a class of one.

    Raises:
        InvalidInput: The class has several and none of them is named, or it has only one.
    """
    if name not in _VARIANTS:
        if variant:
            raise InvalidInput(f"torchvision's {name} has no variant {variant!r}; write torchvision:{name}:ROOT")
        return {}
    if variant not in kind.splits:
        raise InvalidInput.choice("source", f"{name}/{variant}", [f"{name}/{known}" for known in kind.splits])
    return {_VARIANTS[name]: variant}


@contextmanager
def _unpacked(kind: Any, folder: Path) -> Iterator[Path]:
    """The folder in which the class finds its files.

    MNIST and its like unpack their files only where they download them. They read all at once when they are opened,
    so the files can be unpacked to a place that is gone afterwards, and the folder stays as it is.
    """
    raw = folder / kind.__name__ / "raw"
    packed = sorted(raw.glob("*-ubyte.gz")) if issubclass(kind, torchvision.datasets.MNIST) else []
    packed = [path for path in packed if not path.with_suffix("").exists()]
    if not packed:
        yield folder
        return
    with TemporaryDirectory() as temporary:
        there = Path(temporary) / kind.__name__ / "raw"
        there.mkdir(parents=True)
        for path in raw.glob("*-ubyte"):
            (there / path.name).symlink_to(path)
        for path in packed:
            _unpack(path, there / path.stem)
        yield Path(temporary)


def _unpack(path: Path, place: Path) -> None:
    """Writes what a gzip file holds; raises `InvalidInput` where it is damaged or holds more than such files do."""
    try:
        with gzip.open(path) as source, place.open("wb") as target:
            while piece := source.read(_PIECE):
                if target.tell() + len(piece) > _MAX_UNPACKED:
                    raise InvalidInput(f"{path} is refused as a bomb: it unpacks to over {_MAX_UNPACKED:,} bytes")
                target.write(piece)
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidInput(f"{path} cannot be unpacked: {' '.join(str(error).split())}") from error


def _open_splits(kind: Any, name: str, folder: Path, chosen: Mapping[str, str]) -> list[tuple[str | None, Any]]:
    parameters = inspect.signature(kind).parameters
    if "train" in parameters or chosen:  # a class with variants hands the rest on to another, which knows `train`
        wanted: list[tuple[str | None, dict[str, Any]]] = [("train", {"train": True}), ("test", {"train": False})]
    elif "split" in parameters:
        wanted = [(split, {"split": word}) for word, split in _SPLITS.items()]
    else:
        wanted = [(None, {})]
    always = {"download": False} if "download" in parameters or chosen else {}
    parts: list[tuple[str | None, Any]] = []
    refusals = []
    for split, options in wanted:
        try:
            part = kind(str(folder), **chosen, **options, **always)
        except Exception as error:  # noqa: BLE001  # each class says in its own way that a split is not there
            refusals.append(" ".join(str(error).split()))
            continue
        if not hasattr(part, "__getitem__") or not hasattr(part, "__len__"):
            raise InvalidInput(f"torchvision's {name} does not give images by number; use another source")
        parts.append((split, part))
    if not parts:
        reason = refusals[0].removesuffix(" You can use download=True to download it").rstrip(".")
        raise InvalidInput(f"torchvision's {name} cannot be read from {folder}: {reason}. Nothing is downloaded")
    return parts


def _labels(part: Any) -> Iterator[str | None]:
    """Every label, from the list that most classes keep of them, else by reading everything once."""
    for name in _TARGETS:
        targets = getattr(part, name, None)
        if targets is not None and len(targets) == len(part):
            yield from map(_label, targets)
            return
    for index in range(len(part)):
        yield _label(part[index][1])


def _label(target: Any) -> str | None:
    """A class's number or name as text; None for what is no class: boxes, several answers, a number below 0."""
    if isinstance(target, str):
        return target or None
    if isinstance(target, int | np.integer) or (hasattr(target, "numel") and target.numel() == 1):
        return str(int(target)) if int(target) >= 0 else None
    return None


def _unique(names: Sequence[Any]) -> tuple[str, ...]:
    texts = [", ".join(map(str, name)) if isinstance(name, tuple | list) else str(name) for name in names]
    return tuple(text if texts.count(text) == 1 else f"{text} ({place})" for place, text in enumerate(texts))


def _png(image: Any) -> bytes:
    if hasattr(image, "numpy"):
        image = np.moveaxis(image.numpy(), 0, -1).squeeze()
    try:
        picture = image if isinstance(image, Image.Image) else Image.fromarray(np.asarray(image))
        content = io.BytesIO()
        (picture if picture.mode in _PNG_MODES else picture.convert("RGB")).save(content, "PNG", compress_level=1)
    except (OSError, ValueError, TypeError) as error:
        raise InvalidInput(f"damaged: {' '.join(str(error).split())}") from error
    return content.getvalue()
