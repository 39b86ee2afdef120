"""What is said about an explanation: the sentence, its verdict, the bars, the keys of the classes."""

from typing import Any

import pytest

from callbacks.explaining import as_explanation, failed, method_of, method_options, top_classes
from data.errors import EngineUnavailable, InvalidInput, TaskFailed
from data.explanations import Explanation
from layouts.explained import probability_bars
from layouts.judging import QUICK_KEYS, class_buttons, quick_keys
from layouts.mapping import DEFAULT, target_options


def explanation(probability: float = 0.97, **trust: float) -> Explanation:
    return Explanation(
        "ab" * 16, "gradcam", "7", "7", 0.97, probability, None, "block3", (8, 8), {}, trust, 0.004, False
    )


def text(component: Any) -> str:
    if component is None or isinstance(component, (int, float)):
        return ""
    if isinstance(component, str):
        return component
    if isinstance(component, (list, tuple)):
        return " ".join(text(part) for part in component)
    return text(getattr(component, "children", None))


def test_bars_mark_label_and_target_by_more_than_colour() -> None:
    bars = probability_bars([("cat", 0.7), ("dog", 0.2), ("eel", 0.0004)], "dog", "cat", "t", "a").children
    assert [bar.children[-1].children for bar in bars] == ["70.0 %", "20.0 %", "< 0.1 %"]
    assert bars[1].children[0].children[1].title == "label"
    assert [getattr(bar, "aria-pressed") for bar in bars] == ["true", "false", "false"]
    assert bars[0].id == {"type": "t", "panel": "a", "class": "cat"}


def test_the_most_probable_classes_come_first_and_ties_keep_their_order() -> None:
    assert top_classes(["a", "b", "c"], [0.2, 0.6, 0.2], count=2) == [("b", 0.6), ("a", 0.2)]


def test_targets_offer_the_predicted_class_first_and_keep_an_unknown_choice() -> None:
    assert [option["value"] for option in target_options(["a", "b"], "z")] == [DEFAULT, "z", "a", "b"]


def test_the_first_method_goes_without_saying() -> None:
    assert method_of(None) == "gradcam"
    assert method_options(None, {})[1]["value"] == DEFAULT
    assert method_options("gradcam", {})[1]["value"] == "gradcam"
    with pytest.raises(InvalidInput, match="gradcam"):
        method_of("crystal-ball")


def test_only_what_may_pass_by_itself_can_be_tried_again() -> None:
    key, hidden, shown, retry_hidden, files, rests = failed(EngineUnavailable("The engine is not running"))
    assert (key, hidden, retry_hidden, files, rests) == ("", True, False, [], True)
    assert "your judgement still work" in text(shown)
    assert failed(TaskFailed("out of memory"))[3] is False
    assert failed(InvalidInput("no grid"))[3] is True


def test_a_workers_answer_becomes_a_value() -> None:
    answer = {**{name: getattr(explanation(), name) for name in Explanation.__slots__}, "shape": [8, 8], "more": 1}
    assert as_explanation(answer) == explanation()


def test_digits_are_their_own_keys_and_others_are_counted() -> None:
    assert quick_keys(["0", "1", "7"]) == {"0": "0", "1": "1", "7": "7"}
    assert quick_keys(["cat", "dog"]) == {"cat": "1", "dog": "2"}
    assert len(quick_keys([f"c{n}" for n in range(40)])) == len(QUICK_KEYS)


def test_class_buttons_say_what_stands() -> None:
    buttons = class_buttons(["cat", "dog"], label="cat", given="dog")
    assert [getattr(button, "aria-pressed") for button in buttons] == ["false", "true"]
    assert [getattr(button, "data-shortcut") for button in buttons] == ["1", "2"]
