"""The Decision page over HTTP: what is asked of the engine, and what is shown of what it found."""

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from data.errors import EngineUnavailable, InvalidInput, VitrineError
from data.paths import Ablation, DecisionPath, PathEdge, PathRequest, PathStage, PathUnit
from data.samples import View
from inference.client import Answer
from inference.decision.keys import PATH_CACHE, ablation_key, path_key

HERE = {"dataset": "garden", "model": "net@2", "sample": "train/iris/0.png"}
CLASSES = ("<b>rose", "iris", "tulip")
KEY = "ab" * 16


class Engine:
    """An engine that remembers what it was asked, and answers that it is at it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.left: list[str] = []
        self.trouble: VitrineError | None = None

    def ask(self, task: str, payload: Mapping[str, Any]) -> Answer:
        if self.trouble is not None:
            raise self.trouble
        self.asked.append((task, payload))
        return Answer(False, share=0.25)

    def leave(self, task: str, payload: Mapping[str, Any]) -> None:
        self.left.append(task)

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def engine(fresh_site: Any) -> Engine:
    fake = Engine()
    fresh_site.services.engine.close()
    object.__setattr__(fresh_site.services, "engine", fake)
    return fake


def a_path(key: str = KEY) -> DecisionPath:
    """Two stages: a body of three units, the second of which is drawn first, and a vector called twice."""
    image = PathStage("", 1, 1, "", (3, 8, 8), 16, True, 4.0, (PathUnit(5, 3.0, 0.4), PathUnit(6, 1.0, 0.2)), ())
    body = PathStage(
        "body", 1, 1, "Conv2d", (3, 4, 4), 3, True, 3.6, (PathUnit(1, 4.0, 2.0), PathUnit(0, -1.0, 0.5)), ((1, 2.0),)
    )
    neck = PathStage("neck", 1, 2, "Linear", (2,), 2, False, 4.0, (PathUnit(0, 4.0, 1.5),), ((0, 1.5),))
    edges = (PathEdge(0, 5, 1, 2.0), PathEdge(0, 6, 0, -1.0), PathEdge(1, 1, 0, 3.0), PathEdge(1, 0, 0, 0.001))
    return DecisionPath(key, "iris", "iris", 0.9, 5.0, 1.0, (image, body, neck), edges, 2.0, 0.1)


def keep(site: Any, path: DecisionPath, model: str = "net@2", sample: str = HERE["sample"], **asked: Any) -> None:
    services = site.services
    name, _, version = model.partition("@")
    found = services.models.get(name, int(version))
    digest = services.samples.by_id(View(services.datasets.get("garden")), sample).sample.digest
    arrays = io.BytesIO()
    np.savez(
        arrays,
        picture=np.full((8, 8, 3), 200, np.uint8),
        pixels=np.linspace(-1, 1, 64, dtype=np.float32).reshape(8, 8),
        contributions_1=np.array([-1, 4, 0.6], np.float32),
        contributions_2=np.array([4, 0], np.float32),
        units_1=np.array([1, 0]),
        maps_1=np.eye(4, dtype=np.float32)[None].repeat(2, 0),
    )
    for key in {path.key, path_key(found, CLASSES, digest, PathRequest.of(asked))}:
        services.cache.put(PATH_CACHE, key, ".json", json.dumps(asdict(path)).encode())
    services.cache.put(PATH_CACHE, path.key, ".npz", arrays.getvalue())


def shown(site: Any, changed: str = "path-state.data", **state: str) -> dict[str, Any]:
    values = {"path-state.data": {**HERE, **state}, "path-library.data": "ready"}
    answer: dict[str, Any] = site.ask("path-about.children", values, changed)
    return answer


def text(part: Any) -> str:
    return json.dumps(part, ensure_ascii=False)


def test_a_path_is_asked_for_and_followed(fresh_site: Any, engine: Engine) -> None:
    answer = shown(fresh_site, units="3", target="iris")
    ((task, payload),) = engine.asked
    row = fresh_site.services.samples.by_id(View(fresh_site.services.datasets.get("garden")), HERE["sample"]).sample.row
    assert task == "decision_path"
    assert payload == {
        "dataset": "garden", "row": row, "model": "net", "version": 2, "target": "iris", "units": 3, "stages": 8,
        "layers": [], "lenient": False, "steps": 8,
    }  # fmt: skip
    assert "25 %" in text(answer["path-status"])
    assert (answer["path-clock"]["disabled"], answer["path-cancel"]["hidden"]) == (False, False)
    assert answer["path-result"]["hidden"] is True


def test_cancelling_leaves_the_task_and_offers_to_begin_anew(fresh_site: Any, engine: Engine) -> None:
    answer = shown(fresh_site, "path-cancel.n_clicks")
    assert engine.left == ["decision_path"]
    assert not engine.asked
    assert (answer["path-clock"]["disabled"], answer["path-again"]["hidden"]) == (True, False)


def test_what_is_known_is_drawn_at_once(fresh_site: Any, engine: Engine) -> None:
    keep(fresh_site, a_path())
    answer = shown(fresh_site)
    assert not engine.asked
    words = text(answer["path-about"])
    assert "The logit of “iris” is 5.00 for this image and 1.00 for a plain one: +4.00 are to be explained." in words
    assert "carry 75 % to 100 % of that together" in words
    assert "carry 50.0 %" in words
    assert "off by at most 10.0 % (body)" in words
    assert "Something goes past these stages, and is not in them: neck, call 1." in words
    graph = answer["path-graph-box"]["children"]["props"]
    nodes = {one["data"]["id"]: one for one in graph["elements"] if "source" not in one["data"]}
    assert nodes["1.1"]["data"]["label"] == "1:  +100 %"
    assert nodes["1.1"]["data"]["picture"] == f"/media/path/{KEY}/1/1.png"
    assert nodes["1.1"]["data"]["href"] == "/inside?dataset=garden&layer=body&model=net@2&unit=1"
    assert "against" in nodes["1.0"]["classes"]
    assert nodes["2.0"]["data"]["picture"] == "none"  # a vector has no places
    assert nodes["2.0"]["data"]["href"] == ""  # nor is the first of two calls in the dossier
    assert nodes["1.1"]["position"]["y"] < nodes["1.0"]["position"]["y"]
    assert nodes["1.1"]["data"]["size"] > nodes["1.0"]["data"]["size"]
    flows = {(one["data"]["source"], one["data"]["target"]) for one in graph["elements"] if "source" in one["data"]}
    assert flows == {("0.5", "1.1"), ("0.6", "1.0"), ("1.1", "2.0"), ("2.0", "3.0")}  # the faintest is left out
    table = text(answer["path-table"])
    assert "Region 6 (+50 %)" in table
    assert table.count('"type": "Tr"') == 1 + 5
    assert answer["path-json"]["href"] == f"/media/path/{KEY}.json"


def test_the_graph_waits_for_its_library_and_a_step_draws_nothing_anew(fresh_site: Any, engine: Engine) -> None:
    keep(fresh_site, a_path())
    values: dict[str, Any] = {"path-state.data": HERE, "path-library.data": None}
    early = fresh_site.ask("path-about.children", values, "path-state.data")
    assert early["path-graph-box"]["children"] is None
    values = {"path-state.data": {**HERE, "step": "1"}, "path-library.data": "ready"}
    drawn = fresh_site.ask("path-about.children", values, "path-library.data")["path-drawn"]["data"]
    again = fresh_site.ask("path-about.children", {**values, "path-drawn.data": drawn}, "path-state.data")
    assert "path-about" not in again
    assert "path-drawn" not in again


def test_the_pass_is_stepped_through(fresh_site: Any, engine: Engine) -> None:
    keep(fresh_site, a_path())

    def step(place: str) -> str:
        values = {"path-state.data": {**HERE, "step": place}, "path-drawn.data": "x"}
        return text(fresh_site.ask("path-walk.children", values, "path-state.data"))

    first, second, third, last = step("0"), step("1"), step("2"), step("99")
    assert "3 × 8 × 8" in first
    assert f"/media/path/{KEY}/pixels.png" in first
    assert "3 × 4 × 4" in second
    assert "1 of these 1 are among the drawn ones." in second
    assert '"data-step": "2"' in second
    assert "Something goes past this stage" in third
    assert "Class “iris”" in last
    assert "4 of 4" in last


def test_a_unit_tells_what_it_does(fresh_site: Any, engine: Engine) -> None:
    keep(fresh_site, a_path())
    node = {"unit": 1, "stage": 1, "of": "a"}
    values = {
        '{"name":"graph","type":"path-graph"}': node,
        "path-drawn.data": "x",
        "path-state.data": HERE,
    }
    told = text(fresh_site.ask("path-hovered.children", values, "path-drawn.data"))
    assert "Unit 1" in told
    assert "+4 (+100 %)" in told
    assert "Region 6 (+50 %)" in told
    assert f"/media/path/{KEY}/1/1.png" in told


def test_units_are_taken_away_when_the_path_is_there(fresh_site: Any, engine: Engine) -> None:
    keep(fresh_site, a_path())
    values = {"path-state.data": HERE, "path-drawn.data": "x"}
    pending = fresh_site.ask("path-curve.children", values, "path-drawn.data")
    assert [task for task, _payload in engine.asked] == ["ablate_path"]
    assert pending["path-curve-clock"]["disabled"] is False
    found = Ablation("iris", 0.9, 5.0, (1, 2), (0.3, 0.1), (1.0, 0.0), ((0.8, 0.2),), ((4.5, -1.0),))
    fresh_site.services.cache.put(PATH_CACHE, ablation_key(KEY), ".json", json.dumps(asdict(found)).encode())
    done = fresh_site.ask("path-curve.children", values, "path-curve-clock.n_intervals")
    assert "moves by 4.50 on average, without random ones by 3.25: more than in 1 of 1 random draws." in text(done)
    assert done["path-curve-clock"]["disabled"] is True


def test_two_versions_are_laid_over_each_other_at_the_first_one_s_stages(fresh_site: Any, engine: Engine) -> None:
    shown(fresh_site, other="net@1")
    assert [payload["version"] for _task, payload in engine.asked] == [2]
    keep(fresh_site, a_path())
    engine.asked.clear()
    shown(fresh_site, other="net@1")
    ((_task, payload),) = engine.asked
    assert (payload["version"], payload["layers"], payload["lenient"]) == (1, ["body", "neck"], True)
    theirs = a_path("cd" * 16)
    units = (PathUnit(1, 2.0, 1.0), PathUnit(2, 1.5, 1.0))
    theirs = replace(theirs, stages=(theirs.stages[0], replace(theirs.stages[1], units=units), theirs.stages[2]))
    keep(fresh_site, theirs, "net@1", layers=["body", "neck"], lenient=True)
    answer = shown(fresh_site, other="net@1")
    elements = answer["path-graph-box"]["children"]["props"]["elements"]
    classes = {one["data"].get("id"): one["classes"] for one in elements}
    assert "member-both" in classes["1.1"]
    assert "member-a" in classes["1.0"]
    assert "member-b" in classes["1.2"]
    words = text(answer["path-about"])
    assert "2 of 4 drawn units are the same in 2 stages that both have." in words
    assert "in both" in text(answer["path-legend"])
    assert text(answer["path-table"]).count("both") == 4  # two regions and two units


def test_another_sample_is_laid_over_the_first(fresh_site: Any, engine: Engine) -> None:
    keep(fresh_site, a_path())
    shown(fresh_site, beside="test/tulip/1.png")
    ((_task, payload),) = engine.asked
    assert payload["lenient"] is False
    refused = text(shown(fresh_site, beside="nowhere"))
    assert "There is no sample 'nowhere' to put beside this one" in refused
    engine.asked.clear()
    shown(fresh_site, beside=HERE["sample"])  # itself is nothing to be compared with
    assert not engine.asked


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"units": "99"}, "units '99' is not allowed"),
        ({"step": "-1"}, "step '-1' is not allowed"),
        ({"sample": "nowhere"}, "nowhere"),
    ],
)
def test_what_cannot_be_shown_is_said(fresh_site: Any, engine: Engine, state: dict[str, str], words: str) -> None:
    answer = shown(fresh_site, **state)
    assert words in text(answer["path-message"])
    assert answer["path-result"]["hidden"] is True


def test_an_engine_that_is_away_and_a_network_that_cannot_be_followed(fresh_site: Any, engine: Engine) -> None:
    engine.trouble = EngineUnavailable("The engine is not running")
    away = shown(fresh_site)
    assert "The engine is not running" in text(away["path-message"])
    assert away["path-again"]["hidden"] is False
    engine.trouble = InvalidInput("This network cannot be followed")
    assert "This network cannot be followed" in text(shown(fresh_site)["path-message"])


def test_pictures_and_numbers_are_served_by_key(fresh_site: Any, engine: Engine) -> None:
    keep(fresh_site, a_path())
    client = fresh_site.client
    for name in ("0/5", "1/0", "pixels"):
        response = client.get(f"/media/path/{KEY}/{name}.png")
        assert response.status_code == 200
        assert "immutable" in response.headers["Cache-Control"]
        assert Image.open(io.BytesIO(response.data)).size == (192, 192)
    for name in ("0/16", "1/2", "2/0", "9/0"):
        assert client.get(f"/media/path/{KEY}/{name}.png").status_code == 404
    assert client.get("/media/path/nokey/0/0.png").status_code == 404
    assert client.get(f"/media/path/{'0' * 32}/pixels.png").status_code == 404
    told = client.get(f"/media/path/{KEY}.json").get_json()
    assert told["target"] == "iris"
    assert told["ablation"] is None


def test_the_graph_s_library_is_left_to_the_page(fresh_site: Any) -> None:
    front = fresh_site.client.get("/").get_data(as_text=True)
    assert 'src="/_dash-component-suites/dash_ag_grid' in front
    assert 'src="/_dash-component-suites/dash_cytoscape' not in front
    assert fresh_site.client.get("/_dash-component-suites/dash_cytoscape/dash_cytoscape.min.js").status_code == 200
    assert "dash_cytoscape.min.js?v=" in fresh_site.page("/path", "?dataset=garden&model=net@2")


def test_a_sample_leads_to_its_decision(fresh_site: Any, engine: Engine) -> None:
    head = text(fresh_site.ask("sample-head.children", {"sample-state.data": {**HERE, "target": "iris"}}))
    assert "/path?dataset=garden&model=net@2&sample=train/iris/0.png&target=iris" in head
