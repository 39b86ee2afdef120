"""Datasets: adding one from a source, and finding it again. A dataset never changes once it is added."""

import fcntl
import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import select

from data.database import Database
from data.errors import InvalidInput, NotFound, WorkspaceDamaged
from data.images import Probe, read_bounded, resolve
from data.intake import Found, mask_file, taken
from data.schema import DatasetRow, FeedbackRow
from data.sources.protocol import Item, MetadataValue, Source
from data.types import Dataset, Quarantined, Sample
from data.workspace import Workspace, content_key, synchronise

__all__ = ["Added", "DatasetStore", "alone", "table_digest"]

_GROUP = 4096
_REPORT_EVERY = 16
_TYPES: dict[type[MetadataValue], pa.DataType] = {
    str: pa.string(),
    float: pa.float64(),
    int: pa.int64(),
    bool: pa.bool_(),
}
_COLUMNS = [
    ("row", pa.int32()),
    ("sample_id", pa.string()),
    ("uri", pa.string()),
    ("label", pa.string()),
    ("split", pa.string()),
    ("width", pa.int32()),
    ("height", pa.int32()),
    ("digest", pa.string()),
]
_QUARANTINE = pa.schema([("path", pa.string()), ("reason", pa.string())])


@dataclass(frozen=True, slots=True)
class Added:
    """What came of adding a dataset.

    Attributes:
        existed: Whether it was there before with the same content.
        twins: Names of other datasets with the same content.
    """

    dataset: Dataset
    quarantined: tuple[Quarantined, ...]
    existed: bool
    twins: tuple[str, ...] = ()


class DatasetStore:
    """The workspace's datasets. Safe to share between threads and processes."""

    def __init__(self, workspace: Workspace, database: Database) -> None:
        self.workspace = workspace
        self.database = database

    def add(
        self,
        name: str,
        source: Source,
        progress: Callable[[int, int], None] = lambda done, total: None,
        check: Callable[[], None] = lambda: None,
    ) -> Added:
        """Reads every item of the source and keeps the table under `name`.

        Everything is written to a folder aside, which takes its place when it is whole; the database's row comes
        last. So what a crash leaves behind is invisible, and the next add of that name clears it away.

        Args:
            progress: Is told (items done, items in all) every few items.
            check: Is called as often; what it raises ends the work and leaves nothing behind.

        Raises:
            InvalidInput: The name is taken by other content or not allowed, or the source has no readable image.
        """
        folder = self.workspace.dataset(name)
        with alone(folder.with_name(f".{name}.lock")):
            aside = folder.with_name(f".{name}.adding")
            shutil.rmtree(aside, ignore_errors=True)
            try:
                dataset, quarantined = _write(aside, name, source, progress, check)
                added = self._publish(aside, folder, dataset, quarantined)
                return replace(added, twins=self._twins(dataset))
            finally:
                shutil.rmtree(aside, ignore_errors=True)

    def get(self, name: str) -> Dataset:
        """The dataset of that name.

        Raises:
            NotFound: There is none; the text names those that exist.
        """
        found = self._find(name)
        if found is None:
            known = ", ".join(dataset.name for dataset in self.list()) or "none yet; add one with `dataset add`"
            raise NotFound(f"Dataset {name!r} does not exist; there are: {known}")
        return found

    def quarantined(self, name: str) -> list[Quarantined]:
        """What could not be read when the dataset was added, in the source's order."""
        self.get(name)
        table = _read_table(self.workspace.dataset(name) / "quarantine.parquet")
        return [Quarantined(**record) for record in table.to_pylist()]

    def image_path(self, dataset: str, sample: Sample) -> Path:
        """Where the sample's file lies; it need not exist any more."""
        return resolve(self.workspace.dataset(dataset), sample.uri)

    def mask_path(self, dataset: str, sample: Sample) -> Path | None:
        """Where the sample's mask lies (PNG, mode L, 255 on the object); None without one."""
        path = mask_file(self.workspace.dataset(dataset), sample.sample_id)
        return path if path.exists() else None

    def read(self, dataset: str, sample: Sample) -> bytes:
        """The bytes of the sample's file, checked against the digest that was taken when it was added.

        Raises:
            WorkspaceDamaged: The file is gone or was changed since.
        """
        path = self.image_path(dataset, sample)
        remedy = f"restore it, or add the source again under another name than {dataset!r}"
        try:
            content = read_bounded(path)
        except InvalidInput as error:
            raise WorkspaceDamaged(f"{path} {error}; {remedy}") from error
        if hashlib.sha256(content).hexdigest() != sample.digest:
            raise WorkspaceDamaged(f"{path} was changed after it was added; {remedy}")
        return content

    def list(self) -> list[Dataset]:
        """All datasets by name."""
        with self.database.read() as session:
            return [_dataset(row) for row in session.scalars(select(DatasetRow).order_by(DatasetRow.name))]

    def _find(self, name: str) -> Dataset | None:
        with self.database.read() as session:
            row = session.get(DatasetRow, name)
            return _dataset(row) if row else None

    def _publish(self, aside: Path, folder: Path, dataset: Dataset, quarantined: tuple[Quarantined, ...]) -> Added:
        known = self._find(dataset.name)
        if known and known.digest != dataset.digest:
            raise InvalidInput(
                f"Dataset {dataset.name!r} exists with other content, and datasets do not change; choose another name"
            )
        if known and (folder / "samples.parquet").exists():
            return Added(known, tuple(self.quarantined(known.name)), existed=True)
        if not known:
            self._refuse_foreign_feedback(dataset.name, aside / "samples.parquet")
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)
        synchronise(folder.parent)
        if known:
            return Added(known, quarantined, existed=True)
        with self.database.write() as session:
            session.add(DatasetRow(**{name: getattr(dataset, name) for name in _FIELDS} | _plain(dataset)))
        return Added(dataset, quarantined, existed=False)

    def _twins(self, dataset: Dataset) -> tuple[str, ...]:
        same = select(DatasetRow.name).where(DatasetRow.digest == dataset.digest, DatasetRow.name != dataset.name)
        with self.database.read() as session:
            return tuple(session.scalars(same.order_by(DatasetRow.name)))

    def _refuse_foreign_feedback(self, name: str, table: Path) -> None:
        """Feedback outlives its dataset; it must not be read as being about the samples of another one."""
        said = select(FeedbackRow.row, FeedbackRow.sample_id).where(FeedbackRow.dataset == name).distinct()
        with self.database.read() as session:
            about = session.execute(said).all()
        if not about:
            return
        names = pq.read_table(table, columns=["sample_id"])["sample_id"]
        if any(row >= len(names) or names[row].as_py() != sample_id for row, sample_id in about):
            raise InvalidInput(
                f"Dataset {name!r} was removed and its feedback is kept, and these are other samples; "
                "choose another name"
            )


_FIELDS = ("name", "digest", "source", "samples", "quarantined", "has_masks", "created_at")


def _plain(dataset: Dataset) -> dict[str, object]:
    return {"classes": list(dataset.classes), "splits": dict(dataset.splits)}


def _dataset(row: DatasetRow) -> Dataset:
    values = {name: getattr(row, name) for name in _FIELDS}
    return Dataset(**values, classes=tuple(row.classes), splits=dict(row.splits))


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Lets one process at a time through; the system releases the lock however its holder ends."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(lock, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@dataclass(slots=True)
class _Table:
    """Collects samples into row groups of a Parquet file."""

    writer: pq.ParquetWriter
    schema: pa.Schema
    rows: int = 0
    splits: Counter[str] = field(default_factory=Counter)
    records: list[bytes] = field(default_factory=list)
    waiting: list[dict[str, object]] = field(default_factory=list)

    def append(self, item: Item, uri: str, found: Probe) -> None:
        sample = {
            "row": self.rows,
            "sample_id": item.sample_id,
            "uri": uri,
            "label": item.label,
            "split": item.split,
            "width": found.width,
            "height": found.height,
            "digest": found.digest,
        }
        self.waiting.append(sample | dict(item.metadata))
        self.rows += 1
        if item.split is not None:
            self.splits[item.split] += 1
        self.records.append(_record(item.sample_id, found.digest, item.label, item.split))
        if len(self.waiting) == _GROUP:
            self.flush()

    def flush(self) -> None:
        if self.waiting:
            self.writer.write_table(pa.Table.from_pylist(self.waiting, schema=self.schema), row_group_size=_GROUP)
            self.waiting.clear()

    def digest(self) -> str:
        return _digest(self.records)


def table_digest(table: Path) -> str:
    """The digest of the dataset that a `samples.parquet` describes.

    Raises:
        OSError, pyarrow.ArrowException: The file is missing or damaged.
    """
    records: list[bytes] = []
    with pq.ParquetFile(table) as file:
        for batch in file.iter_batches(_GROUP, columns=["sample_id", "digest", "label", "split"]):
            columns = (batch[name].to_pylist() for name in ("sample_id", "digest", "label", "split"))
            records += [_record(*sample) for sample in zip(*columns, strict=True)]
    return _digest(records)


def _record(sample_id: str, digest: str, label: str | None, split: str | None) -> bytes:
    return bytes.fromhex(content_key(sample_id, digest, label, split))


def _digest(records: Sequence[bytes]) -> str:
    """Of all samples in an order that does not depend on the source's: 16 bytes a sample, sorted."""
    return hashlib.sha256(b"".join(sorted(records))).hexdigest()


def _write(
    aside: Path, name: str, source: Source, progress: Callable[[int, int], None], check: Callable[[], None]
) -> tuple[Dataset, tuple[Quarantined, ...]]:
    """Writes a whole dataset folder at `aside`."""
    aside.mkdir(parents=True)
    schema = pa.schema(_COLUMNS + [(column, _TYPES[kind]) for column, kind in source.metadata.items()])
    quarantined: list[Quarantined] = []
    with pq.ParquetWriter(aside / "samples.parquet", schema, compression="zstd") as writer:
        table = _Table(writer, schema)
        for done, (item, found) in enumerate(taken(aside, source.items(), check), start=1):
            if isinstance(found, Found):
                table.append(item, found.uri, found.probe)
            else:
                quarantined.append(Quarantined(item.sample_id, found))
            if done % _REPORT_EVERY == 0:
                check()
                progress(done, max(source.total, done))
        table.flush()
    if not table.rows:
        first = f"; the first of {len(quarantined)}: {quarantined[0].path}: {quarantined[0].reason}"
        raise InvalidInput(f"{source.name} has no readable image{first if quarantined else ''}")
    _refuse_duplicates(aside / "samples.parquet", source.name)
    refused = pa.Table.from_pylist([{"path": one.path, "reason": one.reason} for one in quarantined], _QUARANTINE)
    pq.write_table(refused, aside / "quarantine.parquet", compression="zstd")
    os.sync()  # one call for what may be thousands of little files
    progress(table.rows + len(quarantined), table.rows + len(quarantined))
    dataset = Dataset(
        name=name,
        digest=table.digest(),
        source=source.name,
        samples=table.rows,
        classes=source.classes,
        splits=dict(table.splits),
        quarantined=len(quarantined),
        has_masks=source.has_masks,
        created_at=datetime.now(UTC),
    )
    return dataset, tuple(quarantined)


def _refuse_duplicates(table: Path, source: str) -> None:
    names = pq.read_table(table, columns=["sample_id"])["sample_id"]
    if pc.count_distinct(names).as_py() != len(names):
        counts = pc.value_counts(names)
        twice = next(count["values"].as_py() for count in counts if count["counts"].as_py() > 1)
        raise InvalidInput(f"{source} gives the sample_id {twice!r} more than once; each must be unique")


def _read_table(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise WorkspaceDamaged(f"{path} is missing or damaged; add the dataset again from its source") from error
