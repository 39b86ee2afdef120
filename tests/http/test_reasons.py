"""Reasons over HTTP: what is known, what is missing and how to get it, and what goes wrong, in words."""

import json
from typing import Any

import numpy as np
import pytest

from data.errors import EngineUnavailable, InvalidInput
from data.explained import Explained, ExplainedStore
from data.types import Run
from inference.errands import Answer
from inference.explained import differences_key, explained_key, rows_digest, study_key
from inference.measuring import measure
from inference.reasons import keep, rank, ranked_page, study

HERE = {"dataset": "garden", "model": "net@2", "prediction": "iris"}
VERSIONS = {"dataset": "garden", "model": "net@2", "other": "net@1", "view": "versions"}
SAMPLES = 36


def run_of(site: Any, version: int) -> Run:
    found: Run = site.services.runs.find("garden", "net", version)
    return found


def explain(site: Any, version: int) -> tuple[Explained, np.ndarray, np.ndarray]:
    """Explains a run: what it takes for an iris at the lower right corner, all else in the middle."""
    run = run_of(site, version)
    predictions = [row.prediction for row in site.services.samples.rows(view_of(site, run), range(SAMPLES))]
    maps = np.zeros((SAMPLES, 10, 10), np.float32)
    for values, name in zip(maps, predictions, strict=True):
        place = slice(8, 10) if name == "iris" and version == 2 else slice(4, 6)
        values[place, place] = 1
    grids, figures = measure(maps)
    store, key = ExplainedStore(site.services.workspace), explained_key(run, "gradcam")
    store.write_shard(run.id, key, 0, grids, figures)
    return store.finish(Explained(key, run.id, "gradcam", SAMPLES, 10), 1), grids, figures


def view_of(site: Any, run: Run) -> Any:
    from data.samples import View

    return View(site.services.datasets.get("garden"), run)


def irises(site: Any) -> np.ndarray:
    from data.selections import Selection

    return np.sort(site.services.samples.order(view_of(site, run_of(site, 2)), Selection(predictions=("iris",))))


def studied(site: Any) -> str:
    """Keeps what a worker would find out about the irises."""
    explained, grids, figures = explain(site, 2)
    rows = irises(site)
    key = study_key(explained.key, rows_digest(rows))
    keep(site.services.cache, *study(key, [grids], figures, np.arange(SAMPLES), np.isin(np.arange(SAMPLES), rows)))
    return key


def show(site: Any, state: dict[str, Any], **values: Any) -> dict[str, Any]:
    answer: dict[str, Any] = site.ask("reasons-result.children", {"reasons-state.data": state, **values})
    return answer


def text(part: Any) -> str:
    return json.dumps(part, ensure_ascii=False).replace("\u00a0", " ")


@pytest.fixture
def away(fresh_site: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    def absent(*_: Any) -> Answer:
        raise EngineUnavailable("The engine is not running")

    monkeypatch.setattr(fresh_site.services.engine, "ask", absent)
    return fresh_site


def test_the_sentence_the_maps_and_the_samples_are_shown(away: Any) -> None:
    key = studied(away)
    shown = show(away, HERE)
    words = text(shown["reasons-result"])
    assert "100 % of these look at the lower right corner; of the others 0 %." in words
    assert "It may be a shortcut, or just where their object lies" in words  # the garden has no masks
    assert f"/media/reason/{key}/0.png?with=2" in words
    assert f"/media/reason/{key}/4.png" in words
    assert "/sample?dataset=garden&method=gradcam&model=net@2&prediction=iris&sample=" in words
    assert shown["reasons-clock"]["disabled"] is True
    assert "predicted: iris" in text(shown["reasons-chips"])
    assert "view=versions" in text(shown["reasons-views"])


def test_centred_maps_are_others(away: Any) -> None:
    key = studied(away)
    assert f"/media/reason/{key}/1.png?with=3" in text(show(away, {**HERE, "align": "centred"}))


def test_pictures_are_drawn_from_the_cache_and_kept_for_ever(away: Any) -> None:
    key = studied(away)
    for address in (f"{key}/0.png?with=2", f"{key}/4.png", f"{key}/0.png?signed=1"):
        picture = away.client.get(f"/media/reason/{address}")
        assert picture.status_code == 200, address
        assert picture.data.startswith(b"\x89PNG")
        assert "immutable" in picture.headers["Cache-Control"]


@pytest.mark.parametrize("address", ["zz/0.png", f"{'ab' * 16}/0.png", "KEY/99.png", "KEY/0.png?with=99", "mean/0.png"])
def test_pictures_that_are_not_there_are_not_found(away: Any, address: str) -> None:
    assert away.client.get(f"/media/reason/{address.replace('KEY', studied(away))}").status_code == 404


def test_what_was_drawn_is_not_drawn_again(away: Any) -> None:
    studied(away)
    drawn = show(away, HERE)["reasons-drawn"]["data"]
    again = show(away, HERE, **{"reasons-drawn.data": drawn})
    assert "reasons-result" not in again


def test_without_an_engine_the_page_waits_for_it(away: Any) -> None:
    shown = show(away, HERE)
    assert "The engine does not answer" in text(shown["reasons-message"])
    assert shown["reasons-clock"]["disabled"] is False


def test_a_task_under_way_is_shown_and_asked_for_again(fresh_site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def ask(task: str, payload: Any) -> Answer:
        asked.append((task, payload))
        return Answer(done=False, share=0.25)

    monkeypatch.setattr(fresh_site.services.engine, "ask", ask)
    shown = show(fresh_site, HERE)
    assert "25" in text(shown["reasons-message"])
    assert shown["reasons-clock"]["disabled"] is False
    ((task, payload),) = asked
    assert task == "study_reasons"
    assert payload["selection"] == {"prediction": ["iris"]}
    assert len(json.dumps(payload)) < 400  # the engine finds the rows by itself


def test_what_cannot_be_computed_is_said_once(fresh_site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Answer:
        raise InvalidInput("gradcam needs a layer with a grid of features")

    monkeypatch.setattr(fresh_site.services.engine, "ask", refuse)
    shown = show(fresh_site, HERE)
    assert "gradcam needs a layer" in text(shown["reasons-result"])
    assert shown["reasons-clock"]["disabled"] is True


def test_many_samples_need_a_job_which_a_button_starts(away: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callbacks.reasons.AT_ONCE", 4)
    shown = show(away, HERE)
    assert "Not explained yet" in text(shown["reasons-message"])
    assert "Explain all 36 samples" in text(shown["reasons-message"])
    assert f"Only these {len(irises(away))}" in text(shown["reasons-message"])
    button = json.dumps({"model": "net@2", "scope": "these", "type": "reasons-start"}, separators=(",", ":"))
    started = away.ask(
        "reasons-result.children",
        {"reasons-state.data": HERE, button: 1, "shell-person.data": "ada"},
        f"{button}.n_clicks",
    )
    (job,) = away.services.jobs.list()
    assert (job.kind, job.owner, job.parameters["method"]) == ("explain", "ada", "gradcam")
    assert job.parameters["rows"] == irises(away).tolist()
    assert "Explaining" in text(started["reasons-message"])
    assert started["reasons-clock"]["disabled"] is False
    away.services.jobs.claim()
    away.services.jobs.fail(job.id, "the network has no grid")
    assert "the network has no grid" in text(show(away, HERE)["reasons-message"])


def test_an_empty_selection_says_so(away: Any) -> None:
    words = text(show(away, {**HERE, "text": "no such thing"})["reasons-result"])
    assert "No sample matches" in words
    assert "Clear all filters" in words


def test_two_versions_are_needed(away: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    both = text(show(away, VERSIONS)["reasons-message"])
    assert "Explain net@2" in both
    assert "Explain net@1" in both
    explain(away, 2)
    one = text(show(away, VERSIONS)["reasons-message"])
    assert "Explain net@1" in one
    assert "Explain net@2" not in one


def test_differences_are_ranked_with_both_maps(away: Any) -> None:
    (a, grids_a, _), (b, grids_b, _) = explain(away, 2), explain(away, 1)
    key = differences_key(a.key, b.key, rows_digest(np.arange(SAMPLES)))
    codes = np.arange(SAMPLES) % 3
    apart = rank([grids_a], [grids_b])
    names = run_of(away, 2).classes
    keep(away.services.cache, *ranked_page(key, [grids_a], [grids_b], apart, codes, names, slice(0, 12)))
    shown = show(away, VERSIONS)
    words = text(shown["reasons-result"])
    assert "On 36 of 36 samples both versions give the same class" in words
    assert "100 % apart" in words
    assert f"/media/reason/{key}/2.png?signed=1" in words
    assert "other=net@1" in words
    assert "prediction=iris" in words  # a class narrows the ranking
    assert "page=3" in words
    assert away.client.get(f"/media/reason/{key}/2.png?signed=1").status_code == 200


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "tea leaves"}, "tea leaves"),
        ({"other": "net@2"}, "net@2 is the version itself"),
        ({"dataset": "nowhere"}, "nowhere"),
    ],
)
def test_an_address_that_makes_no_sense_is_answered_in_words(away: Any, changes: dict[str, str], words: str) -> None:
    assert words in text(show(away, {**VERSIONS, **changes}))


def test_a_version_that_was_not_applied_says_how(away: Any) -> None:
    away.services.models.add(
        "fresh", 1, **{name: getattr(away.services.models.get("net", 1), name) for name in FIELDS}, digest="f" * 64
    )
    assert "index garden fresh@1" in text(show(away, {"dataset": "garden", "model": "fresh@1"})["reasons-result"])


FIELDS = (
    *("arch", "classes", "outputs", "parameters", "preprocessing", "embedding_dim", "embedding_layer"),
    *("explain_layer", "parent", "notes"),
)


def test_the_pickers_offer_methods_and_versions(site: Any) -> None:
    offered = site.ask(
        "reasons-method.options", {"reasons-controls.id": "reasons-controls", "reasons-state.data": HERE}
    )
    assert offered["reasons-method"]["value"] == "gradcam"
    assert offered["reasons-other"] == {"options": ["net@1"], "value": "net@1"}


def test_other_pages_lead_here(site: Any) -> None:
    embedding = text(site.ask("embedding-panel.children", {"embedding-state.data": HERE}))
    assert "/reasons?dataset=garden&model=net@2&prediction=iris" in embedding
    browse = text(site.ask("browse-links.children", {"browse-state.data": HERE}))
    assert "/reasons?dataset=garden&model=net@2&prediction=iris" in browse
    compared = {"dataset": "garden", "model": "net@1", "other": "net@2", "split": "all"}
    compare = text(site.ask("compare-result.children", {"compare-state.data": compared}))
    assert "/reasons?compared=both_right&dataset=garden&model=net@1&other=net@2&view=versions" in compare
