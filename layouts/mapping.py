"""Attribution maps as people see them: the picture with its map, the controls of both, and tiles of many maps.

A canvas names its map by content key in `data-map`; `vitrine_maps.js` fetches the values and draws them, so that
colours, opacity, threshold and view change without asking the server. Attributes that it reads:
`data-map-group` (maps that may share one scale) and `data-map-from` (two canvases whose maps are subtracted).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from data.text import gettext as _
from data.text import lazy
from layouts.parts import icon, link

__all__ = [
    "COLOURS",
    "DEFAULT",
    "ControlIds",
    "about_method",
    "class_options",
    "difference",
    "file_links",
    "layer_control",
    "map_controls",
    "map_figure",
    "target_options",
]

# A select cannot show an option whose value is empty, so that "no choice" has a name of its own.
DEFAULT = "(default)"
# The scales of `dashboard.colour_maps`.
COLOURS = {"inferno": lazy("Inferno"), "viridis": lazy("Viridis"), "cividis": lazy("Cividis")}
LOOKS = (
    ("overlay", lazy("Overlay")),
    ("contour", lazy("Contours")),
    ("beside", lazy("Side by side")),
)


@dataclass(frozen=True, slots=True)
class ControlIds:
    """The ids of one page's controls.

    Attributes:
        state: The page's parameters, of which they are a part.
        layers_box, about: What holds the picker of layers, and what tells about the method.
        drawn: Set once by the browser, when a map is there: by then a worker can say what the version offers.
    """

    state: str
    method: str
    target: str
    contrast: str
    layers: str
    layers_box: str
    about: str
    look: str
    colours: str
    opacity: str
    opacity_shown: str
    above: str
    above_shown: str
    shared: str
    drawn: str


def map_figure(image: Component, canvas: str, files: str, marked: bool = False) -> Component:
    """A picture with its map, the scale, the value under the pointer, and what can be done with it.

    Args:
        image: The picture that the map is laid over.
        canvas, files: Ids of the map and of what holds the links to its files.
        marked: Whether regions that people mark are shown over it and can be drawn.
    """
    drawn = html.Canvas(
        id=canvas,
        className="picture-map",
        hidden=True,
        tabIndex="0",
        role="application",
        **{
            "data-map": "",
            "data-map-group": "versions",
            "aria-label": _("Explanation map; the arrow keys read its values"),
        },
    )
    busy = html.Span(
        [
            html.Span(className="spinner-border spinner-border-sm", **{"aria-hidden": "true"}),
            html.Span(_("Explaining…")),
        ],
        className="picture-busy",
        role="status",
    )
    return html.Figure(
        [
            _stage([image, drawn, *([_marks()] if marked else [])], busy),
            _foot(html.Div(id=files, className="map-files")),
        ],
        className="map",
    )


def _marks() -> Component:
    return html.Canvas(
        className="picture-marks",
        tabIndex="-1",
        role="application",
        **{"data-marks": "", "aria-label": _("Marked regions; while you draw, arrows move the brush and Space draws")},
    )


def difference(first: str, second: str, image: str) -> Component:
    """The first map minus the second, each brought to its full scale; the browser shows it once both are there.

    Args:
        first, second: Ids of the maps' canvases.
        image: Id of the picture to lay the difference over.
    """
    drawn = html.Canvas(
        className="picture-map",
        tabIndex="0",
        role="application",
        **{
            "data-map": "",
            "data-map-from": f"{first} {second}",
            "aria-label": _("Difference of the two maps; the arrow keys read its values"),
        },
    )
    picture = html.Img(className="picture", alt="", draggable="false", **{"data-copies": image})
    words = html.Div(
        [
            html.H2(_("Difference of the maps")),
            html.P(
                _(
                    "The first version's map minus the second's, each divided by its own full scale; with “Same "
                    "scale” both by the larger one. Orange: the first version looks here more; blue: the second."
                ),
                className="quiet",
            ),
        ],
        className="difference-words",
    )
    return html.Div(
        [words, html.Figure([_stage([picture, drawn]), _foot()], className="map")],
        className="surface difference-box",
        hidden=True,
        **{"data-shown-with-map": "true"},
    )


def _stage(layers: Sequence[Component], busy: Component | None = None) -> Component:
    cursor = html.Span(className="map-cursor", hidden=True, **{"aria-hidden": "true"})
    reading = html.Output(className="map-reading", **{"aria-live": "polite"})
    return html.Div([*layers, cursor, reading, busy], className="picture-stage")


def _foot(files: Component | None = None) -> Component:
    scale = html.Span(
        [
            html.Span(className="map-low"),
            html.Span(className="map-ramp", **{"aria-hidden": "true"}),
            html.Span(className="map-high"),
        ],
        className="map-scale",
        title=_("Colour scale: half a percent of the pixels may lie beyond its ends"),
    )
    whole = html.Button(
        icon("fullscreen", _("Full screen")), type="button", className="ghost-button", **{"data-map-act": "full"}
    )
    picture = html.Button(
        [icon("download"), html.Span(_("PNG"))],
        type="button",
        className="ghost-button",
        title=_("Download the picture as it is shown"),
        **{"data-map-act": "png"},
    )
    return html.Figcaption(
        [scale, html.Div([picture, files, whole], className="map-tools")],
        className="map-foot",
        hidden=True,
    )


def file_links(key: str, name: str, subject: Mapping[str, str]) -> list[Component]:
    """The values and the recipe of a map.

    Args:
        key: Of the map.
        name: What the files are called, without an ending.
        subject: What the recipe's address names; see `callbacks.reproducing.recipe`.
    """
    files = (
        (f"/media/map/{key}.npy", f"{name}.npy", _("NPY"), _("Download the values: float32, height × width")),
        (
            link(f"/media/map/{key}.json", subject),
            f"{name}.json",
            _("Recipe"),
            _("Download what the map was computed from, and the command that computes it again"),
        ),
    )
    return [
        html.A(text, href=address, download=file, title=title, className="ghost-button")
        for address, file, text, title in files
    ]


def map_controls(ids: ControlIds, values: Mapping[str, Any]) -> Component:
    """Which map to show, and how to draw it.

    Args:
        values: The page's parameters, which preset the controls; the options come later.
    """
    named, chosen, against = values.get("method"), values.get("target"), values.get("contrast")
    layers = [name for name in str(values.get("layers") or "").split(",") if name]
    return html.Div(
        [
            html.Div(
                [
                    _select(ids.method, _("Explanation"), [{"label": named, "value": named}] if named else [], named),
                    _select(ids.target, _("Explained class"), target_options((), chosen), chosen),
                    _select(ids.contrast, _("Instead of"), class_options(_("no other class"), (), against), against),
                    html.Div(
                        layer_control(ids.layers, layers), id=ids.layers_box, className="map-control", hidden=True
                    ),
                ],
                className="map-controls",
            ),
            html.Div(id=ids.about, className="method-about"),
            html.Div(
                [
                    _looks(ids.look, str(values.get("look") or LOOKS[0][0])),
                    _slider(ids.opacity, ids.opacity_shown, _("Map opacity"), 65, 100),
                    _slider(
                        ids.above, ids.above_shown, _("Hide the lowest"), _percentile(values.get("above")), 99, step=1
                    ),
                    _select(ids.colours, _("Colours"), [{"label": _(t), "value": n} for n, t in COLOURS.items()], None),
                    dbc.Switch(id=ids.shared, label=_("Same scale"), value=False, className="map-shared"),
                ],
                className="map-controls map-drawing",
            ),
            dcc.Store(id=ids.drawn),
        ],
        className="map-box",
        **{
            "data-map-controls": " ".join(name for name in ("look", "above") if values.get(name)),
            "data-map-drawn": ids.drawn,
        },
    )


def layer_control(control: str, chosen: Sequence[str]) -> list[Component]:
    """The picker of layers, for methods that look at some."""
    return [
        dbc.Label(_("Layers"), html_for=control, className="field-label"),
        dcc.Dropdown(
            id=control,
            options=[{"label": name, "value": name} for name in chosen],
            value=list(chosen),
            multi=True,
            placeholder=_("the method's own choice"),
        ),
    ]


def target_options(classes: Sequence[str], chosen: str | None = None) -> list[dict[str, str]]:
    """What may be explained: the predicted class, whichever it is, or one of all classes."""
    return class_options(_("Predicted class"), classes, chosen)


def class_options(none: str, classes: Sequence[str], chosen: str | None = None) -> list[dict[str, str]]:
    """All classes, behind what it is called to choose none of them."""
    listed = list(classes) if not chosen or chosen in classes else [chosen, *classes]
    return [{"label": none, "value": DEFAULT}, *({"label": name, "value": name} for name in listed)]


def about_method(title: str, notes: Sequence[str], paper: str) -> Component:
    """What a method shows and when it misleads, behind a word that opens it."""
    return html.Details(
        [
            html.Summary([icon("info-circle"), html.Span(_("About {method}", method=title))]),
            *(html.P(note) for note in notes),
            html.P(paper, className="quiet method-paper") if paper else None,
        ]
    )


def _select(control: str, label: str, options: Sequence[Mapping[str, str]], chosen: Any) -> Component:
    first = DEFAULT if not options or options[0]["value"] in {DEFAULT, chosen} else options[0]["value"]
    return html.Div(
        [
            dbc.Label(label, html_for=control, className="field-label"),
            dbc.Select(id=control, size="sm", value=chosen or first, options=list(options)),
        ],
        className="map-control",
    )


def _slider(control: str, shown: str, label: str, value: int, most: int, step: int = 5) -> Component:
    return html.Div(
        [
            html.Div(
                [
                    dbc.Label(label, html_for=control, className="field-label"),
                    html.Output(id=shown, className="field-value"),
                ],
                className="field-line",
            ),
            dbc.Input(
                id=control,
                type="range",
                min=0,
                max=most,
                step=step,
                value=value,
                className="form-range opacity-range",
            ),
        ],
        className="map-control map-control-wide",
    )


def _looks(control: str, chosen: str) -> Component:
    segments = dbc.RadioItems(
        id=control,
        value=chosen if chosen in {name for name, _title in LOOKS} else LOOKS[0][0],
        options=[{"label": _(title), "value": name} for name, title in LOOKS],
        className="segmented segmented-small",
        inputClassName="btn-check",
        labelClassName="segment",
    )
    return html.Div(
        [html.Div(_("View"), className="field-label"), html.Div(segments, role="group", **{"aria-label": _("View")})],
        className="map-control map-looks",
    )


def _percentile(text: Any) -> int:
    return min(int(text), 99) if str(text or "").isdecimal() else 0
