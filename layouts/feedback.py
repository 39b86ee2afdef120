"""Feedback: the log of what everybody said, to look through, to take back, and to carry elsewhere."""

from collections.abc import Mapping, Sequence
from typing import Any

import dash_ag_grid as dag
import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from data.text import gettext as _
from data.text import lazy, ngettext
from layouts import ids
from layouts.parts import empty_state, field, grid_words, icon, link, page_header

__all__ = [
    "ANY",
    "EVERYWHERE",
    "EXPORTS",
    "FILTERS",
    "KIND_TITLES",
    "export_links",
    "layout",
    "nothing",
    "scopes",
    "summary",
]

KIND_TITLES = {
    "confirm": lazy("Confirmed"),
    "relabel": lazy("Relabelled"),
    "flag": lazy("Flagged"),
    "verdict": lazy("Judged the reason"),
    "tag": lazy("Tagged"),
    "comment": lazy("Commented"),
    "undo": lazy("Took back"),
}
EXPORTS = (("csv", "CSV"), ("jsonl", "JSONL"), ("parquet", "Parquet"))
# URL parameter -> id of its control. The log is that of the chosen dataset unless `scope` asks for all.
EVERYWHERE = "all"
ANY = "(any)"  # a select cannot show an option whose value is empty
FILTERS = {
    "scope": ids.FEEDBACK_SCOPE,
    "person": ids.FEEDBACK_PERSON,
    "kind": ids.FEEDBACK_KIND,
    "class": ids.FEEDBACK_CLASS,
    "version": ids.FEEDBACK_VERSION,
}
_COLUMNS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("thumb", "", {"cellRenderer": "VitrineThumb", "width": 76, "resizable": False, "pinned": "left"}),
    ("sample_id", lazy("Sample"), {"cellRenderer": "VitrineLink", "flex": 3, "minWidth": 130}),
    ("what", lazy("What"), {"cellRenderer": "FeedbackWhat", "flex": 4, "minWidth": 170}),
    ("comment", lazy("Comment"), {"flex": 3, "minWidth": 110, "tooltipField": "comment"}),
    ("person", lazy("Person"), {"flex": 2, "minWidth": 90}),
    ("shown_label", lazy("Label"), {"width": 90, "headerTooltip": lazy("The dataset's label at that time")}),
    ("shown_prediction", lazy("Predicted"), {"width": 110, "headerTooltip": lazy("The prediction at that time")}),
    ("version", lazy("Version"), {"flex": 2, "minWidth": 115, "tooltipField": "version"}),
    ("at", lazy("When (UTC)"), {"width": 150}),
    ("undo", "", {"cellRenderer": "FeedbackUndo", "width": 115, "resizable": False}),
)


def layout(**parameters: Any) -> Component:
    """The skeleton, its filters as the address says; their options come later."""
    return html.Div(
        [
            dcc.Store(id=ids.FEEDBACK_STATE, data=parameters),
            dcc.Store(id=ids.FEEDBACK_WRITTEN),
            dcc.Store(id=ids.FEEDBACK_UNDO),
            dcc.Store(id=ids.FEEDBACK_CHANGED),
            dcc.Store(id=ids.FEEDBACK_REFRESHED),
            page_header(
                _("Feedback"),
                _("Everything that people said about samples. Nothing is lost: taking back is one more entry."),
                [html.Div(id=ids.FEEDBACK_EXPORT, className="export-links")],
            ),
            html.Div(
                [
                    *(_select(_(title), FILTERS[name], parameters.get(name)) for name, title in _FILTER_TITLES.items()),
                    html.Div(
                        dbc.Switch(
                            id=ids.FEEDBACK_UNDONE,
                            label=_("Only what stands"),
                            value=parameters.get("standing") == "1",
                        ),
                        className="field filter-switch",
                    ),
                ],
                className="filter-row",
                role="search",
                **{"aria-label": _("Filter the log")},
            ),
            html.Div(id=ids.FEEDBACK_SUMMARY, className="summary", role="status"),
            html.Div(id=ids.FEEDBACK_EMPTY),
            html.Div(_grid(), id=ids.FEEDBACK_GRID_BOX, className="grid-box", hidden=True),
        ],
        className="page page-feedback",
    )


_FILTER_TITLES = {
    "scope": lazy("Datasets"),
    "person": lazy("Person"),
    "kind": lazy("Kind"),
    "class": lazy("Class given"),
    "version": lazy("Version"),
}


def _select(title: str, control: str, value: str | None) -> Component:
    known = [{"label": value, "value": value}] if value else []
    options = scopes() if control == ids.FEEDBACK_SCOPE else [{"label": _("any"), "value": ANY}, *known]
    return field(title, dbc.Select(id=control, value=value or ANY, options=options, size="sm"))


def scopes() -> list[dict[str, str]]:
    """How far the log reaches."""
    return [{"label": _("The chosen one"), "value": ANY}, {"label": _("All"), "value": EVERYWHERE}]


def _grid() -> Component:
    return dag.AgGrid(
        id=ids.FEEDBACK_GRID,
        columnDefs=[_column(*column) for column in _COLUMNS],
        defaultColDef={"sortable": False, "resizable": True, "suppressHeaderMenuButton": True},
        rowModelType="infinite",
        dashGridOptions={
            "rowHeight": 56,
            "cacheBlockSize": 100,
            "maxBlocksInCache": 20,
            "infiniteInitialRowCount": 10,
            "tooltipShowDelay": 300,
            "localeText": grid_words(),
            "rowClassRules": {"is-undone": "params.data && params.data.undone"},
        },
        enableEnterpriseModules=False,
        style={"height": "max(420px, calc(100vh - 310px))"},
        className="grid",
    )


def _column(name: str, title: str, look: Mapping[str, Any]) -> dict[str, Any]:
    hint = {part: _(text) for part, text in look.items() if part == "headerTooltip"}
    return {"field": name, "headerName": _(title) if title else "", **look, **hint}


def summary(events: int, people: int, filtered: bool) -> Component:
    """How much is listed, and by how many people."""
    listed = ngettext("{count} entry", "{count} entries", events)
    words = _("{listed} for these filters", listed=listed) if filtered else listed
    by = ngettext("by {count} person", "by {count} people", people)
    return html.Div([html.Strong(words), html.Span(by, className="quiet")], className="summary-line")


def nothing(filtered: bool, parameters: Mapping[str, str | Sequence[str] | None]) -> Component:
    """What stands in place of an empty log."""
    if filtered:
        clear = html.A(
            _("Clear all filters"), href=link("/feedback", parameters), className="btn btn-sm btn-outline-primary"
        )
        return empty_state("filter", _("No entry matches"), _("Take a filter off, or clear them all."), clear)
    start = html.A(
        [icon("grid-3x3-gap"), html.Span(_("Browse what the model gets wrong"))],
        href=link("/browse", {**parameters, "outcome": "wrong"}),
        className="btn btn-sm btn-primary",
    )
    return empty_state(
        "chat-left-text",
        _("Nobody has said anything yet"),
        _("Open a sample and confirm its label, correct it, flag it or leave a comment. It is listed here then."),
        start,
    )


def export_links(parameters: Mapping[str, str | Sequence[str] | None]) -> list[Component]:
    """Downloads of what is listed, whole, in every format."""
    return [
        html.A(
            [icon("download"), html.Span(title)],
            href=link(f"/export/feedback.{form}", parameters),
            download="",
            className="btn btn-sm btn-outline-secondary",
            title=_("Download what is listed as {format}", format=title),
        )
        for form, title in EXPORTS
    ]
