"""Try: one image of one's own, and at once what the model makes of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from data.text import gettext as _
from layouts import ids, whatif
from layouts.explained import PanelIds, panel
from layouts.mapping import ControlIds, map_controls
from layouts.parts import icon, page_header
from layouts.tiles import GridIds, method_grid

__all__ = ["ACCEPTED", "CONTROLS", "GRID", "PANEL", "Example", "examples", "layout", "refused"]

ACCEPTED = "image/png,image/jpeg,image/webp"
PANEL = PanelIds(
    panel=ids.TRY_PANEL,
    head=ids.TRY_HEAD,
    image=ids.TRY_IMAGE,
    map=ids.TRY_MAP,
    files=ids.TRY_FILES,
    clock=ids.TRY_CLOCK,
    tick=ids.TRY_TICK,
    bars=ids.TRY_BARS,
    evidence=ids.TRY_EVIDENCE,
    retry=ids.TRY_RETRY,
)
CONTROLS = ControlIds(
    state=ids.TRY_STATE,
    method=ids.TRY_METHOD,
    target=ids.TRY_TARGET,
    contrast=ids.TRY_CONTRAST,
    layers=ids.TRY_LAYERS,
    layers_box=ids.TRY_LAYERS_BOX,
    about=ids.TRY_ABOUT,
    look=ids.TRY_LOOK,
    colours=ids.TRY_COLOURS,
    opacity=ids.TRY_OPACITY,
    opacity_shown=ids.TRY_OPACITY_SHOWN,
    above=ids.TRY_ABOVE,
    above_shown=ids.TRY_ABOVE_SHOWN,
    shared=ids.TRY_SHARED,
    drawn=ids.TRY_DRAWN,
)
GRID = GridIds(
    state=ids.TRY_STATE,
    opened=ids.TRY_GRID_OPENED,
    tiles=ids.TRY_GRID_TILES,
    clock=ids.TRY_GRID_CLOCK,
    tick=ids.TRY_GRID_TICK,
    memory=ids.TRY_GRID_MEMORY,
    stop=ids.TRY_GRID_STOP,
)


@dataclass(frozen=True, slots=True)
class Example:
    """A sample of the dataset to begin with. `tiny` pictures are enlarged pixel by pixel."""

    row: int
    title: str
    image: str
    tiny: bool


def layout(**parameters: Any) -> Component:
    """The skeleton; with an upload in the address its result appears by itself."""
    started = bool(parameters.get("upload"))
    return html.Div(
        [
            dcc.Store(id=ids.TRY_STATE, data=parameters),
            dcc.Store(id=ids.TRY_WRITTEN),
            dcc.Store(id=ids.TRY_FILE),
            dcc.Store(id=ids.TRY_LIMIT),
            dcc.Store(id=ids.TRY_UPLOADED),
            page_header(_("Try"), _("Give the model an image it has never seen, and see what it makes of it and why.")),
            html.Div(id=ids.TRY_MESSAGE, role="alert"),
            html.Div(id=ids.TRY_EDIT_TROUBLE, role="alert"),
            html.Div(
                [
                    html.Div(
                        [
                            _drop_zone(),
                            html.Div(id=ids.TRY_EXAMPLES, className="examples"),
                        ],
                        className="try-give",
                    ),
                    html.Section(
                        [
                            whatif.editor(parameters),
                            panel(PANEL),
                            whatif.invitation(),
                            html.Div(map_controls(CONTROLS, parameters), className="surface"),
                            method_grid(GRID, ids.TRY_GRID_OPEN, parameters),
                        ],
                        id=ids.TRY_RESULT,
                        className="try-result",
                        hidden=not started,
                        **{"aria-label": _("What the model makes of it")},
                    ),
                ],
                className="try-columns",
            ),
        ],
        className="page page-try",
    )


def _drop_zone() -> Component:
    return dcc.Upload(
        html.Div(
            [
                html.Span(icon("cloud-arrow-up"), className="drop-icon"),
                html.Strong(_("Drop an image here")),
                html.Span(
                    [
                        _("or click to choose one, or paste it: "),
                        html.Span([html.Kbd("Ctrl"), " ", html.Kbd("V")], className="keys"),
                    ]
                ),
                html.Span(_("PNG, JPEG or WebP. It stays on this server."), className="quiet"),
            ],
            className="drop-words",
        ),
        id=ids.TRY_UPLOAD,
        accept=ACCEPTED,
        multiple=False,
        className="drop-zone",
        className_active="drop-zone is-over",
    )


def examples(offered: Sequence[Example], dataset: str) -> list[Component]:
    """Samples of the dataset, each one click away."""
    if not offered:
        return []
    buttons = [
        html.Button(
            html.Img(src=one.image, alt=one.title, className="pixels" if one.tiny else ""),
            id={"type": ids.TRY_EXAMPLE, "row": one.row},
            className="example",
            title=one.title,
        )
        for one in offered
    ]
    return [
        html.H2(_("Or take one of {dataset}", dataset=dataset), className="examples-title"),
        html.Div(buttons, className="example-list"),
    ]


def refused(text: str) -> Component:
    """Why an upload was not taken."""
    return html.Div([icon("exclamation-circle"), html.Span(text)], className="alert alert-warning slim")
