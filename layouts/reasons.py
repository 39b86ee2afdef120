"""Reasons: where the model looks on a group of samples, and where two versions decide alike for different reasons."""

from collections.abc import Mapping, Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from data.text import gettext as _
from data.text import lazy
from data.types import Job
from layouts import ids
from layouts.parts import empty_state, field, icon, number, page_header

__all__ = [
    "ALIGNMENTS",
    "CLUSTER",
    "VERSIONS",
    "Start",
    "layout",
    "not_explained",
    "progress",
    "start_buttons",
    "views",
]

CLOCK_SECONDS = 1
CLUSTER, VERSIONS = "cluster", "versions"
_VIEWS = {
    CLUSTER: ("bullseye", lazy("Why this cluster")),
    VERSIONS: ("arrow-left-right", lazy("Right for another reason")),
}
ALIGNMENTS = {"plain": lazy("As in the picture"), "centred": lazy("Centred")}
# A button that starts the job: version, which samples (`all` or `these`), its text.
Start = tuple[str, str, str]


def layout(**parameters: Any) -> Component:
    """The skeleton; the address says which of the two questions is asked."""
    versions = parameters.get("view") == VERSIONS
    known = {name: str(parameters.get(name) or "") for name in ("method", "other")}
    options = {name: [{"label": value, "value": value}] if value else [] for name, value in known.items()}
    return html.Div(
        [
            dcc.Store(id=ids.REASONS_STATE, data=parameters),
            dcc.Store(id=ids.REASONS_WRITTEN),
            dcc.Store(id=ids.REASONS_DRAWN),
            dcc.Interval(id=ids.REASONS_CLOCK, interval=CLOCK_SECONDS * 1000, disabled=True),
            page_header(
                _("Reasons"),
                _("Where the model looks on many samples at once, so that a shortcut which they share is seen."),
            ),
            html.Nav(id=ids.REASONS_VIEWS, className="view-links", **{"aria-label": _("Question")}),
            html.Div(
                [
                    field(
                        _("Explanation"),
                        dbc.Select(id=ids.REASONS_METHOD, value=known["method"], options=options["method"], size="sm"),
                    ),
                    html.Div(
                        field(
                            _("Version B"),
                            dbc.Select(id=ids.REASONS_OTHER, value=known["other"], options=options["other"], size="sm"),
                        ),
                        hidden=not versions,
                    ),
                    html.Div(_alignment(str(parameters.get("align") or "")), hidden=versions),
                ],
                id=ids.REASONS_CONTROLS,
                className="control-row reasons-controls",
            ),
            html.Div(id=ids.REASONS_CHIPS, className="chips"),
            html.Div(id=ids.REASONS_MESSAGE, className="reasons-message", **{"aria-live": "polite"}),
            html.Div(id=ids.REASONS_RESULT, className="reasons-result"),
        ],
        className="page page-reasons",
    )


def views(current: str, addresses: Mapping[str, str]) -> list[Component]:
    """Links to the two questions, about the same samples."""
    return [
        html.A(
            [icon(name), html.Span(_(title))],
            href=addresses[view],
            className="view-link" + (" active" if view == current else ""),
            **({"aria-current": "page"} if view == current else {}),
        )
        for view, (name, title) in _VIEWS.items()
    ]


def not_explained(text: str, starts: Sequence[Start]) -> Component:
    """In place of a result: which maps are missing, and how to get them."""
    return empty_state("lightbulb", _("Not explained yet"), text, list(start_buttons(starts)))


def start_buttons(starts: Sequence[Start]) -> list[Component]:
    """Buttons that start explaining; the first is the one to take."""
    return [
        html.Button(
            [icon("play-circle"), html.Span(text)],
            id={"type": ids.REASONS_START, "model": model, "scope": scope},
            className="btn btn-sm " + ("btn-outline-primary" if place else "btn-primary"),
        )
        for place, (model, scope, text) in enumerate(starts)
    ]


def progress(title: str, jobs: Sequence[tuple[Job, str]], share: float | None = None) -> Component:
    """What is being computed, how far it is and how fast.

    Args:
        jobs: Each with its words, as `layouts.jobs.progress_words` gives them; empty where no job does it.
        share: How far a task without a job is, in [0, 1]; None while unknown.
    """
    bars = [_bar(job.done / job.total if job.total else None, words, job.id) for job, words in jobs]
    return html.Div([html.H2(title), *(bars or [_bar(share, "", None)])], className="surface reasons-progress")


def _bar(share: float | None, words: str, job: int | None) -> Component:
    moving = " progress-bar-striped progress-bar-animated" if share is None else ""
    known = {} if share is None else {"aria-valuenow": f"{100 * share:.0f}"}
    bar = html.Div(
        html.Div(className=f"progress-bar{moving}", style={"width": f"{100 * (1 if share is None else share):.1f}%"}),
        className="progress job-bar",
        role="progressbar",
        **{"aria-label": _("Progress"), "aria-valuemin": "0", "aria-valuemax": "100", **known},
    )
    line = [html.Span(words)] if words else []
    if job is not None:
        line.append(html.A(_("Job {n}", n=number(job)), href=f"/jobs?job={job}"))
    return html.Div([bar, html.Div(line, className="progress-line quiet") if line else None])


def _alignment(chosen: str) -> Component:
    return html.Div(
        [
            html.Span(_("Maps laid together"), className="field-label", **{"aria-hidden": "true"}),
            html.Div(
                dbc.RadioItems(
                    id=ids.REASONS_ALIGN,
                    value=chosen if chosen in ALIGNMENTS else "plain",
                    options=[{"label": _(title), "value": name} for name, title in ALIGNMENTS.items()],
                    className="segmented segmented-small",
                    inputClassName="btn-check",
                    labelClassName="segment",
                ),
                role="group",
                **{"aria-label": _("Maps laid together")},
            ),
        ],
        className="field",
    )
