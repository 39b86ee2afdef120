"""Browse over HTTP: gallery, counts, pages, table and filters."""

from typing import Any

import pytest

from data.types import FeedbackKind

HERE = {"dataset": "garden", "model": "net@2"}


def show(site: Any, **parameters: Any) -> dict[str, str]:
    answer = site.ask("browse-gallery.children", {"browse-state.data": {**HERE, **parameters}})
    return {name: str(values.get("children", values)) for name, values in answer.items()}


def test_the_gallery_shows_every_sample_with_a_link_into_the_selection(site: Any) -> None:
    shown = show(site)
    assert shown["browse-gallery"].count("sample-card") == 36
    assert "/media/thumb/garden/35?v=" in shown["browse-gallery"]
    assert "/sample?dataset=garden&model=net@2&sample=test/iris/0.png" in shown["browse-gallery"]
    assert "1–36 of 36" in shown["browse-summary"]
    assert "91.7 % right" in shown["browse-summary"]


def test_wrong_ones_are_marked_by_word_not_only_by_colour(site: Any) -> None:
    assert show(site)["browse-gallery"].count("'wrong'") == 3


@pytest.mark.parametrize(
    ("parameters", "count"),
    [
        ({"split": "test"}, 12),
        ({"label": ["iris", "tulip"]}, 24),
        ({"outcome": "wrong"}, 3),
        ({"outcome": "right", "split": "train"}, 24),
        ({"low": "0.95"}, 0),
        ({"text": "IRIS"}, 12),
        ({"feedback": "any"}, 0),
        ({"lasso": "ab" * 16 + ":-1,-1,0.5,-1,0.5,99,-1,99"}, 12),
        ({"other": "net@1", "compared": "broken"}, 6),
        ({"other": "net@1", "compared": "both_right"}, 27),
    ],
)
def test_filters_narrow(site: Any, parameters: dict[str, Any], count: int) -> None:
    shown = show(site, **parameters)
    assert shown["browse-gallery"].count("sample-card") == count
    assert ("No sample matches" in shown["browse-gallery"]) == (count == 0)
    assert "Remove filter" in shown["browse-chips"]


def test_a_chip_leads_to_the_selection_without_it(site: Any) -> None:
    chips = show(site, label=["iris", "tulip"], outcome="wrong", text="png")["browse-chips"]
    assert chips.count("Remove filter") == 4
    assert "/browse?dataset=garden&label=tulip&model=net@2&outcome=wrong&text=png" in chips
    assert "/browse?dataset=garden&label=iris&label=tulip&model=net@2&outcome=wrong'" in chips


def test_clearing_keeps_the_dataset_the_version_and_the_look(site: Any) -> None:
    clear = show(site, outcome="wrong", size="l", page="2")["browse-clear"]
    assert "'/browse?dataset=garden&model=net@2&size=l'" in clear


def test_pages(site: Any) -> None:
    first, second = show(site, size="l"), show(site, size="l", page="2")
    assert first["browse-gallery"].count("sample-card") == 24
    assert second["browse-gallery"].count("sample-card") == 12
    assert "25–36 of 36" in second["browse-summary"]
    assert "page=2" in first["browse-pager"]


@pytest.mark.parametrize("page", ["99999999999999999999", "-3", "two", "0"])
def test_a_page_beyond_the_ends_is_moved_inside(site: Any, page: str) -> None:
    assert "of 36" in show(site, size="l", page=page)["browse-summary"]


def test_names_from_data_stay_text(site: Any) -> None:
    shown = site.ask("browse-gallery.children", {"browse-state.data": {**HERE, "label": "<b>rose"}})
    assert "dangerously" not in str(shown)
    assert str(shown).count("sample-card") == 12


def test_a_version_without_a_run_still_shows_the_samples(fresh_site: Any) -> None:
    facts = fresh_site.services.models.get("net", 2)
    fresh_site.services.models.add(
        "net",
        3,
        digest="3" * 64,
        arch=facts.arch,
        classes=facts.classes,
        outputs=3,
        parameters=1,
        preprocessing=facts.preprocessing,
        embedding_dim=2,
        embedding_layer="head",
        explain_layer=None,
        parent=2,
        notes={},
    )
    shown = show(fresh_site, model="net@3")
    assert "python -m dashboard index garden net@3" in shown["browse-gallery"]
    assert shown["browse-gallery"].count("sample-card") == 36


def test_an_error_stands_where_the_gallery_would(site: Any) -> None:
    answer = site.ask("browse-gallery.children", {"browse-state.data": {**HERE, "outcome": "maybe"}})
    assert "maybe" in str(answer["browse-gallery"])
    assert "right, wrong" in str(answer["browse-gallery"])


def rows(site: Any, request: Any, **parameters: Any) -> Any:
    values = {"browse-grid.getRowsRequest": request, "browse-state.data": {**HERE, **parameters}}
    return site.ask("browse-grid.getRowsResponse", values)["browse-grid"]["getRowsResponse"]


def test_the_table_is_filled_block_by_block_in_the_order_of_the_state(site: Any) -> None:
    answer = rows(site, {"startRow": 0, "endRow": 10, "sortModel": []}, sort="sample_id", descending="1")
    names = [row["sample_id"] for row in answer["rowData"]]
    assert answer["rowCount"] == 36
    assert names == sorted(names, reverse=True)
    assert len(names) == 10
    assert set(answer["rowData"][0]) >= {"thumb", "href", "outcome", "confidence"}


@pytest.mark.parametrize("request_", [{"startRow": -5, "endRow": 10_000_000}, {"startRow": 50, "endRow": 40}])
def test_a_block_is_bounded(site: Any, request_: dict[str, int]) -> None:
    assert len(rows(site, request_)["rowData"]) <= 36


@pytest.mark.parametrize("request_", [{}, {"startRow": "x", "endRow": 3}, {"startRow": None}])
def test_a_request_for_rows_that_is_none_changes_nothing(site: Any, request_: dict[str, Any]) -> None:
    values = {"browse-grid.getRowsRequest": request_, "browse-state.data": HERE}
    assert "browse-grid" not in site.ask("browse-grid.getRowsResponse", values)


def test_the_filters_offer_what_the_dataset_has(site: Any) -> None:
    answer = site.ask("browse-label.options", {"browse-state.data": HERE, "browse-filters.id": "browse-filters"})
    assert answer["browse-label"]["options"] == ["<b>rose", "iris", "tulip"]
    assert [option["value"] for option in answer["browse-split"]["options"]] == ["test", "train"]


def test_feedback_is_seen_on_the_cards(fresh_site: Any) -> None:
    fresh_site.services.feedback.add(FeedbackKind.FLAG, "ada", "garden", "test/iris/0.png", 4)
    assert "card-feedback" in show(fresh_site)["browse-gallery"]
