"""Adjust: what feedback teaches a version, starting a fine-tune, watching it, and what came of it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from dash import Dash, Input, Output, State, ctx, no_update

from callbacks import adjusting
from callbacks.context import PageContext, Parameters, resolve
from callbacks.guard import announced, guarded, notify
from callbacks.jobs import opened_job
from callbacks.judging import GUEST
from callbacks.services import Services
from data.errors import InvalidInput, NotFound, VitrineError
from data.finetuning import FinetuneSettings, Teaching, finetune_key, finetuned, read_progress, teaching
from data.lessons import lessons
from data.text import gettext as _
from data.types import TERMINAL_STATES, Job, JobState, ModelVersion
from data.workspace import content_key
from inference.class_names import class_names
from layouts import ids
from layouts.adjust import EVERYBODY
from layouts.adjusting import adjusted_box
from layouts.parts import empty_state, error_state
from layouts.tuned import Made, children_line, curve_box, made_box, nothing_taught, teaching_box, told

__all__ = ["register", "taught"]

_RECENT = 200
_FIELDS = {
    "depth": ids.ADJUST_DEPTH,
    "learning_rate": ids.ADJUST_RATE,
    "epochs": ids.ADJUST_EPOCHS,
    "batch": ids.ADJUST_BATCH,
    "replay": ids.ADJUST_REPLAY,
    "must_not_look": ids.ADJUST_MUST_NOT,
    "should_look": ids.ADJUST_SHOULD,
    "patience": ids.ADJUST_PATIENCE,
    "seed": ids.ADJUST_SEED,
    "class_weights": ids.ADJUST_WEIGHTS,
}


def register(app: Dash, services: Services) -> None:
    """Adds the page's callbacks."""
    _register_show(app, services)
    _register_job(app, services)
    adjusting.register(app, services)

    @app.callback(
        Output(ids.ADJUST_SUBJECT, "data"),
        Input(ids.ADJUST_START, "n_clicks"),
        State(ids.ADJUST_SUBJECT, "data"),
        State(ids.ADJUST_PERSON, "value"),
        State(ids.SHELL_PERSON, "data"),
        *(State(control, "value") for control in _FIELDS.values()),
        prevent_initial_call=True,
    )
    @announced()
    def start(clicks: int | None, state: dict[str, Any] | None, whose: str, person: str | None, *values: Any) -> Any:
        if not clicks:
            return no_update
        settings = FinetuneSettings.of(dict(zip(_FIELDS, values, strict=True)))
        context = resolve(services, state)
        job = submit(services, context, settings, None if whose == EVERYBODY else whose, person or GUEST)
        notify(_("Job {n} fine-tunes {name}", n=job.id, name=job.parameters["model"]))
        return {**(state or {}), "job": str(job.id)}


def _register_show(app: Dash, services: Services) -> None:
    @app.callback(
        Output(ids.ADJUST_MESSAGE, "children"),
        Output(ids.ADJUST_TEACHING, "children"),
        Output(ids.ADJUST_FORM, "hidden"),
        Output(ids.ADJUST_START, "disabled"),
        Output(ids.ADJUST_PERSON, "options"),
        Output(ids.ADJUST_MADE, "children"),
        Output(ids.ADJUST_MADE_BOX, "hidden"),
        Output(ids.ADJUST_INDEX, "hidden"),
        Input(ids.ADJUST_SUBJECT, "data"),
        Input(ids.ADJUST_PERSON, "value"),
        Input(ids.ADJUST_CHANGED, "data"),
    )
    @guarded(outputs=8)
    def show(state: dict[str, Any] | None, whose: str | None, _changed: Any) -> tuple[Any, ...]:
        context = resolve(services, state)
        dataset, version = context.dataset, context.version
        if version is None:
            text = _("Apply a version to this dataset first: index {name} MODEL", name=dataset.name)
            return empty_state("boxes", _("No version yet"), text), None, True, True, no_update, None, True, True
        try:
            found = taught(services, context, version, None if whose in (None, EVERYBODY) else whose)
        except InvalidInput as error:
            return error_state(str(error)), None, True, True, no_update, *_made(services, context, version)
        box = (
            teaching_box(found, dataset.name)
            if found.lessons
            else nothing_taught(found, dataset.name, version.reference)
        )
        people = [{"label": name, "value": name} for name in services.feedback.people(dataset.name)]
        options = [{"label": _("Everybody's"), "value": EVERYBODY}, *people]
        return None, box, False, not found.lessons, options, *_made(services, context, version)


def _register_job(app: Dash, services: Services) -> None:
    @app.callback(
        Output(ids.ADJUST_JOB_BOX, "hidden"),
        Output(ids.ADJUST_JOB, "children"),
        Output(ids.ADJUST_CLOCK, "disabled"),
        Output(ids.ADJUST_CANCEL, "hidden"),
        Output(ids.ADJUST_RESUME, "hidden"),
        Output(ids.ADJUST_CURVE, "children"),
        Output(ids.ADJUST_DRAWN, "data"),
        Output(ids.ADJUST_CHANGED, "data"),
        Input(ids.ADJUST_SUBJECT, "data"),
        Input(ids.ADJUST_CLOCK, "n_intervals"),
        Input(ids.ADJUST_CANCEL, "n_clicks"),
        Input(ids.ADJUST_RESUME, "n_clicks"),
        Input(ids.ADJUST_INDEX, "n_clicks"),
        State(ids.ADJUST_DRAWN, "data"),
        State(ids.SHELL_PERSON, "data"),
    )
    @announced(outputs=8)
    def watch(
        state: dict[str, Any] | None,
        _ticks: int | None,
        _cancels: int | None,
        _resumes: int | None,
        _indexes: int | None,
        drawn: str | None,
        person: str | None,
    ) -> tuple[Any, ...]:
        context = resolve(services, state)
        job = shown_job(services, state or {}, context)
        if job is not None and ctx.triggered_id == ids.ADJUST_CANCEL:
            job = services.jobs.cancel(job.id)
        elif job is not None and ctx.triggered_id == ids.ADJUST_RESUME:
            job = services.jobs.resume(job.id)
        elif ctx.triggered_id == ids.ADJUST_INDEX and context.version is not None:
            wanted = {"dataset": context.dataset.name, "model": context.version.reference}
            job = services.jobs.submit("index", wanted, person or GUEST)
        if job is None:
            return True, None, True, True, True, None, "", drawn or no_update
        ended = job.state in TERMINAL_STATES
        before, curve, kept = _curve(services, job)
        now = content_key([job.id, job.state, len(curve)])
        box = no_update if now == drawn else curve_box(before, curve, kept) if before else None
        changed = job.id if ended and now != drawn else no_update
        resumable = job.state in (JobState.FAILED, JobState.CANCELLED)
        words = told(job, context.dataset.name, datetime.now(UTC))
        return False, words, ended, ended, not resumable, box, now, changed


def taught(services: Services, context: PageContext, version: ModelVersion, person: str | None) -> Teaching:
    """What the dataset's feedback amounts to for a version.

    Raises:
        InvalidInput: The version spells the dataset's classes otherwise, or the regions of a sample differ in size.
    """
    found = lessons(services.feedback, context.dataset.name, person)
    return teaching(found, class_names(version, context.dataset))


def submit(services: Services, context: PageContext, settings: FinetuneSettings, whose: str | None, person: str) -> Job:
    """Queues a fine-tune of the version that is shown, from the feedback that there is now.

    Raises:
        InvalidInput: There is no version, or nothing teaches it anything, or the same was done before.
    """
    version = context.version
    if version is None:
        raise InvalidInput(_("Choose a version first"))
    found = taught(services, context, version, whose)
    if not found.lessons:
        raise InvalidInput(_("Nothing on this dataset teaches the version anything yet"))
    known = finetuned(services.models.list(), finetune_key(version, context.dataset, found, settings))
    if known is not None:
        raise InvalidInput(_("This was done before: it is {name}", name=known.reference))
    wanted = {
        "dataset": context.dataset.name,
        "model": version.reference,
        **settings.changed(),
        "until": services.feedback.newest(context.dataset.name),
        **({"person": whose} if whose else {}),
    }
    return services.jobs.submit("finetune", wanted, person)


def shown_job(services: Services, parameters: Parameters, context: PageContext) -> Job | None:
    """The job that the address names, else one under way for the version that is shown."""
    asked = opened_job(parameters)
    if asked is not None:
        try:
            return services.jobs.get(asked)
        except NotFound:
            return None
    wanted = (context.dataset.name, context.version.reference if context.version else None)
    for job in services.jobs.list(limit=_RECENT, active=True):
        subject = (job.parameters.get("dataset"), job.parameters.get("model"))
        if job.kind in ("finetune", "index") and subject == wanted:
            return job
    return None


def _curve(services: Services, job: Job) -> tuple[Mapping[str, Any], list[Mapping[str, Any]], int | None]:
    """Figures before, after each epoch so far, and the epoch that was kept, once it is known."""
    result = job.result or {}
    if job.kind != "finetune":
        return {}, [], None
    try:
        if job.state is JobState.DONE:
            facts = services.models.get(result["model"], result["version"]).notes["finetune"]
            return facts["metrics"]["before"], facts["curve"], facts["epoch"]
        dataset = services.datasets.get(job.parameters["dataset"])
        version = services.models.resolve(job.parameters["model"])
        found = lessons(services.feedback, dataset.name, job.parameters.get("person"), job.parameters.get("until"))
        key = finetune_key(
            version, dataset, teaching(found, class_names(version, dataset)), FinetuneSettings.of(job.parameters)
        )
        progress = read_progress(services.workspace, key)
    except VitrineError:
        return {}, [], None
    return (progress["before"], progress["curve"], None) if progress else ({}, [], None)


def _made(services: Services, context: PageContext, version: ModelVersion) -> tuple[Any, bool, bool]:
    """How the version was made and what was made of it, whether to hide that, and whether it need not be applied."""
    taught_from, adjusted = version.notes.get("finetune"), version.notes.get("adjusted")
    children = [
        child.reference
        for child in services.models.list()
        if (child.model, child.parent) == (version.model, version.version)
    ]
    listed = children_line(children, context.dataset.name)
    if not taught_from and not adjusted:
        return listed, listed is None, True
    parent = f"{version.model}@{version.parent}"
    runs = {run.reference for run in context.runs}
    both = {parent, version.reference} <= runs
    compare = context.address("/compare", model=parent, other=version.reference) if both else None
    name = context.dataset.name
    box = made_box(Made(version, name, compare)) if taught_from else adjusted_box(version, name, compare)
    return [box, listed], False, version.reference in runs
