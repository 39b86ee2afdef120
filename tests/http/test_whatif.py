"""What if over HTTP: the editor begins and takes edits in, compares before with after, and looks after a search."""

import base64
import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from callbacks.whatif import MOST, outline
from dashboard.app import create_app
from dashboard.settings import Settings
from data.errors import EngineUnavailable
from inference.client import Answer

HERE = {"dataset": "garden", "model": "net@2"}
CLASSES = ["<b>rose", "iris", "tulip"]
SAYS = {True: [0.05, 0.15, 0.8], False: [0.1, 0.7, 0.2]}
REGION = "cd" * 16
FOUND = {
    "key": REGION,
    "flipped": True,
    "segments": [3, 9],
    "total": 64,
    "target": "tulip",
    "rival": "iris",
    "steps": [[0, 0.8, 0.15], [1, 0.55, 0.4], [2, 0.3, 0.6]],
    "passes": 129,
    "share": 0.031,
    "seconds": 1.25,
    "edit": "5" * 64,
}


class Engine:
    """Says `tulip` of the first image that is asked about, `iris` of every other; its searches take three looks."""

    def __init__(self) -> None:
        self.away = False
        self.first = ""
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.left: list[dict[str, Any]] = []
        self.looks = 0
        self.found: dict[str, Any] = FOUND

    def call(self, task: str, payload: dict[str, Any], timeout: float = 30.0) -> Any:
        assert task == "probabilities"
        if self.away:
            raise EngineUnavailable("The engine is not running")
        self.first = self.first or payload["uploads"][0]
        return {"classes": CLASSES, "probabilities": [SAYS[one == self.first] for one in payload["uploads"]]}

    def ask(self, task: str, payload: dict[str, Any]) -> Answer:
        self.asked.append((task, payload))
        if task == "counterfactual":
            self.looks += 1
            return Answer(True, self.found, 1.0) if self.looks == 3 else Answer(False, share=0.25)
        if payload["method"] == "gradcam" and payload["target"] == "<b>rose":
            return Answer(True, {"explanation": None, "refused": "This network has no grid to explain"})
        return Answer(True, {"explanation": {"key": payload["upload"][:32]}, "refused": None})

    def leave(self, task: str, payload: dict[str, Any]) -> None:
        self.left.append(payload)

    def alive(self) -> bool:
        return not self.away

    def close(self) -> None:
        return None


@pytest.fixture
def staffed(fresh_site: Any) -> Any:
    services = replace(fresh_site.services, engine=Engine())
    app = create_app(Settings(workspace=services.workspace.root, upload_megabytes=1), services)
    return replace(fresh_site, services=services, client=app.server.test_client())


def picture(size: tuple[int, int] = (20, 10), colour: tuple[int, int, int] = (200, 30, 60)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def data_url(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def send(site: Any, content: bytes, number: int = 1) -> dict[str, Any]:
    values = {"try-edit-file.data": {"contents": data_url(content), "number": number}}
    answer: dict[str, Any] = site.ask("try-edit-kept.data", values, "try-edit-file.data")
    return answer


def digest(site: Any, content: bytes) -> str:
    return str(send(site, content)["try-edit-kept"]["data"]["digest"])


def opened(site: Any, state: dict[str, Any], by: str = "try-edit-open.n_clicks") -> dict[str, Any]:
    answer: dict[str, Any] = site.ask("try-edit-begun.data", {"try-edit-open.n_clicks": 1, "try-state.data": state}, by)
    return answer


def size_of(site: Any, key: str) -> tuple[int, int]:
    with Image.open(io.BytesIO(site.client.get(f"/media/upload/{key}.png").data)) as kept:
        return kept.size


def test_the_editor_begins_with_what_is_tried(staffed: Any) -> None:
    key = digest(staffed, picture())
    begun = opened(staffed, {**HERE, "upload": key})["try-edit-begun"]["data"]
    assert begun == {"upload": key, "original": key, "sample": ""}


def test_what_is_too_large_to_edit_is_brought_down_before_it_is_compared(staffed: Any) -> None:
    key = digest(staffed, picture((2 * MOST, MOST)))
    begun = opened(staffed, {**HERE, "upload": key})["try-edit-begun"]["data"]
    assert begun["upload"] == begun["original"] != key
    assert size_of(staffed, begun["original"]) == (MOST, MOST // 2)


def test_a_sample_is_one_link_away_from_being_edited(staffed: Any) -> None:
    shown = staffed.ask("sample-head.children", {"sample-state.data": {**HERE, "target": "iris"}})
    assert "/try?dataset=garden&model=net@2&sample=test/" in str(shown["sample-head"])
    assert "&target=iris" in str(shown["sample-head"])
    begun = opened(staffed, {**HERE, "sample": "train/iris/3.png"}, "try-state.data")["try-edit-begun"]["data"]
    assert begun["upload"] == begun["original"]
    assert size_of(staffed, begun["original"]) == (16, 12)


def test_it_does_not_begin_by_itself_nor_twice(staffed: Any) -> None:
    key = digest(staffed, picture())
    for state in ({**HERE, "upload": key}, {**HERE, "upload": key, "original": key, "sample": "train/iris/3.png"}):
        assert "try-edit-begun" not in opened(staffed, state, "try-state.data")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"sample": "train/iris/99.png"}, "train/iris/99.png"),
        ({"upload": "0" * 64}, "not kept any more"),
        ({"upload": "../../etc/passwd"}, "not kept any more"),
        ({}, "no image to edit yet"),
    ],
)
def test_what_cannot_be_edited_is_answered_in_words(staffed: Any, state: dict[str, str], words: str) -> None:
    answer = opened(staffed, {**HERE, **state})
    assert words in str(answer["try-edit-trouble"])
    assert "try-edit-begun" not in answer


def test_an_edit_is_kept_by_its_content(staffed: Any) -> None:
    first = send(staffed, picture(colour=(1, 2, 3)), number=7)["try-edit-kept"]["data"]
    assert first["number"] == 7
    assert send(staffed, picture(colour=(1, 2, 3)), number=8)["try-edit-kept"]["data"]["digest"] == first["digest"]
    assert digest(staffed, picture(colour=(1, 2, 4))) != first["digest"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no image", "not a PNG, JPEG or WebP"),
        (picture()[:45], "cannot be read"),
        (b"\x89PNG\r\n\x1a\n" + bytes(1_070_000), "larger than 1 MB"),
    ],
)
def test_what_is_no_edit_is_refused_in_one_line(staffed: Any, content: bytes, words: str) -> None:
    answer = send(staffed, content, number=3)
    assert answer["try-edit-kept"]["data"] == {"digest": None, "number": 3}  # so that the page sends it only once
    assert words in str(answer["try-edit-message"])


def test_the_address_alone_opens_the_editor(staffed: Any) -> None:
    state = {**HERE, "original": "a" * 64, "upload": "b" * 64}
    shown = staffed.ask("try-edit-subject.data", {"try-state.data": state})
    assert shown["try-edit"]["hidden"] is False
    assert shown["try-edit-subject"]["data"] == {"original": "a" * 64, "upload": "b" * 64}
    closed = staffed.ask("try-edit-subject.data", {"try-state.data": HERE})
    assert closed["try-edit"]["hidden"] is True
    assert '"hidden": false' in staffed.page("/try", "?original=a&upload=b").split('"id": "try-edit",')[1][:120]
    page = staffed.ask("try-head.children", {"try-state.data": state})  # the editor says all that the panel would
    assert page["try-result"]["hidden"] is False
    assert "try-head" not in page


def edited(site: Any) -> dict[str, Any]:
    before, after = digest(site, picture()), digest(site, picture(colour=(0, 0, 0)))
    return {**HERE, "original": before, "upload": after}


def test_before_and_after_stand_side_by_side(staffed: Any) -> None:
    state = edited(staffed)
    shown = staffed.ask("try-edit-bars.children", {"try-state.data": state})
    text = str(shown["try-edit-bars"])
    assert "The decision turns" in text
    assert text.count("'bar-row") == 3
    assert "−60.0" in text  # tulip
    assert "+55.0" in text  # iris
    assert text.index("tulip") < text.index("iris")
    compared = {"original": state["original"], "upload": state["upload"], "target": "tulip"}
    assert shown["try-edit-shown"]["data"] == compared

    same = staffed.ask("try-edit-bars.children", {"try-state.data": {**state, "upload": state["original"]}})
    assert "Not changed yet" in str(same["try-edit-bars"])
    assert str(same["try-edit-bars"]).count("±0") == 3


def maps(site: Any, state: dict[str, Any], asked: list[dict[str, Any]], target: str = "tulip") -> dict[str, Any]:
    compared = {"original": state["original"], "upload": state["upload"], "target": target}
    values = {"try-edit-shown.data": compared, "try-state.data": state, "try-edit-asked.data": asked}
    answer: dict[str, Any] = site.ask("try-edit-maps.children", values, "try-edit-shown.data")
    return answer


def test_both_maps_explain_the_same_class(staffed: Any) -> None:
    state = edited(staffed)
    shown = maps(staffed, state, [])
    assert {payload["target"] for _task, payload in staffed.services.engine.asked} == {"tulip"}
    for key in (state["original"], state["upload"]):
        assert f"/media/map/{key[:32]}.png" in str(shown["try-edit-maps"])
        assert f"/try/seen/net/2/{key}.png" in str(shown["try-edit-maps"])
    assert shown["try-edit-clock"]["disabled"] is True
    again = maps(staffed, state, shown["try-edit-asked"]["data"])
    assert again["try-edit-asked"] == shown["try-edit-asked"]
    assert staffed.services.engine.left == []


def test_a_map_that_nobody_waits_for_any_more_is_left(staffed: Any) -> None:
    state = edited(staffed)
    asked = maps(staffed, state, [])["try-edit-asked"]["data"]
    newer = {**state, "upload": digest(staffed, picture(colour=(9, 9, 9)))}
    maps(staffed, newer, asked)
    assert [payload["upload"] for payload in staffed.services.engine.left] == [state["upload"]]


def test_without_a_map_there_is_its_reason(staffed: Any) -> None:
    shown = maps(staffed, edited(staffed), [], target="<b>rose")
    assert "no grid to explain" in str(shown["try-edit-maps"])
    assert shown["try-edit-clock"]["disabled"] is True


def test_without_an_engine_the_editor_says_so(staffed: Any) -> None:
    staffed.services.engine.away = True
    state = edited(staffed)
    shown = staffed.ask("try-edit-bars.children", {"try-state.data": state})
    assert "engine is not running" in str(shown["try-edit-bars"])
    assert shown["try-edit-shown"]["data"] == {"upload": state["upload"]}  # so that the next edit is sent


def search(site: Any, state: dict[str, Any], sought: Any, by: str) -> dict[str, Any]:
    values = {"try-state.data": state, "try-flip-fill.value": "mean", "try-flip-search.data": sought}
    answer: dict[str, Any] = site.ask("try-flip-found.children", values, by)
    return answer


def test_a_search_tells_how_far_it_is_and_then_what_it_found(staffed: Any) -> None:
    state = edited(staffed)
    started = search(staffed, state, None, "try-flip-start.n_clicks")
    sought = started["try-flip-search"]["data"]
    assert (sought["upload"], sought["fill"]) == (state["upload"], "mean")
    assert "'aria-valuenow': '25'" in str(started["try-flip-found"])
    assert started["try-flip-clock"]["disabled"] is False
    assert (started["try-flip-start"]["hidden"], started["try-flip-stop"]["hidden"]) == (True, False)
    search(staffed, state, sought, "try-flip-clock.n_intervals")
    found = search(staffed, state, sought, "try-flip-clock.n_intervals")
    text = str(found["try-flip-found"])
    assert "With 2 of 64 regions in the mean colour, 3.1 % of the image, “tulip” becomes “iris” (60.0 %)." in text
    assert "129 passes through the network, 1.2 s" in text
    assert f"'data-digest': '{FOUND['edit']}'" in text
    assert text.count("flip-step") == 3
    assert found["try-flip-clock"]["disabled"] is True
    assert found["try-flip-region"] == {"src": f"/try/region/{REGION}.png", "hidden": False}
    # A click on another class leaves what was found, another image does not.
    assert search(staffed, {**state, "target": "iris"}, sought, "try-state.data") == {}
    other = search(staffed, {**state, "upload": state["original"]}, sought, "try-state.data")
    assert other["try-flip-found"]["children"] is None
    assert other["try-flip-region"]["hidden"] is True


def test_a_search_can_be_stopped(staffed: Any) -> None:
    state = edited(staffed)
    sought = search(staffed, state, None, "try-flip-start.n_clicks")["try-flip-search"]["data"]
    stopped = search(staffed, state, sought, "try-flip-stop.n_clicks")
    assert staffed.services.engine.left == [sought]
    assert stopped["try-flip-search"]["data"] is None
    assert stopped["try-flip-clock"]["disabled"] is True
    assert stopped["try-flip-start"]["hidden"] is False


def test_where_nothing_turns_the_decision_it_is_said_plainly(staffed: Any) -> None:
    engine = staffed.services.engine
    engine.found, engine.looks = {**FOUND, "flipped": False}, 2
    text = str(search(staffed, edited(staffed), None, "try-flip-start.n_clicks")["try-flip-found"])
    assert "The decision did not turn." in text
    assert "“tulip” still has 30.0 %." in text


def test_a_found_region_is_outlined_on_the_picture(staffed: Any) -> None:
    mask = np.zeros((10, 20), dtype=np.uint8)
    mask[6:, 12:] = 255
    buffer = io.BytesIO()
    Image.fromarray(mask).save(buffer, "PNG")
    staffed.services.cache.put("counterfactuals", REGION, ".png", buffer.getvalue())
    answer = staffed.client.get(f"/try/region/{REGION}.png")
    assert "immutable" in answer.headers["Cache-Control"]
    drawn = Image.open(io.BytesIO(answer.data))
    assert drawn.mode == "RGBA"
    assert drawn.width / drawn.height == 2


def test_an_outline_lies_on_both_sides_of_the_border_and_is_closed_at_the_edge_of_the_picture() -> None:
    mask = Image.new("L", (768, 768))
    mask.paste(255, (500, 500, 768, 768))
    alpha = np.asarray(outline(mask, 4))[..., 3] > 0
    assert alpha[600, 496:504].all()
    assert not alpha[600, [490, 510, 640]].any()
    assert alpha[640, 764:].all()
    assert alpha[764:, 640].all()
    assert not alpha[:400].any()


@pytest.mark.parametrize("key", ["zz" * 16, "0" * 32, "..%2F..%2Fvitrine"])
def test_no_other_file_is_reachable(staffed: Any, key: str) -> None:
    answer = staffed.client.get(f"/try/region/{key}.png")
    assert not answer.data.startswith(b"\x89PNG")
