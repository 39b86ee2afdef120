"""Which samples lie inside a lasso: exact, by the even-odd rule, remembered for the next question."""

import threading
from collections import OrderedDict

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data.errors import InvalidInput, WorkspaceDamaged
from data.queries import View
from data.runs import projection_file
from data.selections import Lasso
from data.workspace import Workspace

__all__ = ["Lassos", "inside"]

_REMEMBERED = 32
_BLOCK = 65_536


class Lassos:
    """Answers by polygon, the latest few kept. Safe to share between threads."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, Lasso], np.ndarray] = OrderedDict()

    def rows(self, view: View, lasso: Lasso) -> np.ndarray:
        """The rows inside, ascending, (n,) int32, read-only.

        Raises:
            InvalidInput: The lasso was drawn in a projection that does not exist or shows another dataset.
        """
        key = (view.dataset.name, lasso)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        table = self._plane(view, lasso)
        polygon = np.array(lasso.polygon, dtype=np.float64)
        found: np.ndarray = table["row"].to_numpy()[inside(table["x"].to_numpy(), table["y"].to_numpy(), polygon)]
        found.setflags(write=False)
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > _REMEMBERED:
                self._kept.popitem(last=False)
        return found

    def _plane(self, view: View, lasso: Lasso) -> pa.Table:
        near = [view.projection.run] if view.projection else []
        near += [run.id for run in (view.run, view.other) if run]
        paths = [projection_file(self.workspace, run, lasso.projection) for run in near]
        path = next((path for path in paths if path.exists()), None)
        if path is None:  # drawn under a version that is not in view: the same samples are still meant
            path = next((self.workspace.root / "runs").glob(f"*/projections/{lasso.projection}.parquet"), None)
        if path is None:
            raise InvalidInput("The projection in which the lasso was drawn does not exist any more; draw it again")
        try:
            table = pq.read_table(path)
        except (OSError, pa.ArrowInvalid) as error:
            raise WorkspaceDamaged(f"{path} is missing or damaged; make the projection again") from error
        owner = (table.schema.metadata or {}).get(b"dataset", b"").decode()
        if owner != view.dataset.name:
            raise InvalidInput(
                f"The lasso was drawn on the dataset {owner!r}, not {view.dataset.name!r}; draw it again"
            )
        return table


def inside(x: np.ndarray, y: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Which points lie inside a polygon, by the even-odd rule.

    Args:
        x, y: (N,) coordinates.
        polygon: (corners, 2), closed by itself.

    Returns:
        (N,) bool.
    """
    (left, low), (right, high) = polygon.min(axis=0), polygon.max(axis=0)
    near = np.flatnonzero((x >= left) & (x <= right) & (y >= low) & (y <= high))
    result = np.zeros(len(x), dtype=bool)
    for start in range(0, len(near), _BLOCK):
        block = near[start : start + _BLOCK]
        result[block] = _crossings(x[block].astype(np.float64), y[block].astype(np.float64), polygon) % 2 == 1
    return result


def _crossings(x: np.ndarray, y: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """How many edges a ray from each point to the right crosses."""
    count = np.zeros(len(x), dtype=np.int32)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if y0 != y1:
            spans = (y0 > y) != (y1 > y)
            count += spans & (x < x0 + (y - y0) * ((x1 - x0) / (y1 - y0)))
    return count
