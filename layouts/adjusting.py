"""Adjusting without training: the controls, what they change, and where an adjusted version comes from."""

from collections.abc import Mapping, Sequence
from typing import Any

import dash_ag_grid as dag
import dash_bootstrap_components as dbc
import plotly.graph_objects as go
from dash import dcc, html
from dash.development.base_component import Component

from data.text import gettext as _
from data.text import lazy
from data.types import ModelVersion
from layouts import ids
from layouts.parts import field, grid_words, help_text, icon, link, number, percent, stat_card

__all__ = ["ALL", "AUTO", "adjusted_box", "effect_cards", "saved_line", "split_options", "without_training"]

ALL = "(all)"
AUTO = "(auto)"
_CHART = {"height": "320px"}
_COLUMNS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("name", lazy("Class"), {"flex": 2, "minWidth": 110, "pinned": "left"}),
    ("samples", lazy("Samples"), {"flex": 1, "minWidth": 95, "type": "numericColumn"}),
    ("before", lazy("Decided before"), {"flex": 1, "minWidth": 125, "type": "numericColumn"}),
    ("after", lazy("Decided after"), {"flex": 1, "minWidth": 115, "type": "numericColumn"}),
    ("right", lazy("Found after"), {"flex": 1, "minWidth": 110, "type": "numericColumn"}),
    ("threshold", lazy("Threshold"), {"flex": 1, "minWidth": 110, "editable": True, "type": "numericColumn"}),
    ("share", lazy("Expected share"), {"flex": 1, "minWidth": 125, "editable": True, "type": "numericColumn"}),
)


def without_training(parameters: Mapping[str, Any]) -> Component:
    """The section, its controls as the address says."""
    split = str(parameters.get("on") or AUTO)
    known = [] if split in (ALL, AUTO) else [split]
    return html.Section(
        [
            html.H2(_("Without training")),
            help_text(
                _(
                    "Changes what the version makes of its logits. A temperature makes it as sure as it is right; "
                    "expected shares make up for classes that are more or less frequent where it is used; the class "
                    "with the largest probability divided by its threshold is decided for."
                )
            ),
            html.Div(
                [
                    field(
                        _("Measured on"),
                        dbc.Select(
                            id=ids.ADJUST_SPLIT,
                            value=split,
                            options=split_options(known),
                            size="sm",
                        ),
                    ),
                    field(
                        _("Temperature"),
                        dbc.Input(
                            id=ids.ADJUST_TEMPERATURE,
                            type="number",
                            value=parameters.get("temperature") or 1,
                            min=0,
                            step="any",
                            debounce=True,
                            size="sm",
                        ),
                    ),
                    html.Div(
                        [
                            _button(ids.ADJUST_CALIBRATE, "speedometer2", _("Calibrate"), "btn-outline-primary"),
                            _button(ids.ADJUST_RESET, "arrow-counterclockwise", _("Reset"), "btn-outline-secondary"),
                        ],
                        className="doors adjust-doors",
                    ),
                ],
                className="filter-row",
            ),
            html.Div(id=ids.ADJUST_EFFECT, role="status"),
            html.Div(
                [
                    html.Div(
                        [
                            _chart(_("How sure and how often right"), ids.ADJUST_RELIABILITY),
                            _chart(_("Decisions before"), ids.ADJUST_CONFUSION_A),
                            _chart(_("Decisions after"), ids.ADJUST_CONFUSION_B),
                        ],
                        className="adjust-charts",
                    ),
                    html.Div(_grid(), className="grid-box"),
                    help_text(
                        _(
                            "Click a threshold or an expected share, or press Enter on it, to change it. The "
                            "temperature is calibrated on one half of the samples; how sure and how often right is "
                            "of the other half."
                        )
                    ),
                    html.Div(
                        [
                            _button(ids.ADJUST_SAVE, "plus-circle", _("Save as a version"), "btn-primary"),
                            html.Div(id=ids.ADJUST_SAVED, role="status"),
                        ],
                        className="doors",
                    ),
                ],
                id=ids.ADJUST_CHARTS,
                className="adjust-result",
                hidden=True,
            ),
        ],
        id=ids.ADJUST_RULE,
        className="surface",
    )


def _button(control: str, icon_name: str, text: str, style: str) -> Component:
    return html.Button([icon(icon_name), html.Span(text)], id=control, className=f"btn btn-sm {style}")


def _chart(title: str, graph: str) -> Component:
    shown = dcc.Graph(id=graph, config={"displayModeBar": False}, figure=go.Figure(), responsive=True, style=_CHART)
    return html.Figure([html.Figcaption(html.H3(title)), shown], className="chart-box")


def _grid() -> Component:
    return dag.AgGrid(
        id=ids.ADJUST_GRID,
        columnDefs=[{"field": name, "headerName": _(title), **look} for name, title, look in _COLUMNS],
        defaultColDef={"sortable": True, "resizable": True, "suppressHeaderMenuButton": True},
        getRowId="params.data.name",
        rowData=[],
        dashGridOptions={
            "domLayout": "normal",
            "singleClickEdit": True,
            "stopEditingWhenCellsLoseFocus": True,
            "localeText": grid_words(),
        },
        enableEnterpriseModules=False,
        style={"height": "300px"},
        className="grid",
    )


def split_options(splits: Sequence[str]) -> list[dict[str, str]]:
    """Where an adjustment may be measured."""
    return [
        {"label": _("What it did not learn from"), "value": AUTO},
        {"label": _("All samples"), "value": ALL},
        *({"label": name, "value": name} for name in splits),
    ]


def effect_cards(accuracy: tuple[float, float], ece: tuple[float, float], changed: int, samples: int) -> Component:
    """What an adjustment comes to; pairs are before and after."""
    return html.Div(
        [
            stat_card(_("Accuracy"), percent(accuracy[1], 2), _("before {share}", share=percent(accuracy[0], 2))),
            stat_card(_("Calibration error"), percent(ece[1], 2), _("before {share}", share=percent(ece[0], 2))),
            stat_card(_("Decisions that change"), number(changed), _("of {n} samples", n=number(samples))),
        ],
        className="stat-row",
    )


def saved_line(reference: str, dataset: str) -> Component:
    """Where to look at a version that was saved just now."""
    return html.A(
        [icon("arrow-right"), _("Look at {name}", name=reference)],
        href=link("/adjust", {"dataset": dataset, "model": reference}),
        className="btn btn-sm btn-outline-primary",
    )


def adjusted_box(version: ModelVersion, dataset: str, compare: str | None) -> Component:
    """An adjusted version: what was changed, before and after, and the ways on and back."""
    parent = f"{version.model}@{version.parent}"
    rule, facts = version.notes["adjustment"], version.notes["adjusted"]
    before, after = facts["before"], facts["after"]
    pairs: list[tuple[str, Component | str]] = [
        (_("Temperature"), f"{rule['temperature']:.4g}"),
        (_("Prior shift"), _named(version, rule["shift"]) or _("none")),
        (_("Thresholds"), _named(version, rule["thresholds"]) or _("equal")),
        (_("Measured on"), f"{facts['dataset']} · {facts['split'] or _('All samples')} · {number(facts['samples'])}"),
        (_("Accuracy"), f"{percent(before['accuracy'], 2)} → {percent(after['accuracy'], 2)}"),
        (_("Calibration error"), f"{percent(before['ece'], 2)} → {percent(after['ece'], 2)}"),
        (_("Decisions that change"), number(facts["changed"])),
    ]
    doors = [
        html.A(
            [icon("arrow-left-right"), _("Compare with {name}", name=parent)],
            href=compare,
            className="btn btn-sm btn-outline-primary",
        )
        if compare
        else None,
        html.A(
            [icon("arrow-counterclockwise"), _("Go back to {name}", name=parent)],
            href=link("/adjust", {"dataset": dataset, "model": parent}),
            className="btn btn-sm btn-outline-secondary",
        ),
    ]
    return html.Div(
        [
            html.H2(_("{name} is {parent}, adjusted without training", name=version.reference, parent=parent)),
            html.Div(doors, className="doors"),
            html.Dl([part for name, value in pairs for part in (html.Dt(name), html.Dd(value))], className="pairs"),
        ],
        className="adjust-result",
    )


def _named(version: ModelVersion, values: Sequence[float], most: int = 12) -> str:
    if not values:
        return ""
    names = version.classes or tuple(map(str, range(len(values))))
    told = ", ".join(f"{name} {value:.3g}" for name, value in list(zip(names, values, strict=True))[:most])
    return f"{told}, …" if len(values) > most else told
