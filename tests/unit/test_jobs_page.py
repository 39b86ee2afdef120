"""What a job's card says."""

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from plotly.utils import PlotlyJSONEncoder

from data.types import Job, JobState, Unscored
from layouts import ids
from layouts.jobs import duration, job_cards, outcome, progress_words, summary

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
RUNNING = Job(
    id=7,
    kind="index",
    key="k",
    parameters={"dataset": "digits", "model": "net@1"},
    state=JobState.RUNNING,
    owner="ana",
    after=None,
    done=500,
    total=2000,
    unit="images",
    rate=100.0,
    message="",
    error=None,
    result=None,
    cancel_requested=False,
    created_at=NOW - timedelta(seconds=90),
    started_at=NOW - timedelta(seconds=65),
    finished_at=None,
)


def drawn(job: Job, **more: Any) -> str:
    return json.dumps(job_cards([job], NOW, **more), cls=PlotlyJSONEncoder, ensure_ascii=False)


@pytest.mark.parametrize(
    ("seconds", "text", "coarse"),
    [
        (-3, "0 s", "0 s"),
        (59.6, "1 min 0 s", "1 min"),
        (130, "2 min 10 s", "2 min"),
        (11_100, "3 h 5 min", "3 h"),
        (180_000, "2 d 2 h", "2 d"),
    ],
)
def test_durations_as_people_say_them(seconds: float, text: str, coarse: str) -> None:
    assert duration(seconds) == text
    assert duration(seconds, coarse=True) == coarse


def test_progress_tells_how_far_how_fast_and_how_long_still() -> None:
    assert progress_words(RUNNING, NOW) == "500 of 2,000 images (25 %) · 100 images/s · about 15 s left"
    assert progress_words(replace(RUNNING, total=0, done=0, rate=0.0), NOW) == "working"


def test_a_running_job_can_be_cancelled_and_a_failed_one_resumed() -> None:
    running, failed = drawn(RUNNING), drawn(replace(RUNNING, state=JobState.FAILED, error="no memory", finished_at=NOW))
    assert f'"type": "{ids.JOBS_CANCEL}", "job": 7' in running
    assert ids.JOBS_RESUME not in running
    assert "1 min 5 s elapsed" in running
    assert f'"type": "{ids.JOBS_RESUME}", "job": 7' in failed
    assert ids.JOBS_CANCEL not in failed
    assert "no memory" in failed


def test_the_bar_has_a_name_and_a_value() -> None:
    assert '"aria-valuenow": "25"' in drawn(RUNNING)
    unknown = drawn(replace(RUNNING, total=0, done=0))
    assert "aria-valuenow" not in unknown
    assert "progress-bar-animated" in unknown


def test_a_log_is_shown_where_it_was_asked_for() -> None:
    line = (NOW, "Shard 1 <done>")
    assert "12:00:00  Shard 1 <done>" in drawn(RUNNING, opened=7, log=[line])
    assert "Shard 1" not in drawn(RUNNING, opened=8, log=[line])
    assert "Nothing was logged yet" in drawn(RUNNING, opened=7)


def test_a_waiting_job_says_for_what() -> None:
    assert "waits for job 3" in drawn(replace(RUNNING, state=JobState.QUEUED, started_at=None, after=3))


def test_an_outcome_shows_the_figures_that_there_are() -> None:
    result = {"samples": 1797, "accuracy": 0.9349, "images_per_second": 612.4, "cached": False, "run": "ab"}
    assert outcome(replace(RUNNING, result=result)) == "1,797 samples · accuracy 93.49 % · 612 images/s"
    assert outcome(replace(RUNNING, result={"cached": True})) == "was there already"
    assert outcome(RUNNING) == ""


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Unscored(1000, False, 10), "the model names none of its 1,000 outputs and the dataset has 10 classes"),
        (Unscored(10, True, 10), "have no name in common"),
        (Unscored(10, True, 0), "the dataset has no labels"),
    ],
)
def test_an_outcome_without_accuracy_says_why(reason: Unscored, words: str) -> None:
    result = {"samples": 300, "accuracy": None, "unscored": asdict(reason)}
    assert words in outcome(replace(RUNNING, result=result))


def test_the_summary_counts_states_and_is_silent_without_jobs() -> None:
    shown = str(summary([RUNNING, replace(RUNNING, state=JobState.DONE)]))
    assert "Running 1" in shown
    assert "Done 1" in shown
    assert summary([]) is None
