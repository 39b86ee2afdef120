"""Controls for the metadata columns of a dataset, and how their values read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from data.selections import METADATA_PREFIX
from data.text import gettext as _
from data.text import lazy, ngettext
from layouts import ids
from layouts.parts import field, number

__all__ = ["DROPDOWN_WORDS", "MAX_COLUMNS", "Column", "grid_columns", "metadata_controls", "sort_options", "value_text"]

MAX_COLUMNS = 24
DROPDOWN_WORDS = {
    "select_all": lazy("Select all"),
    "deselect_all": lazy("Deselect all"),
    "selected_count": lazy("{num_selected} selected"),
    "search": lazy("Search"),
    "clear_search": lazy("Clear the search"),
    "clear_selection": lazy("Choose none"),
    "no_options_found": lazy("Nothing matches"),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A metadata column as its controls need it.

    Attributes:
        kind: `text`, `number` or `boolean`.
        missing: How many samples have no value.
        choices: (value, samples) pairs; empty where a text column has too many values to list.
        low, high: Of a number column; None without any number.
    """

    name: str
    kind: str
    missing: int = 0
    choices: tuple[tuple[str | bool, int], ...] = ()
    low: float | None = None
    high: float | None = None


def metadata_controls(
    columns: Sequence[Column], more: int, parameters: Mapping[str, str | Sequence[str]]
) -> list[Component]:
    """A control for each column, preset.

    Args:
        more: How many further columns the dataset has.
        parameters: The selection's URL parameters.
    """
    if not columns:
        return []
    shown: list[Component] = [html.H3(_("Metadata"), className="side-title")]
    if more:
        words = ngettext(
            "These are the first {shown} columns; {count} more is shown on the page of each sample.",
            "These are the first {shown} columns; {count} more are shown on the page of each sample.",
            more,
            shown=len(columns),
        )
        shown.append(html.P(words, className="quiet"))
    for place, column in enumerate(columns):
        shown.append(_control(place, column, parameters))
        asked = f"no.{column.name}" in parameters
        if column.missing or asked:
            shown.append(_missing(place, column, asked))
    return shown


def sort_options(names: Sequence[str], chosen: str | None = None) -> list[dict[str, str]]:
    """The choices that order samples by a metadata column.

    Args:
        chosen: The column of the present order, offered in any case.
    """
    listed = dict.fromkeys([*names, *([chosen] if chosen is not None else [])])
    return [{"label": _("Metadata: {name}", name=name), "value": f"{METADATA_PREFIX}{name}"} for name in listed]


def grid_columns(names: Sequence[str]) -> list[dict[str, Any]]:
    """The table's columns. Their fields are places, since a name may hold signs that the table takes for a path."""
    return [
        {
            "field": f"metadata{place}",
            "colId": f"{METADATA_PREFIX}{name}",  # what the address calls this order
            "headerName": name,
            "minWidth": 110,
            "flex": 1,
        }
        for place, name in enumerate(names)
    ]


def value_text(value: str | float | bool | None) -> str:
    """A value as people read it."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return value if isinstance(value, str) else f"{value:.6g}"


def _control(place: int, column: Column, parameters: Mapping[str, str | Sequence[str]]) -> Component:
    if column.kind == "number":
        return _range(place, column, parameters)
    given = parameters.get(f"meta.{column.name}", [])
    chosen = [given] if isinstance(given, str) else list(given)
    if column.kind == "boolean":
        counts = dict(column.choices)
        options = [
            {"label": f"{value_text(value)} ({number(counts.get(value, 0))})", "value": name}
            for value, name in ((True, "yes"), (False, "no"))
        ]
        boxes = dbc.Checklist(id=_id(place, "meta"), value=chosen, options=options, inline=True)
        return html.Fieldset([html.Legend(column.name, className="field-label"), boxes], className="field")
    if column.choices:
        listed = {str(value): f"{value} ({number(samples)})" for value, samples in column.choices}
        listed = {**{value: value for value in chosen}, **listed}  # a value that no sample has still narrows
        return field(
            column.name,
            dcc.Dropdown(
                id=_id(place, "meta"),
                value=chosen,
                options=[{"label": label, "value": value} for value, label in listed.items()],
                multi=True,
                placeholder=_("any"),
                closeOnSelect=False,
                labels={name: _(text) for name, text in DROPDOWN_WORDS.items()},
            ),
            control_id=_dom_id(place, "meta"),
        )
    text = dbc.Input(
        id=_id(place, "has"),
        value=parameters.get(f"has.{column.name}", ""),
        type="search",
        debounce=True,
        size="sm",
        maxlength=200,
        placeholder=_("contains"),
    )
    return field(column.name, text, control_id=_dom_id(place, "has"))


def _missing(place: int, column: Column, asked: bool) -> Component:
    """A box that lets in the samples without a value; it belongs to the control above it."""
    words = _("{name}: missing ({count})", name=column.name, count=number(column.missing))
    return dbc.Checklist(
        id=_id(place, "no"),
        value=["1"] if asked else [],
        options=[{"label": words, "value": "1"}],
        className="missing-choice",
    )


def _range(place: int, column: Column, parameters: Mapping[str, str | Sequence[str]]) -> Component:
    def bound(part: str, words: str, extreme: float | None) -> Component:
        given = parameters.get(f"{part}.{column.name}")
        control = dbc.Input(
            id=_id(place, part),
            value=float(given) if isinstance(given, str) else None,
            type="number",
            step="any",
            debounce=True,
            size="sm",
            placeholder="" if extreme is None else f"{extreme:.6g}",
        )
        name = dbc.Label(f"{column.name}: {words}", html_for=_dom_id(place, part), className="visually-hidden")
        return html.Div([name, control])

    return html.Fieldset(
        [
            html.Legend(column.name, className="field-label"),
            html.Div(
                [bound("min", _("at least"), column.low), html.Span("–"), bound("max", _("at most"), column.high)],
                className="number-range",
            ),
        ],
        className="field",
    )


def _id(place: int, part: str) -> dict[str, str | int]:
    return {"type": ids.BROWSE_METADATA, "place": place, "part": part}


def _dom_id(place: int, part: str) -> str:
    """The same id as the browser knows it, for labels."""
    return json.dumps(_id(place, part), sort_keys=True, separators=(",", ":"))
