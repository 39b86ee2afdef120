"""The explained store: where a run's model looked on every sample, small enough to be held against each other.

An explain job writes shards, in any order and from any process. When all are there they are merged into parts of a
fixed size, and a manifest says that they are whole. Nothing in it is a time, so the same work gives the same bytes
however often it was killed.

    runs/<run>/explanations/<key>/grids-*.npy      float16 (rows, side, side), shares of each map's magnitude
    runs/<run>/explanations/<key>/figures-*.npy    float32 (rows, figures), in the order of `FIGURES`
    runs/<run>/explanations/<key>/explained.json
"""

import io
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import InvalidInput, WorkspaceDamaged
from data.runs import PART_ROWS
from data.workspace import Workspace, atomic_path, write_bytes, write_json

__all__ = ["FIGURES", "MAX_SIDE", "Explained", "ExplainedStore"]

MAX_SIDE = 32
FIGURES = ("mass", "inside", "covered", "centre_x", "centre_y", "region", "entropy", "spread")
"""What is kept of a map besides its grid, measured at full resolution; NaN where it cannot be told.

`mass` is the sum of magnitudes; all others concern their shares of it. `inside` lies on the object's mask, which
covers the share `covered` of the picture. `centre_x` and `centre_y` are the centre of mass in [0, 1] from the upper
left. `region` is the number of the cell with the greatest share, row by row, -1 for an empty map. `entropy` is 1 for
a map that is even everywhere and 0 for a single point. `spread` is the root mean square distance from the centre of
mass in sides of the picture.
"""
_MANIFEST = "explained.json"
_SHARD = re.compile(r"(\d{6})\.figures\.npy", re.ASCII)
_KEY = re.compile(r"[0-9a-f]{8,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Explained:
    """Samples of a run that have been explained by one method.

    Attributes:
        key: Content key, see `inference.explained.explained_key`.
        samples: How many.
        side: Cells along each side of a grid, at most `MAX_SIDE`.
        rows: Which rows of the dataset, ascending; None for all.
    """

    key: str
    run: str
    method: str
    samples: int
    side: int
    rows: tuple[int, ...] | None = None


class ExplainedStore:
    """The explained samples of the workspace's runs. Holds nothing, so that whoever needs one makes one."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    def folder(self, run: str, key: str) -> Path:
        """Where the files of one set lie."""
        if not _KEY.fullmatch(key):
            raise InvalidInput(f"{key!r} is not the key of explained samples")
        return self.workspace.run(run) / "explanations" / key

    def finished_shards(self, run: str, key: str) -> set[int]:
        """Numbers of the shards that are whole."""
        folder = self.folder(run, key) / "shards"
        names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
        return {int(found[1]) for found in map(_SHARD.fullmatch, names) if found}

    def write_shard(self, run: str, key: str, shard: int, grids: np.ndarray, figures: np.ndarray) -> None:
        """Keeps one shard; writing it again replaces it.

        Args:
            grids: (rows, side, side), kept as float16.
            figures: (rows, len(FIGURES)), kept as float32.
        """
        if grids.ndim != 3 or figures.shape != (len(grids), len(FIGURES)):
            raise InvalidInput(f"Shard {shard} must hold a grid and {len(FIGURES)} figures for each row")
        at_grids, at_figures = self._shard_files(run, key, shard)
        # The figures come last: a shard is there when they are.
        write_bytes(at_grids, _npy(grids.astype("<f2")))
        write_bytes(at_figures, _npy(figures.astype("<f4")))

    def finish(self, explained: Explained, shards: int) -> Explained:
        """Merges shards 0 … `shards` - 1 into parts and then says so in the manifest; may be killed and called again.

        Every shard but the last must hold the same number of rows, which divides `data.runs.PART_ROWS`.

        Raises:
            WorkspaceDamaged: A shard is missing, or they do not hold the samples.
        """
        folder = self.folder(explained.run, explained.key)
        if self.find(explained.run, explained.key) is None:
            files = [self._shard_files(explained.run, explained.key, shard) for shard in range(shards)]
            per_part = max(PART_ROWS // len(_mapped(files[0][1])), 1)
            for part, start in enumerate(range(0, shards, per_part)):
                for place, (name, dtype) in enumerate((("grids", "<f2"), ("figures", "<f4"))):
                    blocks = [_mapped(pair[place]) for pair in files[start : start + per_part]]
                    _write_rows(folder / f"{name}-{part:05d}.npy", dtype, blocks)
            rows = sum(len(part) for part in self.figures_parts(explained))
            if rows != explained.samples:
                raise WorkspaceDamaged(f"The shards in {folder} hold {rows} rows, not {explained.samples}; delete it")
            write_json(folder / _MANIFEST, asdict(explained))
        shutil.rmtree(folder / "shards", ignore_errors=True)
        return explained

    def find(self, run: str, key: str) -> Explained | None:
        """What was explained under that key; None if it was not, or not to its end."""
        try:
            stored = json.loads((self.folder(run, key) / _MANIFEST).read_bytes())
            rows = stored["rows"]
            return Explained(**{**stored, "rows": None if rows is None else tuple(rows)})
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def grids(self, explained: Explained) -> list[np.ndarray]:
        """The grids part after part, (rows of the part, side, side) float16, memory-mapped.

        Raises:
            WorkspaceDamaged: The files are missing or unreadable.
        """
        return self._parts(explained, "grids")

    def figures_parts(self, explained: Explained) -> list[np.ndarray]:
        """The figures part after part, (rows of the part, len(FIGURES)) float32, memory-mapped; raises as `grids`."""
        return self._parts(explained, "figures")

    def _parts(self, explained: Explained, name: str) -> list[np.ndarray]:
        folder = self.folder(explained.run, explained.key)
        paths = sorted(folder.glob(f"{name}-*.npy"))
        if not paths:
            raise WorkspaceDamaged(f"{folder} has no {name}; delete it and explain again")
        return [_mapped(path) for path in paths]

    def _shard_files(self, run: str, key: str, shard: int) -> tuple[Path, Path]:
        folder = self.folder(run, key) / "shards"
        return folder / f"{shard:06d}.grids.npy", folder / f"{shard:06d}.figures.npy"


def _npy(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    return content.getvalue()


def _write_rows(path: Path, dtype: str, blocks: Sequence[np.ndarray]) -> None:
    """Writes the rows of all blocks as one `.npy`; a full disk is then an error of the system with its number."""
    shape = (sum(len(block) for block in blocks), *blocks[0].shape[1:])
    facts: dict[str, Any] = {"descr": dtype, "fortran_order": False, "shape": shape}
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, facts)
        for block in blocks:
            file.write(np.ascontiguousarray(block, dtype=dtype).data)


def _mapped(path: Path) -> np.ndarray:
    try:
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError) as error:
        raise WorkspaceDamaged(f"{path} is missing or damaged; delete its folder and explain again") from error
