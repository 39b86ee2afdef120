"""Tasks that people look after: done once for all who ask, told how far they are, dropped when nobody asks."""

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from data.errors import Cancelled, InvalidInput
from inference import errands as module
from inference.errands import Answer, Errands
from tests.serving import until


class Engine:
    """Works on each task until it is told to end it."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.dropped: list[str] = []
        self.end: dict[str, Any] = {}
        self.go_on = threading.Event()

    def call(
        self,
        task: str,
        payload: Mapping[str, Any],
        timeout: float,
        wanted: Callable[[], bool],
        hear: Callable[[float], None],
    ) -> Any:
        self.begun.append(task)
        hear(0.25)
        while task not in self.end:
            if not wanted():
                self.dropped.append(task)
                raise Cancelled("Nobody waits any more")
            self.go_on.wait(0.005)
        if isinstance(self.end[task], Exception):
            raise self.end[task]
        return self.end[task]


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def errands(engine: Engine) -> Iterator[Errands]:
    opened = Errands(engine.call)
    yield opened
    opened.close()


def finished(errands: Errands, task: str) -> Any:
    until(lambda: errands.ask(task, {}).done, 5)
    return errands.ask(task, {}).value


def test_who_asks_is_answered_at_once_and_told_how_far_it_is(engine: Engine, errands: Errands) -> None:
    assert not errands.ask("map", {}).done
    until(lambda: errands.ask("map", {}) == Answer(False, share=0.25), 5)
    engine.end["map"] = {"key": "ab"}
    assert finished(errands, "map") == {"key": "ab"}
    assert engine.begun == ["map"]


def test_people_who_ask_for_the_same_share_it(engine: Engine, errands: Errands) -> None:
    for _person in range(5):
        errands.ask("map", {"row": 1})
    errands.ask("map", {"row": 2})
    until(lambda: len(engine.begun) == 2, 5)
    engine.end["map"] = 1


def test_what_nobody_asks_about_is_dropped(engine: Engine, errands: Errands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEASE", 0.05)
    errands.ask("map", {})
    until(lambda: engine.dropped == ["map"], 5)
    engine.end["map"] = "again"
    monkeypatch.undo()
    assert finished(errands, "map") == "again"


def test_who_leaves_drops_it_at_once(engine: Engine, errands: Errands) -> None:
    errands.ask("map", {})
    until(lambda: engine.begun == ["map"], 5)
    errands.leave("map", {})
    errands.leave("never asked for", {})
    until(lambda: engine.dropped == ["map"], 5)


def test_an_error_is_told_and_the_next_to_ask_begins_anew(engine: Engine, errands: Errands) -> None:
    engine.end["map"] = InvalidInput("rise cannot work on this network")
    with pytest.raises(InvalidInput, match="rise cannot work"):
        finished(errands, "map")
    engine.end["map"] = "a map"
    assert finished(errands, "map") == "a map"
    assert engine.begun == ["map", "map"]
