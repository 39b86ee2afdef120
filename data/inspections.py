"""What the units of a layer give for every sample of a run, in files that are written once.

    runs/<run>/units/<key>/shards/000000.npz   strongest and mean, (rows, C) float16, and cells, (rows, C) uint16
    runs/<run>/units/<key>/strongest.npy       (N, C) float16
    runs/<run>/units/<key>/histograms.npy      (C, classes, bins) uint32
    runs/<run>/units/<key>/summary.npz         what is told of the units, see `inference.visualisation.summary`

An inspection is there when its summary is; it goes with its run.
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from data.errors import WorkspaceDamaged
from data.workspace import Workspace, atomic_path

__all__ = ["Inspection", "open_inspection"]

_SHARD = re.compile(r"(\d{6})\.npz", re.ASCII)
_FLOOR, _CEILING = -65504.0, 65504.0  # of float16


class Inspection:
    """One layer's files. Safe to read while others read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def done(self) -> bool:
        """Whether all is there."""
        return (self.folder / "summary.npz").exists()

    def finished_shards(self) -> set[int]:
        """Numbers of the shards that are whole."""
        shards = self.folder / "shards"
        names = [path.name for path in shards.iterdir()] if shards.is_dir() else []
        return {int(found[1]) for found in map(_SHARD.fullmatch, names) if found}

    def write_shard(self, shard: int, strongest: np.ndarray, mean: np.ndarray, cells: np.ndarray) -> None:
        """Keeps the units' answers to consecutive samples, (rows, C) each; writing it again replaces it."""
        halves = {
            name: np.clip(values, _FLOOR, _CEILING).astype("<f2")
            for name, values in {"strongest": strongest, "mean": mean}.items()
        }
        with atomic_path(self._shard(shard)) as temporary, temporary.open("wb") as file:
            np.savez(file, cells=cells.astype("<u2"), **halves)

    def read_shard(self, shard: int) -> Mapping[str, np.ndarray]:
        """`strongest`, `mean` and `cells` of a shard.

        Raises:
            WorkspaceDamaged: It is missing or damaged.
        """
        return _arrays(self._shard(shard))

    def finish(
        self,
        shards: int,
        shape: tuple[int, int],
        histograms: np.ndarray,
        summary: Mapping[str, np.ndarray],
    ) -> None:
        """Joins shards 0 … `shards` - 1 and makes the inspection known; may be killed anywhere and called again.

        Args:
            shape: Samples and units.
            histograms: (C, classes, bins) counts.
        """
        with atomic_path(self.folder / "strongest.npy") as temporary, temporary.open("wb") as file:
            facts = {"descr": "<f2", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, facts)
            for block in self.blocks(shards):
                file.write(np.ascontiguousarray(block["strongest"]).data)
        with atomic_path(self.folder / "histograms.npy") as temporary, temporary.open("wb") as file:
            np.save(file, histograms.astype("<u4"), allow_pickle=False)
        with atomic_path(self.folder / "summary.npz") as temporary, temporary.open("wb") as file:
            np.savez(file, **summary)  # type: ignore[arg-type]
        shutil.rmtree(self.folder / "shards", ignore_errors=True)

    def summary(self) -> dict[str, np.ndarray]:
        """What is told of the units, by name.

        Raises:
            WorkspaceDamaged: It is missing or damaged.
        """
        return dict(_arrays(self.folder / "summary.npz"))

    def strongest(self) -> np.ndarray:
        """Each unit's strongest answer to each sample, (N, C) float16, memory-mapped."""
        return self._mapped("strongest")

    def histograms(self) -> np.ndarray:
        """How many samples of each class answer how strongly, (C, classes, bins) uint32, memory-mapped."""
        return self._mapped("histograms")

    def blocks(self, shards: int) -> Iterator[Mapping[str, np.ndarray]]:
        """All shards in row order, one at a time."""
        for shard in range(shards):
            yield self.read_shard(shard)

    def _shard(self, shard: int) -> Path:
        return self.folder / "shards" / f"{shard:06d}.npz"

    def _mapped(self, name: str) -> np.ndarray:
        path = self.folder / f"{name}.npy"
        try:
            mapped: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise WorkspaceDamaged(f"{path} is missing or damaged; inspect the layer again") from error
        return mapped


def open_inspection(workspace: Workspace, run: str, key: str) -> Inspection:
    """The inspection of that key of a run, done or not."""
    return Inspection(workspace.run(run) / "units" / key)


def _arrays(path: Path) -> Mapping[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except (OSError, ValueError, KeyError) as error:
        raise WorkspaceDamaged(f"{path} is missing or damaged; inspect the layer again") from error
