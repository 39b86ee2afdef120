"""Overview: gathers what the workspace holds, again at every tick, so that it follows running jobs."""

from typing import Any

from dash import Dash, Input, Output, State, no_update
from dash.development.base_component import Component

from callbacks.context import newest_runs, spread
from callbacks.guard import guarded
from callbacks.services import Services
from data.samples import View
from data.text import gettext as _
from data.text import ngettext
from data.types import Dataset, Sample
from data.workspace import content_key
from layouts import ids
from layouts.overview import DatasetSummary, Step, dataset_cards, job_list, next_steps
from layouts.parts import empty_workspace, link, number

__all__ = ["register", "steps", "summaries"]

_PICTURES = 10


def register(app: Dash, services: Services) -> None:
    """Adds the page's callbacks."""

    @app.callback(
        Output(ids.OVERVIEW_DATASETS, "children"),
        Output(ids.OVERVIEW_STEPS, "children"),
        Output(ids.OVERVIEW_STATE, "data"),
        Input(ids.OVERVIEW_CLOCK, "n_intervals"),
        State(ids.OVERVIEW_STATE, "data"),
    )
    @guarded(outputs=3)
    def show_datasets(_ticks: int | None, state: dict[str, Any]) -> tuple[Any, Any, Any]:
        found = summaries(services)
        state = state or {}
        seen = content_key([[s.dataset.name, s.judged, len(s.projections), *(run.id for run in s.runs)] for s in found])
        if seen == state.get("seen"):
            return no_update, no_update, no_update
        if not found:
            return empty_workspace(), None, {**state, "seen": seen}
        return dataset_cards(found), next_steps(steps(found)), {**state, "seen": seen}

    @app.callback(Output(ids.OVERVIEW_JOBS, "children"), Input(ids.OVERVIEW_CLOCK, "n_intervals"))
    @guarded()
    def show_jobs(_ticks: int | None) -> Component | None:
        return job_list(services.jobs.list(limit=20, active=True))


def summaries(services: Services) -> list[DatasetSummary]:
    """What each dataset's card tells, those that were added last first."""
    versions = {version.reference: version for version in services.models.list()}
    runs = newest_runs(services)
    found = []
    for dataset in sorted(services.datasets.list(), key=lambda dataset: dataset.created_at, reverse=True):
        pictures = _pictures(services, dataset)
        mine = tuple(run for run in runs if run.dataset == dataset.name)
        found.append(
            DatasetSummary(
                dataset=dataset,
                runs=mine,
                versions={run.reference: versions[run.reference] for run in mine if run.reference in versions},
                projections=tuple(services.runs.projections(mine[0].id)) if mine else (),
                judged=len(services.feedback.standing(dataset.name)),
                pictures=tuple((sample.row, sample.digest) for sample in pictures),
                tiny=all(max(sample.width, sample.height) <= 64 for sample in pictures),
            )
        )
    return found


def steps(found: list[DatasetSummary]) -> list[Step]:
    """The round through the project on the dataset that has got farthest."""
    best = max(found, key=lambda summary: (bool(summary.projections), len(summary.runs), summary.dataset.created_at))
    dataset, newest = best.dataset, best.runs[0] if best.runs else None
    here = {"dataset": dataset.name, "model": newest.reference if newest else None}
    if newest is None:
        command = f"python -m dashboard index {dataset.name} MODEL"
        return [
            Step(_("Browse {name}", name=dataset.name), _("Look at the samples."), link("/browse", here), "images"),
            Step(_("Apply a model"), command, "/jobs", "cpu"),
        ]
    if newest.accuracy is None:  # nothing is right or wrong
        narrowed: dict[str, str] = {}
        first = Step(_("Browse {name}", name=dataset.name), _("Look at the samples."), link("/browse", here), "images")
    else:
        narrowed = {"outcome": "wrong"}
        wrong = round((1 - newest.accuracy) * newest.samples)
        first = Step(
            _("See what {model} gets wrong", model=newest.reference),
            ngettext(
                "{count} sample of {name}, the surest first",
                "{count} samples of {name}, the surest first",
                wrong,
                name=dataset.name,
            ),
            link("/browse", {**here, **narrowed, "sort": "confidence", "descending": "1"}),
            "x-circle",
        )
    listed = [
        first,
        Step(
            _("Find clusters of errors"),
            _("The dataset in embedding space; draw a lasso around what looks odd."),
            link("/embedding", {**here, "colour": "outcome"}),
            "bullseye",
        ),
        Step(
            _("Label what is wrong"),
            _("{n} samples judged so far", n=number(best.judged)),
            link("/browse", {**here, **narrowed, "feedback": "none"}),
            "tag",
            done=best.judged > 0,
        ),
    ]
    if len(best.runs) > 1:
        pair = {"dataset": dataset.name, "model": best.runs[1].reference, "other": newest.reference}
        text = _("{a} against {b}: what was fixed, what broke", a=best.runs[1].reference, b=newest.reference)
        listed.append(Step(_("Compare two versions"), text, link("/compare", pair), "arrow-left-right"))
    listed.append(
        Step(
            _("Try your own image"),
            _("Drop a picture and see what the model makes of it."),
            link("/try", here),
            "magic",
        )
    )
    return listed


def _pictures(services: Services, dataset: Dataset) -> list[Sample]:
    """A few samples from all over the dataset."""
    return [row.sample for row in services.samples.rows(View(dataset), spread(dataset.samples, _PICTURES))]
