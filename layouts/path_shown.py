"""What is shown of a decision path: graph, sentences, cards and tables."""

from collections.abc import Sequence
from dataclasses import dataclass

import dash_cytoscape
import plotly.graph_objects as go
from dash import dcc, html
from dash.development.base_component import Component

from data.paths import DecisionPath
from data.text import gettext as _
from layouts import ids
from layouts.figures.path import Graph, share_text, stylesheet
from layouts.parts import Card, help_text, icon

__all__ = [
    "Row",
    "about",
    "common_table",
    "curve_box",
    "drawing",
    "flow_text",
    "hovered",
    "legend",
    "status",
    "subject_box",
    "table",
]

_NOTHING = 0.005
_LEGIBLE = 0.66  # of its own size the graph is at least drawn; else it is scrolled


@dataclass(frozen=True, slots=True)
class Row:
    """One unit in the table.

    Attributes:
        stage: What its stage is called; `unit` what it is called itself.
        share: Its contribution in words; `answer` its activation.
        flows: What enters it from the stage before, in words.
        href: Of its dossier; empty where there is none.
        member: In which of two paths it is drawn, in words; empty without a second path.
    """

    stage: str
    unit: str
    share: str
    answer: str
    flows: str
    href: str
    member: str = ""


def subject_box(card: Card, facts: Sequence[tuple[str, str]], links: Sequence[tuple[str, str, str]]) -> Component:
    """Which sample is followed.

    Args:
        facts: Names and values.
        links: (title, icon, address) of what else is known of the sample.
    """
    image = html.Img(src=card.image, alt=card.sample_id, className="pixels" if card.tiny else None)
    return html.Div(
        [
            html.A(image, href=card.href, className="path-picture"),
            html.Div(
                [
                    html.H2(card.sample_id, className="path-sample", title=card.sample_id),
                    html.Dl(
                        [html.Div([html.Dt(name), html.Dd(value)], className="unit-fact") for name, value in facts],
                        className="unit-facts",
                    ),
                ],
                className="path-sample-words",
            ),
            html.Nav(
                [
                    html.A([icon(name), html.Span(title)], href=address, className="btn btn-sm btn-outline-secondary")
                    for title, name, address in links
                ],
                className="turns",
                **{"aria-label": _("The sample elsewhere")},
            ),
        ],
        className="surface path-subject",
    )


def status(words: str, share: float | None) -> Component:
    """How far the work is.

    Args:
        share: In [0, 1]; None while unknown.
    """
    moving = " progress-bar-striped progress-bar-animated" if share is None else ""
    known = {} if share is None else {"aria-valuenow": f"{100 * share:.0f}"}
    return html.Div(
        [
            html.P(words, className="quiet"),
            html.Div(
                html.Div(className=f"progress-bar{moving}", style={"width": f"{100 * (share or 1):.0f}%"}),
                className="progress job-bar",
                role="progressbar",
                **{"aria-label": words, "aria-valuemin": "0", "aria-valuemax": "100", **known},
            ),
        ]
    )


def about(sentences: Sequence[str], notes: Sequence[str]) -> list[Component]:
    """What was found, in sentences, and behind a word how it was measured."""
    return [
        html.P(sentences[0], className="path-sentence"),
        *(html.P(sentence) for sentence in sentences[1:]),
        html.Details(
            [html.Summary([icon("info-circle"), _("What these numbers are")]), *(help_text(note) for note in notes)]
        ),
    ]


def drawing(graph: Graph, theme: str, step: int | None, compared: bool) -> Component:
    """The graph. Hover a unit to see where it looks, click it to open its dossier."""
    return dash_cytoscape.Cytoscape(
        id={"type": ids.PATH_GRAPH, "name": "graph"},
        elements=graph.elements,
        stylesheet=stylesheet(theme, step, compared),
        layout={"name": "preset", "fit": True, "padding": 14},
        style={
            "width": "100%",
            "minWidth": f"{round(_LEGIBLE * graph.width)}px",
            "maxWidth": f"{graph.width}px",
            "height": "auto",
            "aspectRatio": f"{graph.width} / {graph.height}",
            "margin": "0 auto",
        },
        userZoomingEnabled=False,
        userPanningEnabled=False,
        boxSelectionEnabled=False,
        autoungrabify=True,
        responsive=True,
        clearOnUnhover=False,
    )


def legend(entries: Sequence[tuple[str, str]], note: str) -> Component:
    """What colours mean: (class of the sign, words)."""
    return html.Div(
        [
            html.Ul(
                [html.Li([html.Span(className=f"path-key {name}"), words]) for name, words in entries],
                className="path-legend",
            ),
            help_text(note),
        ]
    )


def hovered(title: str, picture: str, facts: Sequence[tuple[str, str]], href: str) -> Component:
    """What is known of the unit under the pointer.

    Args:
        picture: Where it answers in the image; empty where it has no places.
        href: Of its dossier; empty for a region of the image.
    """
    return html.Div(
        [
            html.Img(src=picture, alt=_("Where {unit} answers", unit=title)) if picture else None,
            html.Div(
                [
                    html.H3(title),
                    html.Dl(
                        [html.Div([html.Dt(name), html.Dd(value)], className="path-fact") for name, value in facts],
                        className="path-facts",
                    ),
                    html.A(_("Open its dossier"), href=href) if href else None,
                ]
            ),
        ],
        className="path-card",
    )


def curve_box(figure: go.Figure | None, words: str, share: float | None = None) -> list[Component]:
    """What becomes of the decision without the drawn units; without a figure how far that is."""
    title = html.H2(_("Without these units"))
    if figure is None:
        return [title, status(words, share)]
    graph = dcc.Graph(figure=figure, config={"displayModeBar": False}, responsive=True, style={"height": "270px"})
    note = _(
        "Drawn units that speak for the class are set to what they give for a plain image, the strongest first. Grey: "
        "as many random units of the same stages, ten times; the band reaches from the lowest to the highest."
    )
    return [title, html.P(words), graph, help_text(note)]


def common_table(rows: Sequence[tuple[str, int, int, int, str]]) -> Component:
    """What two paths share, stage by stage: (stage, shared units, units of A alone, of B alone, likeness)."""
    heads = [_("Stage"), _("Shared"), _("Only A"), _("Only B"), _("Likeness of all contributions")]
    body = [
        html.Tr([html.Th(row[0], scope="row"), *(html.Td(str(value), className="figures") for value in row[1:])])
        for row in rows
    ]
    return html.Div(
        html.Table(
            [html.Thead(html.Tr([html.Th(head, scope="col") for head in heads])), html.Tbody(body)],
            className="table table-sm path-table path-common",
        ),
        className="table-responsive",
        tabIndex="0",
    )


def table(rows: Sequence[Row], compared: bool, caption: str) -> Component:
    """The path in words, for whoever does not see the graph."""
    heads = [_("Stage"), _("Unit"), _("Contribution"), _("Activation"), _("Comes from")]
    if compared:
        heads.append(_("Drawn in"))
    body = [
        html.Tr(
            [
                html.Th(row.stage, scope="row"),
                html.Td(html.A(row.unit, href=row.href) if row.href else row.unit),
                html.Td(row.share, className="figures"),
                html.Td(row.answer, className="figures"),
                html.Td(row.flows),
                *([html.Td(row.member)] if compared else []),
            ]
        )
        for row in rows
    ]
    return html.Div(
        html.Table(
            [
                html.Caption(caption, className="table-note"),
                html.Thead(html.Tr([html.Th(head, scope="col") for head in heads])),
                html.Tbody(body),
            ],
            className="table table-sm path-table",
        ),
        className="table-responsive",
        tabIndex="0",
    )


def flow_text(path: DecisionPath, flows: Sequence[tuple[str, float]]) -> str:
    """What enters a unit, the strongest first: `3 (+4 %), 7 (-1 %)`; what rounds to nothing is left out."""
    ordered = sorted(flows, key=lambda flow: -abs(flow[1]))
    shares = [(name, flow, path.share(flow)) for name, flow in ordered]
    kept = [one for one in shares if one[2] is None or abs(one[2]) >= _NOTHING]
    return ", ".join(f"{name} ({share_text(share, flow)})" for name, flow, share in kept)
