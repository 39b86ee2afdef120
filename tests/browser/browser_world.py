"""What the browser tests share: the content they look at, and a person's browser with a record of all it did."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response, expect

from dashboard.services import build_services
from dashboard.settings import Settings
from data.jobs import JobStore
from data.types import JobState

__all__ = [
    "FLOWERS",
    "HALF",
    "NEW",
    "OLD",
    "PATIENCE",
    "WHOLE",
    "Visit",
    "chromium_on_path",
    "draw_lasso",
    "places_in_plot",
    "queue_content",
    "settled",
]

OLD, NEW = "digits-cnn@1", "digits-cnn@2"
FLOWERS = ("iris", "rose", "tulip")
_EACH = 100
# Corners of a lasso, in shares of the plot's width and height from its upper left.
WHOLE = ((0.02, 0.02), (0.98, 0.03), (0.97, 0.98), (0.03, 0.97))
HALF = ((0.05, 0.05), (0.52, 0.04), (0.48, 0.95), (0.04, 0.96))
PATIENCE = 45_000  # milliseconds; a machine that does much else is slow, not wrong
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium_on_path() -> str | None:
    """The machine's own Chromium."""
    return next((path for path in map(shutil.which, _NAMES) if path), None)


def queue_content(root: Path, photographs: Path) -> list[int]:
    """Queues the digits with two versions and, with nothing applied to it, a garden; returns the jobs.

    The older version is indexed but not projected.
    """
    _plant(photographs)
    services = build_services(Settings(workspace=root))
    jobs = services.jobs
    queued: list[int] = []

    def queue(kind: str, after: int | None, **parameters: Any) -> int:
        queued.append(jobs.submit(kind, parameters, "demo", after=after).id)
        return queued[-1]

    digits = queue("add", None, name="digits", source="digits")
    first = queue("train", digits, recipe="digits-1", dataset="digits")
    second = queue("train", first, recipe="digits-2", dataset="digits")
    queue("index", first, dataset="digits", model=OLD)
    newest = queue("index", second, dataset="digits", model=NEW)
    for method in ("pca", "umap"):
        queue("project", newest, dataset="digits", model=NEW, method=method, parameters={})
    queue("add", None, name="garden", source=f"imagefolder:{photographs}")
    services.samples.close()
    services.database.dispose()
    return queued


def settled(jobs: JobStore, wanted: Sequence[int]) -> bool:
    """Whether all jobs are done.

    Raises:
        AssertionError: One failed.
    """
    now = [jobs.get(job) for job in wanted]
    failed = [f"{job.kind}: {job.error}" for job in now if job.state in {JobState.FAILED, JobState.CANCELLED}]
    assert not failed, failed
    return all(job.state is JobState.DONE for job in now)


def _plant(folder: Path) -> None:
    generator = np.random.default_rng(7)
    for place, name in enumerate(FLOWERS):
        (folder / name).mkdir(parents=True)
        for number in range(_EACH):
            pixels = generator.integers(0, 80, (12, 16, 3), dtype=np.uint8)
            pixels[..., place] += 150
            Image.fromarray(pixels).save(folder / name / f"{number:03d}.png")


@dataclass
class Visit:
    """One person's browser: a context of its own with one page, and what went wrong in it.

    Attributes:
        origin: Address of the server; a request to any other is trouble.
        troubles: Console errors (violations of the policy among them), failed answers, requests to elsewhere.
        requests: Addresses of all requests.
    """

    context: BrowserContext
    origin: str
    troubles: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, address: str = "/") -> Page:
        """A new page at an address of the site."""
        page = self.context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        page.goto(self.origin + address)
        return page

    def watch(self) -> None:
        """Begins the record; pop-ups and workers are in it too."""
        self.context.on("request", self._asked)
        self.context.on("response", self._answered)

    def _asked(self, request: Request) -> None:
        self.requests.append(request.url)
        if not request.url.startswith((self.origin + "/", "data:", "blob:")):
            self.troubles.append(f"left the server: {request.url}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.troubles.append(f"{response.status}: {response.url}")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.troubles.append(f"console: {message.text}")


def places_in_plot(page: Page, shares: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Pixels of the window, for shares of the plot's width and height from its upper left."""
    plot = page.locator("#embedding-graph .nsewdrag")
    expect(plot).to_be_visible()
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in shares]


def draw_lasso(page: Page, shares: Sequence[tuple[float, float]]) -> None:
    """Draws around a part of the embedding with the mouse; `shares` are the corners, `WHOLE` for instance."""
    first, *others = places_in_plot(page, shares)
    page.mouse.move(*first)
    page.mouse.down()
    for corner in (*others, first):
        page.mouse.move(*corner, steps=5)
    page.mouse.up()
