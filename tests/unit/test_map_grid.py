"""A grid of maps: the cheap ones first, what failed is not asked again, what was stopped waits."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from callbacks.map_grid import Memory, Order, gather
from data.cache import FileCache
from data.errors import EngineUnavailable, InvalidInput
from data.explanations import Explanation
from inference.errands import Answer
from layouts.tiles import Tile


def explained(method: str) -> dict[str, Any]:
    found = Explanation("ab" * 16, method, "7", "7", 0.9, 0.9, None, "body", (8, 8), {}, {}, 0.1, False)
    return asdict(found)


@dataclass
class Engine:
    """Answers `answers[method]`: an `Answer`, or an error to raise."""

    answers: Mapping[str, Any]
    asked: list[str] = field(default_factory=list)

    def ask(self, _task: str, payload: Mapping[str, Any]) -> Answer:
        self.asked.append(payload["method"])
        answer = self.answers[payload["method"]]
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, Answer)
        return answer


DONE, HALF = Answer(True, explained("gradcam"), 1.0), Answer(False, share=0.5)


def order(method: str, dear: bool = False, task: str = "explain") -> Order:
    return Order(Tile(method, "/image"), task, {"method": method}, None, dear)


@pytest.fixture
def look(tmp_path: Path) -> Any:
    def run(engine: Engine, *orders: Order, **known: Any) -> Any:
        services: Any = SimpleNamespace(engine=engine, cache=FileCache(tmp_path, 10**6))
        return gather(services, orders, **known)

    return run


def test_the_dear_ones_begin_when_the_cheap_ones_are_there(look: Any) -> None:
    engine = Engine({"ig": HALF, "cam": HALF})
    found = look(engine, order("ig", dear=True), order("cam"))
    assert engine.asked == ["cam"]
    assert [(tile.title, tile.share, tile.waiting) for tile in found.tiles] == [("cam", 0.5, False), ("ig", None, True)]
    assert found.missing == 2
    engine.answers = {"ig": HALF, "cam": DONE}
    found = look(engine, order("ig", dear=True), order("cam"))
    assert engine.asked == ["cam", "cam", "ig"]
    assert [(tile.key, tile.share) for tile in found.tiles] == [("ab" * 16, None), (None, 0.5)]


def test_what_failed_says_why_and_is_not_asked_again(look: Any) -> None:
    engine = Engine({"lrp": InvalidInput("needs ReLU"), "cam": HALF})
    found = look(engine, order("lrp"), order("cam"))
    assert [tile.trouble for tile in found.tiles] == ["needs ReLU", ""]
    assert found.missing == 1
    again = look(engine, order("lrp"), order("cam"), failed=found.failed)
    assert engine.asked == ["lrp", "cam", "cam"]
    assert again.tiles[0].trouble == "needs ReLU"


def test_an_engine_that_is_away_may_come_back(look: Any) -> None:
    found = look(Engine({"cam": EngineUnavailable("The engine is not running")}), order("cam"))
    assert found.tiles[0].trouble == "The engine is not running"
    assert found.failed == {}


def test_what_was_stopped_is_not_asked_for(look: Any) -> None:
    engine = Engine({"cam": DONE})
    found = look(engine, order("cam"), stopped=True)
    assert engine.asked == []
    assert found.tiles[0].waiting
    assert found.missing == 1


def test_an_upload_that_cannot_be_explained_says_why(look: Any) -> None:
    answer = Answer(True, {"explanation": None, "refused": "no grid"}, 1.0)
    found = look(Engine({"cam": answer}), order("cam", task="predict_image"))
    assert found.tiles[0].trouble == "no grid"


def test_a_grid_for_something_else_begins_anew() -> None:
    first = Memory.of(None, [order("cam")], 3)
    assert not first.stopped(3)
    assert first.stopped(4)
    assert not first.stopped(5)
    kept = {**asdict(first), "failed": {"a": "b"}}
    assert Memory.of(kept, [order("cam")], 4) == Memory(first.about, 3, {"a": "b"})
    assert Memory.of(kept, [order("ig")], 4).failed == {}
    assert not Memory.of(kept, [order("ig")], 4).stopped(4)
    # A press that comes with what is new was meant for it.
    assert Memory.of(kept, [order("ig")], 4, pressed=True).stopped(4)
