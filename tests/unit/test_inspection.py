"""What is told of units whose answers are known by hand, and that a broken-off inspection ends with the same bytes."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from callbacks.services import Services
from callbacks.unit import ablation_of
from data.errors import InvalidInput, NotFound, WorkspaceDamaged
from data.inspections import Inspection, open_inspection
from inference import index
from inference.job_kinds import HANDLERS, Work
from inference.tasks import Outcome
from inference.visualisation.keys import EVIDENCE_CACHE, cached_facts
from inference.visualisation.summary import BINS, inspection_key, read_units, summarise
from inference.worker import looking
from tests.unit.looking_world import ALWAYS, DEAD, GREEN, RED, SAMPLES, SIDE, World, build

BRIGHTEST = SAMPLES - 1  # row of the last red picture, red/38.png, and where its bright cell lies
CELL = (38 % SIDE, 1)


@pytest.fixture
def world(services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(index, "_LARGEST", 16)  # three shards
    yield from build(services, tmp_path)


class Here:
    """An engine that does its tasks at once, in this process; the tasks named in `broken` fail."""

    workers = 1

    def __init__(self, world: World, broken: int | None = None) -> None:
        self.world = world
        self.broken = broken
        self.done: list[str] = []

    def submit(self, task: str, payload: dict[str, Any]) -> Any:
        future: Any = Future()
        future.key = f"{task}-{len(self.done)}"
        self.done.append(task)
        if payload.get("shard") is not None and payload["shard"] == self.broken:
            future.set_result(Outcome(error=WorkspaceDamaged("gone")))
        else:
            future.set_result(Outcome(getattr(looking, task)(self.world.context, payload)))
        return _Named(future)


class _Named:
    def __init__(self, future: Any) -> None:
        self._future = future
        self.key = future.key

    def __getattr__(self, name: str) -> Any:
        return getattr(self._future, name)

    def add_done_callback(self, call: Any) -> None:
        call(self)


def inspect(world: World, engine: Any) -> dict[str, Any]:
    job = world.context.jobs.submit("inspect", world.subject, "ada")
    world.context.jobs.claim()
    work = Work(world.context.jobs.get(job.id), world.context, engine, threading.Event())
    try:
        result = HANDLERS["inspect"](work)
    except WorkspaceDamaged as error:
        world.context.jobs.fail(job.id, str(error))
        raise
    world.context.jobs.finish(job.id, result)
    return result


def opened(world: World) -> Inspection:
    return open_inspection(world.context.workspace, world.run.id, inspection_key(world.version, "1"))


def files(world: World) -> dict[str, bytes]:
    folder = opened(world).folder
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_units_are_told_as_they_are(world: World) -> None:
    assert inspect(world, Here(world)) == {"units": 4, "samples": SAMPLES, "cached": False}
    units = read_units(opened(world))
    assert units.dead.tolist() == [False, False, True, False]
    assert units.always.tolist() == [True, False, False, True]
    top = units.arrays["top"]
    assert top[RED][0] == BRIGHTEST
    assert units.grid == (SIDE, SIDE)
    assert units.arrays["top_cells"][RED][0] == CELL[0] * SIDE + CELL[1]
    assert units.arrays["highest"][ALWAYS] == 1
    assert world.dataset.classes[units.best_class()[RED]] == "red"
    assert units.arrays["auc"][RED].tolist() == [0, 1]
    assert units.selectivity()[DEAD] == 0.5
    assert units.order("highest").tolist() == [ALWAYS, RED, GREEN, DEAD]
    assert units.order("unit").tolist() == [0, 1, 2, 3]
    # Red ones show red and nothing else: where one unit is strong the other is not.
    assert units.arrays["similar"][RED].tolist()[-1] == GREEN
    assert opened(world).histograms().sum(axis=(1, 2)).tolist() == [SAMPLES] * 4


def test_a_broken_inspection_goes_on_and_ends_with_the_same_bytes(world: World) -> None:
    inspect(world, Here(world))
    whole = files(world)
    for path in opened(world).folder.iterdir():
        path.unlink()
    with pytest.raises(WorkspaceDamaged):
        inspect(world, Here(world, broken=2))
    assert opened(world).finished_shards() == {0, 1}
    assert not opened(world).done
    again = Here(world)
    inspect(world, again)
    assert again.done == ["plan_inspection", "inspect_shard", "merge_inspection"]
    assert files(world) == whole
    assert set(whole) == {"histograms.npy", "strongest.npy", "summary.npz"}
    repeated = Here(world)
    assert inspect(world, repeated)["cached"] is True
    assert "inspect_shard" not in repeated.done


def test_shards_however_cut_tell_the_same() -> None:
    generator = np.random.default_rng(0)
    strongest = generator.integers(-3, 9, (70, 5)).astype("<f2")  # many ties
    labels = generator.integers(-1, 3, 70)

    def cut(*places: int) -> Any:
        edges = [0, *places, 70]
        parts = [slice(*pair) for pair in pairwise(edges)]
        cells = np.zeros((70, 5), np.uint16)
        return lambda: [{"strongest": strongest[part], "mean": strongest[part], "cells": cells[part]} for part in parts]

    (first, histograms), (second, again) = (summarise(cut(*places), labels, 3) for places in ((), (1, 30, 69)))
    for name in ("top", "bottom", "auc", "active", "lowest", "highest", "similar"):
        assert np.array_equal(first[name], second[name], equal_nan=True), name
    assert np.allclose(first["correlation"], second["correlation"], atol=1e-6)
    assert np.array_equal(histograms, again)
    assert histograms.shape == (5, 3, BINS)
    known = labels >= 0
    for unit in range(5):
        for label in range(3):
            expected = roc_auc_score(labels[known] == label, strongest[known, unit])
            assert first["auc"][unit, label] == pytest.approx(expected, abs=1e-6)
    expected = np.corrcoef(strongest.astype(float).T)
    best = int(np.argsort(-expected[0])[1])
    assert first["similar"][0][0] == best
    assert first["correlation"][0][0] == pytest.approx(expected[0, best], abs=1e-6)
    assert first["top"][2][0] == int(np.argmax(strongest[:, 2]))
    assert not first["rectified"]


def test_without_labels_all_samples_are_one() -> None:
    values = np.arange(12, dtype="<f2").reshape(6, 2)
    block = {"strongest": values, "mean": values, "cells": np.zeros((6, 2), np.uint16)}
    summary, histograms = summarise(lambda: [block], np.full(6, -1), 0)
    assert histograms.shape == (2, 1, BINS)
    assert histograms.sum() == 12
    assert summary["auc"].shape == (2, 0)


def test_evidence_says_where_and_which_classes(world: World) -> None:
    with pytest.raises(NotFound, match="not inspected"):
        looking.unit_evidence(world.context, {**world.subject, "unit": RED})
    inspect(world, Here(world))
    key = looking.unit_evidence(world.context, {**world.subject, "unit": RED})
    facts = cached_facts(world.context.cache, EVIDENCE_CACHE, key)
    assert facts is not None
    path = world.context.cache.get("explanations", facts["maps"][str(BRIGHTEST)], ".npy")
    assert path is not None
    assert np.unravel_index(np.load(path).argmax(), (SIDE, SIDE)) == CELL
    # One over the area times the weight times the activations' sum: exact, for what lies behind is linear.
    pushes = dict(facts["pushes"])
    assert pushes["green"] == 0
    assert 0 < pushes["red"] < 1
    with pytest.raises(InvalidInput, match="unit 4 is not in layer '1'"):
        looking.unit_evidence(world.context, {**world.subject, "unit": 4})


def test_the_last_layer_pushes_only_its_own_class(world: World) -> None:
    subject = {**world.subject, "layer": "4"}
    for shard, (start, stop) in enumerate(looking.plan_inspection(world.context, subject)["shards"]):
        job = world.context.jobs.submit("inspect", {**subject, "n": shard}, "ada")
        world.context.jobs.claim()
        given = {"shard": shard, "start": start, "stop": stop, "job": job.id}
        looking.inspect_shard(world.context, {**subject, **given})
    looking.merge_inspection(world.context, subject)
    facts = cached_facts(
        world.context.cache, EVIDENCE_CACHE, looking.unit_evidence(world.context, {**subject, "unit": 1})
    )
    assert facts is not None
    pushes = dict(facts["pushes"])
    assert pushes["red"] == 0
    assert pushes["green"] > 0


def test_without_a_unit_its_class_is_lost(world: World) -> None:
    key = looking.ablate_unit(world.context, {**world.subject, "unit": RED})
    path = world.context.cache.get(EVIDENCE_CACHE, key, ".json")
    assert path is not None
    result = ablation_of(json.loads(path.read_bytes()))
    assert (result.samples, result.before) == (SAMPLES, 1.0)
    assert result.after == 0.5
    assert result.changed == SAMPLES // 2
    assert {name: after for name, _count, _before, after in result.classes} == {"red": 0.0, "green": 1.0}
    dead = looking.ablate_unit(world.context, {**world.subject, "unit": DEAD})
    facts = cached_facts(world.context.cache, EVIDENCE_CACHE, dead)
    assert facts is not None
    assert facts["changed"] == 0


def test_a_damaged_inspection_is_told(tmp_path: Path) -> None:
    inspection = Inspection(tmp_path)
    (tmp_path / "summary.npz").write_bytes(b"no archive")
    with pytest.raises(WorkspaceDamaged, match="inspect the layer again"):
        inspection.summary()
    with pytest.raises(WorkspaceDamaged, match="inspect the layer again"):
        inspection.strongest()
