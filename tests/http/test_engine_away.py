"""The site while no engine runs: what is cached is shown, what is not says so, and jobs wait."""

import io
import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from data.explanations import Explanation, ExplanationRequest
from data.samples import View
from data.types import JobState
from inference.catalogue import EXPLANATION_CACHE, explanation_key
from inference.client import EngineClient

HERE = {"dataset": "garden", "model": "net@2"}
SAMPLE = "test/iris/0.png"


@pytest.fixture
def away(fresh_site: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A site without an engine. One explanation is cached: why net@2 sees an iris in the first one."""
    monkeypatch.setattr("inference.client._GRACE", 0.0)
    assert isinstance(fresh_site.services.engine, EngineClient)
    _keep_explanation(fresh_site, "iris")
    return fresh_site


def _keep_explanation(site: Any, target: str) -> str:
    services = site.services
    version = services.models.get("net", 2)
    view = View(services.datasets.get("garden"))
    (digest,) = [
        found.sample.digest for found in services.samples.rows(view, range(36)) if found.sample.sample_id == SAMPLE
    ]
    key = explanation_key(
        version, services.runs.find("garden", "net", 2).classes, digest, ExplanationRequest("gradcam", target)
    )
    explanation = Explanation(key, "gradcam", target, target, 0.9, 0.9, None, "body", (8, 8), {}, {}, 0.01, False)
    values = io.BytesIO()
    np.save(values, np.eye(8, dtype=np.float32))
    services.cache.put(EXPLANATION_CACHE, key, ".npy", values.getvalue())
    services.cache.put(EXPLANATION_CACHE, key, ".json", json.dumps(asdict(explanation)).encode())
    return key


def explained(site: Any, target: str, clicks: int | None = None) -> Any:
    values = {"sample-state.data": {**HERE, "sample": SAMPLE, "target": target}, "sample-a-retry.n_clicks": clicks}
    return site.ask("sample-a-map.data-map", values)


def test_an_explanation_of_before_is_shown_with_its_map(away: Any) -> None:
    shown = explained(away, "iris")
    assert "Grad-CAM for “iris” at layer body" in json.dumps(shown["sample-a-evidence"], ensure_ascii=False)
    assert shown["sample-a-retry"]["hidden"] is True
    assert away.client.get(f"/media/map/{shown['sample-a-map']['data-map']}.f32").status_code == 200


def test_one_that_was_never_computed_says_so_and_is_asked_for_again(away: Any) -> None:
    shown = explained(away, "tulip")
    assert "The engine does not answer" in str(shown["sample-a-evidence"])
    assert (shown["sample-a-map"], shown["sample-a-retry"]["hidden"]) == ({"data-map": "", "hidden": True}, False)
    _keep_explanation(away, "tulip")  # somebody's engine is back and did it
    again = explained(away, "tulip", clicks=1)
    assert again["sample-a-map"]["hidden"] is False
    assert again["sample-a-retry"]["hidden"] is True


def test_the_return_of_the_engine_presses_the_button_that_asks_again(away: Any) -> None:
    dependencies = away.dependencies()
    for button in ("sample-a-retry", "sample-b-retry", "try-retry"):
        (presser,) = [one for one in dependencies if one["output"] == f"{button}.n_clicks"]
        assert [(wanted["id"], wanted["property"]) for wanted in presser["inputs"]] == [("shell-engine", "children")]


def test_the_frame_tells_that_the_engine_is_away(away: Any) -> None:
    state = str(away.ask("shell-status.children", {})["shell-engine"])
    assert "away" in state
    assert "What is computed already still works" in state


@pytest.mark.parametrize(
    ("output", "values", "words"),
    [
        ("browse-gallery.children", {"browse-state.data": HERE}, "/media/thumb/garden/35?v="),
        ("sample-head.children", {"sample-state.data": {**HERE, "sample": SAMPLE}}, "90"),
        (
            "embedding-drawn.data",
            {"embedding-state.data": {**HERE, "projection": "ab" * 16}},
            "scattergl",
        ),
        (
            "compare-result.children",
            {"compare-state.data": {**HERE, "model": "net@1", "other": "net@2", "split": "all"}},
            "91.67 %",
        ),
    ],
    ids=["browse", "sample", "embedding", "compare"],
)
def test_pages_of_what_is_computed_work_as_ever(away: Any, output: str, values: dict[str, Any], words: str) -> None:
    answer = json.dumps(away.ask(output, values), ensure_ascii=False)
    assert words in answer
    assert "engine" not in answer


def test_neighbours_say_what_they_wait_for(away: Any) -> None:
    near = {"sample-subject.data": {"row": 0}, "sample-state.data": HERE}
    assert "The engine does not answer" in str(away.ask("sample-neighbours.children", near))


def test_a_job_that_is_asked_for_meanwhile_waits_in_the_queue(away: Any) -> None:
    button = '{"method":"pca","type":"embedding-compute"}'
    values = {"embedding-state.data": {**HERE, "projection": None}, "shell-person.data": "ada", button: 1}
    away.ask("embedding-message.children", values, f"{button}.n_clicks")
    (job,) = away.services.jobs.list(active=True)
    assert (job.kind, job.state) == ("project", JobState.QUEUED)
    assert "waits" in str(away.ask("jobs-list.children", {"jobs-state.data": {}})["jobs-list"]).lower()
