"""Maps: why the model decided as it did on many samples of a selection, by one method, on one scale."""

from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from data.text import gettext as _
from layouts import ids
from layouts.mapping import ControlIds, map_controls
from layouts.parts import page_header
from layouts.tiles import GridIds, grid_parts

__all__ = ["CONTROLS", "GRID", "layout"]

CONTROLS = ControlIds(
    state=ids.MAPS_STATE,
    method=ids.MAPS_METHOD,
    target=ids.MAPS_TARGET,
    contrast=ids.MAPS_CONTRAST,
    layers=ids.MAPS_LAYERS,
    layers_box=ids.MAPS_LAYERS_BOX,
    about=ids.MAPS_ABOUT,
    look=ids.MAPS_LOOK,
    colours=ids.MAPS_COLOURS,
    opacity=ids.MAPS_OPACITY,
    opacity_shown=ids.MAPS_OPACITY_SHOWN,
    above=ids.MAPS_ABOVE,
    above_shown=ids.MAPS_ABOVE_SHOWN,
    shared=ids.MAPS_SHARED,
    drawn=ids.MAPS_DRAWN,
)
GRID = GridIds(
    state=ids.MAPS_STATE,
    opened=ids.MAPS_GRID_OPENED,
    tiles=ids.MAPS_GRID_TILES,
    clock=ids.MAPS_GRID_CLOCK,
    tick=ids.MAPS_GRID_TICK,
    memory=ids.MAPS_GRID_MEMORY,
    stop=ids.MAPS_GRID_STOP,
)


def layout(**parameters: Any) -> Component:
    """The skeleton, its controls as the address says."""
    return html.Div(
        [
            dcc.Store(id=ids.MAPS_STATE, data=parameters),
            dcc.Store(id=ids.MAPS_WRITTEN),
            page_header(
                _("Maps"), _("Where the model looks on the samples of a selection. Open one to look closer and judge.")
            ),
            html.Div(id=ids.MAPS_HEAD, className="maps-head"),
            html.Div(map_controls(CONTROLS, parameters), className="surface"),
            html.Section(
                grid_parts(GRID, opened=True), className="surface grid-box", **{"aria-label": _("Explanation maps")}
            ),
        ],
        className="page page-maps",
    )
