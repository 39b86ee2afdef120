"""What is shown of a translation beside the pictures: a word's alternatives, what a change made of it, evidence."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from data.text import gettext as _
from layouts import ids
from layouts.parts import help_text, icon, number, percent

__all__ = [
    "Choice",
    "Measured",
    "Piece",
    "beams_table",
    "changed_box",
    "evidence_box",
    "examples",
    "isolated",
    "source_card",
    "step_card",
    "turn_button",
]


@dataclass(frozen=True, slots=True)
class Choice:
    """A word that the model could have said.

    Attributes:
        forced: What the address says of forced tokens if it is taken; empty where it cannot be.
        chosen: Whether it is the one that was said.
    """

    text: str
    probability: float
    forced: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an output beside another one: `same`, `gone` or `new`."""

    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class Measured:
    """A source word for one output word: what attention says, and what evidence says.

    Attributes:
        attention, gradient: Shares, in [0, 1].
        masking: By how much the output word's probability falls without the source word; negative if it rises.
    """

    text: str
    attention: float
    gradient: float
    masking: float


def isolated(text: str) -> Component:
    """A word of any script, which does not turn the line around it."""
    return html.Bdi(text if text.strip() else "␣", className="att-said")


def turn_button(changes: dict[str, str], inside: Sequence[Component | str], title: str, style: str = "") -> Component:
    """Changes the page's state; see `vitrine_attention.js`."""
    return html.Button(
        list(inside),
        type="button",
        className=f"btn btn-sm {style or 'btn-outline-secondary'}",
        title=title,
        **{"data-turn": json.dumps(changes)},
    )


def examples(texts: Sequence[str], current: str) -> Component | None:
    """Sentences to begin with."""
    if not texts:
        return None
    return html.Ul(
        [
            html.Li(
                html.Button(
                    html.Bdi(text if len(text) <= 48 else text[:47] + "…"),
                    type="button",
                    className="chip att-example",
                    title=text,
                    **{"data-example": text, "aria-pressed": "true" if text == current else "false"},
                )
            )
            for text in texts
        ],
        className="chips",
        **{"aria-label": _("Examples")},
    )


def step_card(
    title: str | None, place: int, probability: float, forced: bool, choices: Sequence[Choice], undo: Component | None
) -> list[Component]:
    """An output word and what could have stood in its place.

    Args:
        title: The word; None where none is chosen.
        place: From 1 up.
        undo: Takes forced words back, where there are some.
    """
    head = html.Div([html.H2(_("Output word")), undo], className="section-head")
    if title is None:
        return [
            head,
            help_text(
                _(
                    "Choose a word of the output, by a click or with the arrow keys: here stands what else could have "
                    "been said."
                )
            ),
        ]
    said = _("forced by you") if forced else percent(probability, 2)
    lines = [
        html.Tr(
            [
                html.Th(isolated(choice.text), scope="row"),
                html.Td(_share(choice.probability), className="bar-cell"),
                html.Td(
                    icon("check2", _("said"))
                    if choice.chosen
                    else turn_button(
                        {"forced": choice.forced, "target": str(place - 1), "source": ""},
                        [icon("arrow-right"), html.Span(_("Say this"))],
                        _("What if the model had said “{word}”? It goes on from there.", word=choice.text),
                    )
                    if choice.forced
                    else None
                ),
            ],
            className="att-choice-said" if choice.chosen else None,
        )
        for choice in choices
    ]
    return [
        head,
        html.P([isolated(title), html.Span(f" · {_('word {n}', n=place)} · {said}", className="quiet")]),
        html.Table(
            [
                html.Caption(_("Most probable words at this place"), className="visually-hidden"),
                html.Thead(html.Tr([html.Th(one, scope="col") for one in (_("Word"), _("Probability"), _("What if"))])),
                html.Tbody(lines),
            ],
            className="table table-sm att-choices",
        ),
    ]


def _share(value: float) -> list[Component]:
    return [
        html.Span(className="bar", style={"--share": f"{100 * value:.1f}%"}),
        html.Span(percent(value, 2)),
    ]


def source_card(
    title: str | None, start: int, end: int, hidden: Component | None, restore: Component | None
) -> list[Component]:
    """A source word, to be hidden or replaced.

    Args:
        start, end: Its characters in the sentence; equal for a special token, which cannot be replaced.
        hidden: Hides it, or shows it again.
        restore: Shows all hidden words again, where there are some.
    """
    head = html.Div([html.H2(_("Source word")), restore], className="section-head")
    if title is None:
        return [
            head,
            help_text(_("Choose a word of the source to hide it from the model or to put another in its place.")),
        ]
    field_box = html.Div(
        [
            html.Label(_("In its place"), htmlFor=ids.ATTENTION_INSTEAD, className="field-label"),
            html.Div(
                [
                    dbc.Input(id=ids.ATTENTION_INSTEAD, value=title, size="sm", maxlength=200),
                    html.Button(
                        [icon("arrow-left-right"), html.Span(_("Replace"))],
                        id=ids.ATTENTION_REPLACE,
                        type="button",
                        className="btn btn-sm btn-outline-secondary",
                    ),
                ],
                className="att-instead",
                **{"data-start": str(start), "data-end": str(end)},
            ),
        ]
    )
    return [head, html.P(isolated(title)), html.Div(hidden, className="button-row"), field_box if end > start else None]


def changed_box(
    title: str, before: Sequence[Piece], after: Sequence[Piece], facts: Sequence[str], undo: Component
) -> Component:
    """What a change made of the output."""

    def line(name: str, pieces: Sequence[Piece]) -> Component:
        tags = {"same": html.Span, "gone": html.Del, "new": html.Ins}
        return html.Div(
            [
                html.Dt(name),
                html.Dd([tags[piece.kind](piece.text) for piece in pieces] or html.Span("—"), dir="auto"),
            ]
        )

    return html.Section(
        [
            html.Div([html.H2(title), undo], className="section-head"),
            html.Dl([line(_("Before"), before), line(_("Now"), after)], className="att-before"),
            *(help_text(fact) for fact in facts),
        ],
        className="surface att-changed",
    )


def beams_table(beams: Sequence[tuple[str, float]]) -> list[Component]:
    """The outputs that the search kept, the best first: (text, log probability) each."""
    return [
        html.H2(_("Outputs that the search kept")),
        html.Ol(
            [
                html.Li([html.Bdi(text or "—"), html.Span(f" {value:.3f}", className="quiet figures")])
                for text, value in beams
            ],
            className="att-beams",
        ),
        help_text(_("Behind each output the logarithm of its probability.")),
    ]


def evidence_box(
    title: str, rows: Sequence[Measured], more: int, here: Sequence[tuple[str, str]], sentence: str
) -> list[Component]:
    """Attention beside evidence for one output word.

    Args:
        more: How many source words are left out.
        here: (pair of measures, its rank correlation) for this word and for the whole sentence, as texts.
        sentence: What the correlations say.
    """
    peaks = {
        name: max((abs(getattr(row, name)) for row in rows), default=0.0) or 1.0
        for name in ("attention", "gradient", "masking")
    }

    def bar(row: Measured, name: str) -> Component:
        value = getattr(row, name)
        share = 100 * abs(value) / peaks[name]
        style = "bar att-negative" if value < 0 else "bar"
        shown = f"{100 * value:+.1f}" if name == "masking" else f"{100 * value:.1f} %"
        return html.Td(
            [html.Span(className=style, style={"--share": f"{share:.1f}%"}), html.Span(shown)], className="bar-cell"
        )

    columns = (_("Source word"), _("Attention"), _("Gradient"), _("Lost without it (points)"))
    return [
        html.P(sentence),
        html.Dl(
            [html.Div([html.Dt(name), html.Dd(value)], className="unit-fact") for name, value in here],
            className="unit-facts",
        ),
        html.Div(
            html.Table(
                [
                    html.Caption(title),
                    html.Thead(html.Tr([html.Th(one, scope="col") for one in columns])),
                    html.Tbody(
                        [
                            html.Tr(
                                [
                                    html.Th(isolated(row.text), scope="row"),
                                    *(bar(row, name) for name in ("attention", "gradient", "masking")),
                                ]
                            )
                            for row in rows
                        ]
                    ),
                ],
                className="table table-sm att-measures",
            ),
            className="att-scroll",
            tabIndex="0",
            role="region",
            **{"aria-label": title},
        ),
        help_text(_("{n} source words with less of everything are left out.", n=number(more))) if more else None,
    ]
