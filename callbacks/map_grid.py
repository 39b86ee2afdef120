"""Grids of maps: the cheap ones at once, the dear ones after them, each shown when it is there.

A grid asks the engine again and again and never holds up a thread meanwhile. Whoever leaves the page stops asking, and
what nobody asks for is dropped (see `inference.errands`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from dash import Dash, Input, Output, State, ctx, no_update

from callbacks.explaining import as_explanation, pass_ticks
from callbacks.services import Services
from data.errors import EngineUnavailable, InvalidInput, VitrineError
from data.explanations import Explanation, ExplanationRequest
from data.text import gettext as _
from data.types import ModelVersion
from data.workspace import content_key
from inference.catalogue import EXPLANATIONS, FAMILIES, cached_choices, cached_explanation
from layouts.parts import empty_state
from layouts.tiles import GridIds, Tile, stop_words, tiles

__all__ = ["Gathered", "Memory", "Order", "gather", "method_orders", "register_grid"]

Task = Callable[[ExplanationRequest], tuple[str, dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Order:
    """One map that a grid wants.

    Attributes:
        tile: How it is shown while the map is missing.
        task, payload: What computes it.
        key: Under which it may be cached; None where that is not known.
        dear: Whether it waits until the cheap ones are there.
    """

    tile: Tile
    task: str
    payload: Mapping[str, Any]
    key: str | None
    dear: bool = False

    @property
    def name(self) -> str:
        """The same for the same map, in every process."""
        return content_key(self.task, dict(self.payload))


@dataclass(frozen=True, slots=True)
class Memory:
    """What a page remembers of its grid between two looks; small, and plain values in the browser.

    Attributes:
        about: What the grid was asked for; a grid for something else begins anew.
        clicks: How often the button that stops and goes on had been pressed when this grid began.
        failed: Why a map will not come, by the order's name.
    """

    about: str
    clicks: int = 0
    failed: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, stored: Any, orders: Sequence[Order], clicks: int, pressed: bool = False) -> "Memory":
        """What the browser kept, if it is about the same orders; else a new beginning.

        Args:
            pressed: Whether the last of the clicks came with this look: it then is about what begins here.
        """
        about = content_key([order.name for order in orders])
        if not isinstance(stored, dict) or stored.get("about") != about:
            return cls(about, clicks - pressed)
        return cls(about, int(stored["clicks"]), dict(stored["failed"]))

    def stopped(self, clicks: int) -> bool:
        """Whether the person stopped what is missing."""
        return (clicks - self.clicks) % 2 == 1


@dataclass(frozen=True, slots=True)
class Gathered:
    """A grid at one moment. `missing` maps are still to come."""

    tiles: tuple[Tile, ...]
    failed: Mapping[str, str]
    missing: int


def register_grid(
    app: Dash,
    services: Services,
    grid: GridIds,
    orders_of: Callable[[Services, Mapping[str, Any]], Sequence[Order]],
) -> None:
    """Adds the callback of a grid.

    Args:
        orders_of: What the grid wants for the page's parameters; raises `VitrineError` where they make no sense.
    """

    @app.callback(
        Output(grid.tiles, "children"),
        Output(grid.clock, "disabled"),
        Output(grid.stop, "hidden"),
        Output(grid.stop, "children"),
        Output(grid.memory, "data"),
        Input(grid.opened, "data"),
        Input(grid.state, "data"),
        Input(grid.tick, "data"),
        Input(grid.stop, "n_clicks"),
        State(grid.memory, "data"),
    )
    def look(
        opened: bool, state: dict[str, Any], _tick: int | None, clicks: int | None, stored: Any
    ) -> tuple[Any, ...]:
        if not opened:
            return None, True, True, no_update, None
        try:
            orders = orders_of(services, state or {})
        except VitrineError as error:
            return empty_state("layers", _("No maps"), str(error)), True, True, no_update, None
        pressed = f"{grid.stop}.n_clicks" in ctx.triggered_prop_ids
        memory = Memory.of(stored, orders, clicks or 0, pressed)
        stopped = memory.stopped(clicks or 0)
        if stopped:
            for order in orders:
                services.engine.leave(order.task, order.payload)
        found = gather(services, orders, memory.failed, stopped)
        return (
            tiles(found.tiles, _("Explanation maps")),
            stopped or not found.missing,
            not found.missing,
            stop_words(stopped),
            asdict(replace(memory, failed=found.failed)),
        )

    pass_ticks(app, grid.clock, grid.tick, grid.tiles)


def gather(
    services: Services, orders: Sequence[Order], failed: Mapping[str, str] | None = None, stopped: bool = False
) -> Gathered:
    """Looks after all maps of a grid once: takes those that are there, and has the engine compute the others.

    Args:
        failed: Why a map will not come, by the order's name; it is not asked for again.
        stopped: Whether nothing shall be computed now.
    """
    known = dict(failed or {})
    shown: list[Tile] = []
    missing = {"cheap": 0, "dear": 0}
    for order in sorted(orders, key=lambda order: order.dear):
        tile = order.tile
        waits = stopped or (order.dear and missing["cheap"] > 0)
        try:
            if order.name in known:
                raise InvalidInput(known[order.name])
            found, share = _look(services, order, ask=not waits)
        except EngineUnavailable as error:
            tile = replace(tile, trouble=str(error))
        except VitrineError as error:
            known[order.name] = str(error)
            tile = replace(tile, trouble=str(error))
        else:
            if found is None:
                missing["dear" if order.dear else "cheap"] += 1
                tile = replace(tile, share=share, waiting=waits)
            else:
                tile = replace(tile, key=found.key)
        shown.append(tile)
    return Gathered(tuple(shown), known, sum(missing.values()))


def _look(services: Services, order: Order, ask: bool) -> tuple[Explanation | None, float | None]:
    """The explanation if it is there, else None and how much of it is done."""
    found = None if order.key is None else cached_explanation(services.cache, order.key)
    if found is not None or not ask:
        return found, None
    answer = services.engine.ask(order.task, order.payload)
    if not answer.done:
        return None, answer.share
    value = answer.value
    if order.task == "predict_image":  # it predicts an upload even where it cannot explain it
        if value["explanation"] is None:
            raise InvalidInput(str(value["refused"]))
        value = value["explanation"]
    return as_explanation(value), 1.0


def method_orders(
    services: Services,
    version: ModelVersion,
    request: ExplanationRequest,
    model: Tile,
    task: Task,
    key: Callable[[ExplanationRequest], str | None],
) -> list[Order]:
    """The maps of every method that suits a version, for one image.

    Args:
        request: Of which the classes are kept; a layer that suits one method need not suit another.
        model: A tile with the image; each order's takes the method's title.
        task, key: What computes a request's map, and under which key it may be cached.
    """
    choices = cached_choices(services.cache, version)
    unsuited = choices.unsuited if choices else {}
    wanted = []
    for name, method in EXPLANATIONS.items():
        if not unsuited.get(name):
            asked = replace(request, method=name, layers=request.layers if name == request.method else ())
            tile = replace(model, title=_(method.title), method=name, note=_(FAMILIES[method.family]))
            wanted.append(Order(tile, *task(asked), key(asked), method.dear))
    return wanted
