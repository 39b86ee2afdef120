"""Everything by keyboard: in, through the menu and the gallery, and a judgement without a mouse."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.browser_world import NEW, Visit
from tests.browser.conftest import NewVisit

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

# Where the focus is and whether anybody sees it: an outline, or a ring on the element or on what stands for it.
_FOCUS = """() => {
  const focused = document.activeElement;
  const marked = (style) =>
    (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none";
  const places = [focused, focused.nextElementSibling, focused.parentElement, focused.closest(".ag-row")];
  const seen = places.filter(Boolean).some((one) =>
    marked(getComputedStyle(one)) || marked(getComputedStyle(one, "::after")));
  return { what: focused.outerHTML.slice(0, 120), seen, card: focused.matches(".sample-card") };
}"""


def tab_to_gallery(page: Page) -> None:
    """Tabs from wherever the focus is to the first card; the focus is visible at every stop."""
    for _stop in range(60):
        page.keyboard.press("Tab")
        stop = page.evaluate(_FOCUS)
        assert stop["seen"], stop["what"]
        if stop["card"]:
            return
    pytest.fail("60 stops and no card")


def test_the_way_to_a_judgement_without_a_mouse(visit: Visit) -> None:
    page = visit.open(f"/?dataset=digits&model={NEW}")
    expect(page.locator(".dataset-card").first).to_be_visible()
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()

    page.keyboard.press("Shift+Tab")
    for _stop in range(40):
        if page.evaluate("document.activeElement.textContent.trim()") == "Browse":
            break
        page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/browse"))
    cards = page.locator("#browse-gallery .sample-card")
    expect(cards.first).to_be_visible()
    tab_to_gallery(page)
    expect(cards.first).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(cards.nth(1)).to_be_focused()
    page.keyboard.press("End")
    expect(cards.last).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")

    standing = page.locator("#sample-standing")
    expect(standing).to_contain_text("Label")
    sample = page.locator("h1").inner_text()
    page.keyboard.press("r")
    box = page.locator("#sample-relabel-input")
    expect(box).to_be_focused()
    page.keyboard.type("7")
    page.keyboard.press("Enter")
    expect(standing).to_contain_text("Relabelled 7")
    page.keyboard.press("m")
    page.keyboard.type("could be a one")
    page.keyboard.press("Enter")
    expect(page.locator("#sample-history")).to_contain_text("could be a one")
    page.keyboard.press("u")
    expect(page.locator("#sample-history")).to_contain_text(re.compile(r"took event \d+ back"))
    page.keyboard.press("j")
    expect(page.locator("h1")).not_to_have_text(sample)
    page.keyboard.press("k")
    expect(page.locator("h1")).to_have_text(sample)


def test_the_menu_of_a_narrow_screen_opens_and_closes_by_key(visits: NewVisit) -> None:
    page = visits(viewport={"width": 390, "height": 844}).open(f"/browse?dataset=digits&model={NEW}")
    expect(page.locator(".sample-card").first).to_be_visible()
    menu = page.get_by_role("button", name="Menu")
    entry = page.get_by_role("link", name="Jobs", exact=True)
    expect(entry).not_to_be_in_viewport()
    menu.press("Enter")
    expect(menu).to_have_attribute("aria-expanded", "true")
    expect(entry).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(menu).to_have_attribute("aria-expanded", "false")
    expect(entry).not_to_be_in_viewport()
    menu.press("Enter")
    entry.press("Enter")
    expect(page).to_have_url(re.compile("/jobs"))
    expect(page.locator("h1")).to_have_text("Jobs")
    expect(entry).not_to_be_in_viewport()
