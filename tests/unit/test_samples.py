"""The sample tables answer as plain Python over the same rows would, whatever the text in a selection is."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.errors import InvalidInput, NotFound, WorkspaceDamaged
from data.runs import projection_file
from data.samples import Row, View
from data.selections import Lasso, Outcome, Selection
from data.types import FeedbackKind
from tests.unit.pets_world import CLASSES, COUNT, SAMPLES, SQUARE, Expected, World, build


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """For tests that only ask."""
    yield from build(tmp_path_factory.mktemp("world"))


@pytest.fixture
def own_world(tmp_path: Path) -> Iterator[World]:
    """For tests that change something."""
    yield from build(tmp_path)


def ids(rows: list[Row]) -> list[int]:
    return [row.sample.row for row in rows]


FILTERS: list[tuple[Selection, Callable[[Expected], bool | None]]] = [
    (Selection(), lambda one: True),
    (Selection(splits=("test",)), lambda one: one.split == "test"),
    (Selection(labels=CLASSES[1:]), lambda one: one.label in CLASSES[1:]),
    (Selection(predictions=(CLASSES[2],)), lambda one: one.prediction == CLASSES[2]),
    (Selection(labels=("no such class",)), lambda one: False),
    (Selection(outcome=Outcome.RIGHT), lambda one: one.right),
    (Selection(outcome=Outcome.WRONG), lambda one: one.right is False),
    (Selection(low=0.3, high=0.7), lambda one: 0.29 < one.confidence < 0.71),
    (Selection(text="STRASSE_%"), lambda one: False),
    (Selection(text="straße_%.PNG"), lambda one: "Straße_%" in one.sample_id),
    (Selection(text="%"), lambda one: "%" in one.sample_id),
    (Selection(text="'); drop table s;--"), lambda one: "DROP" in one.sample_id),
    (Selection(text="' OR '1'='1"), lambda one: False),
    (Selection(text='\x00"\\$row'), lambda one: False),
    (Selection(compared="fixed"), lambda one: one.right is False and one.other_right),
    (Selection(compared="broken"), lambda one: one.right and one.other_right is False),
    (Selection(compared="both_right"), lambda one: one.right and one.other_right),
    (Selection(compared="both_wrong"), lambda one: one.right is False and one.other_right is False),
    (Selection(lasso=Lasso("ef" * 16, SQUARE)), lambda one: 0.5 < one.x < 4.5 and 0.5 < one.y < 3.5),
    (
        Selection(splits=("train",), outcome=Outcome.WRONG, low=0.5, lasso=Lasso("ef" * 16, SQUARE), text="png"),
        lambda one: (
            one.split == "train"
            and one.right is False
            and one.confidence > 0.49
            and (0.5 < one.x < 4.5 and 0.5 < one.y < 3.5)
        ),
    ),
]


@pytest.mark.parametrize(("selection", "wanted"), FILTERS)
def test_filters(world, selection, wanted):
    expected = [one for one in SAMPLES if wanted(one)]
    assert ids(world.tables.page(world.view, selection, 0, 100)) == [one.row for one in expected]
    assert world.tables.count(world.view, selection) == len(expected)
    counts = world.tables.counts(world.view, selection)
    assert (counts.total, counts.selected) == (COUNT, len(expected))
    assert counts.labels == Counter(one.label for one in expected if one.label)
    assert counts.predictions == Counter(one.prediction for one in expected)
    assert counts.splits == Counter(one.split for one in expected)
    assert (counts.right, counts.wrong) == tuple(sum(one.right is right for one in expected) for right in (True, False))


def test_counts_are_in_the_order_of_the_classes(world):
    counts = world.tables.counts(world.view, Selection())
    assert (tuple(counts.labels), tuple(counts.predictions), tuple(counts.splits)) == (
        CLASSES,
        CLASSES,
        ("train", "test"),
    )


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", ["row", "sample_id", "label", "split", "prediction", "confidence", "loss"])
def test_sorts_and_pages_without_overlap(world, sort, descending):
    selection = Selection(sort=sort, descending=descending)

    def value(one: Expected) -> Any:
        if sort == "loss":
            return None if one.label is None else one.row % 7
        return getattr(one, sort)

    present = [one for one in SAMPLES if value(one) is not None]
    ordered = sorted(present, key=lambda one: one.row)
    ordered.sort(key=value, reverse=descending)
    expected = [one.row for one in ordered] + [one.row for one in SAMPLES if value(one) is None]
    pages = [ids(world.tables.page(world.view, selection, offset, 7)) for offset in range(0, COUNT + 7, 7)]
    assert [row for page in pages for row in page] == expected
    assert world.tables.order(world.view, selection).tolist() == expected


def test_a_row_carries_everything_known(own_world):
    one = SAMPLES[4]
    own_world.feedback.add(FeedbackKind.RELABEL, "ann", "pets", one.sample_id, 4, label="dog")
    row = own_world.tables.row(own_world.view, 4)
    assert (row.sample.sample_id, row.sample.label, row.sample.split) == (one.sample_id, one.label, one.split)
    assert (row.prediction, row.confidence, row.correct) == (one.prediction, pytest.approx(one.confidence), one.right)
    assert (row.other_prediction, row.feedback, row.given_label) == (one.other, "relabel", "dog")
    assert own_world.tables.by_id(own_world.view, one.sample_id) == row
    bare = own_world.tables.row(View(own_world.view.dataset), 4)
    assert (bare.prediction, bare.confidence, bare.correct, bare.other_prediction) == (None, None, None, None)
    assert ids(own_world.tables.rows(own_world.view, [7, 3, 7])) == [7, 3, 7]


def test_feedback_filters_follow_what_stands(own_world):
    def rows(feedback: str) -> list[int]:
        return ids(own_world.tables.page(own_world.view, Selection(feedback=feedback), 0, 100))

    assert rows("any") == []
    assert len(rows("none")) == COUNT
    flag = own_world.feedback.add(FeedbackKind.FLAG, "ann", "pets", "a", 3)
    own_world.feedback.add(FeedbackKind.CONFIRM, "bob", "pets", "b", 5, label="cat")
    assert (rows("any"), rows("flag"), rows("confirm"), rows("comment")) == ([3, 5], [3], [5], [])
    assert own_world.tables.count(own_world.view, Selection(feedback="none", splits=("train",))) == 38
    own_world.feedback.undo(flag.id, "ann")
    assert (rows("any"), rows("flag")) == ([5], [])


def test_what_is_not_there(world):
    for ask in (
        lambda: world.tables.row(world.view, COUNT),
        lambda: world.tables.row(world.view, -1),
        lambda: world.tables.by_id(world.view, "' OR 1=1 --"),
    ):
        with pytest.raises(NotFound, match="pets"):
            ask()
    assert world.tables.page(world.view, Selection(), 1000, 10) == []
    assert world.tables.page(world.view, Selection(), 0, 0) == []
    assert world.tables.rows(world.view, []) == []


@pytest.mark.parametrize(
    ("selection", "reason"),
    [
        (Selection(outcome=Outcome.RIGHT), "index the dataset"),
        (Selection(sort="confidence"), "index the dataset"),
        (Selection(low=0.5), "index the dataset"),
        (Selection(compared="fixed"), "index the dataset"),
        (Selection(lasso=Lasso("0" * 32, SQUARE)), "draw it again"),
    ],
)
def test_a_selection_that_the_view_cannot_answer_says_why(world, selection, reason):
    with pytest.raises(InvalidInput, match=reason):
        world.tables.count(View(world.view.dataset), selection)


def test_previous_and_next(world):
    selection = Selection(outcome=Outcome.WRONG, sort="confidence", descending=True)
    order = world.tables.order(world.view, selection).tolist()
    middle = world.tables.neighbours_in_order(world.view, selection, order[3])
    assert (middle.position, middle.total) == (3, len(order))
    assert (middle.previous, middle.following) == (SAMPLES[order[2]].sample_id, SAMPLES[order[4]].sample_id)
    first, last = (world.tables.neighbours_in_order(world.view, selection, order[at]) for at in (0, -1))
    assert (first.previous, last.following) == (None, None)
    outside = next(one.row for one in SAMPLES if one.right)
    assert world.tables.neighbours_in_order(world.view, selection, outside).position is None


def test_points(world):
    points = world.tables.points(world.view)
    assert points.row.tolist() == list(range(COUNT))
    assert (points.x.dtype, points.y.tolist()) == (np.float32, [one.y for one in SAMPLES])
    assert (points.label_names, points.prediction_names) == (CLASSES, CLASSES)
    assert [CLASSES[code] if code >= 0 else None for code in points.label] == [one.label for one in SAMPLES]
    assert [CLASSES[code] for code in points.prediction] == [one.prediction for one in SAMPLES]
    assert points.correct.tolist() == [-1 if one.right is None else int(one.right) for one in SAMPLES]
    assert points.confidence.tolist() == [one.confidence for one in SAMPLES]
    some = world.tables.points(world.view, Selection(labels=("cat",), sort="confidence"))
    assert some.row.tolist() == [one.row for one in SAMPLES if one.label == "cat"]
    assert some.x.tolist() == [one.x for one in SAMPLES if one.label == "cat"]
    bare = world.tables.points(View(world.view.dataset, None, world.view.projection))
    assert (set(bare.prediction.tolist()), bool(np.isnan(bare.confidence).all())) == ({-1}, True)
    with pytest.raises(InvalidInput, match="projection"):
        world.tables.points(View(world.view.dataset))


def test_export_keeps_the_contract(world, tmp_path):
    path = tmp_path / "out.parquet"
    assert world.tables.export(world.view, path) == COUNT
    table = pq.read_table(path)
    assert table.column_names == ["sample_id", "label", "prediction", "confidence", "x", "y"]
    assert table["sample_id"].to_pylist() == [one.sample_id for one in SAMPLES]
    assert (table["x"].to_pylist(), str(table.schema.field("x").type)) == ([one.x for one in SAMPLES], "float")
    world.tables.export(replace(world.view, projection=None), path)
    table = pq.read_table(path)
    assert (table["y"].null_count, str(table.schema.field("y").type)) == (COUNT, "float")
    with pytest.raises(InvalidInput, match="cannot be written"):
        world.tables.export(world.view, tmp_path / "out.parquet" / "below.parquet")


def test_a_lasso_of_another_version_means_the_same_samples(world):
    other = View(world.view.dataset, world.view.other)
    lasso = Selection(lasso=Lasso("ef" * 16, SQUARE))
    assert world.tables.count(other, lasso) == world.tables.count(world.view, lasso) > 0


def test_a_lasso_of_another_dataset_is_refused(world):
    stranger = replace(world.view, dataset=replace(world.view.dataset, name="cars"))
    with pytest.raises(InvalidInput, match="dataset 'pets'"):
        world.tables.count(stranger, Selection(lasso=Lasso("ef" * 16, SQUARE)))


def test_a_damaged_workspace_is_named_as_such(own_world):
    own_world.workspace.run(own_world.view.run.id).joinpath("part-00000.parquet").write_bytes(b"x" * 100)
    with pytest.raises(WorkspaceDamaged, match="check"):
        own_world.tables.count(own_world.view, Selection(outcome=Outcome.RIGHT))
    projection_file(own_world.workspace, own_world.view.run.id, "ef" * 16).unlink()
    with pytest.raises(WorkspaceDamaged, match="missing or damaged"):
        own_world.tables.points(own_world.view)


def test_the_connection_reads_nothing_but_datasets_and_runs(world, tmp_path):
    secret = tmp_path / "secret.parquet"
    pq.write_table(pa.table({"row": [1]}), secret)
    question = world.tables.question(world.view, Selection())
    question.parameters["files_s"] = [str(secret)]
    with pytest.raises(duckdb.PermissionException):
        world.tables.ask(question, f"SELECT {question.row()} {question.source()}")


def test_many_threads_ask_at_once(world):
    def ask(place: int) -> list[int]:
        selection, _ = FILTERS[place % len(FILTERS)]
        return ids(world.tables.page(world.view, selection, 0, 100))

    expected = [ask(place) for place in range(len(FILTERS))]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(len(FILTERS)))) == expected
