"""Embedding over HTTP: the figure, the panel of the lasso, projections on request."""

import base64
from typing import Any

import numpy as np
import pytest

from data.types import FeedbackKind

HERE = {"dataset": "garden", "model": "net@2", "projection": "ab" * 16}
FIRST_CLASS = "ab" * 16 + ":-1,-1,0.5,-1,0.5,99,-1,99"


def draw(site: Any, **parameters: Any) -> Any:
    answer = site.ask("embedding-drawn.data", {"embedding-state.data": {**HERE, **parameters}})
    return answer["embedding-drawn"]["data"]


def array(packed: dict[str, str]) -> np.ndarray:
    values = np.frombuffer(base64.b64decode(packed["bdata"]), packed["dtype"])
    return values.reshape([int(part) for part in packed["shape"].split(",")]) if "shape" in packed else values


def test_one_webgl_trace_a_class_with_typed_arrays(site: Any) -> None:
    figure = draw(site)
    assert [trace["name"] for trace in figure["data"]] == ["<b>rose", "iris", "tulip"]
    assert {trace["type"] for trace in figure["data"]} == {"scattergl"}
    assert array(figure["data"][1]["x"]).tolist() == [1.0] * 12
    details = array(figure["data"][0]["customdata"])
    assert details.shape == (12, 4)
    assert set(details[:, 1]) == {0}
    assert set(details[:, 3]) == {900}


@pytest.mark.parametrize(
    ("colour", "names"),
    [
        ("prediction", ["<b>rose", "iris", "tulip"]),
        ("outcome", ["right", "wrong"]),
        ("confidence", ["Confidence"]),
        ("feedback", ["none", "Flagged"]),
        ("split", ["test", "train"]),
    ],
)
def test_colours(fresh_site: Any, colour: str, names: list[str]) -> None:
    fresh_site.services.feedback.add(FeedbackKind.FLAG, "ada", "garden", "test/iris/0.png", 4)
    figure = draw(fresh_site, colour=colour)
    assert [trace["name"] for trace in figure["data"]] == names
    assert sum(len(array(trace["x"])) for trace in figure["data"]) == 36


def test_wrong_ones_have_their_own_sign(site: Any) -> None:
    right, wrong = draw(site, colour="outcome")["data"]
    assert right["marker"]["symbol"] != wrong["marker"]["symbol"]
    assert sorted(array(wrong["customdata"])[:, 0].tolist()) == [0, 1, 2]


def test_filtered_out_samples_stay_as_a_backdrop(site: Any) -> None:
    backdrop, *shown = draw(site, split="test")["data"]
    assert backdrop["hoverinfo"] == "skip"
    assert len(array(backdrop["x"])) == 24
    assert sum(len(array(trace["x"])) for trace in shown) == 12


def test_a_pasted_lasso_and_camera_are_drawn(site: Any) -> None:
    layout = draw(site, lasso=FIRST_CLASS, camera="0,1,2,3")["layout"]
    assert layout["selections"][0]["path"] == "M-1,-1L0.5,-1L0.5,99L-1,99Z"
    assert (layout["xaxis"]["range"], layout["yaxis"]["range"]) == ([0, 1], [2, 3])


@pytest.mark.parametrize("camera", ["1,2,3", "a,b,c,d", "nan,1,2,3", "1,2,3,inf", ""])
def test_a_camera_that_is_none_shows_everything(site: Any, camera: str) -> None:
    assert "range" not in draw(site, camera=camera)["layout"]["xaxis"]


def test_the_zoom_survives_another_colour_but_not_another_projection(site: Any) -> None:
    assert draw(site)["layout"]["uirevision"] == draw(site, colour="outcome")["layout"]["uirevision"] == "ab" * 16


def panel(site: Any, **parameters: Any) -> str:
    return str(
        site.ask("embedding-panel.children", {"embedding-state.data": {**HERE, **parameters}})["embedding-panel"]
    )


def test_the_panel_counts_the_lasso_by_class_with_its_errors(site: Any) -> None:
    shown = panel(site, lasso=FIRST_CLASS)
    assert "12 selected" in shown
    assert "3 wrong (25.0 %)" in shown
    assert shown.count("sample-card") == 12
    assert "'hidden': False" in shown
    assert "lasso=abab" in shown


def test_the_walk_from_the_panel_follows_its_order(site: Any) -> None:
    """Else "next" on the first card would lead to a sample that is nowhere near it in the panel."""
    shown = panel(site, lasso=FIRST_CLASS)
    assert shown.count("descending=1") == shown.count("sort=loss") == 13  # twelve cards, and the link to their maps
    assert "All 36 samples" in panel(site, sort="loss", descending="1")  # an order narrows nothing


def test_the_panel_without_a_selection_speaks_of_all(site: Any) -> None:
    shown = panel(site)
    assert "All 36 samples" in shown
    assert "'hidden': True" in shown


def test_a_lasso_around_nothing_is_empty_not_an_error(site: Any) -> None:
    assert "0 selected" in panel(site, lasso="ab" * 16 + ":50,50,51,50,51,51")


def offer(site: Any, clicks: dict[str, Any] | None = None, changed: str | None = None, **parameters: Any) -> Any:
    values = {"embedding-state.data": {**HERE, **parameters}, "shell-person.data": "ada", **(clicks or {})}
    return site.ask("embedding-message.children", values, changed)


def test_an_absent_projection_is_offered_and_computed_as_a_job(fresh_site: Any) -> None:
    answer = offer(fresh_site)
    assert answer["embedding-projection"]["options"] == [{"label": "UMAP", "value": "ab" * 16}]
    assert "Compute PCA" in str(answer["embedding-message"])
    assert answer["embedding-clock"]["disabled"] is True
    button = '{"method":"pca","type":"embedding-compute"}'
    answer = offer(fresh_site, {button: 1}, f"{button}.n_clicks")
    (job,) = fresh_site.services.jobs.list(active=True)
    assert (job.kind, job.owner) == ("project", "ada")
    assert job.parameters == {"dataset": "garden", "model": "net@2", "method": "pca", "parameters": {}}
    assert "Computing PCA" in str(answer["embedding-message"])
    assert answer["embedding-clock"]["disabled"] is False


def test_a_cloud_too_large_to_hover_says_so(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "cannot be hovered" not in str(offer(site)["embedding-message"])
    monkeypatch.setattr("callbacks.embedding.HOVER_LIMIT", 35)
    assert "Above 35 points" in str(offer(site)["embedding-message"])


def test_an_unknown_method_is_refused(fresh_site: Any) -> None:
    button = '{"method":"rm -rf","type":"embedding-compute"}'
    assert "is not known" in str(offer(fresh_site, {button: 1}, f"{button}.n_clicks")["embedding-message"])
    assert fresh_site.services.jobs.list() == []


def test_a_run_without_projection_says_what_to_do(site: Any) -> None:
    answer = offer(site, model="net@1", projection="")
    assert "No projection yet" in str(answer["embedding-message"])
    figure = site.ask("embedding-drawn.data", {"embedding-state.data": {"dataset": "garden", "model": "net@1"}})
    assert figure["embedding-graph-box"]["hidden"] is True


def test_a_click_opens_the_sample_within_the_selection(site: Any) -> None:
    values = {"embedding-clicked.data": {"row": 4}, "embedding-state.data": {**HERE, "outcome": "right"}}
    address = site.ask("shell-go.data", values)["shell-go"]["data"]
    assert address.startswith("/sample?dataset=garden")
    assert "outcome=right" in address


@pytest.mark.parametrize("clicked", [None, {}, {"row": None}, {"row": "4; DROP"}, {"row": 99}, {"row": -1}])
def test_a_click_on_nothing_does_nothing(site: Any, clicked: Any) -> None:
    answer = site.ask("shell-go.data", {"embedding-clicked.data": clicked, "embedding-state.data": HERE})
    assert "shell-go" not in answer
