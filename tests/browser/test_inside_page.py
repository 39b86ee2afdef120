"""Inside: a layer is inspected, a unit opened, its image forms, can be stopped; links bring it back."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.browser_world import NEW, Visit

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

UNITS = 64


def formed(page: Page) -> None:
    expect(page.locator("#inside-recipe")).to_be_visible()
    expect(page.locator("#inside-picture")).to_have_attribute("src", re.compile("&v="))


def test_a_unit_is_looked_into(visit: Visit, tmp_path: Path) -> None:
    page = visit.open(f"/inside?dataset=digits&model={NEW}")
    expect(page.locator(".unit-card").first).to_be_visible()
    page.locator("#inside-layer").select_option("block3")
    page.locator("#inside-inspect").click()
    expect(page.locator("#inside-standing")).to_contain_text(f"{UNITS} units · 1,797 samples")
    expect(page.locator(".unit-picture").first).to_be_visible()

    # The unit on top of the wall opens in place, and its image is better than any sample.
    page.locator(".unit-card").first.click()
    expect(page).to_have_url(re.compile("layer=block3.*unit="))
    formed(page)
    expect(page.locator("#inside-progress")).to_contain_text("× the best sample")
    expect(page.locator(".strike-map").first).to_be_visible()
    expect(page.locator(".push-table tr")).to_have_count(10)
    first = page.locator("#inside-picture").get_attribute("src")
    with page.expect_download() as download:
        page.locator("#inside-recipe").click()
    download.value.save_as(tmp_path / "recipe.json")
    recipe = json.loads((tmp_path / "recipe.json").read_text())["recipe"]
    assert recipe["version"] == NEW
    assert recipe["request"]["layer"] == "block3"

    # Another seed is another image.
    options = page.locator(".vision-controls")
    options.get_by_label("Seed").fill("5")
    options.get_by_label("Seed").press("Enter")
    expect(page).to_have_url(re.compile("seed=5"))
    expect(page.locator("#inside-picture")).not_to_have_attribute("src", first or "")
    formed(page)

    # Keys go through the units, and what becomes of the predictions without one is measured.
    unit = re.search(r"unit=(\d+)", page.url)
    assert unit is not None
    expected = int(unit[1]) + 1 if int(unit[1]) + 1 < UNITS else int(unit[1]) - 1
    page.locator("h1").click()
    page.keyboard.press("ArrowRight" if expected > int(unit[1]) else "ArrowLeft")
    expect(page).to_have_url(re.compile(f"unit={expected}(&|$)"))
    page.locator("#inside-ablate").click()
    expect(page.locator("#inside-ablation")).to_contain_text("of 1,000 predictions")

    page.reload()
    expect(page.locator("#inside-head")).to_contain_text(f"Unit {expected}")
    formed(page)


def test_an_image_that_forms_can_be_stopped(visit: Visit) -> None:
    # Without chance in it, so that it does not seem to have settled before the press.
    slowly = "steps=2048&rate=0.001&images=9&jitter=0&rotation=0&scaling=0"
    page = visit.open(f"/inside?dataset=digits&model={NEW}&layer=block2&unit=1&{slowly}")
    page.locator("#inside-cancel").click()
    # Before its first picture there is nothing to tell a step of.
    expect(page.locator("#inside-progress")).to_have_text(re.compile("Stopped at step|Nothing yet"))
    expect(page.locator("#inside-again")).to_be_visible()
