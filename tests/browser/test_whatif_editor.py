"""What if: a person paints over what decides, takes it back, has the smallest change found, and goes on from it."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.browser_world import NEW, Visit
from tests.browser.conftest import NewVisit
from tests.browser.test_try_page import digit_png

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def address(page: Page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def test_what_decides_is_painted_over_found_and_kept(visit: Visit, visits: NewVisit) -> None:
    page = visit.open(f"/try?dataset=digits&model={NEW}")
    chooser = page.locator("#try-upload input[type=file]")
    chooser.set_input_files({"name": "zero.png", "mimeType": "image/png", "buffer": digit_png(0)})
    expect(page.locator("#try-head .look-prediction")).to_have_text("0")
    page.get_by_role("button", name="Edit the image").click()
    verdict, maps = page.locator(".edit-verdict"), page.locator("#try-edit-maps .picture-map")
    expect(verdict).to_contain_text("Not changed yet")
    expect(maps).to_have_count(1)
    original = address(page)["original"]
    assert original == address(page)["upload"]
    canvas = page.locator("#try-edit-canvas")
    expect(canvas).to_have_attribute("width", "32")

    # A broad brush over the middle leaves nothing of the zero.
    for _press in range(30):
        page.keyboard.press("]")
    expect(page.locator("#try-edit-size + output")).to_have_text("60 %")
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.25)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.75, steps=3)
    page.mouse.up()
    expect(verdict).to_contain_text("The decision turns")
    expect(maps).to_have_count(2)
    expect(page.locator(".change-bars .bar-target .bar-change")).to_have_text(re.compile("−"))
    painted = address(page)["upload"]
    assert painted != original == address(page)["original"]

    # The address alone shows a colleague the same.
    colleague = visits().open(page.url.removeprefix(visit.origin))
    expect(colleague.locator(".edit-verdict")).to_contain_text("The decision turns")
    expect(colleague.locator("#try-edit-maps .picture-map")).to_have_count(2)
    expect(colleague.get_by_role("button", name="Undo")).to_be_enabled()

    page.keyboard.press("Control+z")
    expect(verdict).to_contain_text("Not changed yet")
    assert address(page)["upload"] == original
    page.keyboard.press("Control+y")
    expect(verdict).to_contain_text("The decision turns")
    assert address(page)["upload"] == painted
    page.get_by_role("button", name="Start again from the original").click()
    expect(verdict).to_contain_text("Not changed yet")

    page.locator("#try-flip-fill").select_option("mean")
    page.get_by_role("button", name="Find it").click()
    expect(page.locator(".flip-words")).to_contain_text("“0” becomes")
    expect(page.locator("#try-flip-region")).to_be_visible()
    page.get_by_role("button", name="Keep as edit").click()
    expect(verdict).to_contain_text("The decision turns")
    expect(page.locator(".flip-words")).to_have_count(0)
    kept = address(page)["upload"]
    assert kept not in {original, painted}
    page.keyboard.press("Control+z")
    expect(verdict).to_contain_text("Not changed yet")

    page.get_by_role("button", name="Close the editor").click()
    expect(page.locator("#try-head .look-prediction")).to_be_visible()
    expect(page.locator("#try-head .look-prediction")).to_have_text("0")
    expect(page).not_to_have_url(re.compile("original="))


def test_a_sample_is_changed_without_a_mouse(visit: Visit) -> None:
    page = visit.open(f"/sample?dataset=digits&model={NEW}")
    expect(page.locator("a[data-shortcut=w]")).to_be_visible()
    page.keyboard.press("w")
    verdict = page.locator(".edit-verdict")
    expect(verdict).to_contain_text("Not changed yet")
    canvas = page.locator("#try-edit-canvas")
    expect(canvas).to_have_attribute("width", "8")
    for key, tool in {"b": "blur", "v": "patch", "c": "crop", "r": "rotate", "l": "light", "p": "paint"}.items():
        page.keyboard.press(key)
        expect(page.locator("#try-edit")).to_have_attribute("data-tool", tool)
        expect(page.locator(".edit-tool[aria-pressed=true]")).to_have_attribute("data-tool", tool)
    page.keyboard.press("v")
    source = page.locator("#try-edit-source")
    expect(source).to_be_visible()
    before = source.evaluate("canvas => canvas.toDataURL()")
    source.focus()
    page.keyboard.press("ArrowRight")
    assert source.evaluate("canvas => canvas.toDataURL()") != before  # the ring that shows where
    page.keyboard.press("p")
    canvas.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Space")
    expect(page).to_have_url(re.compile("original="))
    expect(verdict).not_to_contain_text("Not changed yet")
    page.keyboard.press("c")
    page.keyboard.press("Enter")
    expect(canvas).to_have_attribute("width", "6")
    page.keyboard.press("l")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    for _edit in range(3):
        page.keyboard.press("Control+z")
    expect(verdict).to_contain_text("Not changed yet")
    expect(canvas).to_have_attribute("width", "8")
