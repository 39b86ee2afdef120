"""A person adds a dataset in the browser, finds it in Browse, and narrows it down by what the table said of it."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.browser_world import Visit
from tests.serving import Server

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def plant(folder: Path) -> None:
    """A table of thirty images with a number and a boolean, and one image that is none."""
    (folder / "field" / "images").mkdir(parents=True)
    lines = ["path,label,stem,wild", "images/torn.png,rose,1,true"]
    for number in range(30):
        pixels = np.full((8, 8, 3), 8 * number, dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "field" / "images" / f"{number:02d}.png")
        lines.append(
            f"images/{number:02d}.png,{'rose' if number % 3 else 'iris'},{number / 2},{number % 2 == 0}".lower()
        )
    (folder / "field" / "images" / "torn.png").write_bytes(b"nothing")
    (folder / "field" / "flowers.csv").write_text("\n".join(lines))


def test_a_dataset_is_added_and_narrowed_down(visit: Visit, server: Server) -> None:
    plant(server.root.parent / "open")
    page = visit.open("/datasets?dataset=digits")
    page.get_by_role("link", name="Add a dataset").click()
    page.get_by_role("link", name="open", exact=True).click()
    page.get_by_role("link", name="field", exact=True).click()
    page.get_by_role("link", name="Preview flowers.csv").click()
    expect(page.locator(".preview-card img")).to_have_count(23)
    expect(page.locator(".preview-problem")).to_contain_text("not an image")
    expect(page.locator("#datasets-preview .main-svg").first).to_be_visible()

    name = page.locator("#datasets-name")
    expect(name).to_have_value("flowers")
    name.fill("digits")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator(".notice").first).to_contain_text("already")
    name.fill("flowers")
    name.press("Enter")
    expect(page).to_have_url(re.compile(r"/browse\?dataset=flowers"))
    expect(page.locator("#browse-summary")).to_contain_text("30")

    page.locator("#browse-metadata-box").get_by_label("stem: at least").fill("10")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"min\.stem=10"))
    expect(page.locator(".sample-card")).to_have_count(10)
    page.locator("#browse-metadata-box").get_by_label("no (15)").check()
    expect(page).to_have_url(re.compile(r"meta\.wild=no"))
    expect(page.locator(".sample-card")).to_have_count(5)
    page.reload()
    expect(page.locator(".sample-card")).to_have_count(5)
    page.locator(".sample-card").first.click()
    expect(page.locator("#sample-facts")).to_contain_text("10.5")
    expect(page.locator(".sample-position")).to_have_text("1 of 5")

    page.goto(visit.origin + "/datasets?dataset=flowers")
    expect(page.locator("#datasets-quarantine .ag-row[row-index='0']")).to_contain_text("images/torn.png")
    page.locator("#datasets-histogram .bars path").first.click(force=True)  # the plot's own layer takes the pointer
    expect(page).to_have_url(re.compile(r"/browse\?dataset=flowers&label=iris"))
    expect(page.locator(".sample-card")).to_have_count(10)
