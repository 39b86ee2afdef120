"""What the workspace holds, what is running and what to do next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from data.text import gettext as _
from data.text import ngettext
from data.types import Dataset, Job, JobState, ModelVersion, Projection, Run
from layouts import ids
from layouts.jobs import duration
from layouts.parts import icon, link, number, page_header, percent, stat_card, thumb_url
from layouts.shell import KIND_TITLES

__all__ = ["CLOCK_SECONDS", "DatasetSummary", "Step", "dataset_cards", "job_list", "layout", "next_steps"]

CLOCK_SECONDS = 3


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """What a dataset's card tells.

    Attributes:
        runs: Newest first.
        versions: Of the runs' references, for parents and recipes.
        projections: Of the newest run.
        judged: Samples on which a judgement stands.
        pictures: (row, digest) of a few samples; `tiny` where they are enlarged pixel by pixel.
    """

    dataset: Dataset
    runs: tuple[Run, ...]
    versions: Mapping[str, ModelVersion]
    projections: tuple[Projection, ...]
    judged: int
    pictures: tuple[tuple[int, str], ...]
    tiny: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A suggestion: something done or to be done, and where."""

    title: str
    text: str
    href: str
    icon: str
    done: bool = False


def layout(**parameters: Any) -> Component:
    """The skeleton; everything on it is filled by callbacks, so that it follows running jobs."""
    return html.Div(
        [
            dcc.Store(id=ids.OVERVIEW_STATE, data=parameters),
            dcc.Interval(id=ids.OVERVIEW_CLOCK, interval=CLOCK_SECONDS * 1000),
            page_header(_("Overview"), _("What is in this workspace, what is being computed, and where to look next.")),
            html.Section(id=ids.OVERVIEW_STEPS),
            html.Section(id=ids.OVERVIEW_JOBS),
            html.Section(id=ids.OVERVIEW_DATASETS),
        ],
        className="page page-overview",
    )


def next_steps(steps: Sequence[Step]) -> Component:
    """Where to go on, in order; what is done already is marked."""
    return html.Div(
        [html.H2(_("What to do next")), html.Ol([html.Li(_step(step)) for step in steps], className="steps")]
    )


def job_list(jobs: Sequence[Job]) -> Component | None:
    """Running and waiting jobs with their progress."""
    if not jobs:
        return None
    return html.Div(
        [
            html.Div(
                [html.H2(_("Running now")), html.A(_("All jobs"), href="/jobs", className="more")],
                className="section-head",
            ),
            html.Ul([html.Li(_job(job)) for job in sorted(jobs, key=_place)], className="job-list"),
        ]
    )


def dataset_cards(summaries: Sequence[DatasetSummary]) -> Component:
    """One card a dataset."""
    return html.Div(
        [html.H2(_("Datasets")), html.Div([_dataset(summary) for summary in summaries], className="dataset-cards")]
    )


def _step(step: Step) -> Component:
    return html.A(
        [
            html.Span(icon("check2" if step.done else step.icon), className="step-icon"),
            html.Span(
                [
                    html.Span(
                        [step.title, html.Span(_(" (done)"), className="visually-hidden") if step.done else None]
                    ),
                    html.Span(step.text, className="step-text"),
                ],
                className="step-words",
            ),
            icon("chevron-right"),
        ],
        href=step.href,
        className="step step-done" if step.done else "step",
    )


def _place(job: Job) -> tuple[bool, int]:
    return job.state != JobState.RUNNING, job.id


def _job(job: Job) -> Component:
    waiting = job.state == JobState.QUEUED
    subject = " · ".join(
        str(job.parameters[name])
        for name in ("name", "dataset", "model", "recipe", "method")
        if job.parameters.get(name)
    )
    share = 100 * job.done / job.total if job.total else 0
    words = _("waiting") if waiting else _progress(job)
    return html.Div(
        [
            html.Div(
                [html.Strong(_(KIND_TITLES.get(job.kind, job.kind))), html.Span(subject, className="quiet")],
                className="job-title",
            ),
            dbc.Progress(
                value=0 if waiting else share if job.total else 100,
                striped=not waiting,
                animated=not waiting and not job.total,
                color="secondary" if waiting else "primary",
                label="",
            ),
            html.Div(words, className="quiet job-words"),
        ],
        className="job-line",
    )


def _progress(job: Job) -> str:
    words = (
        _("{done} of {total} {unit}", done=number(job.done), total=number(job.total), unit=_(job.unit))
        if job.total
        else ""
    )
    if job.remaining_seconds is not None:
        words += " · " + _("about {time} left", time=duration(job.remaining_seconds))
    return words or _(job.message) or _("working")


def _dataset(summary: DatasetSummary) -> Component:
    dataset = summary.dataset
    newest = summary.runs[0] if summary.runs else None
    here = {"dataset": dataset.name, "model": newest.reference if newest else None}
    splits = ", ".join(f"{name} {number(count)}" for name, count in dataset.splits.items())
    facts = [
        stat_card(_("Samples"), number(dataset.samples), splits or None, "images"),
        stat_card(_("Classes"), number(len(dataset.classes)), None, "tags"),
        stat_card(
            _("Judged"),
            number(summary.judged),
            _("{share} of the samples", share=percent(summary.judged / max(dataset.samples, 1))),
            "chat-left-text",
        ),
    ]
    return html.Article(
        [
            html.Div(
                [
                    html.H3(html.A(dataset.name, href=link("/browse", here))),
                    html.Span(dataset.source, className="quiet source", title=dataset.source),
                ],
                className="dataset-head",
            ),
            html.A(
                [html.Img(src=thumb_url(dataset.name, row, digest), alt="") for row, digest in summary.pictures],
                href=link("/browse", here),
                className="film pixels" if summary.tiny else "film",
                **{"aria-label": _("Browse {name}", name=dataset.name)},
            ),
            html.Div(facts, className="stat-row"),
            _quarantine(dataset),
            _versions(summary),
            html.Div(_doors(summary, here), className="card-actions"),
        ],
        className="dataset-card",
    )


def _quarantine(dataset: Dataset) -> Component | None:
    if not dataset.quarantined:
        return None
    text = ngettext(
        "{count} file could not be read and was set aside",
        "{count} files could not be read and were set aside",
        dataset.quarantined,
    )
    return html.P([icon("exclamation-triangle"), text], className="quarantine")


def _versions(summary: DatasetSummary) -> Component:
    if not summary.runs:
        return html.P(
            [
                _("No model has been applied yet. "),
                html.Code(f"python -m dashboard index {summary.dataset.name} MODEL"),
            ],
            className="quiet",
        )
    splits = list(dict.fromkeys(split for run in summary.runs for split in run.split_accuracy))
    whole = len(splits) != 1  # a single split is all there is
    head = [html.Th(_("Version"), scope="col")] + [
        html.Th(name, scope="col", className="figures") for name in (*splits, *([_("all")] if whole else []))
    ]
    return html.Div(
        html.Table(
            [
                html.Caption(_("Accuracy by split"), className="visually-hidden"),
                html.Thead(html.Tr(head)),
                html.Tbody([_version(summary, run, splits, whole) for run in summary.runs]),
            ],
            className="table table-sm version-table",
        ),
        className="table-responsive",
    )


def _version(summary: DatasetSummary, run: Run, splits: Sequence[str], whole: bool) -> Component:
    version = summary.versions.get(run.reference)
    parent = (
        _("from version {n}", n=version.parent) if version and version.parent else (version.arch if version else "")
    )
    address = link("/browse", {"dataset": run.dataset, "model": run.reference})
    shares = [*(run.split_accuracy.get(split) for split in splits), *([run.accuracy] if whole else [])]
    return html.Tr(
        [
            html.Th(
                [html.A(run.reference, href=address), html.Span(parent, className="quiet arch", title=parent)],
                scope="row",
            ),
            *(_accuracy(share) for share in shares),
        ]
    )


def _accuracy(value: float | None) -> Component:
    if value is None:
        return html.Td("—", className="figures")
    bar = html.Span(className="bar", style={"--share": f"{100 * value:.1f}%"}, **{"aria-hidden": "true"})
    return html.Td([html.Span(percent(value)), bar], className="figures")


def _doors(summary: DatasetSummary, here: Mapping[str, str | None]) -> list[Component]:
    def door(name: str, icon_name: str, path: str, **more: str) -> Component:
        return dbc.Button(
            [icon(icon_name), name], href=link(path, {**here, **more}), outline=True, color="primary", size="sm"
        )

    doors = [door(_("Browse"), "grid-3x3-gap", "/browse")]
    if summary.projections:
        doors.append(door(_("Embedding"), "bullseye", "/embedding"))
    if len(summary.runs) > 1:
        doors.append(door(_("Compare versions"), "arrow-left-right", "/compare"))
    return doors
