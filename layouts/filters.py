"""The side panel of Browse: what narrows the samples down, preset from a selection."""

from collections.abc import Sequence

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from data.selections import Outcome, Selection
from data.text import gettext as _
from data.text import lazy
from layouts import ids
from layouts.metadata import DROPDOWN_WORDS
from layouts.parts import field, icon

__all__ = ["FEEDBACK_TITLES", "filters"]

FEEDBACK_TITLES = {
    "all": lazy("Any or none"),
    "any": lazy("Has feedback"),
    "none": lazy("Has none"),
    "confirm": lazy("Confirmed"),
    "relabel": lazy("Relabelled"),
    "flag": lazy("Flagged"),
    "comment": lazy("Commented"),
}


def filters(selection: Selection) -> Component:
    """The panel with a control for each part of a selection; the classes' options and metadata come from callbacks."""
    controls = [
        field(
            _("Name contains"),
            dbc.Input(
                id=ids.BROWSE_TEXT,
                value=selection.text,
                type="search",
                debounce=True,
                size="sm",
                maxlength=200,
                placeholder=_("part of the sample's name"),
            ),
        ),
        html.Fieldset(
            [
                html.Legend(_("Outcome"), className="field-label"),
                dbc.RadioItems(
                    id=ids.BROWSE_OUTCOME,
                    value=selection.outcome or "all",
                    options=[
                        {"label": _("All"), "value": "all"},
                        {"label": _("Right"), "value": Outcome.RIGHT},
                        {"label": _("Wrong"), "value": Outcome.WRONG},
                    ],
                    className="segmented",
                    inputClassName="btn-check",
                    labelClassName="segment",
                ),
            ],
            className="field",
        ),
        html.Fieldset(
            [
                html.Legend(_("Split"), className="field-label"),
                dbc.Checklist(
                    id=ids.BROWSE_SPLIT, value=list(selection.splits), options=list(selection.splits), inline=True
                ),
            ],
            id=ids.BROWSE_SPLIT_BOX,
            className="field",
            hidden=not selection.splits,  # until the dataset turns out to have some
        ),
        _classes(_("Label"), ids.BROWSE_LABEL, selection.labels),
        _classes(_("Prediction"), ids.BROWSE_PREDICTION, selection.predictions),
        field(
            _("Confidence"),
            dcc.RangeSlider(
                id=ids.BROWSE_CONFIDENCE,
                min=0,
                max=1,
                step=0.01,
                value=[selection.low, selection.high],
                marks={0: "0", 0.5: "0.5", 1: "1"},
                allow_direct_input=False,
                tooltip={"placement": "bottom"},
            ),
        ),
        field(
            _("Feedback"),
            dbc.Select(
                id=ids.BROWSE_FEEDBACK,
                value=selection.feedback or "all",
                options=[{"label": _(title), "value": value} for value, title in FEEDBACK_TITLES.items()],
                size="sm",
            ),
        ),
        html.Div(id=ids.BROWSE_METADATA_BOX, className="metadata-filters"),
        html.A(
            [icon("eraser"), _("Clear all filters")],
            id=ids.BROWSE_CLEAR,
            href="/browse",
            className="btn btn-sm btn-outline-secondary",
        ),
    ]
    return html.Details(
        [
            html.Summary([icon("sliders"), _("Filters")], id=ids.BROWSE_FILTERS_TOGGLE),
            html.Div(controls, className="side-body"),
        ],
        id=ids.BROWSE_FILTERS,
        className="side",
        open=True,
    )


def _classes(title: str, control: str, chosen: Sequence[str]) -> Component:
    return field(
        title,
        dcc.Dropdown(
            id=control,
            value=list(chosen),
            options=list(chosen),
            multi=True,
            placeholder=_("any class"),
            closeOnSelect=False,
            labels={name: _(text) for name, text in DROPDOWN_WORDS.items()},
        ),
    )
