"""Decision path: one sample followed through the network, from the regions of its image to a logit."""

from collections.abc import Mapping
from typing import Any

import dash_bootstrap_components as dbc
import dash_cytoscape
from dash import dcc, html
from dash.development.base_component import Component

from data.paths import BOUNDS, STEPS, PathRequest
from data.text import gettext as _
from layouts import ids
from layouts.mapping import DEFAULT
from layouts.parts import empty_state, field, icon, page_header

__all__ = ["NONE", "layout", "no_model"]

CLOCK_MILLISECONDS = 500
NONE = "(none)"
_LIBRARY = f"/_dash-component-suites/dash_cytoscape/dash_cytoscape.min.js?v={dash_cytoscape.__version__}"


def layout(**parameters: Any) -> Component:
    """The skeleton, its controls as the address says.

    Raises:
        InvalidInput: A value in the address is not allowed.
    """
    request = PathRequest.of(parameters)
    return html.Div(
        [
            dcc.Store(id=ids.PATH_STATE, data=parameters),
            dcc.Store(id=ids.PATH_WRITTEN),
            dcc.Store(id=ids.PATH_TURN),
            dcc.Store(id=ids.PATH_DRAWN),
            dcc.Store(id=ids.PATH_LIBRARY),
            dcc.Store(id=ids.PATH_WENT),
            dcc.Interval(id=ids.PATH_CLOCK, interval=CLOCK_MILLISECONDS, disabled=True),
            dcc.Interval(id=ids.PATH_CURVE_CLOCK, interval=CLOCK_MILLISECONDS, disabled=True),
            page_header(
                _("Decision"),
                _("Which units carried a decision, and what flows between them, from the image to the class."),
            ),
            html.Div(id=ids.PATH_MESSAGE),
            html.Div(
                [
                    html.Div(id=ids.PATH_SUBJECT),
                    _toolbar(parameters, request),
                    _status_line(),
                    html.Div(_result(), id=ids.PATH_RESULT, className="path-result", hidden=True),
                ],
                id=ids.PATH_BODY,
                className="path-body",
            ),
        ],
        className="page page-path",
        **{"data-library": _LIBRARY},
    )


def _toolbar(parameters: Mapping[str, Any], request: PathRequest) -> Component:
    def known(name: str) -> str:
        value = parameters.get(name)
        return str(value[0] if isinstance(value, (list, tuple)) else value or "")

    target = known("target")
    targets = [{"label": target, "value": target}] if target else []
    other = known("other")
    return html.Div(
        [
            field(
                _("Class"),
                dbc.Select(
                    id=ids.PATH_TARGET,
                    value=target or DEFAULT,
                    options=[{"label": _("Predicted class"), "value": DEFAULT}, *targets],
                    size="sm",
                ),
            ),
            _count(_("Units a stage"), ids.PATH_UNITS, "units", request.units),
            _count(_("Stages, at most"), ids.PATH_STAGES, "stages", request.stages),
            field(
                _("Exactness"),
                dbc.Select(
                    id=ids.PATH_STEPS,
                    value=str(request.steps),
                    options=[{"label": _("{n} steps", n=steps), "value": str(steps)} for steps in STEPS],
                    size="sm",
                ),
            ),
            field(
                _("Beside version"),
                dbc.Select(
                    id=ids.PATH_OTHER,
                    value=other or NONE,
                    options=[
                        {"label": _("none"), "value": NONE},
                        *([{"label": other, "value": other}] if other else []),
                    ],
                    size="sm",
                ),
            ),
            field(
                _("Beside sample"),
                dbc.Input(
                    id=ids.PATH_BESIDE,
                    value=known("beside"),
                    placeholder=_("its name"),
                    debounce=True,
                    size="sm",
                    maxlength=512,
                ),
            ),
            html.Div(
                field(
                    _("Layers"),
                    dcc.Dropdown(
                        id=ids.PATH_LAYERS,
                        value=list(request.layers),
                        options=list(request.layers),
                        multi=True,
                        placeholder=_("found by themselves"),
                    ),
                ),
                className="path-layers",
            ),
        ],
        id=ids.PATH_CONTROLS,
        className="filter-row path-toolbar",
    )


def _count(title: str, control: str, name: str, value: int) -> Component:
    low, high = BOUNDS[name]
    return field(
        title,
        dbc.Input(id=control, type="number", min=low, max=high, step=1, value=value, debounce=True, size="sm"),
    )


def _status_line() -> Component:
    return html.Div(
        [
            html.Div(id=ids.PATH_STATUS, role="status", className="path-status"),
            html.Button(
                [icon("x"), html.Span(_("Cancel"))],
                id=ids.PATH_CANCEL,
                className="btn btn-sm btn-outline-secondary",
                hidden=True,
            ),
            html.Button(
                [icon("arrow-clockwise"), html.Span(_("Follow it"))],
                id=ids.PATH_AGAIN,
                className="btn btn-sm btn-outline-primary",
                hidden=True,
            ),
        ],
        className="path-line",
    )


def _result() -> list[Component]:
    return [
        html.Div(id=ids.PATH_ABOUT, className="surface path-about"),
        html.Div(
            [
                html.Section(
                    [
                        html.Div(
                            [
                                html.H2(_("From the image to the class")),
                                html.Div(
                                    [
                                        html.Button(
                                            [icon("download"), html.Span("PNG")],
                                            id=ids.PATH_PNG,
                                            className="btn btn-sm btn-outline-secondary",
                                            title=_("The graph as a picture"),
                                        ),
                                        html.A(
                                            [icon("download"), html.Span("JSON")],
                                            id=ids.PATH_JSON,
                                            href="",
                                            download="path.json",
                                            className="btn btn-sm btn-outline-secondary",
                                            title=_("All numbers of the path"),
                                        ),
                                    ],
                                    className="button-row path-files",
                                ),
                            ],
                            className="section-head",
                        ),
                        html.Div(
                            html.Div(id=ids.PATH_GRAPH_BOX, className="path-graph-box"),
                            className="path-scroll",
                            tabIndex="0",
                            role="region",
                            **{"aria-label": _("Graph; the same as a table below")},
                        ),
                        html.Div(id=ids.PATH_LEGEND),
                    ],
                    className="surface path-graph-card",
                ),
                html.Div(
                    [
                        html.Section(
                            [html.H2(_("Unit")), html.Div(id=ids.PATH_HOVERED, role="status")],
                            className="surface path-hovered",
                        ),
                        html.Section(id=ids.PATH_CURVE, className="surface path-curve"),
                    ],
                    className="path-side",
                ),
            ],
            className="path-columns",
        ),
        html.Section(id=ids.PATH_WALK, className="surface path-walk", **{"aria-label": _("Step through the pass")}),
        html.Details(
            [html.Summary([icon("table"), _("The path as a table")]), html.Div(id=ids.PATH_TABLE)],
            className="surface path-table-box",
        ),
    ]


def no_model(dataset: str) -> Component:
    """In place of the page where no version was applied to the dataset."""
    command = html.Pre(html.Code(f"python -m dashboard index {dataset} MODEL"), tabIndex="0")
    text = html.Div([html.P(_("Choose a model version above, or apply one to this dataset in a terminal:")), command])
    return empty_state("boxes", _("No model to follow"), text)
