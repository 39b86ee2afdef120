"""Comparing two versions over HTTP."""

from typing import Any

import pytest

HERE = {"dataset": "garden", "model": "net@1", "other": "net@2", "split": "all"}


def show(site: Any, **changes: Any) -> dict[str, Any]:
    answer: dict[str, Any] = site.ask("compare-result.children", {"compare-state.data": {**HERE, **changes}})
    return answer


def test_the_cards_tell_both_accuracies_and_who_fixed_what(site: Any) -> None:
    cards = str(show(site)["compare-result"])
    assert "75.00 %" in cards
    assert "91.67 %" in cards
    assert "16.7 points better" in cards
    assert "p = 0.0312" in cards
    assert "/browse?compared=fixed&dataset=garden&model=net@1&other=net@2" in cards


def test_each_count_opens_exactly_its_samples(site: Any) -> None:
    cards = str(show(site)["compare-result"])
    for name, count in (("fixed", 6), ("both_right", 27), ("both_wrong", 3)):
        assert f"compared={name}" in cards
        state = {"dataset": "garden", "model": "net@1", "other": "net@2", "compared": name}
        assert f"of {count}" in str(site.ask("browse-summary.children", {"browse-state.data": state}))
    assert "compared=broken" not in cards  # nothing to open


def test_the_other_way_round_is_worse_by_as_much(site: Any) -> None:
    assert "16.7 points worse" in str(show(site, model="net@2", other="net@1")["compare-result"])


def test_a_split_narrows_everything(site: Any) -> None:
    shown = show(site, split="test")
    assert "Over 12 labelled samples" in str(shown["compare-result"])
    assert "split=test" in str(shown["compare-result"])
    assert "split=test" in str(shown["compare-table"])


def test_charts_and_table_have_every_class(site: Any) -> None:
    shown = show(site)
    assert shown["compare-charts"]["hidden"] is False
    bars = shown["compare-classes"]["figure"]["data"][0]
    assert set(bars["y"]) == {"<b>rose", "iris", "tulip"}
    assert len(shown["compare-confusion-difference"]["figure"]["data"][0]["text"]) == 3
    assert str(shown["compare-table"]).count("/browse?") == 3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"split": "night"}, "night"),
        ({"other": "net@9"}, "net@9"),
        ({"dataset": "nowhere"}, "nowhere"),
    ],
)
def test_an_address_that_makes_no_sense_is_answered_in_words(site: Any, changes: dict[str, str], words: str) -> None:
    assert words in str(show(site, **changes)["compare-result"])


def test_the_pickers_begin_with_the_newest_version_and_the_one_before(site: Any) -> None:
    offered = site.ask("compare-a.value", {"compare-state.data": {"dataset": "garden", "model": "net@2"}})
    assert (offered["compare-a"]["value"], offered["compare-b"]["value"]) == ("net@1", "net@2")
    assert offered["compare-split"]["value"] == "test"
    given = site.ask("compare-a.value", {"compare-state.data": {**HERE, "model": "net@2", "other": "net@1"}})
    assert (given["compare-a"]["value"], given["compare-split"]["value"]) == ("net@2", "all")


def test_until_the_pickers_have_said_which_nothing_is_compared(site: Any) -> None:
    assert site.ask("compare-result.children", {"compare-state.data": {"dataset": "garden", "model": "net@2"}}) == {}
