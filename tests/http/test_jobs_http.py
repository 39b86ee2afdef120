"""The jobs page over HTTP."""

from typing import Any

import pytest

from data.types import JobState


@pytest.fixture
def busy(fresh_site: Any) -> Any:
    """A failed, a running and a waiting job."""
    jobs = fresh_site.services.jobs
    failed = jobs.submit("index", {"dataset": "garden", "model": "net@1"}, "ana")
    jobs.claim()
    jobs.fail(failed.id, "out of <memory>")
    running = jobs.submit("index", {"dataset": "garden", "model": "net@2"}, "bo")
    jobs.claim()
    jobs.progress(running.id, 9, 36, "images", rate=3.0)
    jobs.log(running.id, "Shard 0 done")
    jobs.submit("project", {"dataset": "garden", "model": "net@2", "method": "pca"}, "bo", after=running.id)
    return fresh_site


def show(site: Any, **state: Any) -> dict[str, Any]:
    answer: dict[str, Any] = site.ask("jobs-list.children", {"jobs-state.data": state})
    return answer


def act(site: Any, kind: str, job: int) -> str:
    values = {"jobs-action.data": {"kind": kind, "job": job}}
    return str(site.post("jobs-changed.data", values, "jobs-action.data").get_data(as_text=True))


def test_the_list_tells_state_progress_and_reason(busy: Any) -> None:
    shown = show(busy)
    listed = str(shown["jobs-list"])
    assert "9 of 36 images (25 %)" in listed
    assert "about 9 s left" in listed
    assert "out of <memory>" in listed
    assert "waits for job 2" in listed
    assert listed.index("Job 3") < listed.index("Job 2") < listed.index("Job 1")
    assert shown["jobs-clock"]["interval"] == 1000


def test_the_list_is_drawn_anew_only_when_a_state_changes(busy: Any) -> None:
    drawn = show(busy)["jobs-drawn"]["data"]
    values = {"jobs-state.data": {}, "jobs-drawn.data": drawn}
    busy.services.jobs.progress(2, 18, 36, "images", rate=3.0)
    assert busy.ask("jobs-list.children", values) == {}
    busy.services.jobs.cancel(2)
    assert "jobs-list" in busy.ask("jobs-list.children", values)


def test_the_log_is_shown_for_the_job_in_the_address(busy: Any) -> None:
    assert "Shard 0 done" in str(show(busy, job="2"))
    assert "Shard 0 done" not in str(show(busy, job="1"))
    for nonsense in ("99", "x", "-1"):
        assert "Job 3" in str(show(busy, job=nonsense))


def test_cancel_and_resume_reach_the_queue(busy: Any) -> None:
    assert "was cancelled" in act(busy, "cancel", 2)
    assert busy.services.jobs.get(2).state is JobState.CANCELLED
    assert "goes on" in act(busy, "resume", 1)
    assert busy.services.jobs.get(1).state is JobState.QUEUED


def test_what_cannot_be_done_is_said(busy: Any) -> None:
    assert "cannot be cancelled" in act(busy, "cancel", 1)
    assert "cannot be resumed" in act(busy, "resume", 2)
    assert "does not exist" in act(busy, "cancel", 77)


def test_an_empty_queue_says_how_to_begin_and_looks_less_often(site: Any) -> None:
    shown = show(site)
    assert "No job yet" in str(shown["jobs-list"])
    assert shown["jobs-clock"]["interval"] > 1000


def test_the_page_works_in_an_empty_workspace(empty_site: Any) -> None:
    assert "jobs-list" in empty_site.page("/jobs")
    assert "feedback-grid" in empty_site.page("/feedback")
    assert "This workspace is empty" in empty_site.page("/sample")
