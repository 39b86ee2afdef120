"""What a person says about a sample on its page: recorded, taken back, and shown with what others said."""

from collections.abc import Sequence
from dataclasses import asdict
from difflib import get_close_matches
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, no_update

from callbacks.context import PageContext, resolve
from callbacks.explaining import request_of
from callbacks.guard import announced, guarded, notify
from callbacks.services import Services
from data.errors import InvalidInput
from data.feedback import FeedbackQuery
from data.masks import Mask, Region, Role
from data.samples import Row
from data.text import gettext as _
from data.types import FeedbackEvent, FeedbackKind, Sample
from layouts import ids
from layouts.feedback import KIND_TITLES
from layouts.judging import class_buttons, history, standing, tag_options

__all__ = ["GUEST", "judge", "known_class", "marked", "read_regions", "register", "take_back"]

GUEST = "guest"
_HISTORY = 50
_SCENE = ("sample", "size", "frame")
_BESIDE = frozenset({FeedbackKind.COMMENT, FeedbackKind.TAG})  # what one adds without being done with a sample
Action = dict[str, Any]


def register(app: Dash, services: Services) -> None:
    """Adds the judgement's callbacks to the sample page."""

    @app.callback(
        Output(ids.SAMPLE_RECORDED, "data"),
        Input(ids.SAMPLE_ACTION, "data"),
        State(ids.SAMPLE_STATE, "data"),
        State(ids.SHELL_PERSON, "data"),
        State(ids.SAMPLE_ADVANCE, "value"),
        State(ids.SAMPLE_RECORDED, "data"),
        prevent_initial_call=True,
    )
    @announced()
    def record(
        action: Action | None,
        state: dict[str, Any],
        person: str | None,
        advance: bool | None,
        last: dict[str, Any] | None,
    ) -> Any:
        if not action:
            return no_update
        context = resolve(services, state)
        # What was on the screen, not what the address says by now: the person may have walked on since.
        row = services.samples.by_id(context.view, str(action.get("sample")))
        name = (person or GUEST).strip() or GUEST
        if action.get("kind") == FeedbackKind.UNDO:
            undone = take_back(services, context, row, name, last)
            notify(_("Taken back: {what}", what=_(KIND_TITLES[undone.kind]).lower()), "info")
            return {"event": None, "sample": row.sample.sample_id, "advance": False, "at": action.get("at")}
        event = judge(services, context, row, name, action)
        go_on = bool(advance) and event.kind not in _BESIDE
        if go_on:
            notify(_("{sample}: {what}", sample=row.sample.sample_id, what=_(KIND_TITLES[event.kind]).lower()))
        return {"event": event.id, "sample": row.sample.sample_id, "advance": go_on, "at": action.get("at")}

    @app.callback(
        Output(ids.SAMPLE_STANDING, "children"),
        Output(ids.SAMPLE_HISTORY, "children"),
        Output(ids.SAMPLE_CLASSES, "children"),
        Output(ids.SAMPLE_MARKS, "data"),
        Output(ids.SAMPLE_TAG_LIST, "children"),
        Input(ids.SAMPLE_SUBJECT, "data"),
        Input(ids.SAMPLE_RECORDED, "data"),
        State(ids.SAMPLE_STATE, "data"),
        State(ids.SHELL_PERSON, "data"),
        prevent_initial_call=True,
    )
    @guarded(outputs=5)
    def show_judgement(
        subject: dict[str, Any] | None, _recorded: Any, state: dict[str, Any], person: str | None
    ) -> tuple[Any, ...]:
        if not subject:
            return (no_update,) * 5
        context = resolve(services, state)
        row = services.samples.by_id(context.view, subject["sample"])
        query = FeedbackQuery(dataset=context.dataset.name, sample_id=row.sample.sample_id)
        events = services.feedback.events(query, limit=_HISTORY)
        judged = services.samples.standing(context.dataset.name).get(row.sample.row)
        judge_of = judged.person if judged else None
        return (
            standing(row.sample.label, row.prediction, row.feedback, row.given_label, judge_of),
            history(events),
            class_buttons([str(name) for name in subject["quick"]], row.sample.label, row.given_label),
            {**{name: subject.get(name) for name in _SCENE}, **_marks(events, (person or GUEST).strip() or GUEST)},
            tag_options(services.feedback.tags(context.dataset.name)),
        )

    app.clientside_callback(
        ClientsideFunction("pages", "sampleAction"),
        Output(ids.SAMPLE_ACTION, "data"),
        Output(ids.SAMPLE_RELABEL_INPUT, "value"),
        Output(ids.SAMPLE_COMMENT_INPUT, "value"),
        Output(ids.SAMPLE_TAG_INPUT, "value"),
        Input(ids.SAMPLE_CONFIRM, "n_clicks"),
        Input(ids.SAMPLE_FLAG, "n_clicks"),
        Input(ids.SAMPLE_UNDO, "n_clicks"),
        Input(ids.SAMPLE_CHOSEN, "data"),
        Input(ids.SAMPLE_RELABEL, "n_clicks"),
        Input(ids.SAMPLE_RELABEL_INPUT, "n_submit"),
        Input(ids.SAMPLE_COMMENT, "n_clicks"),
        Input(ids.SAMPLE_COMMENT_INPUT, "n_submit"),
        Input(ids.SAMPLE_TAG, "n_clicks"),
        Input(ids.SAMPLE_TAG_INPUT, "n_submit"),
        State(ids.SAMPLE_RELABEL_INPUT, "value"),
        State(ids.SAMPLE_COMMENT_INPUT, "value"),
        State(ids.SAMPLE_TAG_INPUT, "value"),
        State(ids.SAMPLE_SUBJECT, "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("marks", "load"),
        Output(ids.SAMPLE_MARKS_SHOWN, "data"),
        Input(ids.SAMPLE_MARKS, "data"),
    )


def judge(services: Services, context: PageContext, row: Row, person: str, action: Action) -> FeedbackEvent:
    """Records a judgement, with the label and the prediction that the person had before their eyes.

    Args:
        action: `kind`, and by kind `label`, `comment`, `choice` or `regions`.

    Raises:
        InvalidInput: The kind or the class is not known, a mark is none of the image, or nothing is there to confirm.
    """
    try:
        kind = FeedbackKind(str(action.get("kind")))
    except ValueError as error:
        raise InvalidInput.choice("kind", action.get("kind"), FeedbackKind) from error
    label = None
    if kind is FeedbackKind.RELABEL:
        label = known_class(context, str(action.get("label") or ""))
    elif kind is FeedbackKind.CONFIRM:
        label = row.sample.label if row.sample.label is not None else row.prediction
        if label is None:
            raise InvalidInput(_("There is no label and no prediction to confirm; choose the right class instead"))
    return services.feedback.add(
        kind,
        person,
        context.dataset.name,
        row.sample.sample_id,
        row.sample.row,
        model=context.run.model if context.run else None,
        version=context.run.version if context.run else None,
        label=label,
        comment=str(action.get("comment") or ""),
        shown_label=row.sample.label,
        shown_prediction=row.prediction,
        choice=str(action["choice"]) if action.get("choice") else None,
        regions=read_regions(action.get("regions"), row.sample) if kind is FeedbackKind.VERDICT else (),
        shown_explanation=_explanation(context) if kind is FeedbackKind.VERDICT else None,
    )


def read_regions(given: Any, sample: Sample) -> tuple[Region, ...]:
    """The marks that a browser sends with a verdict.

    Raises:
        InvalidInput: They are malformed, or not of the sample's size.
    """
    found = []
    for one in given if isinstance(given, list) else []:
        if not isinstance(one, dict) or one.get("role") not in tuple(Role):
            raise InvalidInput.choice("Role of a region", str(one)[:80], Role)
        mask = Mask.parse(one.get("height"), one.get("width"), one.get("counts"))
        if (mask.width, mask.height) != (sample.width, sample.height):
            raise InvalidInput(
                f"A mark is {mask.width} × {mask.height} pixels, and {sample.sample_id} {sample.width} × {sample.height}; "
                "draw it again on this image"
            )
        found.append(Region(Role(one["role"]), mask))
    return tuple(region for region in found if region.mask.area)


def marked(events: Sequence[FeedbackEvent], person: str) -> list[dict[str, Any]]:
    """The regions that stand, as the browser draws them: those of each person's newest verdict.

    Args:
        events: Of one sample, newest first.
    """
    newest: dict[str, FeedbackEvent] = {}
    for event in events:
        if event.kind is FeedbackKind.VERDICT and not event.undone:
            newest.setdefault(event.person, event)
    return [
        {"role": region.role.value, **asdict(region.mask), "own": event.person == person}
        for event in newest.values()
        for region in event.regions
    ]


def _marks(events: Sequence[FeedbackEvent], person: str) -> dict[str, Any]:
    """The regions that stand, and the verdict that the person gave."""
    own = (event for event in events if event.kind is FeedbackKind.VERDICT and event.person == person)
    return {
        "regions": marked(events, person),
        "verdict": next((event.choice for event in own if not event.undone), None),
    }


def _explanation(context: PageContext) -> dict[str, Any] | None:
    """Which map the person saw; None without a version, which shows none."""
    if context.version is None:
        return None
    request = request_of(context.parameters)
    asked = {"method": request.method, "target": request.target, "contrast": request.contrast, "layers": request.layers}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asked.items() if value}


def known_class(context: PageContext, name: str) -> str:
    """The class of that name, in whatever case it was typed.

    Raises:
        InvalidInput: Neither the dataset nor the model has it; the text names what comes close.
    """
    classes = [*context.dataset.classes, *(context.run.classes if context.run else ())]
    name = name.strip()
    if not name:
        raise InvalidInput(_("Type or choose the class that is right"))
    if name in classes:
        return name
    folded = {known.casefold(): known for known in reversed(classes)}
    if name.casefold() in folded:
        return folded[name.casefold()]
    close = get_close_matches(name.casefold(), folded, n=3) or list(folded)[:3]
    near = ", ".join(folded[match] for match in close)
    raise InvalidInput(_("There is no class “{name}”; perhaps: {near}", name=name, near=near))


def take_back(
    services: Services, context: PageContext, row: Row, person: str, last: dict[str, Any] | None
) -> FeedbackEvent:
    """Takes back the person's newest judgement on this sample, else the one that they just gave on another.

    Returns:
        The event that was taken back.

    Raises:
        InvalidInput: There is none.
    """
    query = FeedbackQuery(dataset=context.dataset.name, sample_id=row.sample.sample_id, person=person, undone=False)
    mine = services.feedback.events(query, limit=1)
    if mine:
        services.feedback.undo(mine[0].id, person)
        return mine[0]
    recent = services.feedback.events(FeedbackQuery(dataset=context.dataset.name, person=person, undone=False), limit=1)
    if recent and last and recent[0].id == last.get("event"):
        services.feedback.undo(recent[0].id, person)
        return recent[0]
    raise InvalidInput(_("There is nothing of yours to take back on this sample"))
