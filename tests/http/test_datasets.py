"""The datasets page over HTTP: the list, what is in one, what was set aside."""

from pathlib import Path
from typing import Any

import pytest

from data.sources import open_source
from tests.unit.metadata_world import SITE, Field


def show(site: Any, **state: Any) -> dict[str, Any]:
    answer: dict[str, Any] = site.ask("datasets-list.children", {"datasets-state.data": state})
    return answer


@pytest.fixture
def damaged_site(fresh_site: Any, tmp_path: Path) -> Any:
    """Beside the garden, a dataset of which three files cannot be read."""
    folder = tmp_path / "old" / "rose"
    folder.mkdir(parents=True)
    (folder / "good.png").write_bytes((tmp_path / "garden" / "test" / "iris" / "0.png").read_bytes())
    for number in range(3):
        (folder / f"<i>{number}.png").write_bytes(b"nothing")
    fresh_site.services.datasets.add("old", open_source(f"imagefolder:{tmp_path / 'old'}"))
    return fresh_site


def test_every_dataset_is_listed_with_its_figures(damaged_site: Any) -> None:
    shown = show(damaged_site, dataset="garden")
    listed = str(shown["datasets-list"])
    assert "/datasets?dataset=garden" in listed
    assert "/browse?dataset=old" in listed
    assert "test 12, train 24" in listed
    assert listed.count("'aria-current': 'true'") == 1
    assert damaged_site.services.datasets.get("old").digest[:12] in listed


def test_the_chosen_one_is_told_in_full(site: Any) -> None:
    shown = show(site, dataset="garden")
    told = str(shown["datasets-detail"])
    assert site.services.datasets.get("garden").digest in told
    assert "net@2 · 91.7 %" in told
    assert "/browse?dataset=garden&label=iris" in told
    assert shown["datasets-histogram"]["figure"]["data"][0]["x"] == [12, 12, 12]
    assert shown["datasets-histogram-box"]["hidden"] is False
    assert shown["datasets-quarantine-box"]["hidden"] is True


def test_metadata_columns_are_told_with_type_and_values(fresh_site: Any) -> None:
    fresh_site.services.datasets.add("field", Field())
    told = str(show(fresh_site, dataset="field")["datasets-detail"])
    assert SITE in told
    assert "Nørth (4), south (4)" in told
    assert "0 – 2.75" in told


def test_without_a_name_a_dataset_is_chosen(site: Any) -> None:
    assert "garden" in str(show(site)["datasets-detail"])


def test_an_unknown_dataset_is_said(site: Any) -> None:
    assert "'attic' does not exist" in site.page("/datasets", "?dataset=attic")
    assert "does not exist" in str(show(site, dataset="attic")["datasets-list"])


def test_an_empty_workspace_says_how_to_begin(empty_site: Any) -> None:
    assert "datasets-list" in empty_site.page("/datasets")
    shown = show(empty_site)
    assert "No dataset yet" in str(shown["datasets-list"])
    assert shown["datasets-histogram-box"]["hidden"] is True


def rows(site: Any, name: str, request: Any) -> Any:
    values = {"datasets-quarantine.getRowsRequest": request, "datasets-state.data": {"dataset": name}}
    return site.ask("datasets-quarantine.getRowsResponse", values)


def test_what_was_set_aside_is_listed_block_by_block(damaged_site: Any) -> None:
    assert show(damaged_site, dataset="old")["datasets-quarantine-box"]["hidden"] is False
    answer = rows(damaged_site, "old", {"startRow": 1, "endRow": 100})["datasets-quarantine"]["getRowsResponse"]
    assert answer["rowCount"] == 3
    assert [row["path"] for row in answer["rowData"]] == ["rose/<i>1.png", "rose/<i>2.png"]
    assert "not an image" in answer["rowData"][0]["reason"]


@pytest.mark.parametrize("request_", [None, {}, {"startRow": "0", "endRow": 5}])
def test_a_request_for_rows_that_is_none_changes_nothing(damaged_site: Any, request_: Any) -> None:
    assert rows(damaged_site, "old", request_) == {}


def test_a_block_is_bounded(damaged_site: Any) -> None:
    answer = rows(damaged_site, "old", {"startRow": -9, "endRow": 10**9})["datasets-quarantine"]["getRowsResponse"]
    assert len(answer["rowData"]) == 3
    backwards = rows(damaged_site, "old", {"startRow": 2, "endRow": 0})["datasets-quarantine"]["getRowsResponse"]
    assert backwards["rowData"] == []
