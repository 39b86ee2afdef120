"""Many maps beside each other, each shown as soon as it is there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from data.text import gettext as _
from layouts.parts import icon

__all__ = ["GridIds", "Tile", "grid_parts", "method_grid", "stop_words", "tiles"]

POLL_MILLISECONDS = 200


@dataclass(frozen=True, slots=True)
class GridIds:
    """The ids of a grid's parts.

    Attributes:
        state: The page's parameters.
        opened: Holds whether the grid is asked for.
        clock: Ticks while maps are missing; `tick` hands a tick on unless the last one is not answered yet.
        memory: Small facts about the maps that are asked for: which failed and why, whether they were stopped.
    """

    state: str
    opened: str
    tiles: str
    clock: str
    tick: str
    memory: str
    stop: str


@dataclass(frozen=True, slots=True)
class Tile:
    """One map of a grid.

    Attributes:
        title, note: What it is called, and one quiet line more.
        image: Address of the picture that the map is laid over.
        tiny: Enlarged pixel by pixel instead of smoothly.
        href: Where a click leads; empty where `method` says what it chooses.
        picker, method: A click sets this control to that method.
        key: Of the map; None while it is missing.
        share: How much of it is done, in [0, 1]; None while that is not known.
        trouble: Why there will be no map.
        waiting: Its turn has not come yet.
    """

    title: str
    image: str
    note: str = ""
    tiny: bool = False
    href: str = ""
    picker: str = ""
    method: str = ""
    group: str = ""
    key: str | None = None
    share: float | None = None
    trouble: str = ""
    waiting: bool = False


def method_grid(ids: GridIds, button: str, values: Mapping[str, Any]) -> Component:
    """All methods for one image, below a button that asks for them.

    Args:
        button: Id of the button.
        values: The page's parameters, of which `grid` opens it at once.
    """
    opened = bool(values.get("grid"))
    return html.Section(
        [
            html.Div(
                [
                    html.Div(
                        [
                            html.H2(_("Compare methods")),
                            html.P(
                                _("Where methods agree, a map deserves more belief. Choose one to look closer."),
                                className="quiet",
                            ),
                        ]
                    ),
                    html.Button(
                        [icon("grid-3x3-gap"), html.Span(_("All methods"))],
                        id=button,
                        type="button",
                        className="btn btn-sm btn-outline-primary",
                        **{"data-map-grid": ids.opened, "aria-expanded": "true" if opened else "false"},
                    ),
                ],
                className="grid-head",
            ),
            *grid_parts(ids, opened),
        ],
        className="surface grid-box",
        **{"aria-label": _("Compare methods")},
    )


def grid_parts(ids: GridIds, opened: bool) -> list[Component]:
    """What a grid consists of."""
    return [
        dcc.Store(id=ids.opened, data=opened),
        dcc.Store(id=ids.memory),
        dcc.Store(id=ids.tick),
        dcc.Interval(id=ids.clock, interval=POLL_MILLISECONDS, disabled=True),
        html.Button(
            stop_words(False), id=ids.stop, type="button", hidden=True, className="btn btn-sm btn-outline-secondary"
        ),
        html.Div(id=ids.tiles, className="grid-tiles"),
    ]


def stop_words(stopped: bool) -> list[Component]:
    """What the button of a grid does now."""
    if stopped:
        return [icon("play-circle"), html.Span(_("Go on"))]
    return [icon("stop-circle"), html.Span(_("Stop"))]


def tiles(shown: Sequence[Tile], label: str) -> Component:
    """The maps, in a list."""
    return html.Ul([html.Li(_tile(tile)) for tile in shown], className="tile-list", **{"aria-label": label})


def _tile(tile: Tile) -> Component:
    layers: list[Component] = [
        html.Img(src=tile.image, alt="", className="picture pixels" if tile.tiny else "picture", draggable="false")
    ]
    if tile.key is not None:
        drawn = {"data-map": tile.key, "data-map-group": tile.group, "aria-hidden": "true"}
        layers.append(html.Canvas(className="picture-map", **drawn))
    content = [
        html.Span(layers, className="picture-stage"),
        html.Span(
            [html.Span(tile.title, className="card-name"), html.Span(_state(tile), className="tile-state")],
            className="tile-words",
        ),
    ]
    look = "map-tile" + (" tile-trouble" if tile.trouble else "") + ("" if tile.key or tile.trouble else " tile-busy")
    if tile.href:
        return html.A(content, href=tile.href, className=look, title=tile.title)
    chosen = {"data-set": tile.picker, "data-value": tile.method}
    return html.Button(content, type="button", className=look, title=_("Show {name}", name=tile.title), **chosen)


def _state(tile: Tile) -> str | Component:
    if tile.trouble:
        return tile.trouble
    if tile.key is not None:
        return tile.note
    if tile.waiting:
        return _("waits")
    if tile.share is None:
        return _("computing…")
    return html.Span(
        html.Span(className="bar-fill", style={"width": f"{100 * tile.share:.0f}%"}),
        className="bar-track",
        role="progressbar",
        **{
            "aria-valuenow": f"{100 * tile.share:.0f}",
            "aria-valuemin": "0",
            "aria-valuemax": "100",
            "aria-label": tile.title,
        },
    )
