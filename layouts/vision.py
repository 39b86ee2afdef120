"""The image that forms because it excites something: picture, curve, buttons, and how it is to be sought."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from data.text import gettext as _
from data.text import lazy
from data.visualisations import BOUNDS, OBJECTIVES, PARAMETRISATIONS, PLACES, VisualisationRequest
from layouts import ids
from layouts.figures.inside import ascent
from layouts.parts import icon

__all__ = ["looking_box", "progress"]

TITLES = {
    "unit": lazy("This unit"),
    "direction": lazy("Several units (a direction)"),
    "logit": lazy("A class"),
    "difference": lazy("One class against another"),
    "centre": lazy("At the centre"),
    "everywhere": lazy("Everywhere"),
    "fourier": lazy("Fourier"),
    "pixels": lazy("Plain pixels"),
}
_NUMBERS = {
    "images": (lazy("Images at once"), 1),
    "diversity": (lazy("Diversity"), 0.5),
    "seed": (lazy("Seed"), 1),
    "steps": (lazy("Steps, at most"), 1),
    "rate": (lazy("Step size"), 0.01),
    "jitter": (lazy("Shift (share of the side)"), 0.01),
    "rotation": (lazy("Turn (degrees)"), 1),
    "scaling": (lazy("Scale (share)"), 0.01),
    "variation": (lazy("Total variation"), 0.1),
    "energy": (lazy("L2"), 0.1),
}


def looking_box(request: VisualisationRequest) -> Component:
    """The image that excites the unit: picture, curve, controls."""
    picture = html.Div(
        [
            html.Img(id=ids.INSIDE_PICTURE, className="picture", alt="", draggable="false"),
            html.Span(id=ids.INSIDE_PROGRESS, className="vision-progress", role="status"),
        ],
        className="picture-stage vision-stage",
    )
    curve = dcc.Graph(
        id=ids.INSIDE_CURVE,
        figure=ascent([]),
        config={"displayModeBar": False},
        responsive=True,
        style={"height": "205px"},
    )
    buttons = html.Div(
        [
            html.Button(
                [icon("stop-circle"), html.Span(_("Stop"))],
                id=ids.INSIDE_CANCEL,
                className="btn btn-sm btn-outline-secondary",
                hidden=True,
            ),
            html.Button(
                [icon("arrow-repeat"), html.Span(_("Begin again"))],
                id=ids.INSIDE_AGAIN,
                className="btn btn-sm btn-primary",
                hidden=True,
            ),
            html.A(
                [icon("download"), _("Image")],
                id=ids.INSIDE_SAVE,
                className="btn btn-sm btn-outline-secondary",
                download="unit.png",
                hidden=True,
            ),
            html.A(
                [icon("download"), _("Recipe")],
                id=ids.INSIDE_RECIPE,
                className="btn btn-sm btn-outline-secondary",
                download="recipe.json",
                hidden=True,
                title=_("Seed and all parameters, as JSON"),
            ),
        ],
        className="button-row",
    )
    return html.Section(
        [
            html.H2(_("What excites it")),
            html.Div([picture, html.Div([curve, buttons], className="vision-side")], className="vision"),
            _options(request),
        ],
        className="surface",
    )


def _options(request: VisualisationRequest) -> Component:
    main = [
        _select("objective", _("Objective"), OBJECTIVES, request),
        _select("where", _("Where"), PLACES, request),
        _text("target", _("Class"), request.target, "", "logit difference"),
        _text("contrast", _("Against class"), request.contrast, "", "difference"),
        _text("direction", _("Units and weights"), request.direction, "3:1, 17:-0.5", "direction"),
        _choice("minimise", _("Aim"), {"0": _("Make it large"), "1": _("Make it small")}, request.minimise),
        _number("seed", request),
        _number("images", request),
    ]
    more = [
        _select("parametrisation", _("Ascent on"), PARAMETRISATIONS, request),
        _choice("decorrelate", _("Colours"), {"1": _("As in the dataset"), "0": _("Independent")}, request.decorrelate),
        _text("start", _("Start from sample"), request.start, _("noise"), ""),
        *(_number(name, request) for name in _NUMBERS if name not in {"seed", "images"}),
    ]
    return html.Div(
        [
            html.Div(main, className="vision-options"),
            html.Details(
                [html.Summary([icon("sliders"), _("How it is sought")]), html.Div(more, className="vision-options")],
                className="vision-more",
            ),
        ],
        className=f"vision-controls objective-{request.objective}",
        # For the script that leaves out of the address what is as always.
        **{
            "data-defaults": json.dumps({name: _plain(value) for name, value in asdict(VisualisationRequest()).items()})
        },
    )


def _plain(value: Any) -> str:
    """As the browser gives a control's value."""
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _labelled(title: str, control: Component, only: str = "") -> Component:
    """A control in its label; `only` names the objectives for which it is shown."""
    return html.Label(
        [html.Span(title, className="field-label"), control], className="field", **{"data-for": only} if only else {}
    )


def _option(name: str) -> dict[str, str]:
    return {"type": ids.INSIDE_OPTION, "name": name}


def _select(name: str, title: str, values: Sequence[str], request: VisualisationRequest) -> Component:
    options = [{"label": _(TITLES[value]), "value": value} for value in values]
    only = "unit direction" if name == "where" else ""
    return _labelled(
        title, dbc.Select(id=_option(name), options=options, value=getattr(request, name), size="sm"), only
    )


def _choice(name: str, title: str, values: Mapping[str, str], chosen: bool) -> Component:
    options = [{"label": text, "value": value} for value, text in values.items()]
    return _labelled(title, dbc.Select(id=_option(name), options=options, value=str(int(chosen)), size="sm"))


def _text(name: str, title: str, value: str, placeholder: str, only: str) -> Component:
    control = dbc.Input(id=_option(name), value=value, placeholder=placeholder, debounce=True, size="sm", maxlength=512)
    return _labelled(title, control, only)


def _number(name: str, request: VisualisationRequest) -> Component:
    title, step = _NUMBERS[name]
    low, high = BOUNDS[name]
    control = dbc.Input(
        id=_option(name),
        type="number",
        min=low,
        max=high,
        step=step if isinstance(getattr(request, name), int) else "any",
        value=getattr(request, name),
        debounce=True,
        size="sm",
    )
    return _labelled(_(title), control)


def progress(words: str, busy: bool) -> list[Component | str]:
    """What stands on the picture while it forms and when it is done."""
    spinner = html.Span(className="spinner-border", **{"aria-hidden": "true"})
    return [*([spinner] if busy else []), words]
