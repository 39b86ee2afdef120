"""Explanation maps as a person uses them: choose, look in other ways, read a value, take it home, compare."""

import io
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.browser_world import NEW, Visit

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

_SAMPLE = f"/sample?dataset=digits&model={NEW}&outcome=wrong"


def drawn(page: Page, panel: str = "#sample-a-map") -> Locator:
    found = page.locator(panel)
    expect(found).to_be_visible()
    expect(found).to_have_attribute("data-drawn", "true")
    return found


def downloaded(page: Page, button: Locator) -> bytes:
    with page.expect_download() as waiting:
        button.click()
    content: bytes = waiting.value.path().read_bytes()
    return content


def picture(canvas: Locator) -> str:
    content: str = canvas.evaluate("(canvas) => canvas.toDataURL()")
    return content


def test_a_map_is_chosen_looked_at_in_other_ways_and_taken_home(visit: Visit) -> None:
    page = visit.open(_SAMPLE)
    first = drawn(page)
    figure = page.locator("#sample-a figure.map")

    # Another method, and another class to hold the explained one against: both in the address.
    page.get_by_label("Explanation", exact=True).select_option("saliency")
    expect(page.locator("#sample-a-evidence")).to_contain_text("Saliency")
    expect(page).to_have_url(re.compile("method=saliency"))
    key = drawn(page).get_attribute("data-map")
    page.get_by_label("Instead of").select_option("8")
    expect(page).to_have_url(re.compile("contrast=8"))
    expect(first).not_to_have_attribute("data-map", str(key))
    drawn(page)
    expect(figure.locator(".map-low")).to_contain_text("−")  # a difference of two classes is signed

    # The value under the pointer is the array's; the arrow keys go on from there.
    values = np.load(io.BytesIO(downloaded(page, figure.get_by_role("link", name="NPY"))), allow_pickle=False)
    box = first.bounding_box()
    assert box is not None
    side = box["width"] / values.shape[1]
    page.mouse.move(box["x"] + 5.5 * side, box["y"] + 2.5 * side)
    reading = figure.locator(".map-reading")
    expect(reading).to_contain_text("at column 5, row 2")
    assert float(reading.inner_text().split()[0].replace("−", "-")) == pytest.approx(values[2, 5], rel=1e-3, abs=1e-9)
    first.focus()
    page.keyboard.press("ArrowDown")
    expect(reading).to_contain_text("at column 5, row 3")
    expect(page.locator("h1")).to_have_text(page.locator("h1").inner_text())

    # The threshold hides, other views draw otherwise; nothing of it asks the server, once all has come.
    expect(page.locator("#sample-b .map-low")).to_contain_text("−")
    expect(page.locator(".difference-box canvas")).to_have_attribute("data-drawn", "true")
    expect(page.locator(".trust-score")).to_have_count(2)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.url} {request.post_data or ''}"))
    before = picture(first)
    page.get_by_label("Hide the lowest").fill("80")
    expect(page).to_have_url(re.compile("above=80"))
    shown = "canvas.getContext('2d').getImageData(0, 0, 8, 8).data.filter((v, at) => at % 4 === 3 && v).length"
    most = 0.25 * values.size
    page.wait_for_function(f"([canvas, most]) => {shown} <= most", arg=[first.element_handle(), most])
    page.get_by_text("Contours").click()
    expect(page).to_have_url(re.compile("look=contour"))
    page.wait_for_function("([canvas, before]) => canvas.toDataURL() !== before", arg=[first.element_handle(), before])
    assert [one for one in asked if "sample-" in one or "/media/map/" in one] == []  # the frame asks how it goes

    # A colleague who opens the link sees the same; files carry what was shown and how to compute it again.
    saved = Image.open(io.BytesIO(downloaded(page, figure.get_by_role("button", name="PNG"))))
    assert saved.size == (896, 896)
    recipe = downloaded(page, figure.get_by_role("link", name="Recipe")).decode()
    assert "--method saliency" in recipe
    assert "--contrast 8" in recipe
    page.evaluate("localStorage.clear()")
    page.reload()
    drawn(page)
    expect(page.get_by_label("Hide the lowest")).to_have_value("80")
    expect(page.locator("html")).to_have_attribute("data-map-look", "contour")


def test_two_versions_are_compared_on_one_scale_and_by_their_difference(visit: Visit) -> None:
    page = visit.open(f"{_SAMPLE}&method=saliency")
    drawn(page)
    drawn(page, "#sample-b-map")
    ends = [page.locator(f"#sample-{panel} .map-high") for panel in "ab"]
    apart = [end.inner_text() for end in ends]
    assert apart[0] != apart[1]
    page.get_by_label("Same scale").check()
    expect(ends[0]).to_have_text(
        re.compile(re.escape(max(apart, key=lambda text: float(text.strip("≥ "))).strip("≥ ")))
    )
    expect(ends[1]).to_have_text(re.compile(re.escape(ends[0].inner_text().strip("≥ "))))

    difference = page.locator(".difference-box canvas")
    expect(difference).to_have_attribute("data-drawn", "true")
    arrays = []
    for panel in "ab":
        key = page.locator(f"#sample-{panel}-map").get_attribute("data-map")
        response = page.request.get(f"{visit.origin}/media/map/{key}.npy")
        arrays.append(np.load(io.BytesIO(response.body()), allow_pickle=False))
    larger = max(np.abs(array).max() for array in arrays)
    expected = (arrays[0] - arrays[1]) / larger
    difference.focus()
    page.keyboard.press("ArrowRight")  # begins in the middle
    reading = page.locator(".difference-box .map-reading")
    expect(reading).to_contain_text("at column 4, row 4")
    assert float(reading.inner_text().split()[0].replace("−", "-")) == pytest.approx(expected[4, 4], rel=1e-3, abs=1e-6)


def test_a_grid_of_methods_fills_and_stops(visit: Visit) -> None:
    page = visit.open(_SAMPLE)
    drawn(page)
    page.get_by_role("button", name="All methods").click()
    tiles = page.locator("#sample-grid-tiles .map-tile")
    expect(tiles.filter(has_text="Grad-CAM").first.locator("canvas")).to_have_attribute("data-drawn", "true")
    expect(page).to_have_url(re.compile("grid=methods"))
    expect(page.locator("#sample-grid-stop")).to_be_hidden()  # all are there
    expect(page.locator("#sample-grid-tiles canvas[data-drawn=true]")).to_have_count(tiles.count())
    tiles.filter(has_text="Occlusion").click()
    expect(page).to_have_url(re.compile("method=occlusion"))
    expect(page.locator("#sample-a-evidence")).to_contain_text("Occlusion")


def test_a_grid_can_be_stopped_and_goes_on(visit: Visit) -> None:
    page = visit.open(f"/browse?dataset=digits&model={NEW}&label=3")

    def nothing_yet(route: Route) -> None:
        """To a tick before the press the answer is that nothing has changed; one after it brings the press along."""
        body = route.request.post_data_json or {}
        ticks = body.get("changedPropIds") == ["maps-grid-tick.data"]
        if ticks and not any(given["id"] == "maps-grid-stop" and given.get("value") for given in body["inputs"]):
            route.fulfill(status=204)
        else:
            route.continue_()

    page.route("**/_dash-update-component*", nothing_yet)
    page.get_by_text("Explain these").click()
    stop = page.locator("#maps-grid-stop")
    expect(stop).to_have_text("Stop")
    stop.click()
    expect(stop).to_have_text("Go on")
    page.unroute("**/_dash-update-component*")

    page.reload()
    tiles = page.locator("#maps-grid-tiles .map-tile")
    expect(tiles).to_have_count(24)
    expect(page.locator("#maps-grid-tiles canvas[data-drawn=true]")).to_have_count(24)
    expect(stop).to_be_hidden()
    tiles.first.click()
    expect(page.locator("h1")).not_to_have_text("Maps")
    drawn(page)
