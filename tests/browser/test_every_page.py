"""What holds on every page: usable by everybody, in light and dark, on a telephone, and nothing asked from elsewhere.

That no request leaves the server, that nothing fails and that the policy is kept is watched in every test of this
tier (`browser_world.Visit`); here every page is opened at least once.
"""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as TooLate

from dashboard.pages import PAGES
from tests.browser.browser_world import NEW, OLD, Visit

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

_DIGITS = f"dataset=digits&model={NEW}"
# Address, and what is there once the page has all it shows.
VIEWS = {
    "overview": ("/", ".dataset-card"),
    "browse": (f"/browse?{_DIGITS}&outcome=wrong", ".sample-card"),
    "browse, table": (f"/browse?{_DIGITS}&view=table", ".ag-row[row-index='0'] .cell-thumb img"),
    "embedding": (f"/embedding?{_DIGITS}", "#embedding-graph .nsewdrag"),
    "embedding, missing": ("/embedding?dataset=garden", ".state"),
    "reasons": (f"/reasons?{_DIGITS}&outcome=wrong&prediction=1", ".reason-sentence"),
    "reasons, missing": (f"/reasons?{_DIGITS}", ".state"),
    "reasons, of two versions": (f"/reasons?{_DIGITS}&view=versions", ".state, .reason-sentence"),
    "sample": (f"/sample?{_DIGITS}&outcome=wrong", "#sample-a-map[data-drawn=true]"),
    "sample, grid": (f"/sample?{_DIGITS}&outcome=wrong&grid=methods", "#sample-grid-tiles canvas[data-drawn=true]"),
    "maps": (f"/maps?{_DIGITS}&outcome=wrong", "#maps-grid-tiles canvas[data-drawn=true]"),
    "try_it": (f"/try?{_DIGITS}", ".example"),
    "compare": (
        f"/compare?dataset=digits&model={OLD}&other={NEW}&split=all",
        "#compare-confusion-difference .main-svg",
    ),
    "datasets": ("/datasets?dataset=digits", "#datasets-histogram .main-svg"),
    "datasets, adding": ("/datasets?add=choose", ".source-list"),
    "datasets, preview": ("/datasets?add=preview&source=digits", ".preview-card"),
    "feedback": (f"/feedback?{_DIGITS}&scope=all", "#feedback-grid .ag-row, .state"),
    "inside": (f"/inside?{_DIGITS}&layer=block1&unit=3&steps=20", "#inside-recipe"),
    "path": (f"/path?{_DIGITS}&step=1", "#path-curve .main-svg"),
    "path, of two versions": (f"/path?{_DIGITS}&other={OLD}", ".path-common"),
    "adjust": (f"/adjust?{_DIGITS}&temperature=1.5", "#adjust-reliability .main-svg"),
    "models": (f"/models?{_DIGITS}", ".layers"),
    "jobs": (f"/jobs?{_DIGITS}&job=1", ".job-log"),
    "no such page": ("/nowhere", ".state"),
}
_WIDE = """() => Array.from(document.querySelectorAll("body *"))
  .filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && one.checkVisibility())
  .slice(0, 5).map((one) => one.outerHTML.slice(0, 160))"""


def test_every_page_is_looked_at() -> None:
    assert {page.name for page in PAGES} <= set(VIEWS)


@pytest.mark.parametrize("name", VIEWS)
def test_a_page_is_for_everybody(visit: Visit, name: str) -> None:
    address, ready = VIEWS[name]
    page = visit.open(address)
    expect(page.locator(ready).first).to_be_visible()
    barriers = {"light": barriers_on(page)}
    page.get_by_role("button", name="Theme").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    barriers["dark"] = barriers_on(page)
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.locator(ready).first).to_be_attached()
    fits(page)
    barriers["narrow"] = barriers_on(page)
    assert not any(barriers.values()), "\n".join(f"{look}: {one}" for look, found in barriers.items() for one in found)
    assert any(request.startswith(visit.origin) for request in visit.requests)


def barriers_on(page: Page) -> list[str]:
    """What axe finds that keeps people out: one line for each rule with the places where it is broken."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{rule['id']} ({rule['impact']}): {[node['html'][:140] for node in rule['nodes'][:4]]}"
        for rule in found
        if rule["impact"] in {"serious", "critical"}
    ]


def fits(page: Page) -> None:
    """Nothing of the page is wider than the screen."""
    try:
        page.wait_for_function("document.documentElement.scrollWidth <= innerWidth", timeout=10_000)
    except TooLate:
        pytest.fail(f"scrolls sideways because of {page.evaluate(_WIDE)}")
