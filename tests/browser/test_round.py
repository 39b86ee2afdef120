"""The round: from the overview through the errors, a lasso, one sample and a judgement to the newer version."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.browser_world import NEW, OLD, WHOLE, Visit, draw_lasso

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def number_in(text: str) -> int:
    found = re.search(r"\d[\d,]*", text)
    assert found, text
    return int(found[0].replace(",", ""))


def test_the_round_from_an_error_to_a_better_version(visit: Visit) -> None:
    page = visit.open("/")
    page.get_by_label("Your name").fill("Grace")
    page.get_by_label("Your name").press("Enter")
    page.get_by_role("link", name=f"See what {OLD} gets wrong").or_(
        page.get_by_role("link", name=f"See what {NEW} gets wrong")
    ).click()
    page.get_by_label("Model version").select_option(OLD)
    page.get_by_role("checkbox", name="test").check()
    expect(page).to_have_url(re.compile(r"outcome=wrong.*split=test"))
    expect(page.locator(".sample-card.sample-wrong").first).to_be_visible()

    # The errors of the older version, seen where the newer one puts them.
    page.get_by_label("Model version").select_option(NEW)
    page.locator("a", has_text="In embedding space").click()
    page.get_by_label("Outcome").select_option("all")
    draw_lasso(page, WHOLE)
    expect(page).to_have_url(re.compile("lasso="))
    heading = page.locator("#embedding-panel h2")
    expect(heading).to_have_text(re.compile(r"^[\d,]+ selected$"))
    held = number_in(heading.inner_text())
    assert 0 < held <= 500
    expect(page.locator("#embedding-panel .sample-card.sample-wrong").first).to_be_visible()

    page.locator("a", has_text="Open in Browse").click()
    expect(page.locator("#browse-summary strong")).to_have_text(re.compile(rf" of {held}$"))
    page.locator("#browse-outcome .segment", has_text="Wrong").click()
    expect(page).to_have_url(re.compile("outcome=wrong"))
    page.locator(".sample-card.sample-wrong").first.click()
    sample = judged_by_keys(page)
    undone_in_the_log(page, sample)
    opened_from_the_comparison(page)


def judged_by_keys(page: Page) -> str:
    """Looks at the map of a misclassified sample, then relabels it; returns the sample's name."""
    shown = page.locator("#sample-a-map")
    expect(shown).to_be_visible()
    expect(shown).to_have_attribute("data-drawn", "true")
    slider = page.get_by_label("Map opacity")
    slider.fill("20")
    expect(page.locator("#sample-opacity-shown")).to_have_text("20 %")
    expect(shown).to_have_css("opacity", "0.2")
    slider.blur()

    standing = page.locator("#sample-standing")
    sample = page.locator("h1").inner_text()
    said = standing.locator("dd").nth(1).inner_text()[0]
    page.keyboard.press(said)
    expect(standing).to_contain_text(f"Relabelled {said}")
    expect(standing).to_contain_text("by Grace")
    expect(page.locator("#sample-history li").first).to_contain_text("Grace")
    return sample


def undone_in_the_log(page: Page, sample: str) -> None:
    page.get_by_role("link", name="Feedback", exact=True).click()
    rows = page.locator("#feedback-grid .ag-center-cols-container .ag-row")
    row = rows.and_(page.locator("[row-index='0']"))
    expect(row).to_contain_text(sample)
    expect(row).to_contain_text("Grace")
    expect(row).to_contain_text("Relabelled")
    row.get_by_role("button", name="Undo").click()
    expect(row).to_contain_text("Took back")
    expect(rows.and_(page.locator("[row-index='1'].is-undone"))).to_contain_text("Relabelled")


def opened_from_the_comparison(page: Page) -> None:
    page.get_by_role("link", name="Compare", exact=True).click()
    expect(page.get_by_label("Version A")).to_have_value(OLD)
    expect(page.get_by_label("Version B")).to_have_value(NEW)
    fixed = page.locator(".count-fixed")
    expect(fixed).to_be_visible()
    count = number_in(fixed.locator(".stat-value").inner_text())
    assert count > 0
    fixed.click()
    expect(page.locator("#browse-summary strong")).to_have_text(re.compile(rf" of {count}$"))
    expect(page.locator(".chip")).to_contain_text(["compared: fixed"])
