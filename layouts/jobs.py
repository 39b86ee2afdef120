"""Jobs: what runs, waits and ended, with its log, and how to stop it or go on with it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from data.text import gettext as _
from data.text import lazy, ngettext
from data.types import Job, JobState, Unscored
from layouts import ids
from layouts.parts import empty_state, icon, number, page_header, percent
from layouts.shell import KIND_TITLES
from layouts.unscored import unscored_words

__all__ = [
    "ACTIVE_SECONDS",
    "IDLE_SECONDS",
    "duration",
    "job_cards",
    "layout",
    "live",
    "log_text",
    "no_jobs",
    "outcome",
    "progress_words",
    "summary",
]

ACTIVE_SECONDS = 1
IDLE_SECONDS = 5
LogLine = tuple[datetime, str]
_STATES: Mapping[JobState, tuple[str, str]] = {
    JobState.QUEUED: ("hourglass-split", lazy("Waiting")),
    JobState.RUNNING: ("play-circle", lazy("Running")),
    JobState.DONE: ("check-circle", lazy("Done")),
    JobState.FAILED: ("exclamation-circle", lazy("Failed")),
    JobState.CANCELLED: ("slash-circle", lazy("Cancelled")),
}
_SUBJECT = ("name", "dataset", "model", "layer", "recipe", "method")


def layout(**parameters: Any) -> Component:
    """The skeleton; the clock ticks every second while something runs."""
    return html.Div(
        [
            dcc.Store(id=ids.JOBS_STATE, data=parameters),
            dcc.Store(id=ids.JOBS_WRITTEN),
            dcc.Store(id=ids.JOBS_ACTION),
            dcc.Store(id=ids.JOBS_CHANGED),
            dcc.Store(id=ids.JOBS_DRAWN),
            dcc.Interval(id=ids.JOBS_CLOCK, interval=ACTIVE_SECONDS * 1000),
            page_header(
                _("Jobs"), _("Work in the background. Anybody may watch it, cancel it, or go on with it later.")
            ),
            html.Div(id=ids.JOBS_SUMMARY, className="summary", role="status"),
            html.Div(id=ids.JOBS_LIST),
        ],
        className="page page-jobs",
    )


def summary(jobs: Sequence[Job]) -> Component | None:
    """How many jobs are in which state."""
    if not jobs:
        return None
    counts = [(state, sum(job.state is state for job in jobs)) for state in _STATES]
    parts = [
        html.Span(
            [icon(_STATES[state][0]), f"{_(_STATES[state][1])} {number(count)}"], className=f"tally-state state-{state}"
        )
        for state, count in counts
        if count
    ]
    return html.Div(parts, className="summary-line")


def no_jobs() -> Component:
    """What stands in place of an empty list."""
    commands = html.Pre(html.Code("python -m dashboard index DATASET MODEL"), tabIndex="0")
    text = html.Div([html.P(_("Indexing, projecting and training appear here. Start one in a terminal:")), commands])
    return empty_state("cpu", _("No job yet"), text)


def job_cards(jobs: Sequence[Job], now: datetime, opened: int | None = None, log: Sequence[LogLine] = ()) -> Component:
    """All jobs, newest first.

    Args:
        opened: The job whose log is shown.
        log: Its lines, oldest first.
    """
    listed = [html.Li(_card(job, now, log if job.id == opened else None)) for job in jobs]
    return html.Ol(listed, className="job-cards", **{"aria-label": _("Jobs, newest first")})


def _card(job: Job, now: datetime, log: Sequence[LogLine] | None) -> Component:
    name, state = _STATES[job.state]
    subject = " · ".join(str(job.parameters[part]) for part in _SUBJECT if job.parameters.get(part))
    title = html.H2([_(KIND_TITLES.get(job.kind, job.kind)), " ", html.Span(subject, className="job-subject")])
    return html.Article(
        [
            html.Div(
                [
                    html.Span([icon(name), html.Span(_(state))], className=f"job-state state-{job.state}"),
                    html.Div(title, className="job-words"),
                    html.Div(_actions(job, log is not None), className="job-actions"),
                ],
                className="job-head",
            ),
            html.Div(live(job, now), id={"type": ids.JOBS_LIVE, "job": job.id}, className="job-live"),
            html.P([icon("exclamation-triangle"), job.error], className="job-error") if job.error else None,
            html.Div(outcome(job), className="job-outcome") if job.state is JobState.DONE and job.result else None,
            _log(job, log) if log is not None else None,
        ],
        className=f"job-card state-{job.state}",
    )


def live(job: Job, now: datetime) -> list[Component | None]:
    """The part of a card that changes from second to second: times, progress, speed."""
    running = job.state is JobState.RUNNING
    return [
        html.Div(_origin(job, now), className="quiet job-origin"),
        _progress(job) if job.state is not JobState.DONE else None,
        html.Div(progress_words(job, now), className="job-progress-words") if running else None,
    ]


def _origin(job: Job, now: datetime) -> str:
    parts = [_("Job {n}", n=job.id), _("by {person}", person=job.owner)]
    if job.state is JobState.QUEUED:
        parts.append(_("waits for job {n}", n=job.after) if job.after else _("waits for a free worker"))
    elif job.started_at is not None:
        ended = job.finished_at or now
        parts.append(_("{time} elapsed", time=duration((ended - job.started_at).total_seconds())))
    if job.finished_at is not None:
        parts.append(_("ended {time} ago", time=duration((now - job.finished_at).total_seconds(), coarse=True)))
    elif job.state is JobState.QUEUED:
        parts.append(_("queued {time} ago", time=duration((now - job.created_at).total_seconds(), coarse=True)))
    return " · ".join(parts)


def _progress(job: Job) -> Component | None:
    if job.state is not JobState.RUNNING and not job.done:
        return None
    unknown = job.total <= 0
    running = job.state is JobState.RUNNING
    colour = {JobState.RUNNING: "", JobState.FAILED: " bg-danger"}.get(job.state, " bg-secondary")
    moving = " progress-bar-striped progress-bar-animated" if running and unknown else ""
    share = 100 if unknown else 100 * job.done / job.total
    known = {} if unknown else {"aria-valuenow": f"{share:.0f}"}
    return html.Div(
        html.Div(className=f"progress-bar{colour}{moving}", style={"width": f"{share:.1f}%"}),
        className="progress job-bar",
        role="progressbar",
        **{"aria-label": _("Progress of job {n}", n=job.id), "aria-valuemin": "0", "aria-valuemax": "100", **known},
    )


def progress_words(job: Job, now: datetime) -> str:
    """How far, how fast, how long still."""
    words = []
    if job.total > 0:
        share = percent(job.done / job.total, 0)
        words.append(
            _(
                "{done} of {total} {unit} ({share})",
                done=number(job.done),
                total=number(job.total),
                unit=_(job.unit),
                share=share,
            )
        )
    elif job.done:
        words.append(f"{number(job.done)} {_(job.unit)}")
    if job.rate > 0:
        words.append(
            _(
                "{rate} {unit}/s",
                rate=f"{job.rate:,.0f}" if job.rate >= 10 else f"{job.rate:.1f}",
                unit=_(job.unit or lazy("steps")),
            )
        )
    if job.remaining_seconds is not None:
        words.append(_("about {time} left", time=duration(job.remaining_seconds)))
    if job.message:
        words.append(_(job.message))
    return " · ".join(words) or _("working")


def outcome(job: Job) -> str:
    """A job's result as one line, figures first."""
    result = dict(job.result or {})
    words = []
    if isinstance(result.get("samples"), int):
        words.append(ngettext("{count} sample", "{count} samples", result["samples"]))
    if isinstance(result.get("accuracy"), (int, float)):
        words.append(_("accuracy {share}", share=percent(float(result["accuracy"]), 2)))
    if isinstance(result.get("images_per_second"), (int, float)) and result["images_per_second"]:
        words.append(_("{rate} images/s", rate=f"{result['images_per_second']:,.0f}"))
    if result.get("model") and result.get("version"):
        words.append(f"{result['model']}@{result['version']}")
    if result.get("cached") is True:
        words.append(_("was there already"))
    if result.get("unscored"):
        words.append(unscored_words(Unscored(**result["unscored"])))
    return " · ".join(words)


def _actions(job: Job, open_log: bool) -> list[Component]:
    def button(kind: str, icon_name: str, text: str, style: str, **more: str) -> Component:
        return html.Button(
            [icon(icon_name), html.Span(text)],
            id={"type": kind, "job": job.id},
            className=f"btn btn-sm {style}",
            **{"aria-label": _("{action}: job {n}", action=text, n=job.id), **more},
        )

    shown = []
    if job.state in (JobState.QUEUED, JobState.RUNNING):
        shown.append(button(ids.JOBS_CANCEL, "stop-circle", _("Cancel"), "btn-outline-secondary"))
    elif job.state in (JobState.FAILED, JobState.CANCELLED):
        shown.append(button(ids.JOBS_RESUME, "play-circle", _("Resume"), "btn-outline-primary"))
    expanded = "true" if open_log else "false"
    shown.append(button(ids.JOBS_LOG, "journal-text", _("Log"), "btn-outline-secondary", **{"aria-expanded": expanded}))
    return shown


def _log(job: Job, lines: Sequence[LogLine]) -> Component:
    return html.Pre(
        log_text(lines),
        id={"type": ids.JOBS_LOG_TEXT, "job": job.id},
        className="job-log",
        tabIndex="0",
        **{"aria-label": _("Log, oldest line first")},
    )


def log_text(lines: Sequence[LogLine]) -> str:
    """A log as it is shown, a line each."""
    return "\n".join(f"{at:%H:%M:%S}  {line}" for at, line in lines) or _("Nothing was logged yet.")


def duration(seconds: float, coarse: bool = False) -> str:
    """Seconds as people say them: 4 s, 2 min 10 s, 3 h 5 min; only the largest part if `coarse`."""
    whole = max(round(seconds), 0)
    span = timedelta(seconds=whole)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    if span.days:
        return _("{d} d", d=span.days) if coarse else _("{d} d {h} h", d=span.days, h=hours % 24)
    if hours:
        return _("{h} h", h=hours) if coarse else _("{h} h {m} min", h=hours, m=minutes)
    if minutes:
        return _("{m} min", m=minutes) if coarse else _("{m} min {s} s", m=minutes, s=left)
    return _("{s} s", s=left)
