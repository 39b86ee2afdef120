"""Stepping through a pass: one stage at a time, with its shape and what its units give, as pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

from dash import html
from dash.development.base_component import Component

from data.text import gettext as _
from layouts.parts import help_text, icon, number

__all__ = ["Picture", "Step", "walk"]


@dataclass(frozen=True, slots=True)
class Picture:
    """One unit as a picture.

    Attributes:
        image: Where it answers in the image; empty where it has no places.
        lines: What is said of it.
        href: Of its dossier; empty where there is none.
    """

    title: str
    image: str
    lines: Sequence[str]
    href: str


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of the pass.

    Attributes:
        place: From 0, the image, to `last`, the logit.
        groups: Pictures under a heading and a line that says what they are.
    """

    place: int
    last: int
    title: str
    facts: Sequence[tuple[str, str]]
    groups: Sequence[tuple[str, str, Sequence[Picture]]]
    note: str = ""


def walk(step: Step) -> list[Component]:
    """The stage with the ways to the one before and after; arrow keys go there too."""
    where = _("{n} of {total}", n=number(step.place + 1), total=number(step.last + 1))
    return [
        html.Div(
            [
                html.H2([_("Step through the pass"), " ", html.Span(step.title, className="quiet unit-layer")]),
                html.Nav(
                    [
                        _turn(step.place - 1, step.place > 0, "chevron-left", _("Previous stage"), "ArrowLeft"),
                        html.Span(where, className="sample-position", role="status"),
                        _turn(step.place + 1, step.place < step.last, "chevron-right", _("Next stage"), "ArrowRight"),
                    ],
                    className="turns",
                    **{"aria-label": _("Stages")},
                ),
            ],
            className="section-head",
        ),
        html.Dl(
            [html.Div([html.Dt(name), html.Dd(value)], className="unit-fact") for name, value in step.facts],
            className="unit-facts",
        ),
        help_text(step.note) if step.note else None,
        html.Div([_group(*group) for group in step.groups], className="path-groups"),
    ]


def _turn(place: int, there: bool, name: str, text: str, key: str) -> Component:
    return html.Button(
        icon(name, text),
        type="button",
        disabled=not there,
        className="btn btn-sm btn-outline-secondary",
        title=text,
        **{"data-step": str(place), "data-shortcut": key, "aria-keyshortcuts": key},
    )


def _group(title: str, note: str, pictures: Sequence[Picture]) -> Component:
    return html.Div(
        [
            html.H3(title),
            help_text(note) if note else None,
            html.Ul([html.Li(_card(picture)) for picture in pictures], className="gallery gallery-s path-pictures"),
        ]
    )


def _card(picture: Picture) -> Component:
    shown = (
        html.Img(src=picture.image, alt="")
        if picture.image
        else html.Span(picture.title, className="unit-blank", **{"aria-hidden": "true"})
    )
    words = [html.Span(picture.title, className="card-line card-name")]
    words += [html.Span(line, className="card-line card-note") for line in picture.lines]
    inside = [html.Span(shown, className="card-image"), html.Span(words, className="card-text")]
    if picture.href:
        return html.A(inside, href=picture.href, className="sample-card", title=picture.title)
    return html.Div(inside, className="sample-card")
