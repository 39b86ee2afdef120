"""Adding a dataset over HTTP: every step is an address, and no request reaches a file that nobody opened."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from dashboard.app import create_app
from dashboard.services import build_services
from dashboard.settings import Settings
from data.errors import Cancelled, EngineUnavailable
from data.roots import SourceRoots
from data.sources import open_source
from data.sources.preview import preview
from data.types import JobState
from tests.http.conftest import Site, _close, _garden


@pytest.fixture
def open_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A site whose operator opened `open`, with the garden in it; beside it lies `secret`. Previews need no engine."""
    _garden(tmp_path / "open" / "garden")
    _garden(tmp_path / "secret" / "garden")
    (tmp_path / "open" / "out").symlink_to(tmp_path / "secret")
    (tmp_path / "open" / "notes.txt").write_text("x")
    settings = Settings(workspace=tmp_path / "workspace", sources=f"{tmp_path / 'open'}:{tmp_path / 'away'}")
    services = build_services(settings)

    def call(task: str, payload: dict[str, Any], _timeout: float, _wanted: Any) -> Any:
        assert task == "preview_source"
        return preview(open_source(payload["source"]))

    monkeypatch.setattr(services.engine, "call", call)
    yield Site(services, create_app(settings, services).server.test_client())
    _close(services)


def step(site: Any, **state: Any) -> str:
    return str(site.ask("datasets-step.children", {"datasets-state.data": state}))


def look(site: Any, **state: Any) -> dict[str, Any]:
    answer: dict[str, Any] = site.ask("datasets-preview.children", {"datasets-state.data": state})
    return answer


def plain(answer: Any) -> str:
    """A callback's answer as text; Dash escapes slashes."""
    return str(answer.get_data(as_text=True)).replace("\\u002f", "/")


def submit(site: Any, name: str, **state: Any) -> str:
    values = {"datasets-name.value": name, "datasets-state.data": state, "datasets-add.n_clicks": 1}
    values["shell-person.data"] = "ana"
    answer = site.post("datasets-submitted.data", values, "datasets-add.n_clicks")
    assert answer.status_code in {200, 204}
    return plain(answer)


def watch(site: Any, job: str, ticks: int | None = 1) -> str:
    values = {"datasets-state.data": {"add": "watch", "job": job}, "datasets-clock.n_intervals": ticks}
    return plain(site.post("datasets-progress.children", values, "datasets-clock.n_intervals"))


def test_without_folders_the_page_says_how_to_open_some(site: Any) -> None:
    shown = step(site, add="choose")
    assert "VITRINE_SOURCES=" in shown
    assert "dataset add NAME --source imagefolder:PATH" in shown
    assert "/datasets?add=preview&source=shapes" in shown


def test_the_wizard_opens_in_an_empty_workspace(empty_site: Any) -> None:
    assert '"datasets-wizard"' in json.dumps(empty_site.page("/datasets", "?add=choose")).replace("\\", "")
    assert "Built in" in step(empty_site, add="choose")
    assert "Built in" in step(empty_site, add="a step that there is not")


def test_folders_are_walked_by_number_and_relative_path(open_site: Any) -> None:
    assert "/datasets?add=choose&root=1" in step(open_site, add="choose")
    top = step(open_site, add="choose", root="0")
    assert "/datasets?add=choose&path=garden&root=0" in top
    assert "/datasets?add=preview&path=garden&root=0" in top
    assert "1 file besides" in top
    assert "secret" not in top
    assert "'out'" not in top
    assert "/datasets?add=preview&path=garden/test&root=0" in step(open_site, add="choose", root="0", path="garden")


def test_a_preview_shows_pictures_counts_and_a_free_name(open_site: Any) -> None:
    shown = look(open_site, add="preview", root="0", path="garden")
    assert str(shown["datasets-preview"]).count("data:image/webp;base64,") == 24
    assert "test 12, train 24" in str(shown["datasets-preview"])
    assert shown["datasets-form"]["hidden"] is False
    assert shown["datasets-name"]["value"] == "garden"
    assert "shapes" in str(look(open_site, add="preview", source="shapes")["datasets-preview"])


OUTSIDE = [
    "..",
    "../secret/garden",
    "garden/../../secret/garden",
    "/etc",
    "out",
    "out/garden",
    "garden\0",
    "a" * 5000,
    "~root",
    "..\\secret",
    "%2e%2e/secret",
    "file:///etc",
]


@pytest.mark.parametrize("path", OUTSIDE)
def test_nothing_outside_is_listed_shown_or_added(open_site: Any, path: str) -> None:
    assert "choose from the list" in step(open_site, add="choose", root="0", path=path)
    shown = look(open_site, add="preview", root="0", path=path)
    assert "choose from the list" in str(shown["datasets-preview"])
    assert shown["datasets-form"]["hidden"] is True
    assert "choose from the list" in submit(open_site, "mine", add="preview", root="0", path=path)
    assert open_site.services.jobs.list() == []


@pytest.mark.parametrize("path", OUTSIDE)
def test_an_address_that_leads_out_is_only_a_page(open_site: Any, path: str) -> None:
    page = open_site.page("/datasets", f"?add=preview&root=0&path={quote(path)}")
    assert "datasets-preview" in page


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({"root": "-1", "path": "garden"}, "names no source"),
        ({"root": "7", "path": "garden"}, "no source folder 7"),
        ({"root": "99999", "path": "garden"}, "names no source"),
        ({"root": "x"}, "names no source"),
        ({}, "names no source"),
        ({"source": "imagefolder:/etc"}, "allowed: digits, shapes"),
        ({"source": "csv:/etc/passwd", "root": "0", "path": "garden"}, "allowed: digits, shapes"),
        ({"root": "0", "path": "notes.txt"}, "is no source; choose a folder"),
        ({"root": "1", "path": ""}, "choose from the list"),
        ({"root": ["0", "1"], "path": ["../secret", "garden"]}, "choose from the list"),
    ],
)
def test_what_names_no_open_source_is_refused(open_site: Any, state: dict[str, Any], reason: str) -> None:
    assert reason in str(look(open_site, add="preview", **state)["datasets-preview"])
    assert reason in submit(open_site, "mine", add="preview", **state)
    assert open_site.services.jobs.list() == []


def test_adding_is_a_job_of_the_person(open_site: Any, tmp_path: Path) -> None:
    answer = submit(open_site, " mine ", add="preview", root="0", path="garden")
    (job,) = open_site.services.jobs.list()
    source = f"imagefolder:{tmp_path / 'open' / 'garden'}"
    assert (job.kind, job.owner) == ("add", "ana")
    assert job.parameters == {"name": "mine", "source": source, "confined": True}
    assert f"/datasets?add=watch&job={job.id}" in answer


@pytest.mark.parametrize(("name", "reason"), [("", "not allowed"), ("../x", "not allowed"), ("garden", "already")])
def test_a_name_must_be_free_and_plain(open_site: Any, tmp_path: Path, name: str, reason: str) -> None:
    open_site.services.datasets.add("garden", open_source(f"imagefolder:{tmp_path / 'open' / 'garden'}"))
    assert reason in submit(open_site, name, add="preview", root="0", path="garden")
    assert open_site.services.jobs.list() == []
    assert look(open_site, add="preview", root="0", path="garden")["datasets-name"]["value"] == "garden-2"


def test_progress_is_watched_and_the_dataset_opens(fresh_site: Any) -> None:
    jobs = fresh_site.services.jobs
    job = jobs.submit("add", {"name": "garden", "source": "digits"}, "ana")
    jobs.claim()
    jobs.progress(job.id, 9, 36, "files")
    running = watch(fresh_site, str(job.id))
    assert "9 of 36 files" in running
    assert '"datasets-clock":{"disabled":false}' in running
    jobs.finish(job.id, {"dataset": "garden", "samples": 36, "quarantined": 2})
    done = watch(fresh_site, str(job.id))
    assert "garden is added" in done
    assert "2 set aside" in done
    assert '"datasets-clock":{"disabled":true}' in done
    assert '"shell-go":{"data":"/browse?dataset=garden"}' in done


def test_a_failure_is_told_in_its_own_words(fresh_site: Any) -> None:
    jobs = fresh_site.services.jobs
    job = jobs.submit("add", {"name": "garden", "source": "digits"}, "ana")
    jobs.claim()
    jobs.fail(job.id, "no readable <image>")
    shown = watch(fresh_site, str(job.id))
    assert "garden could not be added" in shown
    assert "no readable <image>" in str(json.loads(shown))
    assert "Choose again" in shown


def test_cancel_reaches_the_queue(fresh_site: Any) -> None:
    job = fresh_site.services.jobs.submit("add", {"name": "mine", "source": "digits"}, "ana")
    values = {"datasets-cancel.n_clicks": 1, "datasets-state.data": {"add": "watch", "job": str(job.id)}}
    answer = fresh_site.post("datasets-cancelled.data", values, "datasets-cancel.n_clicks")
    assert "was cancelled" in answer.get_data(as_text=True)
    assert fresh_site.services.jobs.get(job.id).state is JobState.CANCELLED
    assert "Adding mine was cancelled" in watch(fresh_site, str(job.id))


def test_a_preview_that_takes_long_is_given_up(open_site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    given_up: list[str] = []
    monkeypatch.setattr(open_site.services.engine.tickets, "give_up", given_up.append)
    state = {"add": "preview", "root": "0", "path": "deep/garden"}
    values = {"datasets-stop.n_clicks": 1, "datasets-ticket.data": "mine", "datasets-state.data": state}
    answer = plain(open_site.post("datasets-stopped.data", values, "datasets-stop.n_clicks"))
    assert given_up == ["mine"]
    assert "/datasets?add=choose&path=deep&root=0" in answer

    def left(*_arguments: Any) -> Any:
        raise Cancelled("Nobody waits")

    monkeypatch.setattr(open_site.services.engine, "call", left)
    shown = look(open_site, add="preview", root="0", path="garden")
    assert shown["datasets-preview"]["children"] is None
    assert shown["datasets-form"]["hidden"] is True


def test_every_page_has_a_ticket_of_its_own(open_site: Any) -> None:
    pattern = r'"data":\s*"([0-9a-f]{32})"'
    first, second = (re.findall(pattern, open_site.page("/datasets", "?add=preview")) for _time in range(2))
    assert first
    assert first != second


@pytest.mark.parametrize("job", ["", "77", "x", "-1", "9" * 30])
def test_a_job_that_is_none_is_said(site: Any, job: str) -> None:
    assert "This cannot be shown" in watch(site, job)


def test_an_engine_that_is_away_is_said_with_a_way_on(open_site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_arguments: Any) -> Any:
        raise EngineUnavailable("The engine is not running")

    monkeypatch.setattr(open_site.services.engine, "call", away)
    shown = look(open_site, add="preview", root="0", path="garden")
    assert "The engine is not running" in str(shown["datasets-preview"])
    assert "/datasets?add=preview&path=garden&root=0" in str(shown["datasets-preview"])
    assert shown["datasets-form"]["hidden"] is True


def test_settings_name_the_folders(open_site: Any, tmp_path: Path) -> None:
    roots: SourceRoots = open_site.services.roots
    assert roots.roots == (tmp_path / "open", tmp_path / "away")
