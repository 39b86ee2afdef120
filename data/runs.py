"""The run store: what one model version says about every sample of a dataset, as files that are written once.

An index job writes shards, in any order and from any process. When all are there they are merged into parts of a
fixed size, whose bytes depend on the predictions alone and not on how the work was cut or how often it was killed.
"""

import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import select

from data.database import Database
from data.errors import InvalidInput, NotFound, WorkspaceDamaged
from data.schema import ProjectionRow, RunRow
from data.types import PRECISIONS, Projection, Run
from data.workspace import Workspace, atomic_path, write_json

__all__ = ["PART_ROWS", "SHARD_SCHEMA", "RunStore", "part_files", "projection_file", "unfinished_subject"]

PART_ROWS = 131_072
_GROUP = 4096
SHARD_SCHEMA = pa.schema(
    [
        ("row", pa.int32()),
        ("sample_id", pa.string()),
        ("prediction", pa.string()),
        ("confidence", pa.float32()),
        ("probabilities", pa.list_(pa.float32())),
        ("margin", pa.float32()),
        ("entropy", pa.float32()),
        ("loss", pa.float32()),
        ("correct", pa.bool_()),
    ]
)
_SUBJECT = "subject.json"
_SHARD = re.compile(r"(\d{6})\.parquet", re.ASCII)
_PIECE = tuple[int, int, int]  # shard, first row in it, row behind the last


class RunStore:
    """The workspace's runs. Safe to share between threads and processes."""

    def __init__(self, workspace: Workspace, database: Database) -> None:
        self.workspace = workspace
        self.database = database

    def begin(self, run_id: str, dataset: str, model: str) -> None:
        """Notes beside the shards whose they are, for as long as the run itself is not known.

        Args:
            model: `NAME@VERSION`.
        """
        write_json(self.workspace.run(run_id) / "shards" / _SUBJECT, {"dataset": dataset, "model": model})

    def finished_shards(self, run_id: str) -> set[int]:
        """Numbers of the shards that are whole."""
        folder = self.workspace.run(run_id) / "shards"
        names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
        return {int(found[1]) for found in map(_SHARD.fullmatch, names) if found}

    def write_shard(self, run_id: str, shard: int, table: pa.Table, embeddings: np.ndarray) -> None:
        """Keeps one shard; writing it again replaces it.

        Args:
            shard: 0-based; shard k holds the rows that follow those of shard k - 1.
            table: Rows of `SHARD_SCHEMA`: margin is the first minus the second probability, entropy is in nats, loss
                is -log p(label); loss and correct are null where there is no label.
            embeddings: (rows, dimensions), kept as float32.

        Raises:
            InvalidInput: The table has other columns, the rows do not follow each other, or the numbers differ.
        """
        rows = table["row"].to_numpy()
        if len(table) != len(embeddings) or not len(rows) or not (np.diff(rows) == 1).all():
            raise InvalidInput(f"Shard {shard} must hold one embedding a row, and rows that follow each other")
        try:
            table = table.cast(SHARD_SCHEMA)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
            raise InvalidInput(f"Shard {shard} must have the columns {', '.join(SHARD_SCHEMA.names)}") from error
        parquet, array = _shard_files(self.workspace.run(run_id), shard)
        # The table comes last: a shard is there when its table is.
        with atomic_path(array) as temporary:
            _write_rows(temporary, embeddings.shape, [embeddings])
        with atomic_path(parquet) as temporary:
            pq.write_table(table, temporary, compression="zstd")

    def read_shard(self, run_id: str, shard: int, columns: Sequence[str]) -> pa.Table:
        """Columns of a shard that was written.

        Raises:
            WorkspaceDamaged: It is missing or damaged.
        """
        path, _ = _shard_files(self.workspace.run(run_id), shard)
        try:
            return pq.read_table(path, columns=list(columns))
        except (OSError, pa.ArrowInvalid) as error:
            raise WorkspaceDamaged(f"{path} is missing or damaged; index again") from error

    def has_files(self, run: Run) -> bool:
        """Whether the run's files are there; one whose folder was deleted is indexed again."""
        folder, parts = self.workspace.run(run.id), -(-run.samples // PART_ROWS)
        return all(len(list(folder.glob(pattern))) == parts for pattern in ("part-*.parquet", "embeddings-*.npy"))

    def finish(self, run: Run, shards: int) -> Run:
        """Merges shards 0 … `shards` - 1 into parts, then makes the run known, then removes the shards.

        May be killed anywhere and called again: until the run is known the shards stay, and the same parts are
        written again; a known run that has its files is returned as it is.

        Raises:
            WorkspaceDamaged: A shard is missing, or the shards are not the run's rows in order.
        """
        folder = self.workspace.run(run.id)
        known = self.known(run.id)
        if known is None or not self.has_files(known):
            lengths = _lengths(folder, shards, run.samples)
            for part, pieces in enumerate(_regrouped(lengths, PART_ROWS)):
                _merge_embeddings(folder, part, pieces)
                _merge_tables(folder, part, pieces)
        if known is None:
            with self.database.write() as session:
                session.merge(RunRow(**_columns(run)))
        shutil.rmtree(folder / "shards", ignore_errors=True)
        return known or run

    def get(self, run_id: str) -> Run:
        """Raises `NotFound` if no finished run has that id."""
        found = self.known(run_id)
        if found is None:
            raise NotFound(f"Run {run_id!r} does not exist or is not finished; `index` makes one")
        return found

    def known(self, run_id: str) -> Run | None:
        """The finished run of that id, if there is one."""
        with self.database.read() as session:
            row = session.get(RunRow, run_id)
            return _run(row) if row else None

    def find(self, dataset: str, model: str, version: int, precision: str | None = None) -> Run | None:
        """The finished run of a model version on a dataset; the newest, should the algorithm have changed between.

        Args:
            precision: One of `data.types.PRECISIONS`; None for the highest that there is.
        """
        statement = select(RunRow).filter_by(dataset=dataset, model=model, version=version)
        if precision is not None:
            statement = statement.filter_by(precision=precision)
        best = RunRow.precision == PRECISIONS[0]
        with self.database.read() as session:
            row = session.scalars(statement.order_by(best.desc(), RunRow.created_at.desc())).first()
            return _run(row) if row else None

    def embeddings(self, run_id: str) -> list[np.memmap]:
        """The embeddings, part after part in row order: float32 (rows of the part, dimensions), memory-mapped.

        Raises:
            WorkspaceDamaged: The files are missing or unreadable.
        """
        paths = sorted(self.workspace.run(run_id).glob("embeddings-*.npy"))
        if not paths:
            raise WorkspaceDamaged(f"Run {run_id} has no embeddings; index again")
        return [_mapped(path) for path in paths]

    def probabilities(self, run_id: str, row: int) -> np.ndarray:
        """Probability of each of the run's classes for one sample, (classes,) float32.

        Raises:
            NotFound: The run has no such row.
        """
        part, inside = divmod(row, PART_ROWS)
        group, offset = divmod(inside, _GROUP)
        path = self.workspace.run(run_id) / f"part-{part:05d}.parquet"
        try:
            with pq.ParquetFile(path) as file:
                if row < 0 or inside >= file.metadata.num_rows:
                    raise NotFound(f"Run {run_id} has no row {row}")
                column = file.read_row_group(group, columns=["probabilities"])["probabilities"]
        except FileNotFoundError as error:
            raise NotFound(f"Run {run_id} has no row {row}") from error
        return np.asarray(column[offset].values, dtype=np.float32)

    def add_projection(self, projection: Projection, coordinates: np.ndarray) -> None:
        """Keeps a projection; adding it again replaces it.

        Args:
            coordinates: (N, 2), kept as float32, in row order.

        Raises:
            NotFound: The projection's run does not exist.
            InvalidInput: The coordinates are not N finite pairs.
        """
        run = self.get(projection.run)
        plane = np.asarray(coordinates, dtype=np.float32)
        if plane.shape != (run.samples, 2) or not np.isfinite(plane).all():
            raise InvalidInput(f"Projection {projection.key} must be {run.samples} × 2 finite coordinates")
        # The dataset's name goes along, so that a lasso drawn here is never read as rows of another dataset.
        schema = pa.schema(
            [("row", pa.int32()), ("x", pa.float32()), ("y", pa.float32())], metadata={"dataset": run.dataset}
        )
        columns = [np.arange(run.samples, dtype=np.int32), plane[:, 0], plane[:, 1]]
        table = pa.table([pa.array(np.ascontiguousarray(column)) for column in columns], schema=schema)
        with atomic_path(projection_file(self.workspace, projection.run, projection.key)) as temporary:
            pq.write_table(table, temporary, compression="zstd", row_group_size=PART_ROWS)
        with self.database.write() as session:
            session.merge(ProjectionRow(**_columns(projection)))

    def projections(self, run_id: str) -> list[Projection]:
        """The run's projections, newest first."""
        statement = select(ProjectionRow).filter_by(run=run_id).order_by(ProjectionRow.created_at.desc())
        with self.database.read() as session:
            return [_projection(row) for row in session.scalars(statement)]

    def projection(self, key: str) -> Projection:
        """Raises `NotFound` if no projection has that key."""
        with self.database.read() as session:
            row = session.get(ProjectionRow, key)
            if row is None:
                raise NotFound(f"Projection {key!r} does not exist; `project` makes one")
            return _projection(row)

    def list(self, dataset: str | None = None) -> list[Run]:
        """Finished runs, newest first."""
        statement = select(RunRow).order_by(RunRow.created_at.desc(), RunRow.id)
        if dataset is not None:
            statement = statement.filter_by(dataset=dataset)
        with self.database.read() as session:
            return [_run(row) for row in session.scalars(statement)]


def unfinished_subject(folder: Path) -> tuple[str, str] | None:
    """Dataset and model (`NAME@VERSION`) of the shards in a run's folder; None where nothing says it."""
    try:
        subject = json.loads((folder / "shards" / _SUBJECT).read_bytes())
        return str(subject["dataset"]), str(subject["model"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def part_files(workspace: Workspace, run_id: str) -> Sequence[Path]:
    """The run's tables in row order."""
    return sorted(workspace.run(run_id).glob("part-*.parquet"))


def projection_file(workspace: Workspace, run_id: str, key: str) -> Path:
    """Where the coordinates of a projection lie."""
    return workspace.run(run_id) / "projections" / f"{key}.parquet"


def _shard_files(folder: Path, shard: int) -> tuple[Path, Path]:
    return folder / "shards" / f"{shard:06d}.parquet", folder / "shards" / f"{shard:06d}.npy"


def _lengths(folder: Path, shards: int, samples: int) -> Sequence[int]:
    missing = [shard for shard in range(shards) if not all(path.exists() for path in _shard_files(folder, shard))]
    if missing:
        raise WorkspaceDamaged(f"{len(missing)} of {shards} shards of run {folder.name} are missing; index again")
    lengths = [pq.read_metadata(_shard_files(folder, shard)[0]).num_rows for shard in range(shards)]
    if sum(lengths) != samples:
        raise WorkspaceDamaged(f"The shards of run {folder.name} hold {sum(lengths)} rows, not {samples}; index again")
    return lengths


def _regrouped(lengths: Sequence[int], size: int) -> Iterator[list[_PIECE]]:
    """Cuts the rows of consecutive shards into groups of `size` rows; the last group may be shorter."""
    pieces: list[_PIECE] = []
    room = size
    for shard, length in enumerate(lengths):
        start = 0
        while start < length:
            stop = min(length, start + room)
            pieces.append((shard, start, stop))
            room -= stop - start
            start = stop
            if room == 0:
                yield pieces
                pieces, room = [], size
    if pieces:
        yield pieces


def _rows(pieces: Sequence[_PIECE]) -> int:
    return sum(stop - start for _, start, stop in pieces)


def _merge_embeddings(folder: Path, part: int, pieces: Sequence[_PIECE]) -> None:
    width = _mapped(_shard_files(folder, pieces[0][0])[1]).shape[1]
    blocks = (_mapped(_shard_files(folder, shard)[1])[start:stop] for shard, start, stop in pieces)
    with atomic_path(folder / f"embeddings-{part:05d}.npy") as temporary:
        _write_rows(temporary, (_rows(pieces), width), blocks)


def _write_rows(path: Path, shape: tuple[int, ...], blocks: Iterable[np.ndarray]) -> None:
    """Writes an array as `.npy`, its rows block by block.

    A full disk is an error of the system here, with its number. Through a memory map it would kill the process, and
    `np.save` does not say what it was.
    """
    facts = {"descr": "<f4", "fortran_order": False, "shape": shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, facts)
        for block in blocks:
            file.write(np.ascontiguousarray(block, dtype="<f4").data)


def _merge_tables(folder: Path, part: int, pieces: Sequence[_PIECE]) -> None:
    expected = part * PART_ROWS
    with (
        atomic_path(folder / f"part-{part:05d}.parquet") as temporary,
        pq.ParquetWriter(temporary, SHARD_SCHEMA, compression="zstd") as writer,
    ):
        for group in _cut(pieces, _GROUP):
            slices = [pq.read_table(_shard_files(folder, shard)[0])[start:stop] for shard, start, stop in group]
            table = pa.concat_tables(slices).combine_chunks()
            if not np.array_equal(table["row"].to_numpy(), np.arange(expected, expected + len(table))):
                raise WorkspaceDamaged(f"The shards of run {folder.name} are not in row order; index again")
            writer.write_table(table, row_group_size=_GROUP)
            expected += len(table)


def _cut(pieces: Sequence[_PIECE], size: int) -> Iterator[list[_PIECE]]:
    """The same rows in groups of `size`."""
    for group in _regrouped([stop - start for _, start, stop in pieces], size):
        yield [(pieces[at][0], pieces[at][1] + start, pieces[at][1] + stop) for at, start, stop in group]


def _mapped(path: Path) -> np.memmap:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise WorkspaceDamaged(f"{path} is missing or damaged; index again") from error
    return array  # type: ignore[no-any-return]


def _columns(value: Run | Projection) -> dict[str, Any]:
    plain = {name: getattr(value, name) for name in value.__slots__}
    return {name: _json(value) for name, value in plain.items()}


def _json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


def _run(row: RunRow) -> Run:
    values = {name: getattr(row, name) for name in Run.__slots__}
    return Run(**values | {"classes": tuple(row.classes)})


def _projection(row: ProjectionRow) -> Projection:
    return Projection(**{name: getattr(row, name) for name in Projection.__slots__})
