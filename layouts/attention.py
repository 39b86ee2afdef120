"""Sequence attention: a sentence and what a network makes of it, word by word, with what it looked at."""

from collections.abc import Mapping
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from data.looks import Look
from data.text import gettext as _
from data.text import lazy
from layouts import ids
from layouts.parts import empty_state, field, help_text, icon, page_header

__all__ = ["ALL", "KIND_TITLES", "MAX_SENTENCE", "NONE", "layout", "no_model", "no_sentence"]

CLOCK_MILLISECONDS = 300
TYPING_MILLISECONDS = 400
MAX_SENTENCE = 2000
ALL = "all"
NONE = "(none)"
KIND_TITLES = {
    "cross": lazy("Output words to source words"),
    "encoder": lazy("Source words among themselves"),
    "decoder": lazy("Output words to earlier ones"),
}


def layout(**parameters: Any) -> Component:
    """The skeleton, its controls as the address says.

    Raises:
        InvalidInput: A value in the address is not allowed.
    """
    look = Look.of(parameters)
    return html.Div(
        [
            dcc.Store(id=ids.ATTENTION_STATE, data=parameters),
            *(
                dcc.Store(id=store)
                for store in (
                    ids.ATTENTION_WRITTEN,
                    ids.ATTENTION_TURN,
                    ids.ATTENTION_SHOWN,
                    ids.ATTENTION_DRAWN,
                    ids.ATTENTION_PINNED,
                )
            ),
            dcc.Interval(id=ids.ATTENTION_CLOCK, interval=CLOCK_MILLISECONDS, disabled=True),
            dcc.Interval(id=ids.ATTENTION_EVIDENCE_CLOCK, interval=CLOCK_MILLISECONDS, disabled=True),
            page_header(
                _("Attention"),
                _("Which words each output word looked at, and whether they are the reason for it."),
            ),
            html.Div(
                [
                    _asking(parameters),
                    html.Div(id=ids.ATTENTION_MESSAGE),
                    html.Div(
                        [
                            html.Div(id=ids.ATTENTION_STATUS, role="status", className="quiet"),
                            html.Button(
                                [icon("arrow-clockwise"), html.Span(_("Try again"))],
                                id=ids.ATTENTION_AGAIN,
                                className="btn btn-sm btn-outline-primary",
                                hidden=True,
                            ),
                        ],
                        className="att-status",
                    ),
                    html.Div(_result(look), id=ids.ATTENTION_RESULT, className="att-result", hidden=True),
                ],
                id=ids.ATTENTION_BODY,
                className="att-body",
            ),
        ],
        className="page page-attention",
    )


def _asking(parameters: Mapping[str, Any]) -> Component:
    text = parameters.get("text")
    return html.Section(
        [
            field(
                _("Sentence"),
                dbc.Textarea(
                    id=ids.ATTENTION_TEXT,
                    value=str(text[0] if isinstance(text, (list, tuple)) else text or ""),
                    placeholder=_("Type a sentence; what the model makes of it follows as you type"),
                    debounce=TYPING_MILLISECONDS,
                    maxlength=MAX_SENTENCE,
                    rows=2,
                    dir="auto",
                    spellcheck=False,
                ),
            ),
            html.Div(id=ids.ATTENTION_EXAMPLES, className="att-examples"),
        ],
        className="surface att-asking",
    )


def _result(look: Look) -> list[Component]:
    return [
        html.Div(id=ids.ATTENTION_CHANGED),
        _sentences(),
        html.Div(
            [
                html.Section(id=ids.ATTENTION_STEP, className="surface", **{"aria-label": _("Output word")}),
                html.Section(id=ids.ATTENTION_WORD, className="surface", **{"aria-label": _("Source word")}),
            ],
            className="att-columns",
        ),
        _toolbar(look),
        html.Div(
            [
                _card(_("Who took how much"), ids.ATTENTION_BANDS, "bands", _bands_note()),
                _card(_("Weights"), ids.ATTENTION_HEAT, "heat", _heat_note(), csv=True),
            ],
            className="att-columns att-pictures",
        ),
        html.Section(
            [
                html.H2(_("All heads")),
                help_text(_("A row for each layer, a column for each head, each scaled to its own largest weight.")),
                html.Div(
                    html.Div(id=ids.ATTENTION_WALL, className="att-wall", role="group", **{"aria-label": _("Heads")}),
                    className="att-scroll",
                ),
            ],
            className="surface",
        ),
        html.Section(
            [
                html.H2(_("Is attention the reason?")),
                html.Div(id=ids.ATTENTION_EVIDENCE, className="att-evidence"),
            ],
            className="surface",
        ),
        html.Section(id=ids.ATTENTION_BEAMS, className="surface", **{"aria-label": _("Other outputs")}),
        html.Details(
            [
                html.Summary([icon("table"), _("The weights as a table")]),
                html.Div(
                    id=ids.ATTENTION_TABLE,
                    className="att-scroll",
                    tabIndex="0",
                    role="region",
                    **{"aria-label": _("The weights as a table")},
                ),
            ],
            className="surface att-table-box",
        ),
    ]


def _sentences() -> Component:
    def line(title: str, words: str, label: str) -> Component:
        return html.Div(
            [
                html.Span(title, className="field-label", **{"aria-hidden": "true"}),
                html.Div(
                    id=words,
                    className="att-line",
                    role="listbox",
                    **{"aria-label": label, "aria-orientation": "horizontal"},
                ),
            ]
        )

    return html.Section(
        [
            html.Div(
                [
                    html.H2(_("Word by word")),
                    html.Button(
                        [icon("play-circle"), html.Span(_("Walk through it"))],
                        id=ids.ATTENTION_PLAY,
                        type="button",
                        className="btn btn-sm btn-outline-secondary",
                        **{"aria-pressed": "false"},
                    ),
                ],
                className="section-head",
            ),
            line(_("Source"), ids.ATTENTION_LINE_SOURCE, _("Source words")),
            line(_("Output"), ids.ATTENTION_LINE_TARGET, _("Output words")),
            html.P(id=ids.ATTENTION_READ, className="att-read"),
        ],
        className="surface att-sentences",
    )


def _toolbar(look: Look) -> Component:
    def select(control: str, value: str, options: list[tuple[str, str]]) -> Component:
        listed = [{"label": label, "value": one} for one, label in options]
        return dbc.Select(id=control, value=value, options=listed, size="sm")

    kinds = [(kind, _(title)) for kind, title in KIND_TITLES.items()]
    layer, head = str(look.layer or ALL), str(look.head)
    return html.Div(
        [
            field(_("Attention"), select(ids.ATTENTION_KIND, look.kind, kinds)),
            field(_("Layer"), select(ids.ATTENTION_LAYER, layer, [(layer, layer)])),
            field(_("Heads"), select(ids.ATTENTION_HEAD, head, [(head, head)])),
            field(_("Beside version"), select(ids.ATTENTION_OTHER, NONE, [(NONE, _("none"))])),
        ],
        className="filter-row att-toolbar",
    )


def _card(title: str, box: str, name: str, note: list[Component], csv: bool = False) -> Component:
    kinds = ("svg", "png", "csv") if csv else ("svg", "png")
    buttons = [
        html.Button(
            [icon("download"), html.Span(kind.upper())],
            type="button",
            className="btn btn-sm btn-outline-secondary",
            title=_("All numbers of the map") if kind == "csv" else _("The picture as a file"),
            **{"data-file": f"{name}.{kind}", "aria-label": f"{title}: {kind.upper()}"},
        )
        for kind in kinds
    ]
    return html.Section(
        [
            html.Div([html.H2(title), html.Div(buttons, className="button-row att-files")], className="section-head"),
            html.Div(id=box, className="att-scroll", tabIndex="0", role="region", **{"aria-label": title}),
            *note,
        ],
        className="surface att-card",
    )


def _bands_note() -> list[Component]:
    return [
        help_text(
            _(
                "Beside each word on the left a bar as long as all that was taken from it, in the colours of the words "
                "on the right that took it."
            )
        ),
        html.P(id=ids.ATTENTION_LEFT, className="help-text"),
    ]


def _heat_note() -> list[Component]:
    return [help_text(_("A row for each word that looks, a column for each that is looked at; point at a cell."))]


def no_model(dataset: str) -> Component:
    """In place of the page where the workspace has no sequence model."""
    commands = [
        f"python -m dashboard train {dataset}",
        "python -m dashboard model add translator --arch transformers:PATH",
    ]
    text = html.Div(
        [html.P(_("Choose a model of sequences above, or bring one:"))]
        + [html.Pre(html.Code(command), tabIndex="0") for command in commands]
    )
    return empty_state("boxes", _("No model of sequences yet"), text)


def no_sentence() -> Component:
    """Before anything is typed."""
    return empty_state(
        "chat-left-text",
        _("Type a sentence above"),
        _("Or take one of the examples: words of the dataset that the model was made for."),
    )
