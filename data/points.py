"""The points of an embedding plot, as arrays ready to be drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data.errors import InvalidInput, WorkspaceDamaged
from data.queries import View
from data.runs import part_files, projection_file
from data.workspace import Workspace

__all__ = ["Points", "read_points"]


@dataclass(frozen=True, slots=True)
class Points:
    """N samples in a projection, in row order.

    Attributes:
        row: (N,) int32.
        x, y: (N,) float32.
        label, prediction: (N,) int16 indices into the names; -1 where there is none.
        correct: (N,) int8: 1 right, 0 wrong, -1 without label or prediction.
        confidence: (N,) float32 in [0, 1]; NaN without prediction.
        label_names: The dataset's classes, then any other label.
        prediction_names: The run's classes, then any other prediction.
    """

    row: np.ndarray
    x: np.ndarray
    y: np.ndarray
    label: np.ndarray
    prediction: np.ndarray
    correct: np.ndarray
    confidence: np.ndarray
    label_names: tuple[str, ...]
    prediction_names: tuple[str, ...]


def read_points(workspace: Workspace, view: View, rows: np.ndarray | None = None) -> Points:
    """The view's points, or those of `rows` alone, (n,) ascending.

    Raises:
        InvalidInput: The view has no projection.
        WorkspaceDamaged: A file is missing, or the files do not belong together.
    """
    if view.projection is None:
        raise InvalidInput("A projection is needed for this; make one with `project`")
    plane = _read([projection_file(workspace, view.projection.run, view.projection.key)], ["row", "x", "y"])
    samples = _read([workspace.dataset(view.dataset.name) / "samples.parquet"], ["label"])
    label, label_names = _codes(samples["label"], view.dataset.classes)
    count = len(plane)
    prediction = np.full(count, -1, np.int16)
    prediction_names: tuple[str, ...] = ()
    correct, confidence = np.full(count, -1, np.int8), np.full(count, np.nan, np.float32)
    if view.run is not None:
        run = _read(part_files(workspace, view.run.id), ["prediction", "correct", "confidence"])
        prediction, prediction_names = _codes(run["prediction"], view.run.classes)
        correct = run["correct"].cast(pa.int8()).fill_null(-1).to_numpy()
        confidence = run["confidence"].to_numpy()
    if not len(label) == len(prediction) == count:
        raise WorkspaceDamaged(f"The projection {view.projection.key} does not fit its dataset; make it again")
    chosen = slice(None) if rows is None else rows
    return Points(
        row=plane["row"].to_numpy()[chosen],
        x=plane["x"].to_numpy()[chosen],
        y=plane["y"].to_numpy()[chosen],
        label=label[chosen],
        prediction=prediction[chosen],
        correct=correct[chosen],
        confidence=confidence[chosen],
        label_names=label_names,
        prediction_names=prediction_names,
    )


def _codes(names: pa.ChunkedArray, known: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    encoded = names.combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = pa.concat_arrays(encoded.unify_dictionaries().chunks)
    found = encoded.dictionary.to_pylist()
    every = tuple(dict.fromkeys([*known, *found]))
    place = {name: index for index, name in enumerate(every)}
    table = np.array([place[name] for name in found] + [-1], dtype=np.int16)
    return table[encoded.indices.fill_null(len(found)).to_numpy()], every


def _read(paths: Sequence[Path], columns: list[str]) -> pa.Table:
    try:
        return pa.concat_tables([pq.read_table(path, columns=columns, read_dictionary=columns) for path in paths])
    except (OSError, pa.ArrowInvalid) as error:
        place = paths[0] if paths else "the run's folder"
        raise WorkspaceDamaged(f"{place} is missing or damaged; index again") from error
