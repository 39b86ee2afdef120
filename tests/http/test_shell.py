"""The frame: the index page, navigation, pickers, status, and addresses that make no sense."""

from dataclasses import replace
from typing import Any

import pytest

from callbacks.context import spread
from callbacks.overview import steps, summaries

PICKERS = {"_pages_location.pathname": "/browse", "_pages_location.search": ""}


def test_the_index_page_loads_only_from_here(site: Any) -> None:
    html = site.client.get("/").get_data(as_text=True)
    assert "/vendor/bootstrap.css" in html
    assert "/assets/theme.js" in html
    assert "https://" not in html
    assert "http://" not in html


def test_health_answers(site: Any) -> None:
    assert site.client.get("/healthz").get_json() == {"status": "ok"}


def test_pickers_fall_to_the_newest_run(site: Any) -> None:
    answer = site.ask("shell-dataset.value", PICKERS)
    assert answer["shell-dataset"]["value"] == "garden"
    assert answer["shell-model"]["value"] == "net@2"
    assert [option["value"] for option in answer["shell-model"]["options"]] == ["net@2", "net@1"]
    assert "91.7 %" in answer["shell-model"]["options"][0]["label"]


def test_navigation_keeps_dataset_and_version_and_marks_the_page(site: Any) -> None:
    values = {**PICKERS, "_pages_location.search": "?dataset=garden&model=net@1&label=iris"}
    items = site.ask("shell-dataset.value", values)["shell-nav"]["children"]
    links = {item["props"]["children"]["props"]["href"]: item["props"]["children"]["props"] for item in items}
    assert "/embedding?dataset=garden&model=net@1" in links
    assert links["/browse?dataset=garden&model=net@1"]["aria-current"] == "page"


def test_an_unknown_dataset_leaves_the_pickers_usable(site: Any) -> None:
    answer = site.ask("shell-dataset.value", {**PICKERS, "_pages_location.search": "?dataset=nowhere"})
    assert answer["shell-dataset"]["value"] is None
    assert [option["value"] for option in answer["shell-dataset"]["options"]] == ["garden"]


def test_status_tells_running_jobs(fresh_site: Any) -> None:
    assert "Idle" in str(fresh_site.ask("shell-status.children", {}))
    fresh_site.services.jobs.submit("index", {"dataset": "garden", "model": "net@1"}, "ada")
    job = fresh_site.services.jobs.claim()
    fresh_site.services.jobs.progress(job.id, 9, 36, "images")
    assert "Indexing 25 %" in str(fresh_site.ask("shell-status.children", {}))


@pytest.mark.parametrize("path", ["/browse", "/embedding"])
def test_a_page_gets_its_defaults_written_out(site: Any, path: str) -> None:
    page = site.page(path)
    assert '"dataset": "garden"' in page
    assert '"model": "net@2"' in page


@pytest.mark.parametrize(
    "search",
    [
        "?dataset=nowhere",
        "?dataset=../../etc",
        "?model=net@9",
        "?model=net@zero",
        "?model=" + "x" * 5000,
        "?outcome=maybe",
        "?low=2",
        "?low=nan",
        "?sort=row;DROP TABLE datasets",
        "?lasso=nonsense",
        "?lasso=ab:1,2,3",
        "?feedback=loved",
        "?projection=ffffffff",
        "?other=nobody@1",
        "?compared=better",
    ],
)
@pytest.mark.parametrize("path", ["/browse", "/embedding"])
def test_an_address_that_makes_no_sense_is_explained(site: Any, path: str, search: str) -> None:
    assert "This cannot be shown" in site.page(path, search)


def test_odd_parameters_do_no_harm(site: Any) -> None:
    page = site.page("/browse", "?self=1&app=2&page=-5&view=hologram&size=xxl&%00=1")
    assert "browse-gallery" in page


def test_an_unknown_page_says_so(site: Any) -> None:
    assert "There is no page here" in site.page("/nowhere")


def test_an_empty_workspace_says_how_to_begin(empty_site: Any) -> None:
    assert "This workspace is empty" in empty_site.page("/browse")
    answer = empty_site.ask("overview-datasets.children", {"overview-state.data": {}})
    assert "dataset add" in str(answer["overview-datasets"])
    assert empty_site.ask("shell-dataset.value", PICKERS)["shell-dataset"]["options"] == []


def test_overview_tells_accuracy_and_leads_on(site: Any) -> None:
    answer = site.ask("overview-datasets.children", {"overview-state.data": {}})
    cards, steps = str(answer["overview-datasets"]), str(answer["overview-steps"])
    assert "net@2" in cards
    assert "91.7 %" in cards
    assert "75.0 %" in cards
    assert "3 samples of garden" in steps
    assert "outcome=wrong" in steps
    assert "other=net@2" in steps


@pytest.mark.parametrize(("total", "period"), [(2000, 5), (1797, 10), (10_000, 10)])
def test_a_few_samples_show_many_classes_however_they_are_ordered(total: int, period: int) -> None:
    rows = spread(total, 10)
    assert rows == sorted(set(rows))
    assert len({row * 10 // total for row in rows}) == 10  # sorted by class
    assert len({row % period for row in rows}) >= 4  # classes in turn
    assert spread(3, 8) == [0, 1, 2]
    assert spread(0, 8) == []


def test_overview_sends_nothing_while_nothing_changes(site: Any) -> None:
    first = site.ask("overview-datasets.children", {"overview-state.data": {}})
    state = first["overview-state"]["data"]
    again = site.ask("overview-datasets.children", {"overview-state.data": state})
    assert "overview-datasets" not in again


def test_overview_lists_running_jobs(fresh_site: Any) -> None:
    assert fresh_site.ask("overview-jobs.children", {})["overview-jobs"]["children"] is None
    fresh_site.services.jobs.submit("train", {"recipe": "digits-1"}, "ada")
    assert "digits-1" in str(fresh_site.ask("overview-jobs.children", {}))


def test_without_accuracy_the_overview_leads_to_no_errors(site: Any) -> None:
    (garden,) = [found for found in summaries(site.services) if found.dataset.name == "garden"]
    assert "outcome=wrong" in steps([garden])[0].href
    unscored = replace(garden, runs=tuple(replace(run, accuracy=None) for run in garden.runs))
    listed = steps([unscored])
    assert listed[0].title == "Browse garden"
    assert not [step for step in listed if "outcome=wrong" in step.href]
