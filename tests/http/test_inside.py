"""The Inside page over HTTP: what is asked of the engine, and what is shown of what it found."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from data.errors import EngineUnavailable
from data.inspections import open_inspection
from data.types import Architecture, JobState, LayerSummary
from data.visualisations import VisualisationRequest
from inference.catalogue import ARCHITECTURE_CACHE, EXPLANATION_CACHE, architecture_key
from inference.client import Answer
from inference.visualisation.keys import (
    EVIDENCE_CACHE,
    VISUALISATION_CACHE,
    ablation_key,
    evidence_key,
    visualisation_key,
)
from inference.visualisation.summary import inspection_key, summarise

HERE = {"dataset": "garden", "model": "net@2", "layer": "body"}
UNITS, SAMPLES = 5, 36
PNG = b"\x89PNG\r\n\x1a\n"


class Engine:
    """An engine that remembers what it was asked, and answers that it is at it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.left: list[str] = []
        self.away = False

    def ask(self, task: str, payload: Mapping[str, Any]) -> Answer:
        if self.away:
            raise EngineUnavailable("The engine is not running")
        self.asked.append((task, payload))
        return Answer(False, share=0.25)

    def leave(self, task: str, payload: Mapping[str, Any]) -> None:
        self.left.append(task)

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def engine(fresh_site: Any) -> Engine:
    """In place of the site's own; the layers of net@2 are known: a body with a grid of units, and a head."""
    fake, services = Engine(), fresh_site.services
    services.engine.close()
    object.__setattr__(services, "engine", fake)
    version = services.models.get("net", 2)
    layers = (
        LayerSummary("body", "Conv2d", (UNITS, 4, 4), 9, 0),
        LayerSummary("pool", "Lambda", (), 0, 0),
        LayerSummary("head", "Linear", (3,), 3, 0),
    )
    content = json.dumps(asdict(Architecture(layers, 3))).encode()
    services.cache.put(ARCHITECTURE_CACHE, architecture_key(version), ".json", content)
    return fake


def inspected(site: Any) -> None:
    """Unit 4 is dead, unit 1 answers to the rows from 0 up less and less; all look at the cell in row 1, column 2."""
    services = site.services
    version, run = services.models.get("net", 2), services.runs.find("garden", "net", 2)
    opened = open_inspection(services.workspace, run.id, inspection_key(version, "body"))
    answers = np.zeros((SAMPLES, UNITS), np.float32)
    answers[:, 0] = np.arange(SAMPLES) % 7
    answers[:, 1] = np.arange(SAMPLES, 0, -1)
    answers[:, 2] = 1 + np.arange(SAMPLES) % 2
    answers[:, 3] = np.arange(SAMPLES, 0, -1) ** 2 / SAMPLES
    opened.write_shard(0, answers, answers / 2, np.full(answers.shape, 6))
    labels = np.repeat(np.arange(3), SAMPLES // 3)
    summary, histograms = summarise(lambda: opened.blocks(1), labels, 3)
    opened.finish(1, answers.shape, histograms, {**summary, "grid": np.array([4, 4], np.int32)})


def wall(site: Any, changed: str = "inside-state.data", **state: str) -> dict[str, Any]:
    values = {"inside-state.data": {**HERE, **state}, "inside-inspect.n_clicks": 1}
    answer: dict[str, Any] = site.ask("inside-wall.children", values, changed)
    return answer


def vision(site: Any, changed: str = "inside-state.data", **state: str) -> dict[str, Any]:
    answer: dict[str, Any] = site.ask("inside-picture.src", {"inside-state.data": {**HERE, **state}}, changed)
    return answer


def text(part: Any) -> str:
    return json.dumps(part, ensure_ascii=False)


def test_layers_that_have_units_are_offered(fresh_site: Any, engine: Engine) -> None:
    answer = fresh_site.ask("inside-layer.options", {"inside-state.data": {"dataset": "garden", "model": "net@2"}})
    assert [option["value"] for option in answer["inside-layer"]["options"]] == ["body", "head"]
    assert answer["inside-layer"]["value"] == "body"  # where the version is explained
    assert answer["inside-body"]["hidden"] is False


def test_a_layer_is_inspected_as_a_job_that_the_page_follows(fresh_site: Any, engine: Engine) -> None:
    before = wall(fresh_site)
    assert before["inside-inspect"]["hidden"] is False
    assert "Inspect this layer to see" in text(before["inside-standing"])
    assert text(before["inside-wall"]).count("unit-card") == UNITS
    begun = wall(fresh_site, "inside-inspect.n_clicks")
    (job,) = fresh_site.services.jobs.list(active=True)
    assert (job.kind, job.parameters, job.state) == ("inspect", HERE, JobState.QUEUED)
    assert (begun["inside-inspect"]["hidden"], begun["inside-wall-clock"]["disabled"]) == (True, False)
    assert f"Job {job.id} inspects this layer" in text(begun["inside-standing"])
    fresh_site.services.jobs.claim()
    fresh_site.services.jobs.fail(job.id, "no room")
    failed = wall(fresh_site)
    assert "no room" in text(failed["inside-standing"])
    assert failed["inside-inspect"]["hidden"] is False


def test_the_wall_shows_the_best_sample_where_the_unit_looks(fresh_site: Any, engine: Engine) -> None:
    inspected(fresh_site)
    shown = wall(fresh_site, unit="3")
    listed = text(shown["inside-wall"])
    assert [listed.index(f'"Unit {unit}"') for unit in (1, 3, 0, 2, 4)] == sorted(
        listed.index(f'"Unit {unit}"') for unit in range(UNITS)
    )
    assert '"--x": "62%", "--y": "38%"' in listed
    assert "/media/input/net/2/garden/0.png" in listed
    assert listed.count('"aria-current": "true"') == 1
    assert "5 units · 36 samples · 1 dead · 3 always on" in text(shown["inside-standing"])
    assert shown["inside-wall-clock"]["disabled"] is True
    dead = text(wall(fresh_site, show="dead")["inside-wall"])
    assert '"Unit 4"' in dead
    assert '"Unit 1"' not in dead
    assert not engine.asked


def test_optimised_pictures_are_drawn_when_asked_for(fresh_site: Any, engine: Engine) -> None:
    inspected(fresh_site)
    shown = wall(fresh_site, pictures="optimised")
    ((task, payload),) = engine.asked
    assert task == "visualise"
    assert [request["unit"] for request in payload["requests"]] == [1, 3, 0, 2, 4]
    assert shown["inside-wall-clock"]["disabled"] is False
    services = fresh_site.services
    version, dataset = services.models.get("net", 2), services.datasets.get("garden")
    for given in payload["requests"]:
        key = visualisation_key(version, dataset, VisualisationRequest.of(given))
        keep(fresh_site, key, done=True)
    again = wall(fresh_site, "inside-wall-clock.n_intervals", pictures="optimised")
    assert text(again["inside-wall"]).count("/media/vision/") == UNITS
    assert again["inside-wall-clock"]["disabled"] is True
    assert len(engine.asked) == 1


def keep(site: Any, key: str, done: bool, **more: Any) -> None:
    facts = {"done": done, "step": 2, "curve": [1.0, 3.0], "values": [72.0] if done else [], "converged": False, **more}
    site.services.cache.put(VISUALISATION_CACHE, key, ".png", PNG)
    site.services.cache.put(VISUALISATION_CACHE, key, ".json", json.dumps(facts).encode())


def test_an_image_is_seen_forming_and_can_be_stopped(fresh_site: Any, engine: Engine) -> None:
    inspected(fresh_site)
    services = fresh_site.services
    begun = vision(fresh_site, unit="1", seed="7")
    ((_task, payload),) = engine.asked
    assert payload["requests"][0]["seed"] == 7
    assert begun["inside-vision-clock"]["disabled"] is False
    assert begun["inside-cancel"]["hidden"] is False
    request = VisualisationRequest.of({"layer": "body", "unit": 1, "seed": 7})
    key = visualisation_key(services.models.get("net", 2), services.datasets.get("garden"), request)
    keep(fresh_site, key, done=False)
    forming = vision(fresh_site, "inside-vision-clock.n_intervals", unit="1", seed="7")
    assert forming["inside-picture"]["src"] == f"/media/vision/{key}.png?step=2"
    assert "Step 2 of 192" in text(forming["inside-progress"])
    assert "best sample" in text(forming["inside-curve"])
    assert forming["inside-recipe"]["hidden"] is True
    stopped = vision(fresh_site, "inside-cancel.n_clicks", unit="1", seed="7")
    assert engine.left == ["visualise"]
    assert "Stopped at step 2" in text(stopped["inside-progress"])
    assert stopped["inside-vision-clock"]["disabled"] is True
    assert stopped["inside-again"]["hidden"] is False
    keep(fresh_site, key, done=True)
    done = vision(fresh_site, unit="1", seed="7")
    assert "72, 2.0 × the best sample" in text(done["inside-progress"])
    assert fresh_site.client.get(done["inside-recipe"]["href"]).get_json()["step"] == 2
    picture = fresh_site.client.get(done["inside-picture"]["src"])
    assert "immutable" in picture.headers["Cache-Control"]
    assert "immutable" not in fresh_site.client.get(forming["inside-picture"]["src"]).headers["Cache-Control"]
    assert fresh_site.client.get(f"/media/vision/{'0' * 32}.png").status_code == 404


def test_without_an_engine_the_page_says_so_and_shows_what_is_known(fresh_site: Any, engine: Engine) -> None:
    inspected(fresh_site)
    engine.away = True
    shown = vision(fresh_site, unit="1")
    assert "The engine is not running" in text(shown["inside-progress"])
    assert shown["inside-again"]["hidden"] is False
    evidence = fresh_site.ask("inside-evidence.children", {"inside-state.data": {**HERE, "unit": "1"}})
    assert "The engine is not running" in text(evidence["inside-evidence"])
    assert "/media/input/net/2/garden/0.png" in text(evidence["inside-evidence"])


def test_a_dossier_tells_facts_classes_and_relatives(fresh_site: Any, engine: Engine) -> None:
    inspected(fresh_site)
    answer = fresh_site.ask("inside-head.children", {"inside-state.data": {**HERE, "unit": "1"}})
    head = text(answer["inside-head"])
    assert "<b>rose (1.00)" in head  # the first third of the samples
    assert '"data-shortcut": "ArrowRight"' in head
    dossier = text(answer["inside-dossier"])
    assert '"data-unit": "3"' in dossier
    assert "&lt;b&gt;rose" in dossier  # in the plot, where some HTML would be read
    assert answer["inside-ablation-box"]["hidden"] is False
    dead = fresh_site.ask("inside-head.children", {"inside-state.data": {**HERE, "unit": "4"}})
    assert "Dead: no sample" in text(dead["inside-head"])
    beyond = fresh_site.ask("inside-head.children", {"inside-state.data": {**HERE, "unit": "9"}})
    assert "There is no unit 9; the layer has 5." in text(beyond["inside-head"])


def test_samples_get_their_maps_and_classes_their_pushes(fresh_site: Any, engine: Engine) -> None:
    inspected(fresh_site)
    state = {"inside-state.data": {**HERE, "unit": "1"}}
    pending = fresh_site.ask("inside-evidence.children", state)
    assert engine.asked[0] == ("unit_evidence", {**HERE, "unit": 1})
    assert pending["inside-evidence-clock"]["disabled"] is False
    services = fresh_site.services
    key = evidence_key(services.models.get("net", 2), services.runs.find("garden", "net", 2).id, "body", 1)
    facts = {"maps": {"0": "ab" * 16}, "pushes": [["iris", 1.5], ["tulip", -2.0]]}
    services.cache.put(EVIDENCE_CACHE, key, ".json", json.dumps(facts).encode())
    services.cache.put(EXPLANATION_CACHE, "ab" * 16, ".npy", b"map")
    shown = fresh_site.ask("inside-evidence.children", state)
    assert shown["inside-evidence-clock"]["disabled"] is True
    assert f"/media/map/{'ab' * 16}.png?scale=36" in text(shown["inside-evidence"])
    assert "push-down" in text(shown["inside-evidence"])


def test_ablation_waits_until_it_is_asked_for(fresh_site: Any, engine: Engine) -> None:
    state = {"inside-state.data": {**HERE, "unit": "1"}}
    quiet = fresh_site.ask("inside-ablation.children", state, "inside-state.data")
    assert not engine.asked
    assert quiet["inside-ablate"]["hidden"] is False
    asked = fresh_site.ask("inside-ablation.children", {**state, "inside-ablate.n_clicks": 1}, "inside-ablate.n_clicks")
    assert "Measuring: 25" in text(asked["inside-ablation"])
    services = fresh_site.services
    key = ablation_key(services.models.get("net", 2), services.runs.find("garden", "net", 2).id, "body", 1)
    facts = {
        "samples": 36, "changed": 9, "labelled": 36, "right": 33, "right_without": 27,
        "classes": {"iris": [12, 12, 12], "tulip": [12, 9, 3]},
    }  # fmt: skip
    services.cache.put(EVIDENCE_CACHE, key, ".json", json.dumps(facts).encode())
    shown = text(fresh_site.ask("inside-ablation.children", state, "inside-state.data")["inside-ablation"])
    assert "9 of 36 predictions become another class." in shown
    assert shown.index("tulip") < shown.index("iris")  # the greatest change first
    assert "-50.0" in shown


def test_what_the_address_asks_wrongly_is_answered_in_words(fresh_site: Any, engine: Engine) -> None:
    assert "steps '0' is not allowed" in fresh_site.page("/inside", "?dataset=garden&model=net@2&steps=0")
    assert "unit 'x' is not allowed" in text(wall(fresh_site, unit="x"))
    assert "objective" in fresh_site.page("/inside", "?dataset=garden&model=net@2&objective=beauty")
    wrong = vision(fresh_site, unit="1", objective="direction", direction="a")
    assert "direction 'a'" in text(wrong["inside-progress"])


def test_without_a_run_the_page_says_how_to_get_one(empty_site: Any) -> None:
    assert "This workspace is empty" in empty_site.page("/inside")
