"""Why a group of samples is decided as it is, and why two versions agree: from a question to a single sample."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.browser_world import NEW, OLD, Visit

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_a_group_is_asked_for_its_reasons_and_two_versions_for_theirs(visit: Visit) -> None:
    page = visit.open(f"/browse?dataset=digits&model={NEW}&prediction=1&split=test")
    page.locator("a", has_text="Why these?").click()
    sentence = page.locator(".reason-sentence")
    expect(sentence).to_have_text(re.compile(r"of these look at the [a-z ]+\.$"))  # few samples, at once and alone
    page.get_by_role("button", name="Explain all").click()
    expect(page.locator(".notice").first).to_contain_text(f"explains {NEW}")
    expect(sentence).to_have_text(re.compile(r"look at the .*others"), timeout=120_000)
    expect(page.locator(".reason-tile .reason-map").first).to_be_visible()
    plain = page.locator(".reason-tile .reason-map").first.get_attribute("src")
    page.get_by_text("Centred", exact=True).click()
    expect(page.locator(".reason-tile .reason-map").first).not_to_have_attribute("src", plain or "")
    expect(page).to_have_url(re.compile("align=centred"))
    expect(page.locator(".gallery .card-map").first).to_be_visible()
    page.locator(".gallery .sample-card").first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".gallery .sample-card").nth(1)).to_be_focused()

    page.get_by_role("link", name="Right for another reason").click()
    page.get_by_role("button", name=f"Explain {OLD}").click()
    expect(sentence).to_have_text(re.compile(r"both versions give the same class"), timeout=120_000)
    page.get_by_role("link", name=re.compile(r"^1: ")).click()  # it was the only class: now all are shown
    expect(page.locator(".spread-row.is-chosen")).to_have_count(0)
    expect(page.locator(".spread-list li")).to_have_count(10)
    page.get_by_role("link", name="Next page").click()
    expect(page).to_have_url(re.compile("page=2"))
    expect(page.locator(".pager .current")).to_have_text("2")
    page.locator(".pair-card").first.click()
    expect(page).to_have_url(re.compile(r"/sample\?.*other=digits-cnn@1"))
    expect(page.locator("#sample-b-head")).to_contain_text(OLD)
