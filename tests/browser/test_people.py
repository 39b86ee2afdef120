"""Several people at one server: nobody disturbs another, and a link shows everybody the same."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.browser_world import HALF, NEW, PATIENCE, Visit, draw_lasso, places_in_plot
from tests.browser.conftest import NewVisit
from tests.serving import until

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

_CAMERA = """() => {
  const { xaxis, yaxis } = document.querySelector("#embedding-graph .js-plotly-plot")._fullLayout;
  return [...xaxis.range, ...yaxis.range].map((value) => Number(value.toPrecision(3)));
}"""


def signed_in(visit: Visit, name: str, address: str) -> Page:
    page = visit.open(address)
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Your name").press("Enter")
    return page


def test_two_people_at_once_keep_their_own_view(visits: NewVisit) -> None:
    ada = signed_in(visits(), "Ada", f"/browse?dataset=digits&model={NEW}")
    bob = signed_in(visits(), "Bob", f"/browse?dataset=digits&model={NEW}")
    ada.locator("#browse-outcome .segment", has_text="Wrong").click()
    bob.get_by_label("Dataset", exact=True).select_option("garden")
    expect(bob.locator("#browse-summary strong")).to_have_text(re.compile(" of 300$"))
    bob.get_by_label("Name contains").fill("rose/")
    bob.get_by_label("Name contains").press("Enter")
    expect(bob.locator("#browse-summary strong")).to_have_text(re.compile(" of 100$"))
    expect(ada.locator(".sample-card.sample-wrong").first).to_be_visible()
    wrong = ada.locator("#browse-summary strong").inner_text()

    ada.locator(".sample-card").first.click()
    bob.locator(".sample-card").first.click()
    expect(ada.locator("#sample-standing")).to_contain_text("Label")
    expect(bob.locator("#sample-standing")).to_contain_text("Label")
    ada.keyboard.press("c")
    bob.keyboard.press("f")
    expect(ada.locator("#sample-standing")).to_contain_text("by Ada")
    expect(bob.locator("#sample-standing")).to_contain_text("by Bob")
    expect(bob.get_by_label("Dataset", exact=True)).to_have_value("garden")

    ada.go_back()
    expect(ada.locator("#browse-summary strong")).to_have_text(wrong)
    expect(ada.get_by_label("Dataset", exact=True)).to_have_value("digits")

    # Both stand in the log, signed, and either sees them.
    for page in (ada, bob):
        page.get_by_role("link", name="Feedback", exact=True).click()
        page.get_by_label("Datasets").select_option("all")
        rows = page.locator("#feedback-grid .ag-center-cols-container .ag-row")
        expect(rows.filter(has_text="Ada").filter(has_text="Confirmed").first).to_be_visible()
        expect(rows.filter(has_text="Bob").filter(has_text="Flagged").first).to_be_visible()


def test_an_address_shows_a_colleague_the_same(visits: NewVisit) -> None:
    page = visits().open(f"/embedding?dataset=digits&model={NEW}")
    page.get_by_label("Split").select_option("test")
    page.get_by_label("Colour by").select_option("outcome")
    heading = page.locator("#embedding-panel h2")
    expect(heading).to_have_text("500 selected")  # the whole split
    draw_lasso(page, HALF)
    expect(page).to_have_url(re.compile("lasso="))
    expect(heading).not_to_have_text("500 selected")
    selected = str(heading.text_content())  # also while a slow answer covers the panel
    assert re.fullmatch(r"\d+ selected", selected)
    page.mouse.move(*places_in_plot(page, ((0.8, 0.5),))[0])
    page.mouse.wheel(0, -240)
    expect(page).to_have_url(re.compile("camera="))

    colleague = visits().open(page.url.removeprefix(page.url.split("/embedding")[0]))
    theirs = colleague.locator("#embedding-panel h2")
    expect(theirs).to_have_text(selected)
    expect(colleague.get_by_label("Colour by")).to_have_value("outcome")
    expect(colleague.get_by_label("Split")).to_have_value("test")
    expect(colleague.locator("#embedding-graph .nsewdrag")).to_be_visible()
    until(lambda: colleague.evaluate(_CAMERA) == page.evaluate(_CAMERA), PATIENCE / 1000)

    # Into a sample and on to the next of the selection, then back: the selection is still there.
    colleague.locator("#embedding-panel .sample-card").first.click()
    first = colleague.locator("h1")
    expect(first).to_contain_text("test")
    name = first.inner_text()
    colleague.keyboard.press("ArrowRight")
    expect(first).not_to_have_text(name)
    colleague.go_back()
    expect(theirs).to_have_text(selected)
    expect(colleague).to_have_url(page.url)


def test_a_sample_can_be_left_while_it_is_explained(visit: Visit) -> None:
    page = visit.open(f"/browse?dataset=digits&model={NEW}")
    held: list[Route] = []

    def hold(route: Route) -> None:
        """Answers everything but the explanation."""
        if "sample-a-map.data-map" in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    page.route("**/_dash-update-component*", hold)
    page.locator(".sample-card").first.click()
    expect(page.locator("#sample-a .picture-busy")).to_be_visible()
    page.go_back()
    expect(page.locator(".sample-card").first).to_be_visible()
    for route in held:
        route.continue_()
    page.unroute("**/_dash-update-component*")

    page.locator(".sample-card").first.click()
    expect(page.locator("#sample-a-map")).to_be_visible()
    expect(page.locator("#sample-a .picture-busy")).to_be_hidden()
