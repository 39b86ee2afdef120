"""The feedback page over HTTP: the log in pages, filters, undo, downloads."""

import csv
import io
import json
from typing import Any

import pyarrow.parquet as pq
import pytest

from data.feedback import FeedbackQuery
from data.types import FeedbackKind

HERE = {"dataset": "garden", "model": "net@2"}


@pytest.fixture
def written(fresh_site: Any) -> Any:
    """Four entries by two people on garden, and one on a dataset that is gone."""
    log = fresh_site.services.feedback
    first = log.add(FeedbackKind.RELABEL, "ana", "garden", "test/iris/0.png", 1, model="net", version=2, label="tulip")
    log.add(FeedbackKind.FLAG, "bo", "garden", "test/iris/1.png", 2, model="net", version=1)
    log.add(FeedbackKind.COMMENT, "bo", "garden", "test/iris/1.png", 2, comment="=2+3")
    log.undo(first.id, "ana")
    log.add(FeedbackKind.FLAG, "cy", "gone", "x.png", 70)
    return fresh_site


def rows(site: Any, start: int = 0, end: int = 100, **state: Any) -> dict[str, Any]:
    values = {
        "feedback-grid.getRowsRequest": {"startRow": start, "endRow": end},
        "feedback-state.data": {**HERE, **state},
    }
    answer: dict[str, Any] = site.ask("feedback-grid.getRowsResponse", values, "feedback-grid.getRowsRequest")
    found: dict[str, Any] = answer["feedback-grid"]["getRowsResponse"]
    return found


def test_the_newest_entry_comes_first_with_its_picture_and_its_place(written: Any) -> None:
    found = rows(written)
    assert found["rowCount"] == 4
    assert [row["what"] for row in found["rowData"]] == [
        "Took back 1",
        "Commented",
        "Flagged",
        "Relabelled: tulip (taken back)",
    ]
    assert found["rowData"][2]["thumb"].startswith("/media/thumb/garden/2?v=")
    assert found["rowData"][2]["href"] == "/sample?dataset=garden&model=net%401&sample=test%2Firis%2F1.png" or (
        "/sample?dataset=garden&model=net@1" in found["rowData"][2]["href"]
    )


def test_only_what_can_be_taken_back_offers_it(written: Any) -> None:
    assert [row["undo"] for row in rows(written)["rowData"]] == [None, 3, 2, None]


@pytest.mark.parametrize(
    ("state", "ids"),
    [
        ({"person": "bo"}, [3, 2]),
        ({"kind": "flag"}, [2]),
        ({"class": "tulip"}, [1]),
        ({"version": "net@1"}, [2]),
        ({"standing": "1"}, [3, 2]),
        ({"scope": "all"}, [5, 4, 3, 2, 1]),
        ({"person": "bo", "kind": "comment"}, [3]),
    ],
)
def test_filters_combine(written: Any, state: dict[str, str], ids: list[int]) -> None:
    assert [row["id"] for row in rows(written, 0, 100, **state)["rowData"]] == ids


def test_a_page_holds_what_was_asked_for(written: Any) -> None:
    assert [row["id"] for row in rows(written, 1, 3)["rowData"]] == [3, 2]


def test_an_entry_of_a_dataset_that_is_gone_loses_only_its_picture(written: Any) -> None:
    assert rows(written, scope="all", person="cy")["rowData"][0]["thumb"] is None


def test_undo_appends_and_is_signed(written: Any) -> None:
    values = {"feedback-undo.data": {"event": 2}, "shell-person.data": "dee"}
    written.ask("feedback-changed.data", values, "feedback-undo.data")
    newest = written.services.feedback.events(FeedbackQuery())[0]
    assert (newest.kind, newest.undoes, newest.person) == (FeedbackKind.UNDO, 2, "dee")
    again = written.post("feedback-changed.data", values, "feedback-undo.data")
    assert "taken back already" in again.get_data(as_text=True)
    assert written.services.feedback.count(FeedbackQuery()) == 6


def test_the_summary_counts_and_the_downloads_follow_the_filters(written: Any) -> None:
    shown = written.ask("feedback-summary.children", {"feedback-state.data": {**HERE, "person": "bo"}})
    assert "2 entries" in str(shown["feedback-summary"])
    assert "/export/feedback.csv?dataset=garden&person=bo" in str(shown["feedback-export"])
    assert shown["feedback-grid-box"]["hidden"] is False


def test_an_empty_log_says_how_to_begin_and_an_empty_filter_how_to_clear(site: Any) -> None:
    empty = site.ask("feedback-summary.children", {"feedback-state.data": HERE})
    assert "Nobody has said anything yet" in str(empty["feedback-empty"])
    assert "outcome=wrong" in str(empty["feedback-empty"])
    filtered = site.ask("feedback-summary.children", {"feedback-state.data": {**HERE, "person": "x"}})
    assert "No entry matches" in str(filtered["feedback-empty"])


def test_a_filter_that_makes_no_sense_is_answered_in_words(site: Any) -> None:
    shown = site.ask("feedback-summary.children", {"feedback-state.data": {**HERE, "kind": "praise"}})
    assert "praise" in str(shown["feedback-empty"])
    assert site.client.get("/export/feedback.csv?kind=praise").status_code == 400
    assert site.client.get("/export/feedback.csv?version=net@x").status_code == 400


def test_every_format_downloads_what_the_filters_leave(written: Any) -> None:
    answers = {
        form: written.client.get(f"/export/feedback.{form}?dataset=garden&person=bo")
        for form in ("csv", "jsonl", "parquet")
    }
    assert all("attachment; filename=feedback-" in answer.headers["Content-Disposition"] for answer in answers.values())
    from_csv = list(csv.DictReader(io.StringIO(answers["csv"].get_data(as_text=True))))
    from_json = [json.loads(line) for line in answers["jsonl"].get_data(as_text=True).splitlines()]
    from_parquet = pq.read_table(io.BytesIO(answers["parquet"].data)).to_pylist()
    assert [row["id"] for row in from_json] == [row["id"] for row in from_parquet] == [2, 3]
    for answer in answers.values():
        answer.close()
    assert from_csv[1]["comment"] == "'=2+3"
    assert from_json[1]["comment"] == "=2+3"


def test_other_formats_do_not_exist(site: Any) -> None:
    assert site.client.get("/export/feedback.xlsx").status_code == 404


def test_the_controls_offer_what_there_is(written: Any) -> None:
    offered = written.ask("feedback-person.options", {"feedback-state.data": {**HERE, "person": "zoe"}})
    assert [option["value"] for option in offered["feedback-person"]["options"]] == ["(any)", "zoe", "ana", "bo", "cy"]
    assert "net@1" in str(offered["feedback-version"])
