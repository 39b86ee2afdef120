"""Decision: a sample is followed through the network, the pass stepped through, a unit opened, two paths compared."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.browser_world import NEW, OLD, Visit

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

_HERE = f"/path?dataset=digits&model={NEW}"
_PLACE = """(id) => {
  const graph = document.querySelector("#path-graph-box > div")._cyreg.cy;
  const place = graph.getElementById(id).renderedPosition();
  const box = graph.container().getBoundingClientRect();
  return [box.x + place.x, box.y + place.y];
}"""
# One look, for the page may be drawn anew between two.
_UNITS = """() => {
  const units = document.querySelector("#path-graph-box > div")?._cyreg?.cy.nodes(".unit").map((node) => node.data());
  return units?.length ? units : null;
}"""


def drawn(page: Page) -> list[dict[str, Any]]:
    """The units of the graph, once the curve beside it is there too."""
    expect(page.locator("#path-curve .main-svg").first).to_be_visible()
    expect(page.locator("#path-graph-box canvas").first).to_be_visible()
    found: list[dict[str, Any]] = page.wait_for_function(_UNITS).json_value()
    return found


def test_a_decision_is_followed_from_a_sample(visit: Visit, tmp_path: Path) -> None:
    page = visit.open(f"/sample?dataset=digits&model={NEW}")
    assert not any("dash_cytoscape" in request for request in visit.requests)
    page.get_by_role("link", name="Decision", exact=True).and_(page.locator(".sample-head a")).click()
    expect(page).to_have_url(re.compile("/path\\?.*sample="))
    units = drawn(page)
    assert {unit["stage"] for unit in units} == {0, 1, 2, 3}
    assert len(units) == 20
    expect(page.locator(".path-sentence")).to_contain_text("are to be explained")
    expect(page.locator("#path-curve")).to_contain_text("random draws")

    # Stepping through the pass, by button and by keys, is in the address.
    page.locator("button[data-step='1']").click()
    expect(page.locator("#path-walk")).to_contain_text("16 × 8 × 8")
    page.locator("h1").click()
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile("step=2"))
    expect(page.locator("#path-walk")).to_contain_text("32 × 4 × 4")
    expect(page.locator("#path-walk img").first).to_be_visible()

    # The graph's numbers and picture are files.
    with page.expect_download() as download:
        page.locator("#path-json").click()
    download.value.save_as(tmp_path / "path.json")
    assert len(json.loads((tmp_path / "path.json").read_text())["stages"]) == 4
    with page.expect_download() as download:
        page.locator("#path-png").click()
    download.value.save_as(tmp_path / "path.png")
    assert (tmp_path / "path.png").read_bytes().startswith(b"\x89PNG")

    # A unit tells what it does under the pointer, and opens its dossier.
    unit = next(unit for unit in units if unit["stage"] == 2)
    at = page.evaluate(_PLACE, unit["id"])
    page.mouse.move(*at)
    expect(page.locator("#path-hovered")).to_contain_text(f"Unit {unit['unit']}")
    expect(page.locator("#path-hovered img")).to_be_visible()
    page.mouse.click(*at)
    expect(page).to_have_url(re.compile(f"/inside\\?.*layer=block2.*unit={unit['unit']}"))
    page.go_back()
    expect(page).to_have_url(re.compile(r"/path\?"))
    drawn(page)
    expect(page.locator("#path-walk")).to_contain_text("32 × 4 × 4")


def test_two_versions_are_laid_over_each_other_and_the_path_is_a_table(visit: Visit) -> None:
    page = visit.open(_HERE)
    drawn(page)
    page.locator("#path-other").select_option(OLD)
    expect(page).to_have_url(re.compile("other=digits-cnn@1"))
    expect(page.locator(".path-common tbody tr")).to_have_count(4)
    expect(page.locator("#path-legend")).to_contain_text("in both")
    page.get_by_label("Units a stage").fill("3")
    page.get_by_label("Units a stage").press("Enter")
    expect(page).to_have_url(re.compile("units=3"))
    page.get_by_text("The path as a table").click()
    expect(page.locator("#path-table thead th").last).to_have_text("Drawn in")
    page.locator("#path-table tbody a").first.click()
    expect(page).to_have_url(re.compile("/inside\\?"))


def test_what_is_wrong_is_said_and_can_be_mended(visit: Visit) -> None:
    page = visit.open(f"{_HERE}&beside=nowhere")
    expect(page.get_by_role("alert")).to_contain_text("There is no sample 'nowhere'")
    page.get_by_label("Beside sample").fill("")
    page.get_by_label("Beside sample").press("Enter")
    drawn(page)
    expect(page.get_by_role("alert")).to_have_count(0)
