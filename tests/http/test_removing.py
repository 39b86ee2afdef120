"""Removing a dataset over HTTP: what goes is said first, and nothing goes unasked."""

from typing import Any

STATE = {"dataset": "garden"}


def ask(site: Any, button: str, clicks: int | None = 1) -> Any:
    values = {f"{button}.n_clicks": clicks, "datasets-state.data": STATE}
    return site.ask("datasets-modal.is_open", values, f"{button}.n_clicks")


def remove(site: Any, clicks: int | None = 1, **state: Any) -> str:
    values = {"datasets-remove-yes.n_clicks": clicks, "datasets-state.data": {**STATE, **state}}
    answer = site.post("datasets-removed.data", values, "datasets-remove-yes.n_clicks")
    return str(answer.get_data(as_text=True)).replace("\\u002f", "/")


def test_what_goes_is_told_before_anything_does(site: Any) -> None:
    asked = ask(site, "datasets-remove")
    assert asked["datasets-modal"]["is_open"] is True
    told = str(asked["datasets-remove-text"])
    assert "the table of 36 samples" in told
    assert "2 runs with their predictions: " in told
    assert "net@1" in told
    assert "MB on the disk" in told
    assert ask(site, "datasets-keep")["datasets-modal"]["is_open"] is False
    assert site.services.datasets.get("garden")


def test_no_click_removes_nothing(site: Any) -> None:
    remove(site, clicks=None)
    assert ask(site, "datasets-remove", clicks=None)["datasets-modal"]["is_open"] is False
    assert site.services.datasets.get("garden")


def test_a_dataset_goes_with_its_runs(fresh_site: Any) -> None:
    answer = remove(fresh_site)
    assert "garden is removed" in answer
    assert '"shell-go":{"data":"/datasets"}' in answer
    assert fresh_site.services.datasets.list() == []
    assert fresh_site.services.runs.list() == []
    assert not fresh_site.services.workspace.dataset("garden").exists()
    assert "does not exist" in remove(fresh_site)


def test_a_dataset_at_work_stays(fresh_site: Any) -> None:
    fresh_site.services.jobs.submit("index", {"dataset": "garden", "model": "net@1"}, "ana")
    assert "cannot be removed: job 1" in remove(fresh_site)
    assert fresh_site.services.datasets.get("garden")


def test_no_path_is_removed(fresh_site: Any) -> None:
    for name in ("../models", "/etc", ".", "gar/den"):
        assert "not allowed" in remove(fresh_site, dataset=name)
    assert fresh_site.services.datasets.get("garden")
