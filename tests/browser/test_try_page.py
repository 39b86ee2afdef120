"""Try: an image comes in by choice, paste, drop and example; what is no image is refused in one line."""

import base64
import io
import re

import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from sklearn.datasets import load_digits

from tests.browser.browser_world import NEW, Visit

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

_FILE = """([content, name, type]) => {
  const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type }));
  return transfer;
}"""


def digit_png(digit: int) -> bytes:
    """A handwritten digit as a file; `load_digits` begins with 0, 1, 2, …"""
    pixels = (load_digits().images[digit] * 15.9).astype("uint8")
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((32, 32), Image.Resampling.NEAREST).save(buffer, "PNG")
    return buffer.getvalue()


def file_transfer(page: Page, content: bytes, name: str, kind: str = "image/png") -> object:
    return page.evaluate_handle(_FILE, [base64.b64encode(content).decode(), name, kind])


def explained(page: Page, prediction: str) -> None:
    expect(page.locator("#try-head .look-prediction")).to_have_text(prediction)
    expect(page.locator("#try-map")).to_be_visible()
    expect(page.locator("#try-evidence .evidence")).to_contain_text(f"“{prediction}”")
    expect(page.locator("#try-evidence .trust-score")).to_contain_text(re.compile(r"trust [01]\.\d\d"))
    expect(page.locator("#try-message")).to_be_empty()


def test_an_image_comes_in_by_every_way(visit: Visit) -> None:
    page = visit.open(f"/try?dataset=digits&model={NEW}")
    chooser = page.locator("#try-upload input[type=file]")
    expect(page.locator(".example").first).to_be_visible()
    chooser.set_input_files({"name": "zero.png", "mimeType": "image/png", "buffer": digit_png(0)})
    explained(page, "0")
    expect(page).to_have_url(re.compile("upload=[0-9a-f]{64}"))

    pasted = file_transfer(page, digit_png(3), "three.png")
    page.evaluate(
        """(clipboardData) => document.body.dispatchEvent(
             new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }))""",
        pasted,
    )
    explained(page, "3")

    dropped = file_transfer(page, digit_png(4), "four.png")
    page.locator("h1").dispatch_event("drop", {"dataTransfer": dropped})
    explained(page, "4")

    # What is no image is refused in one line.
    chooser.set_input_files({"name": "notes.png", "mimeType": "image/png", "buffer": b"no image at all"})
    message = page.locator("#try-message")
    expect(message).to_have_text("That is not a PNG, JPEG or WebP image; choose one of these")

    page.locator(".example").first.click()
    expect(message).to_be_empty()
    expect(page.locator("#try-image")).to_have_attribute("alt", f"Your image as {NEW} sees it")
    expect(page.locator("#try-head .look-note, #try-head .look-name")).to_contain_text("8 × 8")

    # Another class explains itself at a click, and the address brings all of it back.
    page.locator("#try-bars .bar-row").nth(1).click()
    expect(page).to_have_url(re.compile("target="))
    target = page.locator("#try-bars .bar-row.bar-target .bar-name").inner_text()
    expect(page.locator("#try-evidence")).to_contain_text(f"for “{target}”")
    page.reload()
    expect(page.locator("#try-evidence")).to_contain_text(f"for “{target}”")
