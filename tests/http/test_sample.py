"""The sample page over HTTP: what it shows, how it walks on, how judgements are kept, what works without an engine."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from dashboard.app import create_app
from dashboard.settings import Settings
from data.errors import EngineUnavailable
from data.feedback import FeedbackQuery
from data.types import FeedbackKind

HERE = {"dataset": "garden", "model": "net@2"}
KEY = "cd" * 16


class Engine:
    """Answers as a worker would, at once; or is away."""

    def __init__(self, away: bool = False) -> None:
        self.away = away
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def call(self, task: str, payload: Mapping[str, Any], timeout: float = 30.0) -> Any:
        self.asked.append((task, dict(payload)))
        if self.away:
            raise EngineUnavailable("The engine is not running")
        if task == "neighbours":
            return [[5.0, 0.25], [2.0, 0.5]]
        return {
            "key": KEY,
            "method": payload["method"],
            "target": payload["target"] or "iris",
            "prediction": "iris",
            "confidence": 0.9,
            "target_probability": 0.9,
            "contrast": None,
            "layer": "body",
            "shape": [8, 8],
            "facts": {},
            "trust": {},
            "seconds": 0.01,
            "cached": False,
        }

    def alive(self) -> bool:
        return not self.away

    def close(self) -> None:
        return None


@pytest.fixture
def staffed(fresh_site: Any) -> Callable[[Engine], Any]:
    """The garden's application with another engine."""

    def build(engine: Engine) -> Any:
        services = replace(fresh_site.services, engine=engine)
        app = create_app(Settings(workspace=services.workspace.root), services)
        return replace(fresh_site, services=services, client=app.server.test_client())

    return build


def show(site: Any, subject: Any = None, **state: Any) -> dict[str, Any]:
    values = {"sample-state.data": {**HERE, **state}, "sample-subject.data": subject}
    answer: dict[str, Any] = site.ask("sample-head.children", values)
    return answer


def record(site: Any, action: dict[str, Any], person: str | None = "ana", **more: Any) -> dict[str, Any]:
    values = {
        "sample-action.data": {"sample": "test/iris/0.png", **action},
        "sample-state.data": {**HERE, "sample": "test/iris/0.png"},
        "shell-person.data": person,
        "sample-advance.value": False,
        **more,
    }
    answer: dict[str, Any] = site.ask("sample-recorded.data", values, "sample-action.data")
    return answer


def events(site: Any) -> list[tuple[str, str | None]]:
    return [(event.kind.value, event.label) for event in site.services.feedback.events(FeedbackQuery())]


def test_the_page_shows_image_verdict_and_probabilities_of_both_versions(site: Any) -> None:
    shown = show(site, sample="test/iris/0.png")
    first, second = str(shown["sample-a-head"]), str(shown["sample-b-head"])
    assert "net@2" in first
    assert "net@1" in second
    assert shown["sample-b"]["hidden"] is False
    assert shown["sample-a-image"]["src"].startswith("/media/input/net/2/garden/")
    assert "pixels" in shown["sample-a-image"]["className"]
    assert str(shown["sample-a-bars"]).count("bar-row") == 3
    assert "net@2 sees it" in shown["sample-a-image"]["alt"]


def test_a_version_is_never_shown_beside_itself(site: Any) -> None:
    shown = show(site, sample="test/iris/0.png", other="net@2")
    assert "net@1" in str(shown["sample-b-head"])


def test_right_and_wrong_are_said_in_words(site: Any) -> None:
    wrong, right = show(site, sample="test/<b>rose/0.png"), show(site, sample="train/tulip/0.png")
    assert "'wrong'" in str(wrong["sample-a-head"])
    assert "'right'" in str(right["sample-a-head"])


def test_without_a_name_the_first_of_the_selection_is_shown(site: Any) -> None:
    assert show(site, label="tulip")["sample-subject"]["data"]["sample"] == "test/tulip/0.png"


def test_previous_and_next_stay_within_the_selection(site: Any) -> None:
    shown = show(site, sample="test/<b>rose/1.png", outcome="wrong")
    head = str(shown["sample-head"])
    assert "2 of 3" in head
    assert (
        "outcome=wrong&sample=test/%3Cb%3Erose/0.png" in head or "outcome=wrong&sample=test/%3Cb%3Erose%2F0.png" in head
    )
    assert shown["sample-subject"]["data"]["following"] == "test/<b>rose/2.png"
    assert "/browse?dataset=garden&model=net@2&outcome=wrong" in head
    assert "/embedding?dataset=garden&model=net@2&outcome=wrong" in head


def test_a_sample_outside_of_the_selection_says_so(site: Any) -> None:
    shown = show(site, sample="train/tulip/0.png", outcome="wrong")
    assert "not among the 3" in str(shown["sample-head"])


def test_choosing_another_class_to_explain_leaves_the_subject_alone(site: Any) -> None:
    subject = show(site, sample="test/iris/0.png")["sample-subject"]["data"]
    again = show(site, subject, sample="test/iris/0.png", target="tulip")
    assert "sample-subject" not in again
    assert "bar-target" in str(again["sample-a-bars"])


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"sample": "nowhere.png"}, "has no sample"),
        ({"sample": "test/iris/0.png", "model": "net@9"}, "net@9"),
        ({"sample": "test/iris/0.png", "low": "x"}, "not a confidence"),
        ({"text": "no such name"}, "No sample matches"),
    ],
)
def test_an_address_that_makes_no_sense_is_answered_in_words(site: Any, state: dict[str, str], words: str) -> None:
    shown = show(site, **state)
    assert words in str(shown["sample-message"])
    assert shown["sample-body"]["hidden"] is True


def test_an_explanation_comes_from_the_engine_and_its_judgement_follows(staffed: Callable[[Engine], Any]) -> None:
    engine = Engine()
    values = {"sample-state.data": {**HERE, "sample": "test/iris/0.png", "target": "tulip"}}
    shown = staffed(engine).ask("sample-a-map.data-map", values)
    assert shown["sample-a-map"] == {"data-map": KEY, "hidden": False}
    said = json.dumps(shown["sample-a-evidence"], ensure_ascii=False)
    assert "Grad-CAM for “tulip” at layer body" in said
    assert f'"key": "{KEY}"' in said
    assert '"model": "net@2"' in said
    assert shown["sample-a-retry"]["hidden"] is True
    assert engine.asked[0][0] == "explain"
    assert (engine.asked[0][1]["version"], engine.asked[0][1]["target"]) == (2, "tulip")


def test_each_panel_explains_its_own_version(staffed: Callable[[Engine], Any]) -> None:
    engine = Engine()
    staffed(engine).ask("sample-b-map.data-map", {"sample-state.data": {**HERE, "sample": "test/iris/0.png"}})
    assert engine.asked[0][1]["version"] == 1


def test_without_an_engine_the_page_says_what_still_works(staffed: Callable[[Engine], Any]) -> None:
    site = staffed(Engine(away=True))
    shown = site.ask("sample-a-map.data-map", {"sample-state.data": {**HERE, "sample": "test/iris/0.png"}})
    assert "The engine does not answer" in str(shown["sample-a-evidence"])
    assert "still work" in str(shown["sample-a-evidence"])
    assert shown["sample-a-retry"]["hidden"] is False
    near = {"sample-subject.data": {"row": 0}, "sample-state.data": HERE}
    assert "The engine does not answer" in str(site.ask("sample-neighbours.children", near))


@pytest.mark.parametrize(("state", "words"), [({"target": "cat"}, "cat"), ({"method": "magic"}, "allowed: gradcam")])
def test_an_unknown_class_or_method_is_refused_before_any_work(
    staffed: Callable[[Engine], Any], state: dict[str, str], words: str
) -> None:
    engine = Engine()
    values = {"sample-state.data": {**HERE, "sample": "test/iris/0.png", **state}}
    assert words in str(staffed(engine).ask("sample-a-map.data-map", values)["sample-a-evidence"])
    assert engine.asked == []


def test_neighbours_are_shown_nearest_first_with_links(staffed: Callable[[Engine], Any]) -> None:
    near = {"sample-subject.data": {"row": 0}, "sample-state.data": {**HERE, "outcome": "wrong"}}
    shown = str(staffed(Engine()).ask("sample-neighbours.children", near))
    assert shown.index("/media/thumb/garden/5?") < shown.index("/media/thumb/garden/2?")
    assert "0.250" in shown
    assert "outcome=wrong" not in shown  # a neighbour need not be in the selection


def test_a_judgement_is_kept_with_what_the_person_saw(fresh_site: Any) -> None:
    answer = record(fresh_site, {"kind": "relabel", "label": "TULIP"})
    event = fresh_site.services.feedback.events(FeedbackQuery())[0]
    assert answer["sample-recorded"]["data"]["event"] == event.id
    assert (event.person, event.label, event.model, event.version) == ("ana", "tulip", "net", 2)
    assert (event.shown_label, event.shown_prediction) == ("iris", "iris")


def test_every_kind_is_recorded_and_shown_in_the_history(fresh_site: Any) -> None:
    record(fresh_site, {"kind": "confirm"}, person=None)
    record(fresh_site, {"kind": "flag"})
    record(fresh_site, {"kind": "comment", "comment": "<script>smudged</script>"})
    assert events(fresh_site) == [("comment", None), ("flag", None), ("confirm", "iris")]
    subject = show(fresh_site, sample="test/iris/0.png")["sample-subject"]["data"]
    shown = fresh_site.ask(
        "sample-history.children",
        {"sample-subject.data": subject, "sample-state.data": {**HERE, "sample": subject["sample"]}},
    )
    assert "<script>smudged</script>" in str(shown["sample-history"])
    assert "guest" in str(shown["sample-history"])
    assert "Flagged" in str(shown["sample-standing"])
    assert str(shown["sample-classes"]).count("data-class") == 3


def test_a_judgement_is_about_what_was_on_the_screen_not_where_the_person_walked_on_to(fresh_site: Any) -> None:
    elsewhere: Any = {"sample-state.data": {**HERE, "sample": "train/tulip/0.png"}}
    record(fresh_site, {"kind": "flag"}, **elsewhere)
    (event,) = fresh_site.services.feedback.events(FeedbackQuery())
    assert event.sample_id == "test/iris/0.png"


def test_no_key_of_the_judgement_waits_for_what_is_being_drawn(site: Any) -> None:
    """A callback with an input among what another one draws would wait for it, and lose the key pressed meanwhile."""
    (spec,) = (spec for spec in site.dependencies() if "sample-action.data" in spec["output"])
    assert not [wanted["id"] for wanted in spec["inputs"] if wanted["id"].startswith("{")]


def test_undo_takes_back_ones_own_newest_judgement_only(fresh_site: Any) -> None:
    record(fresh_site, {"kind": "flag"}, person="bo")
    record(fresh_site, {"kind": "confirm"})
    record(fresh_site, {"kind": "undo"})
    assert events(fresh_site)[0] == ("undo", None)
    standing = fresh_site.services.feedback.standing("garden")
    assert [(one.kind, one.person) for one in standing.values()] == [(FeedbackKind.FLAG, "bo")]
    refused = fresh_site.post(
        "sample-recorded.data",
        {
            "sample-action.data": {"kind": "undo", "sample": "test/iris/0.png"},
            "sample-state.data": {**HERE, "sample": "test/iris/0.png"},
            "shell-person.data": "ana",
        },
        "sample-action.data",
    )
    assert "nothing of yours" in refused.get_data(as_text=True)
    assert len(events(fresh_site)) == 3


def test_undo_reaches_back_to_the_sample_before_after_going_on(fresh_site: Any) -> None:
    going_on: dict[str, Any] = {"sample-advance.value": True}
    given = record(fresh_site, {"kind": "confirm"}, **going_on)["sample-recorded"]["data"]
    assert given["advance"] is True
    there = {**HERE, "sample": "test/iris/1.png"}
    record(fresh_site, {"kind": "undo"}, **{"sample-state.data": there, "sample-recorded.data": given})
    assert fresh_site.services.feedback.standing("garden") == {}


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ({"kind": "relabel", "label": "tulpi"}, "perhaps: tulip"),
        ({"kind": "relabel", "label": " "}, "Type or choose"),
        ({"kind": "comment", "comment": ""}, "needs a text"),
        ({"kind": "praise"}, "praise"),
    ],
)
def test_a_judgement_that_makes_no_sense_is_refused_in_words(
    fresh_site: Any, action: dict[str, str], words: str
) -> None:
    values = {
        "sample-action.data": {**action, "sample": "test/iris/0.png"},
        "sample-state.data": {**HERE, "sample": "test/iris/0.png"},
    }
    response = fresh_site.post("sample-recorded.data", values, "sample-action.data")
    assert response.status_code in {200, 204}
    assert words in response.get_data(as_text=True)
    assert events(fresh_site) == []
