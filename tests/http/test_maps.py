"""Maps over HTTP: their values, files and recipes, and grids of them."""

import io
import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dashboard.app import create_app
from dashboard.settings import Settings
from data.explanations import Explanation, ExplanationRequest
from data.samples import View
from inference.catalogue import EXPLANATION_CACHE, explanation_key
from inference.errands import Answer

HERE = {"dataset": "garden", "model": "net@2"}
VALUES = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)


class Engine:
    """Every task lasts for ever."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.left: list[tuple[str, dict[str, Any]]] = []

    def ask(self, task: str, payload: Mapping[str, Any]) -> Answer:
        self.asked.append((task, dict(payload)))
        return Answer(False, share=0.25)

    def leave(self, task: str, payload: Mapping[str, Any]) -> None:
        self.left.append((task, dict(payload)))

    def alive(self) -> bool:
        return True

    def close(self) -> None:
        return None


def kept(site: Any, row: int, method: str, values: np.ndarray = VALUES, contrast: str | None = None) -> str:
    """Puts an explanation of `iris` into the cache; returns its key."""
    services = site.services
    sample = services.samples.row(View(services.datasets.get("garden")), row).sample
    version, run = services.models.get("net", 2), services.runs.find("garden", "net", 2)
    key = explanation_key(version, run.classes, sample.digest, ExplanationRequest(method, "iris", contrast))
    found = Explanation(
        key, method, "iris", "iris", 0.9, 0.9, contrast, "body", (3, 4), {}, {}, 0.1, True, {"steps": 50}
    )
    array = io.BytesIO()
    np.save(array, values)
    services.cache.put(EXPLANATION_CACHE, key, ".npy", array.getvalue())
    services.cache.put(EXPLANATION_CACHE, key, ".json", json.dumps(asdict(found)).encode())
    return key


@pytest.fixture
def staffed(fresh_site: Any) -> Any:
    services = replace(fresh_site.services, engine=Engine())
    app = create_app(Settings(workspace=services.workspace.root), services)
    return replace(fresh_site, services=services, client=app.server.test_client())


def test_the_values_go_to_the_browser_as_they_are(site: Any) -> None:
    key = kept(site, 0, "gradcam")
    response = site.client.get(f"/media/map/{key}.f32")
    assert np.frombuffer(response.data, "<f4").tolist() == VALUES.ravel().tolist()
    assert response.headers["X-Map-Shape"] == "3,4"
    assert response.headers["X-Map-Signed"] == "0"
    assert "immutable" in response.headers["Cache-Control"]
    downloaded = np.load(io.BytesIO(site.client.get(f"/media/map/{key}.npy").data), allow_pickle=False)
    assert (downloaded == VALUES).all()


@pytest.mark.parametrize(("method", "contrast"), [("integrated_gradients", None), ("gradcam", "tulip")])
def test_a_signed_map_is_drawn_in_two_directions(site: Any, method: str, contrast: str | None) -> None:
    key = kept(site, 1, method, contrast=contrast)
    assert site.client.get(f"/media/map/{key}.f32").headers["X-Map-Signed"] == "1"
    shown = np.asarray(Image.open(io.BytesIO(site.client.get(f"/media/map/{key}.png").data))).astype(int)
    assert shown[0, 0, 2] > shown[0, 0, 0]
    assert shown[-1, -1, 0] > shown[-1, -1, 2]


@pytest.mark.parametrize("ending", ["f32", "npy", "json", "png"])
@pytest.mark.parametrize("key", ["abcdefabcdef", "..%2f..%2fvitrine", "zz"])
def test_nothing_but_maps_in_the_cache_is_served(site: Any, key: str, ending: str) -> None:
    response = site.client.get(f"/media/map/{key}.{ending}")
    assert response.status_code == 404 or b"react-entry-point" in response.data


def test_only_known_colours_are_drawn(site: Any) -> None:
    key = kept(site, 0, "gradcam")
    assert site.client.get(f"/media/map/{key}.png?colours=viridis").status_code == 200
    refused = site.client.get(f"/media/map/{key}.png?colours=rainbow")
    assert refused.status_code == 404
    assert "viridis" in refused.get_data(as_text=True)


def test_the_recipe_says_what_a_map_was_computed_from(site: Any) -> None:
    key = kept(site, 2, "gradcam", contrast="tulip")
    found = site.client.get(f"/media/map/{key}.json?dataset=garden&model=net@2&row=2").get_json()
    sample = site.services.samples.row(View(site.services.datasets.get("garden")), 2).sample
    assert found["image"]["sample"] == sample.sample_id
    assert found["image"]["digest"] == sample.digest
    assert found["model"] == {"reference": "net@2", "digest": f"{2:064x}"}
    assert found["method"] == {"name": "gradcam", "parameters": {"steps": 50}, "layer": "body"}
    assert (found["target"], found["contrast"], found["layers"]) == ("iris", "tulip", [])
    assert "torch" in found["packages"]
    words = shlex.split(found["command"])
    assert words[:4] == ["python", "-m", "dashboard", "explain"]
    assert words[-3:] == ["garden", "net@2", sample.sample_id]
    assert words[words.index("--contrast") + 1] == "tulip"


@pytest.mark.parametrize("query", ["row=3", "row=-1", "row=99", "row=x", "", "row=2&layers=head"])
def test_a_recipe_of_something_else_is_refused(site: Any, query: str) -> None:
    key = kept(site, 2, "gradcam")
    assert site.client.get(f"/media/map/{key}.json?dataset=garden&model=net@2&{query}").status_code == 404


def grid(site: Any, page: str, changed: str, memory: Any = None, clicks: int | None = None, **state: Any) -> Any:
    values = {
        f"{page}-grid-opened.data": True,
        f"{page}-state.data": {**HERE, **state},
        f"{page}-grid-memory.data": memory,
        f"{page}-grid-stop.n_clicks": clicks,
    }
    return site.ask(f"{page}-grid-tiles.children", values, changed)


def test_a_closed_grid_asks_for_nothing(staffed: Any) -> None:
    values = {"sample-grid-opened.data": False, "sample-state.data": HERE}
    shown = staffed.ask("sample-grid-tiles.children", values, "sample-grid-opened.data")
    assert shown["sample-grid-clock"]["disabled"] is True
    assert staffed.services.engine.asked == []


def test_the_grid_of_methods_shows_what_is_there_and_asks_for_the_rest(staffed: Any) -> None:
    key = kept(staffed, 0, "saliency")
    shown = grid(staffed, "sample", "sample-grid-opened.data", sample="test/<b>rose/0.png", target="iris")
    tiles = json.dumps(shown["sample-grid-tiles"])
    assert key in tiles
    assert '"aria-valuenow": "25"' in tiles
    assert shown["sample-grid-clock"]["disabled"] is False
    asked = {payload["method"] for _task, payload in staffed.services.engine.asked}
    assert "gradcam" in asked
    assert not asked & {"saliency", "integrated_gradients", "occlusion"}  # there already; and the dear ones


def test_to_stop_a_grid_cancels_what_is_missing(staffed: Any) -> None:
    def press(clicks: int, memory: Any) -> Any:
        return grid(staffed, "sample", "sample-grid-tick.data", memory, clicks, sample="test/<b>rose/0.png")

    opened = press(0, None)["sample-grid-memory"]["data"]
    staffed.services.engine.asked.clear()
    stopped = press(1, opened)
    assert stopped["sample-grid-clock"]["disabled"] is True
    assert staffed.services.engine.asked == []
    assert "gradcam" in {payload["method"] for _task, payload in staffed.services.engine.left}
    going_on = press(2, stopped["sample-grid-memory"]["data"])
    assert going_on["sample-grid-clock"]["disabled"] is False
    assert staffed.services.engine.asked


def test_the_maps_of_a_selection(staffed: Any) -> None:
    shown = grid(staffed, "maps", "maps-state.data", outcome="wrong", method="saliency")
    tiles = json.dumps(shown["maps-grid-tiles"])
    assert tiles.count("map-tile") == 3
    assert "method=saliency" in tiles
    assert "outcome=wrong" in tiles
    assert len(staffed.services.engine.asked) == 3
    head = staffed.ask("maps-head.children", {"maps-state.data": {**HERE, "outcome": "wrong"}})
    assert "3 of 3 samples" in json.dumps(head)


def test_at_most_two_dozen_maps_are_asked_for_at_once(staffed: Any) -> None:
    grid(staffed, "maps", "maps-state.data")
    assert len(staffed.services.engine.asked) == 24


@pytest.mark.parametrize(
    ("state", "words"),
    [({"text": "nothing like it"}, "No sample matches"), ({"method": "magic"}, "magic"), ({"target": "cat"}, "cat")],
)
def test_a_grid_that_makes_no_sense_says_so(staffed: Any, state: dict[str, Any], words: str) -> None:
    shown = grid(staffed, "maps", "maps-state.data", **state)
    assert words in json.dumps(shown["maps-grid-tiles"], ensure_ascii=False)
    assert shown["maps-grid-clock"]["disabled"] is True
    assert staffed.services.engine.asked == []


def test_browse_and_embedding_lead_to_the_maps_of_the_selection(site: Any) -> None:
    shown = json.dumps(site.ask("browse-links.children", {"browse-state.data": {**HERE, "outcome": "wrong"}}))
    assert "/maps?dataset=garden&model=net@2&outcome=wrong" in shown


def test_the_controls_offer_methods_by_family_and_the_other_classes(staffed: Any) -> None:
    values = {"sample-state.data": {**HERE, "target": "iris", "method": "integrated_gradients"}}
    shown = staffed.ask("sample-method.options", values)
    options = shown["sample-method"]["options"]
    assert [one["value"] for one in options if one["disabled"]][:2] == ["(cam)", "(gradient)"]
    assert [one["value"] for one in shown["sample-contrast"]["options"]] == ["(default)", "<b>rose", "tulip"]
    assert shown["sample-layers-box"]["hidden"] is True
    assert "Sundararajan" in json.dumps(shown["sample-about"])


def test_a_dear_map_is_looked_after_instead_of_waited_for(staffed: Any) -> None:
    values = {"sample-state.data": {**HERE, "sample": "test/iris/0.png", "method": "occlusion"}}
    shown = staffed.ask("sample-a-map.data-map", values)
    assert shown["sample-a-map"]["hidden"] is True
    assert "25 %" in json.dumps(shown["sample-a-evidence"])
    assert shown["sample-a-clock"]["disabled"] is False
    assert [payload["method"] for _task, payload in staffed.services.engine.asked] == ["occlusion"]
