"""What people said about a sample, and the controls with which one says more."""

from collections.abc import Sequence
from datetime import datetime

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from data.text import gettext as _
from data.types import MENTION, FeedbackEvent, FeedbackKind
from layouts import ids
from layouts.explained import shortcut
from layouts.parts import feedback_badge, icon
from layouts.verdicts import CHOICE_TITLES, ROLE_TITLES, flag_reasons, marking, verdict_buttons

__all__ = [
    "KIND_ICONS",
    "QUICK_KEYS",
    "class_buttons",
    "class_options",
    "history",
    "judging",
    "quick_keys",
    "standing",
    "tag_options",
    "what",
]

QUICK_KEYS = "1234567890"
KIND_ICONS = {
    FeedbackKind.CONFIRM: "check2-circle",
    FeedbackKind.RELABEL: "tag",
    FeedbackKind.FLAG: "flag-fill",
    FeedbackKind.VERDICT: "eye",
    FeedbackKind.TAG: "bookmark",
    FeedbackKind.COMMENT: "chat-left-text",
    FeedbackKind.UNDO: "arrow-counterclockwise",
}


def judging() -> Component:
    """The column beside the image: judgement, the reason, history, facts."""
    return html.Aside(
        [
            html.Div(
                [
                    html.H2(_("Your judgement")),
                    html.Div(id=ids.SAMPLE_STANDING, className="standing", **{"aria-live": "polite"}),
                    _judgement_buttons(),
                    _relabel(),
                    _flagging(),
                    _entry(
                        ids.SAMPLE_TAG_INPUT, ids.SAMPLE_TAG, _("Tag"), "t", _("a word to find it by"), "bookmark", 64
                    ),
                    _entry(
                        ids.SAMPLE_COMMENT_INPUT,
                        ids.SAMPLE_COMMENT,
                        _("Comment"),
                        "m",
                        _("what should others know? @name asks somebody"),
                        "send",
                        2000,
                    ),
                    dbc.Switch(
                        id=ids.SAMPLE_ADVANCE,
                        label=_("Go to the next sample after a judgement"),
                        value=False,
                        persistence="sample-advance",
                        persistence_type="local",
                        className="advance",
                    ),
                ],
                className="surface",
            ),
            html.Div(
                [
                    html.H2(_("The reason")),
                    html.P(_("Does the map show a reason that is right for what it says?"), className="quiet"),
                    verdict_buttons(),
                    marking(),
                ],
                className="surface judging-reason",
            ),
            html.Div([html.H2(_("History")), html.Div(id=ids.SAMPLE_HISTORY)], className="surface"),
            html.Div([html.H2(_("Facts")), html.Div(id=ids.SAMPLE_FACTS)], className="surface"),
        ],
        className="sample-judging",
    )


def _judgement_buttons() -> Component:
    def button(component: str, icon_name: str, text: str, key: str, style: str, keys: str, hint: str) -> Component:
        return html.Button(
            [icon(icon_name), html.Span(text), shortcut(key)],
            id=component,
            className=f"btn {style}",
            title=hint,
            **{"data-shortcut": keys, "aria-keyshortcuts": keys},
        )

    return html.Div(
        [
            button(
                ids.SAMPLE_CONFIRM,
                "check2-circle",
                _("Confirm"),
                "c",
                "btn-primary",
                "c",
                _("The label is right (key c)"),
            ),
            button(
                ids.SAMPLE_FLAG, "flag", _("Flag"), "f", "btn-outline-secondary", "f", _("Somebody should look (key f)")
            ),
            button(
                ids.SAMPLE_UNDO,
                "arrow-counterclockwise",
                _("Undo"),
                "u",
                "btn-outline-secondary",
                "u z",
                _("Take your last judgement back (key u or z)"),
            ),
        ],
        className="judgements",
    )


def _relabel() -> Component:
    return html.Div(
        [
            dbc.Label(
                [_("The right class is"), " ", shortcut("r")],
                html_for=ids.SAMPLE_RELABEL_INPUT,
                className="field-label",
            ),
            html.Div(id=ids.SAMPLE_CLASSES, className="class-buttons", role="group"),
            html.Datalist(id=ids.SAMPLE_CLASS_LIST),
            html.Div(
                [
                    dbc.Input(
                        id=ids.SAMPLE_RELABEL_INPUT,
                        list=ids.SAMPLE_CLASS_LIST,
                        placeholder=_("type a class"),
                        size="sm",
                        autocomplete="off",
                    ),
                    html.Button(
                        [icon("tag"), html.Span(_("Relabel"))],
                        id=ids.SAMPLE_RELABEL,
                        className="btn btn-sm btn-outline-primary",
                    ),
                ],
                className="input-line",
                **{"data-shortcut": "r"},
            ),
        ],
        className="judgement-field",
    )


def _flagging() -> Component:
    return html.Div(
        [html.Span(_("Flag it as"), className="field-label"), flag_reasons()],
        className="judgement-field",
    )


def _entry(box: str, button: str, title: str, key: str, hint: str, icon_name: str, longest: int) -> Component:
    """A line of text to add to the sample."""
    return html.Div(
        [
            dbc.Label([title, " ", shortcut(key)], html_for=box, className="field-label"),
            html.Div(
                [
                    dbc.Input(
                        id=box,
                        placeholder=hint,
                        size="sm",
                        maxlength=longest,
                        autocomplete="off",
                        **({"list": ids.SAMPLE_TAG_LIST} if box == ids.SAMPLE_TAG_INPUT else {}),
                    ),
                    html.Button(
                        [icon(icon_name), html.Span(_("Add"))],
                        id=button,
                        className="btn btn-sm btn-outline-primary",
                    ),
                ],
                className="input-line",
                **{"data-shortcut": key},
            ),
            html.Datalist(id=ids.SAMPLE_TAG_LIST) if box == ids.SAMPLE_TAG_INPUT else None,
        ],
        className="judgement-field",
    )


def standing(
    label: str | None, prediction: str | None, kind: str | None, given_label: str | None, person: str | None
) -> Component:
    """Label, prediction and what people made of it, each by sign and word."""
    rows = [(_("Label"), html.Strong(label if label is not None else _("none")))]
    if prediction is not None:
        agree = None if label is None else label == prediction
        mark = None if agree is None else icon("check2" if agree else "x-lg", _("agrees") if agree else _("differs"))
        rows.append((_("Prediction"), html.Span([html.Strong(prediction), mark], className="standing-value")))
    if kind:
        by = html.Span(_("by {person}", person=person), className="quiet")
        rows.append((_("Stands"), html.Span([feedback_badge(kind, given_label), by], className="standing-value")))
    else:
        rows.append((_("Stands"), html.Span(_("nobody has judged it yet"), className="quiet")))
    return html.Dl([part for name, value in rows for part in (html.Dt(name), html.Dd(value))], className="pairs")


def quick_keys(classes: Sequence[str]) -> dict[str, str]:
    """Which digit relabels to which class: its own name where classes are digits, else its place in the list."""
    shown = list(classes)[: len(QUICK_KEYS)]
    if all(len(name) == 1 and name in QUICK_KEYS for name in shown):
        return {name: name for name in shown}
    return dict(zip(shown, QUICK_KEYS, strict=False))


def class_buttons(classes: Sequence[str], label: str | None, given: str | None) -> list[Component]:
    """At most ten classes to choose from at one stroke.

    Plain buttons, whose click the browser's own script passes on: a Dash callback that listens to them would wait
    for whatever draws them anew, and a key pressed in the meantime would be lost or meant for the next sample.
    """
    keys = quick_keys(classes)
    return [
        html.Button(
            [html.Span(name), shortcut(key) if key != name else None],
            className="class-button" + (" is-label" if name == label else "") + (" is-given" if name == given else ""),
            title=_("Relabel as {name} (key {key})", name=name, key=key),
            **{"data-class": name, "data-shortcut": key, "aria-pressed": "true" if name == given else "false"},
        )
        for name, key in keys.items()
    ]


def class_options(classes: Sequence[str]) -> list[Component]:
    """All classes, for the browser's own list below the input."""
    return [html.Option(value=name) for name in classes]


def tag_options(tags: Sequence[str]) -> list[Component]:
    """The tags that are in use, for the browser's own list below the input."""
    return [html.Option(value=tag) for tag in tags]


def history(events: Sequence[FeedbackEvent]) -> Component:
    """What people said about the sample, newest first."""
    if not events:
        return html.P(_("Nobody has said anything about this sample yet."), className="quiet")
    return html.Ol([html.Li(_event(event)) for event in events], className="history")


def _event(event: FeedbackEvent) -> Component:
    version = f" · {event.model}@{event.version}" if event.model else ""
    return html.Div(
        [
            icon(KIND_ICONS[event.kind]),
            html.Div(
                [
                    html.Div([html.Strong(event.person), " ", html.Span(what(event))]),
                    html.Div(_mentioning(event.comment), className="history-comment") if event.comment else None,
                    html.Div(_marked(event), className="quiet history-when") if event.regions else None,
                    html.Div([_moment(event.at), version], className="quiet history-when"),
                ]
            ),
        ],
        className="history-event" + (" is-undone" if event.undone else ""),
    )


def what(event: FeedbackEvent) -> str:
    """An event as the rest of a sentence that begins with the person's name."""
    choice = _(CHOICE_TITLES[event.choice]) if event.choice in CHOICE_TITLES else event.choice
    sentences = {
        FeedbackKind.CONFIRM: _("confirmed {label}", label=event.label or _("the label")),
        FeedbackKind.RELABEL: _("relabelled it as {label}", label=event.label),
        FeedbackKind.FLAG: _("flagged it: {reason}", reason=choice) if choice else _("flagged it"),
        FeedbackKind.VERDICT: _("judged the reason: {verdict}", verdict=choice),
        FeedbackKind.TAG: _("tagged it {tag}", tag=event.choice),
        FeedbackKind.COMMENT: _("commented"),
        FeedbackKind.UNDO: _("took event {n} back", n=event.undoes),
    }
    return sentences[event.kind] + (_(" (taken back)") if event.undone else "")


def _mentioning(comment: str) -> list[Component | str]:
    """A comment with the people that it names set apart."""
    parts = MENTION.split(comment)
    return [html.Strong(f"@{part}", className="mention") if place % 2 else part for place, part in enumerate(parts)]


def _marked(event: FeedbackEvent) -> str:
    """Which regions came with a verdict, and how much of the image they are."""
    return " · ".join(
        f"{_(ROLE_TITLES[region.role])}: {100 * region.mask.area / (region.mask.width * region.mask.height):.1f} %"
        for region in event.regions
    )


def _moment(at: datetime) -> Component:
    return html.Time(f"{at:%Y-%m-%d %H:%M} UTC", dateTime=at.isoformat())
