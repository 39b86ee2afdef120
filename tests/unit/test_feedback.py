"""The feedback log: append-only, undone by appending, what stands is derived, and exported whole."""

import csv
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from data.database import Database
from data.errors import InvalidInput, NotFound
from data.export import export_feedback
from data.feedback import MAX_COMMENT, FeedbackLog, FeedbackQuery
from data.types import FeedbackEvent, FeedbackKind


@pytest.fixture
def log(database: Database) -> FeedbackLog:
    return FeedbackLog(database)


def relabel(log: FeedbackLog, row: int, label: str, person: str = "ana") -> FeedbackEvent:
    return log.add(FeedbackKind.RELABEL, person, "digits", f"{row}.png", row, model="m", version=1, label=label)


def test_the_newest_judgement_stands_and_a_comment_does_not_replace_it(log: FeedbackLog) -> None:
    relabel(log, 3, "7")
    relabel(log, 3, "9", person="bo")
    log.add(FeedbackKind.COMMENT, "cy", "digits", "3.png", 3, comment="smudged")
    log.add(FeedbackKind.COMMENT, "cy", "digits", "4.png", 4, comment="odd")
    standing = log.standing("digits")
    assert (standing[3].kind, standing[3].label, standing[3].person) == (FeedbackKind.RELABEL, "9", "bo")
    assert standing[4].kind is FeedbackKind.COMMENT
    assert log.standing("shapes") == {}


def test_an_undo_appends_and_brings_back_what_stood_before(log: FeedbackLog) -> None:
    relabel(log, 3, "7")
    second = relabel(log, 3, "9")
    undo = log.undo(second.id, "bo")
    assert log.standing("digits")[3].label == "7"
    events = log.events(FeedbackQuery())
    assert [event.id for event in events] == [undo.id, second.id, second.id - 1]
    assert [event.undone for event in events] == [False, True, False]
    assert [event.id for event in log.events(FeedbackQuery(undone=False))] == [second.id - 1]


def test_an_event_is_taken_back_once(log: FeedbackLog) -> None:
    event = relabel(log, 3, "7")
    undo = log.undo(event.id, "ana")
    with pytest.raises(InvalidInput, match="taken back already"):
        log.undo(event.id, "bo")
    with pytest.raises(InvalidInput, match="itself an undo"):
        log.undo(undo.id, "bo")
    with pytest.raises(NotFound, match="Feedback 99"):
        log.undo(99, "bo")


@pytest.mark.parametrize(
    ("kind", "fields", "reason"),
    [
        (FeedbackKind.RELABEL, {}, "needs the class"),
        (FeedbackKind.COMMENT, {"comment": "  "}, "needs a text"),
        (FeedbackKind.COMMENT, {"comment": "x" * (MAX_COMMENT + 1)}, str(MAX_COMMENT)),
        (FeedbackKind.UNDO, {}, "names the event"),
    ],
)
def test_what_makes_no_sense_is_refused(
    log: FeedbackLog, kind: FeedbackKind, fields: dict[str, str], reason: str
) -> None:
    with pytest.raises(InvalidInput, match=reason):
        log.add(kind, "ana", "digits", "1.png", 1, label=None, comment=fields.get("comment", ""))
    assert log.count(FeedbackQuery()) == 0


def test_people_at_once_lose_nothing(log: FeedbackLog) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda row: relabel(log, row, "7", person=f"p{row % 5}").id, range(80)))
    assert len(set(ids)) == 80
    assert log.count(FeedbackQuery(dataset="digits")) == 80
    assert log.people("digits") == ["p0", "p1", "p2", "p3", "p4"]


def test_filters_combine(log: FeedbackLog) -> None:
    relabel(log, 1, "7")
    relabel(log, 2, "8", person="bo")
    log.add(FeedbackKind.FLAG, "bo", "digits", "3.png", 3, comment="blurred")
    query = FeedbackQuery(person="bo", kind=FeedbackKind.RELABEL, label="8", model="m", version=1)
    assert [event.row for event in log.events(query)] == [2]
    assert [event.row for event in log.stream(FeedbackQuery(person="bo"))] == [2, 3]


def test_every_format_holds_every_event(log: FeedbackLog, tmp_path: Path) -> None:
    relabel(log, 1, "七", person="林")
    log.add(FeedbackKind.COMMENT, "bo", "digits", "2.png", 2, comment='=HYPERLINK("x"), "quoted"\nsecond line')
    events = list(log.stream(FeedbackQuery()))
    for form in ("csv", "jsonl", "parquet"):
        assert export_feedback(events, tmp_path / f"feedback.{form}") == 2
    with (tmp_path / "feedback.csv").open(newline="") as stream:
        from_csv = list(csv.DictReader(stream))
    from_json = [json.loads(line) for line in (tmp_path / "feedback.jsonl").read_text().splitlines()]
    from_parquet = pq.read_table(tmp_path / "feedback.parquet").to_pylist()
    assert [row["label"] for row in from_json] == [row["label"] for row in from_parquet] == ["七", None]
    assert from_csv[0]["person"] == from_json[0]["person"] == from_parquet[0]["person"] == "林"
    assert from_json[1]["comment"] == from_parquet[1]["comment"] == events[1].comment
    assert from_csv[1]["comment"] == "'" + events[1].comment
    assert from_parquet[0]["at"] == events[0].at


def test_an_unknown_format_is_refused(log: FeedbackLog, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"\.xlsx.*\.csv"):
        export_feedback([], tmp_path / "feedback.xlsx")
