"""Adjust: fine-tuning a version from feedback, with what it is taught and what came of it."""

from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from data.finetuning import FinetuneSettings
from data.text import gettext as _
from data.text import lazy
from layouts import ids
from layouts.adjusting import without_training
from layouts.parts import field, help_text, icon, page_header

__all__ = ["EVERYBODY", "layout"]

CLOCK_MILLISECONDS = 1000
EVERYBODY = "(everybody)"
_DEPTH_TITLES = {
    "all": lazy("The whole network"),
    "block": lazy("The last block and the head"),
    "head": lazy("The head alone"),
}


def layout(**parameters: Any) -> Component:
    """The skeleton; what it shows of a version comes later."""
    return html.Div(
        [
            dcc.Store(id=ids.ADJUST_SUBJECT, data=parameters),
            dcc.Store(id=ids.ADJUST_WRITTEN),
            dcc.Store(id=ids.ADJUST_CHANGED),
            dcc.Store(id=ids.ADJUST_DRAWN),
            dcc.Store(id=ids.ADJUST_STATE),
            dcc.Interval(id=ids.ADJUST_CLOCK, interval=CLOCK_MILLISECONDS, disabled=True),
            page_header(
                _("Adjust"),
                _("Teach a version what people said about its decisions and its reasons, and keep what is better."),
            ),
            html.Div(id=ids.ADJUST_MESSAGE),
            html.Section(
                [
                    html.Div(id=ids.ADJUST_MADE),
                    html.Button(
                        [icon("play-circle"), html.Span(_("Apply it to the dataset"))],
                        id=ids.ADJUST_INDEX,
                        className="btn btn-sm btn-outline-primary",
                        hidden=True,
                    ),
                ],
                id=ids.ADJUST_MADE_BOX,
                className="surface adjust-made",
                hidden=True,
            ),
            html.Section(
                [html.H2(_("What feedback teaches")), html.Div(id=ids.ADJUST_TEACHING), _form()],
                id=ids.ADJUST_FORM,
                className="surface adjust-teach",
            ),
            _job(),
            without_training(parameters),
        ],
        className="page page-adjust",
    )


def _form() -> Component:
    default = FinetuneSettings()
    depths = [{"label": _(title), "value": depth} for depth, title in _DEPTH_TITLES.items()]
    return html.Div(
        [
            html.Div(
                [
                    field(
                        _("Whose feedback"),
                        dbc.Select(
                            id=ids.ADJUST_PERSON,
                            value=EVERYBODY,
                            options=[{"label": _("Everybody's"), "value": EVERYBODY}],
                            size="sm",
                        ),
                    ),
                    field(_("What learns"), dbc.Select(id=ids.ADJUST_DEPTH, value="all", options=depths, size="sm")),
                    _number(
                        _("Not looking where it must not"),
                        ids.ADJUST_MUST_NOT,
                        default.must_not_look,
                        _(
                            "Weight of the penalty on the squared gradient inside the regions (right for the right "
                            "reasons). 0 learns the classes alone."
                        ),
                    ),
                    _number(
                        _("Looking where it should"),
                        ids.ADJUST_SHOULD,
                        default.should_look,
                        _(
                            "Weight of the share of the squared gradient that lies outside the regions (energy loss). "
                            "0 learns the classes alone."
                        ),
                    ),
                ],
                className="filter-row",
            ),
            html.Details(
                [
                    html.Summary([icon("sliders"), _("More settings")]),
                    html.Div(
                        [
                            _number(
                                _("Learning rate"),
                                ids.ADJUST_RATE,
                                None,
                                _("Highest of the schedule. Empty: what suits what learns and what is taught."),
                            ),
                            _number(
                                _("Epochs, at most"),
                                ids.ADJUST_EPOCHS,
                                default.epochs,
                                _("Of the unchanged samples; it stops earlier where nothing gets better."),
                            ),
                            _number(
                                _("Patience"),
                                ids.ADJUST_PATIENCE,
                                default.patience,
                                _("Epochs without anything better after which it stops."),
                            ),
                            _number(
                                _("Unchanged samples"),
                                ids.ADJUST_REPLAY,
                                default.replay,
                                _("Learnt along, so that nothing is forgotten."),
                            ),
                            _number(
                                _("Samples a step"),
                                ids.ADJUST_BATCH,
                                default.batch,
                                _("At most; half of them unchanged."),
                            ),
                            _number(
                                _("Seed"), ids.ADJUST_SEED, default.seed, _("The same feedback gives the same weights.")
                            ),
                            html.Div(
                                dbc.Switch(id=ids.ADJUST_WEIGHTS, label=_("Rare classes count as much"), value=False),
                                className="field filter-switch",
                            ),
                        ],
                        className="filter-row",
                    ),
                ]
            ),
            html.Button(
                [icon("play-circle"), html.Span(_("Fine-tune"))],
                id=ids.ADJUST_START,
                className="btn btn-primary",
                disabled=True,
            ),
        ],
        className="adjust-form",
    )


def _number(title: str, control: str, value: float | None, hint: str) -> Component:
    return field(
        title, dbc.Input(id=control, type="number", value=value, min=0, step="any", size="sm"), hint, control_id=control
    )


def _job() -> Component:
    def button(control: str, icon_name: str, text: str) -> Component:
        return html.Button(
            [icon(icon_name), html.Span(text)],
            id=control,
            className="btn btn-sm btn-outline-secondary",
            hidden=True,
        )

    return html.Section(
        [
            html.Div(
                [
                    html.H2(_("Training")),
                    html.Div(
                        [
                            button(ids.ADJUST_CANCEL, "stop-circle", _("Cancel")),
                            button(ids.ADJUST_RESUME, "play-circle", _("Resume")),
                        ],
                        className="doors",
                    ),
                ],
                className="section-head",
            ),
            html.Div(id=ids.ADJUST_JOB, role="status"),
            html.Div(id=ids.ADJUST_CURVE),
            help_text(
                _(
                    "Held-out samples were never touched by feedback and are never learnt. How much it looks somewhere "
                    "is the share of the squared gradient inside the marked regions of the taught samples."
                )
            ),
        ],
        id=ids.ADJUST_JOB_BOX,
        className="surface",
        hidden=True,
    )
