"""The Adjust page over HTTP: what feedback amounts to, a job for it and how far it is, where a version comes from."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from callbacks.adjust import taught
from callbacks.context import resolve
from data.finetuning import FinetuneSettings, finetune_folder, finetune_key
from data.masks import Mask, Region, Role
from data.schema import RunRow, VersionRow
from data.types import FeedbackKind, JobState, Verdict
from data.workspace import write_json

HERE = {"dataset": "garden", "model": "net@2"}
FORM = {
    "adjust-person.value": "(everybody)",
    "adjust-depth.value": "block",
    "adjust-rate.value": None,
    "adjust-epochs.value": 3,
    "adjust-batch.value": 32,
    "adjust-replay.value": 1000,
    "adjust-must-not.value": 300,
    "adjust-should.value": 1,
    "adjust-patience.value": 5,
    "adjust-seed.value": 0,
    "adjust-weights.value": False,
}


@pytest.fixture
def taught_site(fresh_site: Any) -> Any:
    """Two classes given, one of them to a sample with a region; one disagreement, one flag."""
    log = fresh_site.services.feedback
    corner = np.zeros((12, 16), bool)
    corner[:4, :4] = True
    log.add(FeedbackKind.RELABEL, "ana", "garden", "a", 1, label="tulip")
    log.add(FeedbackKind.RELABEL, "bo", "garden", "b", 2, label="iris")
    regions = [Region(Role.MUST_NOT_LOOK, Mask.of(corner))]
    log.add(FeedbackKind.VERDICT, "bo", "garden", "b", 2, choice=Verdict.WRONG_REASON, regions=regions)
    log.add(FeedbackKind.RELABEL, "ana", "garden", "c", 3, label="tulip")
    log.add(FeedbackKind.RELABEL, "bo", "garden", "c", 3, label="iris")
    log.add(FeedbackKind.FLAG, "bo", "garden", "d", 4)
    return fresh_site


def show(site: Any, whose: str = "(everybody)", **state: str) -> dict[str, Any]:
    values = {"adjust-subject.data": {**HERE, **state}, "adjust-person.value": whose}
    answer: dict[str, Any] = site.ask("adjust-teaching.children", values)
    return answer


def start(site: Any, **changes: Any) -> dict[str, Any]:
    values = {**FORM, **changes, "adjust-start.n_clicks": 1, "adjust-subject.data": HERE, "shell-person.data": "ana"}
    answer: dict[str, Any] = site.post("adjust-subject.data", values, "adjust-start.n_clicks").get_json()
    shown: dict[str, Any] = answer.get("response") or answer["sideUpdate"]
    return shown


def watch(site: Any, changed: str | None = None, **state: str) -> dict[str, Any]:
    answer: dict[str, Any] = site.ask("adjust-job.children", {"adjust-subject.data": {**HERE, **state}}, changed)
    return answer


def text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def test_what_the_feedback_amounts_to_is_counted(taught_site: Any) -> None:
    shown = show(taught_site)
    box = text(shown["adjust-teaching"])
    for words in ("iris 1, tulip 1", "different classes to 1 sample", "1 flagged sample is left out"):
        assert words in box
    assert shown["adjust-start"]["disabled"] is False
    assert [option["value"] for option in shown["adjust-person"]["options"]] == ["(everybody)", "ana", "bo"]
    assert "different classes" not in text(show(taught_site, "ana")["adjust-teaching"])


def test_without_feedback_the_page_says_what_to_do(site: Any) -> None:
    shown = show(site)
    assert "Nothing on this dataset teaches the version anything yet" in text(shown["adjust-teaching"])
    assert shown["adjust-start"]["disabled"] is True
    notice = text(start(site))
    assert "Nothing on this dataset teaches" in notice
    assert site.services.jobs.list() == []


def test_a_press_queues_what_was_chosen_and_the_address_shows_it_to_others(taught_site: Any) -> None:
    answer = start(taught_site, **{"adjust-person.value": "bo", "adjust-must-not.value": 0})
    (job,) = taught_site.services.jobs.list()
    assert answer["adjust-subject"]["data"] == {**HERE, "job": str(job.id)}
    assert (job.kind, job.owner) == ("finetune", "ana")
    assert job.parameters == {
        "dataset": "garden",
        "model": "net@2",
        "depth": "block",
        "epochs": 3,
        "must_not_look": 0.0,
        "until": 6,
        "person": "bo",
    }
    watched = watch(taught_site, job=str(job.id))
    assert watched["adjust-clock"]["disabled"] is False
    assert watched["adjust-cancel"]["hidden"] is False
    assert f"Job {job.id}" in text(watched["adjust-job"])
    assert f"Job {job.id}" in text(watch(taught_site)["adjust-job"])  # also without the number in the address
    cancelled = watch(taught_site, "adjust-cancel.n_clicks", job=str(job.id))
    assert taught_site.services.jobs.get(job.id).state is JobState.CANCELLED
    assert (cancelled["adjust-cancel"]["hidden"], cancelled["adjust-resume"]["hidden"]) == (True, False)
    watch(taught_site, "adjust-resume.n_clicks", job=str(job.id))
    assert taught_site.services.jobs.get(job.id).state is JobState.QUEUED


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [("epochs", 0, "epochs 0 is not allowed"), ("epochs", 2.5, "a whole number"), ("rate", 7, "learning-rate 7")],
)
def test_a_value_that_is_not_allowed_is_named(taught_site: Any, field: str, value: float, reason: str) -> None:
    assert reason in text(start(taught_site, **{f"adjust-{field}.value": value}))
    assert taught_site.services.jobs.list() == []


def test_the_curve_grows_while_the_job_runs(taught_site: Any) -> None:
    services = taught_site.services
    job = start(taught_site)["adjust-subject"]["data"]["job"]
    context = resolve(services, HERE)
    assert context.version is not None
    settings = FinetuneSettings.of({"depth": "block", "epochs": 3})
    key = finetune_key(context.version, context.dataset, taught(services, context, context.version, None), settings)
    figures = {"validation_accuracy": 0.5, "taught_accuracy": 0.25, "must_not_look": 0.4, "should_look": None}
    epoch = {**figures, "epoch": 1.0, "must_not_look": 0.1}
    progress = {"step": 4, "steps": 12, "before": figures, "curve": [epoch], "losses": []}
    write_json(finetune_folder(services.workspace, key) / "progress.json", progress)
    box = text(watch(taught_site, job=job)["adjust-curve"])
    assert "looks where it must not" in box
    assert "looks where it should" not in box  # nobody said where that is


def made_by(site: Any, facts: Mapping[str, Any]) -> None:
    """net@2 becomes a version that was fine-tuned from net@1."""
    with site.services.database.write() as session:
        row = session.query(VersionRow).filter_by(model="net", version=2).one()
        row.notes = {"finetune": dict(facts)}


def test_a_fine_tuned_version_tells_where_it_comes_from_and_leads_back(taught_site: Any) -> None:
    figures = {"validation_accuracy": 0.5, "taught_accuracy": 0.25, "must_not_look": 0.4, "should_look": None}
    after = {**figures, "must_not_look": 0.05, "test_accuracy": 0.75}
    made_by(
        taught_site,
        {
            "key": "k",
            "dataset": "garden",
            "dataset_digest": "d" * 64,
            "events": list(range(1, 41)),
            "samples": {"taught": 40, "unchanged": 900, "held_out": 100},
            "parameters": {"depth": "all", "must_not_look": 0.0, "person": None},
            "metrics": {"before": {**figures, "test_accuracy": 0.5}, "after": after},
            "curve": [{**after, "epoch": 1.0, "score": 1.0}],
            "epoch": 1,
            "seconds": 12.3,
        },
    )
    shown = show(taught_site)
    box = text(shown["adjust-made"])
    for words in (
        "40.0 %",
        "5.0 %",
        "-35.0 points",
        "+25.0 points",
        "test samples right",
        "40 events: 1, 2, 3",
        "must not look 0.0",
        "d" * 16,
    ):
        assert words in box
    assert '"href": "/adjust?dataset=garden&model=net@1"' in box
    assert '"href": "/compare?dataset=garden&model=net@1&other=net@2"' in box
    assert shown["adjust-index"]["hidden"] is True  # both were applied to the dataset
    parent = text(show(taught_site, model="net@1")["adjust-made"])
    assert "Made from this version: " in parent
    assert '"href": "/adjust?dataset=garden&model=net@2"' in text(
        taught_site.ask("models-version.children", {"models-state.data": HERE})
    )


def test_a_version_that_was_not_applied_can_be_from_here(taught_site: Any) -> None:
    watch(taught_site, "adjust-index.n_clicks")
    (job,) = taught_site.services.jobs.list()
    assert (job.kind, job.parameters) == ("index", HERE)


def turn(
    site: Any, changed: str, draft: Mapping[str, Any] | None = None, values: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    given = {"adjust-subject.data": HERE, "adjust-state.data": draft, "adjust-temperature.value": 1, **(values or {})}
    answer: dict[str, Any] = site.post("adjust-state.data", given, changed).get_json()
    return answer


def foretell(site: Any, **draft: Any) -> dict[str, Any]:
    answer: dict[str, Any] = site.ask("adjust-effect.children", {"adjust-state.data": {**HERE, **draft}})
    return answer


def edit(name: str, column: str, value: object) -> list[dict[str, Any]]:
    return [{"data": {"name": name}, "colId": column, "value": value}]


def test_what_is_typed_into_the_table_stands_in_the_address(site: Any) -> None:
    typed = {"adjust-grid.cellValueChanged": edit("iris", "threshold", "0.2")}
    state = turn(site, "adjust-grid.cellValueChanged", None, typed)["response"]["adjust-state"]["data"]
    assert state == {**HERE, "threshold": ["iris:0.2"]}
    more = {"adjust-grid.cellValueChanged": edit("tulip", "share", 0.5)}
    state = turn(site, "adjust-grid.cellValueChanged", state, more)["response"]["adjust-state"]["data"]
    assert state == {**HERE, "threshold": ["iris:0.2"], "share": ["tulip:0.5"]}
    emptied = {"adjust-grid.cellValueChanged": edit("iris", "threshold", "")}
    state = turn(site, "adjust-grid.cellValueChanged", state, emptied)["response"]["adjust-state"]["data"]
    assert state == {**HERE, "share": ["tulip:0.5"]}
    wrong = {"adjust-grid.cellValueChanged": edit("iris", "share", 7)}
    refused = turn(site, "adjust-grid.cellValueChanged", state, wrong)
    assert "share of iris 7.0 is not allowed" in text(refused["sideUpdate"])
    assert refused["response"]["adjust-state"]["data"] == state
    reset = turn(site, "adjust-reset.n_clicks", state)["response"]
    assert (reset["adjust-state"]["data"], reset["adjust-temperature"]["value"]) == (HERE, 1)


def test_thresholds_and_shares_change_the_decisions_at_once(site: Any) -> None:
    shown = foretell(site)
    assert "75.00 %" in text(shown["adjust-effect"])  # of the 12 in test, the split that it did not learn from
    rows = {row["name"]: row for row in shown["adjust-grid"]["rowData"]}
    assert {name: (row["threshold"], row["share"]) for name, row in rows.items()} == dict.fromkeys(rows, (0.5, 0.3333))
    # net@2 is 90 % sure of everything: where iris must only reach a twentieth of that, all is called iris.
    greedy = foretell(site, threshold="iris:0.001")
    rows = {row["name"]: row for row in greedy["adjust-grid"]["rowData"]}
    samples = sum(row["samples"] for row in rows.values())
    assert (rows["iris"]["after"], rows["tulip"]["after"]) == (samples, 0)
    assert "33.33 %" in text(greedy["adjust-effect"])
    assert "Class 'rose' is not known" in text(foretell(site, threshold="rose:0.3")["adjust-effect"])
    assert "on 'nowhere' is not known; allowed: (all), test, train" in text(foretell(site, on="nowhere"))


def test_the_temperature_is_calibrated_and_told(site: Any) -> None:
    calibrated = turn(site, "adjust-calibrate.n_clicks", HERE, {"adjust-split.value": "(all)"})["response"]
    temperature = calibrated["adjust-temperature"]["value"]
    assert calibrated["adjust-state"]["data"] == {**HERE, "on": "(all)", "temperature": str(temperature)}
    assert 0.05 < temperature < 2


def test_a_version_that_was_not_applied_is_told_so(fresh_site: Any) -> None:
    with fresh_site.services.database.write() as session:
        for run in session.query(RunRow):
            session.delete(run)
    shown = foretell(fresh_site)
    assert "net@2 was not applied to garden yet; index garden net@2" in text(shown["adjust-effect"])
    assert shown["adjust-charts"]["hidden"] is True


def test_saving_asks_a_worker_and_leads_to_the_version(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []

    def call(task: str, payload: dict[str, Any], **_more: object) -> dict[str, Any]:
        asked.append((task, payload))
        return {"model": "net", "version": 3}

    monkeypatch.setattr(site.services.engine, "call", call)

    def save(**draft: Any) -> dict[str, Any]:
        values = {"adjust-save.n_clicks": 1, "adjust-state.data": {**HERE, **draft}}
        answer: dict[str, Any] = site.post("adjust-saved.children", values, "adjust-save.n_clicks").get_json()
        return answer

    assert "Nothing is adjusted yet" in text(save())
    assert '"/adjust?dataset=garden&model=net@3"' in text(save(temperature="2", threshold="iris:0.25"))
    ((task, payload),) = asked
    assert (task, payload["model"]) == ("adjust_version", "net@2")
    assert payload["adjustment"] == {"temperature": 2.0, "shift": [], "thresholds": [0.5, 0.25, 0.5]}
    assert payload["measured"]["samples"] == 12  # the split that it did not learn from
    assert set(payload["measured"]["after"]) == {"accuracy", "ece"}


def test_an_adjusted_version_tells_what_was_changed(fresh_site: Any) -> None:
    with fresh_site.services.database.write() as session:
        row = session.query(VersionRow).filter_by(model="net", version=2).one()
        row.notes = {
            "adjustment": {"temperature": 1.5, "shift": [], "thresholds": [0.5, 0.25, 0.5]},
            "adjusted": {
                "dataset": "garden",
                "split": "test",
                "samples": 12,
                "changed": 3,
                "before": {"accuracy": 0.5, "ece": 0.2},
                "after": {"accuracy": 0.75, "ece": 0.1},
            },
        }
    box = text(show(fresh_site)["adjust-made"])
    for words in ("net@2 is net@1, adjusted without training", "iris 0.25", "20.00 % → 10.00 %", "Go back to net@1"):
        assert words in box
    # Its own thresholds are what a new adjustment is held against.
    assert '"0"' in text(foretell(fresh_site)["adjust-effect"])
