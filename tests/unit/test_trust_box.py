"""What is said about a map's worth: in a number, a word and a sentence, and in parts."""

import json
from typing import Any

import pytest
from plotly.utils import PlotlyJSONEncoder

from data.explanations import Explanation, Trust
from inference.calibration import CALIBRATION
from layouts.figures.trust import curve_picture
from layouts.trust import evidence, finding, judged, judging

SHARES = (0.0, 0.16, 1.0)
ABOUT: dict[str, Any] = {"target": "cat", "contrast": None, "facts": {}}


def trust(**changes: Any) -> Trust:
    curves = {
        "shares": SHARES,
        "deletion": (0.97, 0.31, 0.02),
        "insertion": (0.02, 0.8, 0.97),
        "random_deletion": (0.97, 0.9, 0.02),
        "random_insertion": (0.02, 0.1, 0.97),
    }
    values: dict[str, Any] = {
        "score": 0.83,
        "curves": curves,
        "areas": {"deletion": 0.24, "insertion": 0.81, "random_deletion": 0.53, "random_insertion": 0.46},
        "odds_raised": 1.0,
        "sanity": 0.2,
        "sanity_skipped": "",
        "agreement": {"gradcam": 0.7, "saliency": 0.5},
        "edges": 0.3,
        "empty": False,
        "infidelity": None,
        "sensitivity": None,
        "seconds": 0.5,
    }
    return Trust(**{**values, **changes})


def text(component: Any) -> str:
    return json.dumps(component, cls=PlotlyJSONEncoder, ensure_ascii=False)


def said(found: Trust, **about: Any) -> str:
    return text(judged(found, {**ABOUT, **about}, CALIBRATION))


def test_the_sentence_says_what_hiding_does_in_figures() -> None:
    assert finding(trust(), "7") == (
        "Hiding the 16\u00a0% that the map marks as most important lowers the probability of “7” "
        "from 97\u00a0% to 31\u00a0%; hiding as much at random: to 90\u00a0%."
    )


@pytest.mark.parametrize(
    ("after", "words"),
    [(0.6, "lowers the probability"), (1.0, "raises the probability"), (0.969, "leaves the probability")],
)
def test_the_sentence_follows_the_direction(after: float, words: str) -> None:
    curves = {**trust().curves, "deletion": (0.97, after, 0.02)}
    assert words in finding(trust(curves=curves), "cat")


def test_a_contrast_is_named_and_an_empty_map_says_nothing() -> None:
    assert "“cat rather than dog”" in finding(trust(), "cat", "dog")
    assert "says nothing" in finding(trust(empty=True), "cat")


@pytest.mark.parametrize(
    ("score", "word"),
    [(1.0, "Well supported"), (0.7, "Well supported"), (0.69, "Partly"), (0.29, "Hardly"), (0.0, "Hardly supported")],
)
def test_the_score_is_told_in_a_number_and_a_word(score: float, word: str) -> None:
    shown = said(trust(score=score))
    assert word in shown
    assert f"trust {score:.2f}" in shown


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "0.60: other methods say much the same (gradcam 0.70, saliency 0.50)"),
        ({"agreement": {"gradcam": -0.1}}, "-0.10: other methods disagree"),
        ({"agreement": {}}, "no other method to compare with"),
        ({"sanity": 0.95}, "0.95: the map survives"),
        ({"sanity": None, "sanity_skipped": "dear"}, "dear to make again"),
        ({"sanity": None, "sanity_skipped": "elsewhere"}, "nobody here knows"),
        ({"edges": 0.9}, "an edge detector's"),
        ({"odds_raised": 5000.0}, "multiplied by 5,000"),
        ({"infidelity": 0.0123}, "Infidelity"),
        ({}, "Hiding: area 0.24, at random 0.53"),
        ({}, "Uncovering: area 0.81, at random 0.46"),
        ({}, f"{CALIBRATION.high_right:,} of {CALIBRATION.high:,} with a score of 0.7 or more were right"),
    ],
)
def test_each_part_is_told_in_words(changes: dict[str, Any], words: str) -> None:
    assert words in said(trust(**changes))


def test_a_completeness_error_is_told_where_the_method_states_it() -> None:
    assert "Completeness error" not in said(trust())
    assert "0.0123" in said(trust(), facts={"completeness_error": 0.01234})


def test_the_box_says_where_the_map_comes_from_and_waits_for_its_judgement() -> None:
    explanation = Explanation("ab" * 16, "gradcam", "7", "7", 0.97, 0.97, None, "block3", (8, 8), {}, {}, 0.004, False)
    shown = text(evidence(explanation, "Grad-CAM", {"dataset": "digits", "model": "net@1", "layers": "", "row": "3"}))
    assert "Grad-CAM for “7” at layer block3 · computed in 4 ms" in shown
    assert "Testing the map" in shown
    assert '"key": "' + "ab" * 16 in shown


def test_progress_is_shown_where_it_is_known() -> None:
    assert '"value": "0.25"' in text(judging(0.251))
    assert '"value": null' in text(judging(None))


def test_a_curve_runs_from_corner_to_corner() -> None:
    picture = curve_picture((0.0, 1.0), (1.0, 0.0), (0.0, 1.0))
    assert picture.startswith("data:image/svg+xml,")
    assert "M3.0%203.0L147.0%2081.0" in picture
    assert "M3.0%2081.0L147.0%203.0" in picture
