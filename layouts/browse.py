"""Browse: the samples as a gallery or a table, narrowed by filters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dash_ag_grid as dag
import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from data.selections import Selection
from data.text import gettext as _
from data.text import lazy, ngettext
from layouts import ids
from layouts.filters import filters
from layouts.metadata import grid_columns, sort_options
from layouts.parts import grid_words, icon, number, page_header, percent

__all__ = ["PAGE_SIZES", "Chip", "Summary", "chips", "columns", "layout", "pager", "sorts", "summary"]

PAGE_SIZES = {"s": 120, "m": 60, "l": 24}
SORT_TITLES = {
    "row": lazy("Dataset order"),
    "sample_id": lazy("Name"),
    "label": lazy("Label"),
    "split": lazy("Split"),
    "prediction": lazy("Prediction"),
    "confidence": lazy("Confidence"),
    "margin": lazy("Margin to the second class"),
    "entropy": lazy("Uncertainty (entropy)"),
    "loss": lazy("Loss"),
}
COMPARED_TITLES = {
    "fixed": lazy("fixed"),
    "broken": lazy("broken"),
    "both_right": lazy("both right"),
    "both_wrong": lazy("both wrong"),
}
_COLUMNS = (
    (
        "thumb",
        "",
        {"cellRenderer": "VitrineThumb", "sortable": False, "width": 76, "resizable": False, "pinned": "left"},
    ),
    ("sample_id", lazy("Sample"), {"cellRenderer": "VitrineLink", "flex": 3, "minWidth": 150}),
    ("split", lazy("Split"), {"width": 85}),
    ("label", lazy("Label"), {"flex": 1, "minWidth": 90}),
    ("prediction", lazy("Prediction"), {"flex": 1, "minWidth": 120}),
    ("outcome", lazy("Outcome"), {"cellRenderer": "VitrineOutcome", "sortable": False, "width": 105}),
    ("confidence", lazy("Confidence"), {"width": 125, "cellRenderer": "VitrineShare"}),
    ("feedback", lazy("Feedback"), {"sortable": False, "width": 120}),
)


@dataclass(frozen=True, slots=True)
class Chip:
    """An active filter, and the address without it."""

    text: str
    href: str


@dataclass(frozen=True, slots=True)
class Summary:
    """The counts above the list.

    Attributes:
        first, last: 1-based places within the selection; both 0 where all of it is shown.
        right, wrong: Of the selection; both 0 where that is no news.
    """

    first: int
    last: int
    selected: int
    total: int
    right: int
    wrong: int


def layout(**parameters: Any) -> Component:
    """The skeleton, its controls as the address says.

    Raises:
        InvalidInput: A filter in the address is not allowed.
    """
    selection = Selection.from_parameters(parameters)
    view = "table" if parameters.get("view") == "table" else "gallery"
    size = parameters["size"] if parameters.get("size") in PAGE_SIZES else "m"
    return html.Div(
        [
            dcc.Store(id=ids.BROWSE_STATE, data=parameters),
            dcc.Store(id=ids.BROWSE_WRITTEN),
            dcc.Store(id=ids.BROWSE_GRID_SYNC),
            dcc.Store(id=ids.BROWSE_METADATA_NAMES),
            page_header(_("Browse"), _("Look through the samples, and narrow them down to those that matter.")),
            html.Div(
                [
                    filters(selection),
                    html.Section(
                        [
                            _toolbar(selection, view, size),
                            html.Div(id=ids.BROWSE_CHIPS, className="chips"),
                            html.Div(
                                [
                                    dcc.Loading(html.Div(id=ids.BROWSE_GALLERY), delay_show=400, className="loading"),
                                    html.Nav(id=ids.BROWSE_PAGER, className="pager", **{"aria-label": _("Pages")}),
                                ],
                                id=ids.BROWSE_GALLERY_BOX,
                                hidden=view != "gallery",
                            ),
                            html.Div(_grid(), id=ids.BROWSE_GRID_BOX, className="grid-box", hidden=view != "table"),
                        ],
                        className="results",
                        **{"aria-label": _("Samples")},
                    ),
                ],
                className="with-side",
            ),
        ],
        className="page page-browse",
    )


def summary(counts: Summary) -> Component:
    """What is shown out of how much, and how good the model is on it."""
    shown = _("{first}–{last} of {n}", first=number(counts.first), last=number(counts.last), n=number(counts.selected))
    if not counts.last:
        shown = ngettext("{count} sample", "{count} samples", counts.selected)
    parts: list[Component | str] = [html.Strong(shown if counts.selected else _("No sample"))]
    if counts.selected != counts.total:
        parts.append(html.Span(_("in all {n}", n=number(counts.total)), className="quiet"))
    judged = counts.right + counts.wrong
    if judged:
        parts.append(
            html.Span([icon("check2"), _("{share} right", share=percent(counts.right / judged))], className="tally")
        )
        parts.append(html.Span([icon("x-lg"), _("{n} wrong", n=number(counts.wrong))], className="tally tally-wrong"))
    return html.Div(parts, className="summary-line")


def chips(active: Sequence[Chip]) -> list[Component]:
    """The active filters, each with a way to take it off."""
    return [
        html.A(
            [html.Span(chip.text), icon("x")],
            href=chip.href,
            className="chip",
            **{"aria-label": _("Remove filter: {text}", text=chip.text)},
        )
        for chip in active
    ]


def pager(page: int, pages: int, addresses: Mapping[int, str], state: str = ids.BROWSE_STATE) -> list[Component]:
    """Previous, a few page numbers, next.

    Args:
        page: 1-based.
        addresses: For every page that is to be offered.
        state: Id of the store in which a click changes the page.
    """
    if pages <= 1:
        return []
    shown: list[Component] = [_turn(page - 1, addresses, "chevron-left", _("Previous page"), "PageUp", state)]
    previous = 0
    for place in sorted(addresses):
        if place - previous > 1:
            shown.append(html.Span("…", className="page-gap", **{"aria-hidden": "true"}))
        shown.append(_page_link(place, addresses[place], state, current=place == page))
        previous = place
    shown.append(_turn(page + 1, addresses, "chevron-right", _("Next page"), "PageDown", state))
    return shown


def _page_link(place: int, address: str, state: str, current: bool) -> Component:
    return html.A(
        number(place),
        href=address,
        className="page-number" + (" current" if current else ""),
        **{
            "data-state": state,
            "data-page": str(place),
            "aria-label": _("Page {n}", n=number(place)),
            **({"aria-current": "page"} if current else {}),
        },
    )


def _turn(place: int, addresses: Mapping[int, str], icon_name: str, label: str, key: str, state: str) -> Component:
    if place not in addresses:
        return html.Span(icon(icon_name), className="page-number disabled", **{"aria-hidden": "true"})
    return html.A(
        icon(icon_name),
        href=addresses[place],
        className="page-number",
        title=f"{label} ({key})",
        **{"data-state": state, "data-page": str(place), "data-key": key, "aria-label": label},
    )


def _toolbar(selection: Selection, view: str, size: str) -> Component:
    order = html.Div(
        [
            dbc.Label(_("Sort by"), html_for=ids.BROWSE_SORT, className="visually-hidden"),
            dbc.Select(
                id=ids.BROWSE_SORT,
                value=selection.sort,
                options=sorts([], selection.sort_metadata),
                size="sm",
            ),
            dbc.Label(_("Direction"), html_for=ids.BROWSE_DESCENDING, className="visually-hidden"),
            dbc.Select(
                id=ids.BROWSE_DESCENDING,
                value="1" if selection.descending else "0",
                options=[{"label": _("ascending"), "value": "0"}, {"label": _("descending"), "value": "1"}],
                size="sm",
            ),
        ],
        className="order",
    )
    return html.Div(
        [
            html.Div(id=ids.BROWSE_SUMMARY, className="summary", role="status"),
            html.Div(
                [
                    order,
                    _segments(
                        ids.BROWSE_SIZE,
                        size,
                        _("Size"),
                        (("s", "grid-3x3-gap", _("Small")), ("m", "grid", _("Medium")), ("l", "image", _("Large"))),
                    ),
                    _segments(
                        ids.BROWSE_VIEW,
                        view,
                        _("View"),
                        (("gallery", "images", _("Gallery")), ("table", "table", _("Table"))),
                    ),
                    html.Span(id=ids.BROWSE_LINKS, className="doors"),
                ],
                className="tools",
            ),
        ],
        className="toolbar",
    )


def _segments(control: str, value: str, label: str, options: Sequence[tuple[str, str, str]]) -> Component:
    return html.Div(
        dbc.RadioItems(
            id=control,
            value=value,
            options=[{"label": icon(icon_name, text), "value": name} for name, icon_name, text in options],
            className="segmented segmented-small",
            inputClassName="btn-check",
            labelClassName="segment",
        ),
        role="group",
        **{"aria-label": label},
    )


def sorts(metadata: Sequence[str], chosen: str | None) -> list[dict[str, str]]:
    """The orders to choose from, by the columns of the metadata too; see `layouts.metadata.sort_options`."""
    own = [{"label": _(title), "value": value} for value, title in SORT_TITLES.items()]
    return own + sort_options(metadata, chosen)


def columns(metadata: Sequence[str] = (), splits: bool = True) -> list[dict[str, Any]]:
    """The table's columns; those of the metadata stand before the feedback.

    Args:
        splits: Whether the dataset has any.
    """
    own = [
        {"field": name, "headerName": _(title) if title else "", **options}
        for name, title, options in _COLUMNS
        if splits or name != "split"
    ]
    return [*own[:-1], *grid_columns(metadata), own[-1]]


def _grid() -> Component:
    return dag.AgGrid(
        id=ids.BROWSE_GRID,
        columnDefs=columns(),
        defaultColDef={
            "sortable": True,
            "resizable": True,
            "suppressHeaderMenuButton": True,
            "sortingOrder": ["asc", "desc"],
            "cellClass": "cell",
        },
        rowModelType="infinite",
        dashGridOptions={
            "rowHeight": 56,
            "cacheBlockSize": 100,
            "maxBlocksInCache": 20,
            "rowBuffer": 10,
            "maxConcurrentDatasourceRequests": 1,
            "infiniteInitialRowCount": 20,
            "blockLoadDebounceMillis": 60,
            "suppressCellFocus": False,
            "localeText": grid_words(),
        },
        enableEnterpriseModules=False,
        className="grid",
        style={"height": "max(420px, calc(100vh - 245px))"},
    )
