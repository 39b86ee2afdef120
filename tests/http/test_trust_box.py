"""The box beside a map over HTTP: pending, then judged; from the cache without any engine; refused in words."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from dashboard.app import create_app
from dashboard.settings import Settings
from data.errors import EngineUnavailable
from inference.catalogue import TRUST_CACHE, trust_key
from inference.client import Answer

KEY = "cd" * 16
BOX, CLOCK = "trust-box", "trust-clock"
ABOUT: dict[str, Any] = {
    "dataset": "garden", "model": "net@2", "layers": "", "row": "4", "sample": "test/iris/0.png", "key": KEY,
    "method": "gradcam", "target": "iris", "contrast": None, "facts": {},
}  # fmt: skip
TRUST: dict[str, Any] = {
    "score": 0.83,
    "curves": {
        "shares": [0.0, 0.16, 1.0],
        "deletion": [0.9, 0.3, 0.1],
        "insertion": [0.1, 0.8, 0.9],
        "random_deletion": [0.9, 0.7, 0.1],
        "random_insertion": [0.1, 0.2, 0.9],
    },
    "areas": {"deletion": 0.2, "insertion": 0.8, "random_deletion": 0.5, "random_insertion": 0.5},
    "odds_raised": 1.0,
    "sanity": 0.1,
    "sanity_skipped": "",
    "agreement": {"layercam": 0.8},
    "edges": 0.2,
    "empty": False,
    "infidelity": None,
    "sensitivity": None,
    "seconds": 0.4,
}


class Engine:
    """Gives these answers, one each time that somebody asks."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def ask(self, task: str, payload: Mapping[str, Any]) -> Answer:
        self.asked.append((task, dict(payload)))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def alive(self) -> bool:
        return True

    def close(self) -> None:
        return None


@pytest.fixture
def look(fresh_site: Any) -> Callable[..., tuple[str, bool]]:
    """What the box shows, and whether its clock stands still."""

    def looked(engine: Engine, about: Mapping[str, Any], presses: int | None = None) -> tuple[str, bool]:
        services = replace(fresh_site.services, engine=engine)
        client = create_app(Settings(workspace=services.workspace.root), services).server.test_client()
        named = [
            {"id": {"type": kind, "panel": "net@2"}, "property": what}
            for kind, what in ((BOX, "children"), (CLOCK, "disabled"))
        ]
        ids = [json.dumps(part["id"], sort_keys=True, separators=(",", ":")) for part in named]
        wanted = f"..{json.dumps({'panel': ['MATCH'], 'type': BOX}, separators=(',', ':'))}.children..."
        spec = next(spec for spec in client.get("/_dash-dependencies").get_json() if spec["output"].startswith(wanted))
        body = {
            "output": spec["output"],
            "outputs": named,
            "inputs": [
                {"id": {"type": CLOCK, "panel": "net@2"}, "property": "n_intervals", "value": 1},
                {"id": {"type": "trust-thorough", "panel": "net@2"}, "property": "n_clicks", "value": presses},
            ],
            "state": [{"id": {"type": "trust-subject", "panel": "net@2"}, "property": "data", "value": about}],
            "changedPropIds": [f"{ids[1]}.n_intervals"],
        }
        response = client.post("/_dash-update-component", json=body)
        assert response.status_code == 200, response.get_data(as_text=True)
        shown = response.get_json()["response"]
        return json.dumps(shown[ids[0]]["children"], ensure_ascii=False), shown[ids[1]]["disabled"]

    return looked


Look = Callable[..., tuple[str, bool]]


def test_the_box_waits_with_progress_and_then_fills(look: Look) -> None:
    engine = Engine(Answer(False), Answer(False, share=0.5), Answer(True, TRUST, 1.0))
    assert look(engine, ABOUT)[1] is False
    shown, still = look(engine, ABOUT)
    assert '"value": "0.5"' in shown
    assert still is False
    shown, still = look(engine, ABOUT)
    assert "Well supported" in shown
    assert "lowers the probability of “iris” from 90\u00a0% to 30\u00a0%" in shown
    assert still is True
    task, payload = engine.asked[0]
    assert task == "judge"
    assert payload == {
        "dataset": "garden", "model": "net", "version": 2, "row": 4, "layers": [],
        "method": "gradcam", "target": "iris", "contrast": None, "thorough": False,
    }  # fmt: skip


def test_who_presses_gets_the_thorough_test_though_a_quick_one_is_kept(look: Look, fresh_site: Any) -> None:
    fresh_site.services.cache.put(TRUST_CACHE, trust_key(KEY), ".json", json.dumps(TRUST).encode())
    engine = Engine(Answer(False), Answer(True, {**TRUST, "infidelity": 0.02, "sensitivity": 0.4}, 1.0))
    shown, still = look(engine, ABOUT, presses=1)
    assert "Testing the map" in shown
    assert still is False
    shown, still = look(engine, ABOUT, presses=1)
    assert "Infidelity" in shown
    assert still is True
    assert engine.asked[0][1]["thorough"] is True


def test_an_upload_is_judged_by_its_digest(look: Look) -> None:
    engine = Engine(Answer(False))
    look(engine, {**ABOUT, "upload": "ab" * 32, "layers": "a,b", "contrast": "tulip"})
    payload = engine.asked[0][1]
    assert (payload["upload"], payload["layers"], payload["contrast"]) == ("ab" * 32, ["a", "b"], "tulip")
    assert "row" not in payload


def test_what_was_judged_before_needs_no_engine(look: Look, fresh_site: Any) -> None:
    fresh_site.services.cache.put(TRUST_CACHE, trust_key(KEY), ".json", json.dumps(TRUST).encode())
    engine = Engine()
    shown, still = look(engine, ABOUT)
    assert "trust 0.83" in shown
    assert still is True
    assert engine.asked == []


def test_without_an_engine_the_box_says_why_and_rests(look: Look) -> None:
    shown, still = look(Engine(EngineUnavailable("The engine is not running")), ABOUT)
    assert "could not be tested: The engine is not running" in shown
    assert still is True


@pytest.mark.parametrize("change", [{"row": "x"}, {"model": "net@x"}, {"model": 3}, {"row": None}])
def test_a_subject_that_names_no_map_is_refused_in_words(look: Look, change: dict[str, Any]) -> None:
    shown, still = look(Engine(), {**ABOUT, **change})
    assert "names no map" in shown
    assert still is True
