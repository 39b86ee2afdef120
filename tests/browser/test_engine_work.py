"""Work in the background as people see it: started, watched, cancelled, resumed, and gone on with after a crash."""

import fcntl
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from tests.browser.browser_world import FLOWERS, NEW, OLD, Visit
from tests.serving import Server, until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]


def command_line(server: Server, *words: str) -> list[str]:
    return [sys.executable, "-m", "dashboard", "--workspace", str(server.root), *words]


def test_a_projection_is_computed_from_the_page(visit: Visit) -> None:
    page = visit.open(f"/embedding?dataset=digits&model={OLD}")
    expect(page.get_by_text("No projection yet")).to_be_visible()
    page.get_by_role("button", name="Compute PCA").click()
    expect(page.locator(".notice").first).to_contain_text("computes PCA")
    expect(page.locator("#embedding-graph .nsewdrag")).to_be_visible()
    expect(page.locator("#embedding-panel h2")).to_have_text("All 1,797 samples")


def test_a_job_is_watched_cancelled_and_resumed(visit: Visit, server: Server) -> None:
    add = ("model", "add", "slow", "--arch", "torchvision:resnet18", "--weights", "none", "--image-size", "256")
    subprocess.run(
        command_line(server, *add, "--classes", ",".join(FLOWERS)), check=True, capture_output=True, timeout=120
    )
    page = visit.open("/jobs")
    expect(page.locator(".job-card").first).to_be_visible()
    index = command_line(server, "index", "garden", "slow")
    with subprocess.Popen(index, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watching:
        job = page.locator(".job-card").filter(has_text="Indexing").filter(has_text="slow@1").first
        expect(job).to_contain_text(re.compile(r"[1-9]\d* of 300 images"))
        expect(page.locator("#shell-status")).to_contain_text(re.compile(r"Indexing \d+ %"))
        job.get_by_role("button", name=re.compile("^Cancel")).click()
        expect(job).to_contain_text("Cancelled")
        _said, complaint = watching.communicate(timeout=60)
        assert watching.returncode == 1
        assert "cancelled" in complaint.splitlines()[-1]

    job.get_by_role("button", name=re.compile("^Log")).click()
    job.get_by_role("button", name=re.compile("^Resume")).click()
    expect(job).to_contain_text("Running")
    expect(job).to_contain_text("300 samples", timeout=120_000)
    expect(job.locator(".job-log")).to_contain_text("shards are there already")
    page.goto(visit.origin + "/browse?dataset=garden&model=slow@1")
    expect(page.locator(".sample-card .card-confidence").first).to_be_visible()


@contextmanager
def engine_kept_away(server: Server) -> Iterator[None]:
    """Kills the engine and keeps the next one from starting, as a machine without memory would."""
    engine = server.engine()
    with (server.root / "engine.lock").open("rb") as lock:
        os.kill(engine, signal.SIGKILL)
        until(lambda: _shared(lock.fileno()), 10)
        yield


def _shared(descriptor: int) -> bool:
    """Takes a share of the lock: nobody can be the engine then, and nobody seems to be."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def test_pages_outlive_the_engine_and_recover(visit: Visit, server: Server) -> None:
    page = visit.open(f"/sample?dataset=digits&model={NEW}&outcome=wrong")
    shown = page.locator("#sample-a-map")
    expect(shown).to_be_visible()
    expect(page.locator("#sample-neighbours .sample-card").first).to_be_visible()
    state = page.locator("#shell-engine")
    expect(state).to_contain_text("Engine ready")
    with engine_kept_away(server):
        expect(state).to_contain_text("Engine away")
        page.reload()
        expect(shown).to_be_visible()
        page.keyboard.press("f")
        expect(page.locator("#sample-standing")).to_contain_text("Flagged")

        asked = page.locator("#sample-a-bars .bar-row").nth(3)
        asked.click()
        evidence = page.locator("#sample-a-evidence")
        expect(evidence).to_contain_text("The engine does not answer")
        expect(page.get_by_role("button", name="Try again").first).to_be_visible()
        elsewhere_still_works(visit)
    expect(state).to_contain_text("Engine ready")
    expect(shown).to_be_visible()
    expect(evidence).to_contain_text("at layer")
    expect(page.locator("#sample-neighbours .sample-card").first).to_be_visible()


def elsewhere_still_works(visit: Visit) -> None:
    other = visit.open(f"/browse?dataset=digits&model={NEW}&outcome=wrong")
    expect(other.locator(".sample-card").first).to_be_visible()
    other.locator("a", has_text="In embedding space").click()
    expect(other.locator("#embedding-graph .nsewdrag")).to_be_visible()
    other.get_by_role("link", name="Try", exact=True).click()
    other.locator(".example").first.click()
    expect(other.locator("#try-evidence")).to_contain_text("The engine does not answer")
    other.close()
