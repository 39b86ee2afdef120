"""Jobs: shows the queue, second by second while something is in it, and passes on who wants what stopped or resumed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, no_update

from callbacks.context import one
from callbacks.guard import announced, guarded, notify
from callbacks.services import Services
from callbacks.shell import write_address
from data.errors import NotFound
from data.text import gettext as _
from data.types import TERMINAL_STATES, Job
from data.workspace import content_key
from layouts import ids
from layouts.jobs import ACTIVE_SECONDS, IDLE_SECONDS, job_cards, live, log_text, no_jobs, summary

__all__ = ["opened_job", "register"]

SHOWN = 60
_SLOW = 15  # ticks after which also the times of ended jobs are brought up to date


def register(app: Dash, services: Services) -> None:
    """Adds the page's callbacks."""

    @app.callback(
        Output(ids.JOBS_LIST, "children"),
        Output(ids.JOBS_SUMMARY, "children"),
        Output(ids.JOBS_CLOCK, "interval"),
        Output(ids.JOBS_DRAWN, "data"),
        Input(ids.JOBS_CLOCK, "n_intervals"),
        Input(ids.JOBS_STATE, "data"),
        Input(ids.JOBS_CHANGED, "data"),
        State(ids.JOBS_DRAWN, "data"),
    )
    @guarded(outputs=4)
    def show(_ticks: int | None, state: dict[str, Any] | None, _changed: Any, drawn: str | None) -> tuple[Any, ...]:
        opened = opened_job(state or {})
        jobs = _listed(services, opened)
        if not jobs:
            return no_jobs(), None, IDLE_SECONDS * 1000, ""
        # Drawn anew only when a state changes: a button keeps the focus, and a log its place, while numbers move.
        seen = content_key(opened, [[job.id, job.state, job.error] for job in jobs])
        if seen == drawn:
            return (no_update,) * 4
        log = services.jobs.lines(opened) if opened is not None else []
        active = any(job.state not in TERMINAL_STATES for job in jobs)
        pause = ACTIVE_SECONDS if active else IDLE_SECONDS
        return job_cards(jobs, datetime.now(UTC), opened, log), summary(jobs), pause * 1000, seen

    @app.callback(
        Output({"type": ids.JOBS_LIVE, "job": ALL}, "children"),
        Output({"type": ids.JOBS_LOG_TEXT, "job": ALL}, "children"),
        Input(ids.JOBS_CLOCK, "n_intervals"),
        prevent_initial_call=True,
    )
    def tick(ticks: int | None) -> tuple[list[Any], list[Any]]:
        cards, logs = ([int(one["id"]["job"]) for one in outputs] for outputs in ctx.outputs_list)
        jobs = {job.id: job for job in services.jobs.list(limit=SHOWN, active=bool((ticks or 0) % _SLOW))}
        now = datetime.now(UTC)
        return (
            [live(jobs[job], now) if job in jobs else no_update for job in cards],
            [log_text(services.jobs.lines(job)) if job in jobs else no_update for job in logs],
        )

    @app.callback(
        Output(ids.JOBS_CHANGED, "data"),
        Input(ids.JOBS_ACTION, "data"),
        prevent_initial_call=True,
    )
    @announced()
    def act(action: dict[str, Any] | None) -> Any:
        if not action:
            return no_update
        if action["kind"] == "cancel":
            job = services.jobs.cancel(int(action["job"]))
            notify(_("Job {n} was cancelled; what it had finished is kept", n=job.id), "info")
        else:
            job = services.jobs.resume(int(action["job"]))
            notify(_("Job {n} goes on from where it was", n=job.id))
        return action

    write_address(app, ids.JOBS_STATE, ids.JOBS_WRITTEN)
    # In the browser first: the list is drawn anew every second, which must not ask the server whether anybody clicked.
    app.clientside_callback(
        ClientsideFunction("pages", "jobsAction"),
        Output(ids.JOBS_ACTION, "data"),
        Input({"type": ids.JOBS_CANCEL, "job": ALL}, "n_clicks"),
        Input({"type": ids.JOBS_RESUME, "job": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("pages", "jobsState"),
        Output(ids.JOBS_STATE, "data"),
        Input({"type": ids.JOBS_LOG, "job": ALL}, "n_clicks"),
        State(ids.JOBS_STATE, "data"),
        prevent_initial_call=True,
    )


def opened_job(parameters: Mapping[str, Any]) -> int | None:
    """The job whose log the address shows."""
    text = one(parameters, "job")
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None


def _listed(services: Services, opened: int | None) -> list[Job]:
    """The newest jobs, and the older one that the address asks for."""
    jobs = services.jobs.list(limit=SHOWN)
    if opened is None or not jobs or opened in {job.id for job in jobs}:
        return jobs
    try:
        return [*jobs, services.jobs.get(opened)]
    except NotFound:
        return jobs
