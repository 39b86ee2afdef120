"""The run store: shards in any order, killed anywhere, and the same bytes at the end."""

import hashlib
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data import runs
from data.database import Database
from data.errors import InvalidInput, NotFound, WorkspaceDamaged
from data.runs import SHARD_SCHEMA, RunStore
from data.schema import DatasetRow, RunRow
from data.types import Projection, Run
from data.workspace import Workspace

RUN = Run("ab" * 16, "pets", "net", 1, 10_000, ("cat", "dog"), 0.5, {"test": 0.5}, 3, 1.5, datetime.now(UTC))


@pytest.fixture
def store(tmp_path: Path, database: Database) -> RunStore:
    with database.write() as session:
        session.add(
            DatasetRow(
                name="pets",
                digest="d",
                source="s",
                samples=10_000,
                classes=["cat", "dog"],
                splits={},
                quarantined=0,
                has_masks=False,
                created_at=datetime.now(UTC),
            )
        )
    return RunStore(Workspace.create(tmp_path / "workspace"), database)


def table(start: int, stop: int) -> pa.Table:
    rows = np.arange(start, stop)
    first = (rows % 100 / 100).astype(np.float32)
    columns = {
        "row": rows.astype(np.int32),
        "sample_id": [f"{row}.png" for row in rows],
        "prediction": ["cat" if row % 3 else "dog" for row in rows],
        "confidence": first,
        "probabilities": [[value, 1 - value] for value in first],
        "margin": first,
        "entropy": first,
        "loss": [None if row % 5 == 0 else 0.5 for row in rows],
        "correct": [None if row % 5 == 0 else True for row in rows],
    }
    return pa.table(
        [pa.array(columns[name], SHARD_SCHEMA.field(name).type) for name in SHARD_SCHEMA.names], SHARD_SCHEMA.names
    )


def write(store: RunStore, size: int, order: int = 1, total: int = 10_000) -> int:
    starts = list(enumerate(range(0, total, size)))
    for shard, start in starts[::order]:
        stop = min(start + size, total)
        vectors = np.arange(start, stop, dtype=np.float64)[:, None] + np.array([0.0, 0.25, 0.5])
        store.write_shard(RUN.id, shard, table(start, stop), vectors)
    return len(starts)


def digests(store: RunStore) -> dict[str, str]:
    folder = store.workspace.run(RUN.id)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*-*"))}


def forget(store: RunStore) -> None:
    with store.database.write() as session:
        session.delete(session.get_one(RunRow, RUN.id))


def test_finish_merges_all_rows_in_order(store):
    shards = write(store, 1024, order=-1)
    assert store.finished_shards(RUN.id) == set(range(shards))
    assert store.finish(RUN, shards) == RUN
    folder = store.workspace.run(RUN.id)
    part = pq.ParquetFile(folder / "part-00000.parquet")
    assert part.read().equals(table(0, 10_000))
    assert [part.metadata.row_group(group).num_rows for group in range(3)] == [4096, 4096, 1808]
    (embeddings,) = store.embeddings(RUN.id)
    assert (embeddings.dtype, embeddings.shape, embeddings[7].tolist()) == (np.float32, (10_000, 3), [7.0, 7.25, 7.5])
    assert not (folder / "shards").exists()
    assert store.get(RUN.id) == store.find("pets", "net", 1) == store.list("pets")[0] == RUN
    assert store.list("others") == []


def test_parts_are_cut_at_a_fixed_size(store, monkeypatch):
    monkeypatch.setattr(runs, "PART_ROWS", 8192)
    store.finish(RUN, write(store, 3000))
    assert [len(part) for part in store.embeddings(RUN.id)] == [8192, 1808]
    assert store.probabilities(RUN.id, 9999).tolist() == pytest.approx([0.99, 0.01])
    assert store.probabilities(RUN.id, 4097).tolist() == pytest.approx([0.97, 0.03])
    merged = pa.concat_tables(pq.read_table(path) for path in runs.part_files(store.workspace, RUN.id))
    assert merged.equals(table(0, 10_000))


def test_the_bytes_do_not_depend_on_how_the_work_was_cut(store):
    store.finish(RUN, write(store, 2048))
    first = digests(store)
    forget(store)
    store.finish(RUN, write(store, 700, order=-1))
    assert digests(store) == first


@pytest.mark.parametrize("step", ["_merge_embeddings", "_merge_tables", "_columns", "rmtree"])
def test_killed_at_any_step_then_finished(store, monkeypatch, step):
    shards = write(store, 2048)
    store.finish(RUN, shards)
    expected = digests(store)
    forget(store)
    shards = write(store, 2048)

    def killed(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil if step == "rmtree" else runs, step, killed)
        with pytest.raises(KeyboardInterrupt):
            store.finish(RUN, shards)
    assert (store.find("pets", "net", 1) is None) == (step != "rmtree")
    later = replace(RUN, seconds=9.0)
    assert store.finish(later, shards).seconds == (RUN.seconds if step == "rmtree" else 9.0)
    assert digests(store) == expected
    assert [path.name for path in store.workspace.run(RUN.id).iterdir() if path.name.startswith(".")] == []
    assert len(store.list()) == 1
    assert not (store.workspace.run(RUN.id) / "shards").exists()


def test_finishing_twice_is_one_run(store):
    shards = write(store, 4096)
    store.finish(RUN, shards)
    assert store.finish(replace(RUN, seconds=99.0), shards) == RUN
    assert len(store.list()) == 1


def test_a_shard_without_its_table_is_not_finished(store):
    write(store, 5000)
    (store.workspace.run(RUN.id) / "shards" / "000001.parquet").unlink()
    assert store.finished_shards(RUN.id) == {0}
    with pytest.raises(WorkspaceDamaged, match="1 of 2 shards"):
        store.finish(RUN, 2)
    assert store.finished_shards("cd" * 16) == set()


def test_shards_of_other_rows_are_refused(store):
    write(store, 5000, total=9000)
    with pytest.raises(WorkspaceDamaged, match="9000 rows, not 10000"):
        store.finish(RUN, 2)
    with pytest.raises(WorkspaceDamaged, match="row order"):
        store.write_shard(RUN.id, 0, table(5000, 10_000), np.zeros((5000, 3)))
        store.write_shard(RUN.id, 1, table(0, 5000), np.zeros((5000, 3)))
        store.finish(RUN, 2)


@pytest.mark.parametrize(
    ("wrong", "vectors"),
    [(table(0, 4), 3), (table(0, 4).drop(["loss"]), 4), (pa.concat_tables([table(0, 2), table(3, 5)]), 4)],
)
def test_a_shard_that_does_not_fit_is_refused(store, wrong, vectors):
    with pytest.raises(InvalidInput, match="Shard 0 must"):
        store.write_shard(RUN.id, 0, wrong, np.zeros((vectors, 3)))


def test_what_does_not_exist(store):
    store.finish(RUN, write(store, 5000))
    for ask in (
        lambda: store.get("cd" * 16),
        lambda: store.projection("cd"),
        lambda: store.probabilities(RUN.id, 10_000),
        lambda: store.probabilities(RUN.id, -1),
        lambda: store.probabilities(RUN.id, 10**7),
    ):
        with pytest.raises(NotFound):
            ask()
    with pytest.raises(WorkspaceDamaged):
        store.embeddings("cd" * 16)
    with pytest.raises(InvalidInput):
        store.embeddings("../../etc")


def test_projections(store):
    store.finish(RUN, write(store, 5000))
    plane = np.arange(20_000, dtype=np.float64).reshape(-1, 2)
    kept = Projection("ef" * 16, RUN.id, "pca", {"seed": 1}, 10_000, 0.5, datetime.now(UTC))
    for _ in range(2):
        store.add_projection(kept, plane)
    assert store.projections(RUN.id) == [kept]
    assert store.projection(kept.key) == kept
    written = pq.read_table(runs.projection_file(store.workspace, RUN.id, kept.key))
    assert written.slice(3, 1).to_pylist() == [{"row": 3, "x": 6.0, "y": 7.0}]
    for wrong in (plane[:5], np.full((10_000, 2), np.nan)):
        with pytest.raises(InvalidInput, match="finite"):
            store.add_projection(kept, wrong)


def test_a_run_whose_files_are_gone_is_merged_again(store):
    shards = write(store, 4096)
    store.finish(RUN, shards)
    assert store.has_files(RUN)
    expected = digests(store)
    shutil.rmtree(store.workspace.run(RUN.id))
    assert not store.has_files(RUN)
    assert store.finish(RUN, write(store, 4096)) == RUN
    assert digests(store) == expected
    assert len(store.list()) == 1
