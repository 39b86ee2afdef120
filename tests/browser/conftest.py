"""A real Chromium and a real server. The tier runs in one worker, so that each is started once."""

import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from data.database import Database
from data.jobs import JobStore
from tests.browser.browser_world import PATIENCE, Visit, chromium_on_path, queue_content, settled
from tests.serving import Server, until

_MISSING = "No Chromium: `apt-get install chromium`, or `.venv/bin/playwright install chromium`"
# WebGL drawn by the processor; nothing but the page itself is asked for over the network.
_ARGUMENTS = (
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-background-networking",
)
_PREPARED_SECONDS = 300

NewVisit = Callable[..., Visit]
_visits = pytest.StashKey[list[Visit]]()
_PLAIN = {ord(sign): "-" for sign in " /[],"}


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        expect.set_options(timeout=PATIENCE)
        yield started


@pytest.fixture(scope="package")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    own = playwright.chromium.executable_path
    path = chromium_on_path() or (own if Path(own).exists() else None)
    if path is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(_MISSING)
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    browser = playwright.chromium.launch(executable_path=path, args=[*_ARGUMENTS, *sandbox])
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def server(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`serve` on a workspace with the digits, two versions of a network and a garden; ready, its engine warm.

    Its pages may add datasets from the folder `open` beside the workspace.
    """
    folder = tmp_path_factory.mktemp("browser")
    wanted = queue_content(folder / "workspace", folder / "garden")
    database = Database(f"sqlite:///{folder / 'workspace' / 'vitrine.db'}")
    started = Server(folder / "workspace", folder / "serve.log", workers=2, sources=str(folder / "open"))
    try:
        until(lambda: settled(JobStore(database), wanted), _PREPARED_SECONDS)
        until(started.healthy, 60)
        yield started
        started.stop()
    finally:
        started.kill()
        database.dispose()


@pytest.fixture
def visits(chromium: Browser, server: Server, request: pytest.FixtureRequest) -> Iterator[NewVisit]:
    """Opens browsers of different people; at the end none of them may have met trouble."""
    opened: list[Visit] = []
    request.node.stash[_visits] = opened

    def begin(**options: Any) -> Visit:
        chosen = {"viewport": {"width": 1280, "height": 860}, "locale": "en-US", "reduced_motion": "reduce", **options}
        visit = Visit(chromium.new_context(**chosen), server.address)
        visit.watch()
        opened.append(visit)
        return visit

    yield begin
    troubles = [trouble for visit in opened for trouble in visit.troubles]
    for visit in opened:
        visit.context.close()
    assert not troubles


@pytest.fixture
def visit(visits: NewVisit) -> Visit:
    return visits()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where a test failed, the report names pictures of what everybody saw at that moment."""
    report = yield
    if report.when == "call" and report.failed:
        pages = [page for visit in item.stash.get(_visits, []) for page in visit.context.pages]
        folder = item.config.rootpath / ".pytest_cache" / "browser"
        for number, page in enumerate(pages):
            picture = folder / f"{item.name.translate(_PLAIN)}-{number}.png"
            page.screenshot(path=picture)
            report.sections.append((f"page {number}", f"{page.url}\n{picture}"))
    return report
