"""Metadata over HTTP: the filters that Browse offers, their chips, the table's columns, and a sample's facts."""

from typing import Any

import pytest

from tests.unit.metadata_world import COUNT, DOTTED, SEEN, SITE, WEIGHT, Field


@pytest.fixture
def field_site(fresh_site: Any) -> Any:
    fresh_site.services.datasets.add("field", Field())
    return fresh_site


def show(site: Any, **parameters: Any) -> dict[str, str]:
    answer = site.ask("browse-gallery.children", {"browse-state.data": {"dataset": "field", **parameters}})
    return {name: str(values.get("children", values)) for name, values in answer.items()}


def offered(site: Any, **parameters: Any) -> dict[str, Any]:
    state = {"dataset": "field", **parameters}
    values = {"browse-filters.id": "browse-filters", "browse-state.data": state}
    answer: dict[str, Any] = site.ask("browse-metadata-box.children", values)
    return answer


def controls(part: Any) -> dict[tuple[int, str], dict[str, Any]]:
    """The properties of every control by (place, part)."""
    if isinstance(part, list):
        return {name: found for one in part for name, found in controls(one).items()}
    if not isinstance(part, dict):
        return {}
    properties = part.get("props", {})
    own = properties.get("id")
    mine = {(own["place"], own["part"]): properties} if isinstance(own, dict) else {}
    return mine | controls(properties.get("children"))


def test_each_column_gets_the_control_of_its_type(field_site: Any) -> None:
    answer = offered(field_site)
    found = controls(answer["browse-metadata-box"]["children"])
    assert answer["browse-metadata-names"]["data"] == [SITE, WEIGHT, SEEN, DOTTED]
    assert [option["label"] for option in found[0, "meta"]["options"]] == ["Nørth (4)", "south (4)", "o'east (3)"]
    assert [found[1, part]["placeholder"] for part in ("min", "max")] == ["0", "2.75"]
    assert [option["label"] for option in found[2, "meta"]["options"]] == ["yes (6)", "no (5)"]
    assert repr(WEIGHT)[1:-1] in str(answer["browse-metadata-box"])


def test_the_controls_show_what_the_address_asks_for(field_site: Any) -> None:
    asked = {"meta.site": ["south", "gone"], f"min.{WEIGHT}": "0.5", f"meta.{SEEN}": "no"}
    found = controls(offered(field_site, **asked)["browse-metadata-box"]["children"])
    assert found[0, "meta"]["value"] == ["south", "gone"]
    assert "gone" in [option["value"] for option in found[0, "meta"]["options"]]
    assert (found[1, "min"]["value"], found[1, "max"].get("value")) == (0.5, None)
    assert found[2, "meta"]["value"] == ["no"]


def test_missing_values_are_a_choice_where_there_are_some(field_site: Any) -> None:
    found = controls(offered(field_site)["browse-metadata-box"]["children"])
    assert [place for place, part in found if part == "no"] == [0, 1, 2]
    assert found[0, "no"]["options"] == [{"label": "site: missing (1)", "value": "1"}]
    asked = {"meta.site": "south", "no.site": "1", f"no.{DOTTED}": "1"}
    found = controls(offered(field_site, **asked)["browse-metadata-box"]["children"])
    assert [found[place, "no"]["value"] for place in (0, 1, 3)] == [["1"], [], ["1"]]
    shown = show(field_site, **{"meta.site": "south", "no.site": "1"})
    assert shown["browse-gallery"].count("sample-card") == 5
    assert "site: missing" in shown["browse-chips"]
    assert "/browse?dataset=field&meta.site=south" in shown["browse-chips"]


def test_samples_can_be_ordered_by_a_column(field_site: Any) -> None:
    options = offered(field_site)["browse-sort"]["options"]
    assert [option["label"] for option in options[-4:]] == [
        f"Metadata: {name}" for name in (SITE, WEIGHT, SEEN, DOTTED)
    ]
    order = {"sort": f"meta.{WEIGHT}", "descending": "1"}
    values = {"browse-grid.getRowsRequest": {"startRow": 0, "endRow": 3}}
    first = site_rows(field_site, {**values, "browse-state.data": {"dataset": "field", **order}})
    assert [row["sample_id"] for row in first] == ["11.png", "09.png", "08.png"]
    gallery = show(field_site, **order)["browse-gallery"]
    assert gallery.index("11.png") < gallery.index("09.png")
    assert "descending=1" in gallery
    assert "sort=meta.weight%20" in gallery
    refused = show(field_site, sort="meta.gone")["browse-gallery"].replace("\\", "")
    assert "'gone' is not known; allowed: site" in refused


def test_the_columns_that_are_not_offered_are_counted(field_site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callbacks.metadata.MAX_COLUMNS", 3)
    answer = offered(field_site)
    assert "These are the first 3 columns; 1 more is shown" in str(answer["browse-metadata-box"])
    assert answer["browse-metadata-names"]["data"] == [SITE, WEIGHT, SEEN]


def test_a_dataset_without_splits_shows_none(field_site: Any, site: Any) -> None:
    def split_box(there: Any, **state: Any) -> Any:
        values = {"browse-filters.id": "browse-filters", "browse-state.data": state}
        return there.ask("browse-split.options", values)["browse-split-box"]["hidden"]

    assert split_box(field_site, dataset="field") is True
    assert split_box(site, dataset="garden") is False
    assert split_box(field_site, dataset="field", split="train") is False  # what narrows can be taken off
    assert "split" not in [column["field"] for column in offered(field_site)["browse-grid"]["columnDefs"]]


def test_a_filter_narrows_and_its_chip_takes_it_off(field_site: Any) -> None:
    shown = show(field_site, **{"meta.site": ["south", "Nørth"], f"min.{WEIGHT}": "1", f"has.{DOTTED}": "m"})
    assert shown["browse-gallery"].count("sample-card") == 4
    assert shown["browse-chips"].count("Remove filter") == 4
    assert "site: south" in shown["browse-chips"]
    assert "≥ 1" in shown["browse-chips"]
    assert "camera.model contains “m”" in shown["browse-chips"]
    assert "/browse?dataset=field&has.camera.model=m&meta.site=N%C3%B8rth&" in shown["browse-chips"]


def test_the_selection_goes_with_every_link(field_site: Any) -> None:
    gallery = show(field_site, **{f"meta.{SEEN}": "yes"})["browse-gallery"]
    assert "/sample?dataset=field&meta.gesehen%20%E2%9C%93%20%C3%A9t%C3%A9=yes&sample=00.png" in gallery


def test_what_a_column_does_not_know_is_said_in_the_page(field_site: Any) -> None:
    assert "'nothing' is not known; allowed: site" in show(field_site, **{"meta.nothing": "x"})[
        "browse-gallery"
    ].replace("\\", "")
    page = field_site.page("/browse", "?dataset=field&min.site=much")
    assert "min.site 'much' is not a number" in page


def test_the_table_has_a_column_for_each(field_site: Any) -> None:
    columns = offered(field_site)["browse-grid"]["columnDefs"]
    assert [(one["field"], one["colId"], one["headerName"]) for one in columns[-5:-1]] == [
        (f"metadata{place}", f"meta.{name}", name) for place, name in enumerate((SITE, WEIGHT, SEEN, DOTTED))
    ]
    values = {"browse-grid.getRowsRequest": {"startRow": 0, "endRow": 20}, "browse-state.data": {"dataset": "field"}}
    rows = site_rows(field_site, values)
    assert len(rows) == COUNT
    assert [rows[11][f"metadata{place}"] for place in range(4)] == ["—", "2.75", "no", "M11"]


def site_rows(site: Any, values: dict[str, Any]) -> list[dict[str, Any]]:
    answer: dict[str, Any] = site.ask("browse-grid.getRowsResponse", values)
    rows: list[dict[str, Any]] = answer["browse-grid"]["getRowsResponse"]["rowData"]
    return rows


def test_a_sample_tells_its_metadata_and_its_place_among_the_filtered(field_site: Any) -> None:
    state = {"dataset": "field", "sample": "04.png", f"meta.{SEEN}": "yes"}
    answer = field_site.ask("sample-body.hidden", {"sample-state.data": state})
    facts = str(answer["sample-facts"])
    assert SITE in facts
    assert "south" in facts
    assert repr(WEIGHT)[1:-1] in facts
    head = str(answer["sample-head"])
    assert "3 of 6" in head
    assert "sample=06.png" in head


def test_a_dataset_without_metadata_gets_no_controls(site: Any) -> None:
    values = {"browse-filters.id": "browse-filters", "browse-state.data": {"dataset": "garden"}}
    assert site.ask("browse-metadata-box.children", values) == {}
