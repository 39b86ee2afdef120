"""Maps: the samples of a selection with the map of one method each, shown as they are computed."""

from collections.abc import Mapping
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, html

from callbacks.browse import active_filters
from callbacks.context import EmptyWorkspace, resolve
from callbacks.explaining import known_classes, register_controls, request_of, sample_payload
from callbacks.map_grid import Order, register_grid
from callbacks.services import Services
from callbacks.shell import write_address
from data.errors import InvalidInput, NotFound, VitrineError
from data.text import gettext as _
from inference.catalogue import EXPLANATIONS, explanation_key
from layouts import ids
from layouts.mapping import target_options
from layouts.maps import CONTROLS, GRID
from layouts.parts import empty_workspace, error_state, icon, input_url, number
from layouts.tiles import Tile

__all__ = ["MOST", "orders", "register"]

MOST = 24
_TINY = 96


def register(app: Dash, services: Services) -> None:
    """Adds the page's callbacks."""
    register_controls(app, services, CONTROLS)
    register_grid(app, services, GRID, orders)
    write_address(app, ids.MAPS_STATE, ids.MAPS_WRITTEN)

    @app.callback(Output(ids.MAPS_HEAD, "children"), Output(ids.MAPS_TARGET, "options"), Input(ids.MAPS_STATE, "data"))
    def show(state: dict[str, Any]) -> tuple[Any, ...]:
        try:
            return _head(services, state or {})
        except EmptyWorkspace:
            return empty_workspace(), target_options(())
        except VitrineError as error:
            return error_state(str(error)), target_options(())

    app.clientside_callback(
        ClientsideFunction("pages", "mapsState"),
        Output(ids.MAPS_STATE, "data"),
        Input(ids.MAPS_METHOD, "value"),
        Input(ids.MAPS_TARGET, "value"),
        Input(ids.MAPS_CONTRAST, "value"),
        Input(ids.MAPS_LAYERS, "value"),
        State(ids.MAPS_STATE, "data"),
        prevent_initial_call=True,
    )


def orders(services: Services, parameters: Mapping[str, Any]) -> list[Order]:
    """The maps of the first samples of the selection, at most `MOST`.

    Raises:
        NotFound: No sample matches, or there is no version to explain.
        InvalidInput: The method cannot work on the version, or a parameter makes no sense.
    """
    context = resolve(services, parameters)
    version, run, dataset = context.version, context.run, context.dataset.name
    if version is None:
        raise NotFound(_("There is no model for {name} yet; add one with `model add`", name=dataset))
    request = request_of(context.parameters)
    for name in (request.target, request.contrast):
        if name is not None and run is not None and name not in run.classes:
            raise InvalidInput(_("{model} does not know the class “{name}”", model=run.reference, name=name))
    rows = services.samples.page(context.view, context.selection, 0, MOST)
    if not rows:
        raise NotFound(_("No sample matches the filters; take one off in Browse"))
    kept = {name: value for name in ("method", "target", "contrast", "layers") if (value := parameters.get(name))}
    wanted = []
    for row in rows:
        sample = row.sample
        tile = Tile(
            title=sample.sample_id,
            note=row.prediction or "",
            image=input_url(version.model, version.version, dataset, sample.row, sample.digest),
            tiny=max(sample.width, sample.height) <= _TINY,
            href=context.address("/sample", **kept, sample=sample.sample_id),
            group="samples",
        )
        payload = sample_payload(dataset, sample, version, request)
        key = None if run is None else explanation_key(version, run.classes, sample.digest, request)
        wanted.append(Order(tile, "explain", payload, key))
    return wanted


def _head(services: Services, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
    context = resolve(services, parameters)
    total = services.samples.counts(context.view, context.selection).selected
    method = EXPLANATIONS[request_of(context.parameters).method]
    shown = _("{n} of {total} samples", n=number(min(MOST, total)), total=number(total))
    filters = [
        html.Span(chip.text, className="chip chip-still") for _field, chip in active_filters(context, "/browse", {})
    ]
    links = [html.A([icon("grid-3x3-gap"), html.Span(_("Browse"))], href=context.address("/browse"))]
    if context.projections:
        links.append(html.A([icon("bullseye"), html.Span(_("Embedding"))], href=context.address("/embedding")))
    model = context.version.reference if context.version else _("no model")
    words = [html.Strong(_(method.title)), html.Span(model), html.Span(shown, role="status"), *filters]
    classes = known_classes(context, context.version) if context.version else ()
    chosen = request_of(context.parameters).target
    return (
        [
            html.Nav(links, className="back-links", **{"aria-label": _("Back to the selection")}),
            html.Div(words, className="sample-place quiet"),
        ],
        target_options(classes, chosen),
    )
