"""scikit-learn's handwritten digits: 1,797 real scans of 8 × 8 pixels, read from the installed package's file.

Source: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits (UCI, 1998), CC BY 4.0.
"""

import gzip
import importlib.util
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from data.errors import InvalidInput
from data.sources.protocol import Item, MetadataValue

__all__ = ["DigitsSource"]

_SAMPLES = 1797
_TEST = 500
_SEED = 20
_BRIGHTEST = 16


@dataclass(frozen=True, slots=True)
class DigitsSource:
    """The digits with a fixed, stratified split: 1,297 to train on, 500 to test with."""

    file: Path
    name: str = "digits"
    classes: tuple[str, ...] = tuple("0123456789")
    total: int = _SAMPLES
    has_masks: bool = False
    metadata: Mapping[str, type[MetadataValue]] = field(default_factory=dict)

    @classmethod
    def open(cls, where: str) -> "DigitsSource":
        """Finds the data file without importing scikit-learn, which would load half a second of other libraries.

        Raises:
            InvalidInput: Something stands behind `digits:`, or scikit-learn is not installed.
        """
        if where:
            raise InvalidInput(f"source 'digits:{where}' is not known; write digits alone")
        spec = importlib.util.find_spec("sklearn")
        folders = spec.submodule_search_locations if spec else None
        for folder in folders or ():
            file = Path(folder) / "datasets" / "data" / "digits.csv.gz"
            if file.exists():
                return cls(file)
        raise InvalidInput("source 'digits' needs scikit-learn's data file; run `make setup`")

    def items(self) -> Iterator[Item]:
        """Grey PNGs, values 0 to 16 of the original scaled to 0 to 255; training samples first."""
        with gzip.open(self.file, "rt", encoding="ascii") as text:
            table = np.loadtxt(text, delimiter=",", dtype=np.uint8)
        labels = table[:, -1]
        pixels = np.rint(table[:, :-1].astype(np.float64) * (255 / _BRIGHTEST)).astype(np.uint8).reshape(-1, 8, 8)
        test = _test_rows(labels)
        for split, rows in (("train", np.flatnonzero(~test)), ("test", np.flatnonzero(test))):
            for row in rows:
                content = io.BytesIO()
                Image.fromarray(pixels[row]).save(content, "PNG")
                yield Item(f"{split}/{row:04d}.png", str(labels[row]), split, content=content.getvalue())


def _test_rows(labels: np.ndarray) -> np.ndarray:
    """Which rows are for testing, (N,) bool: of each class its share of `_TEST`, by largest remainder."""
    counts = np.bincount(labels, minlength=10)
    exact = counts * _TEST / counts.sum()
    quota = np.floor(exact).astype(int)
    quota[np.argsort(quota - exact, kind="stable")[: _TEST - quota.sum()]] += 1
    generator = np.random.default_rng(_SEED)
    test = np.zeros(len(labels), dtype=bool)
    for digit, size in enumerate(quota):
        test[generator.permutation(np.flatnonzero(labels == digit))[:size]] = True
    return test
