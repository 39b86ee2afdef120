"""Inside: finds the layers of a version, shows the units of one as a wall, and has the layer inspected."""

from dataclasses import asdict
from typing import Any

import numpy as np
from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, no_update

from callbacks import unit
from callbacks.context import PageContext, Parameters, one, resolve
from callbacks.guard import guarded
from callbacks.looking import Subject, subject_of
from callbacks.services import Services
from callbacks.shell import write_address
from data.errors import EngineUnavailable, VitrineError
from data.inspections import Inspection
from data.text import gettext as _
from data.types import Job, JobState
from data.visualisations import VisualisationRequest
from inference.catalogue import cached_architecture
from inference.visualisation.keys import seen, units_in, visualisation_key
from inference.visualisation.summary import ORDERS, Units, read_units
from layouts import ids
from layouts.inside import SHOWN, UnitCard, no_model, not_listed, nothing_shown, pager, standing, wall
from layouts.parts import input_url, number, percent

__all__ = ["chosen_units", "register", "sketch"]

PER_PAGE = 48
_PATIENCE = 60.0  # seconds: a large network is loaded first
_TINY = 96  # pixels; below, a picture is enlarged pixel by pixel


def register(app: Dash, services: Services) -> None:
    """Adds the page's callbacks."""

    @app.callback(
        Output(ids.INSIDE_MESSAGE, "children"),
        Output(ids.INSIDE_BODY, "hidden"),
        Output(ids.INSIDE_LAYER, "options"),
        Output(ids.INSIDE_LAYER, "value"),
        Input(ids.INSIDE_BODY, "id"),
        State(ids.INSIDE_STATE, "data"),
    )
    @guarded(outputs=4)
    def offer(_shown: str, state: dict[str, Any] | None) -> tuple[Any, ...]:
        return _offered(services, resolve(services, state))

    @app.callback(
        Output(ids.INSIDE_STANDING, "children"),
        Output(ids.INSIDE_INSPECT, "hidden"),
        Output(ids.INSIDE_WALL, "children"),
        Output(ids.INSIDE_WALL_CLOCK, "disabled"),
        Output(ids.INSIDE_INSPECTED, "data"),
        Input(ids.INSIDE_STATE, "data"),
        Input(ids.INSIDE_INSPECT, "n_clicks"),
        Input(ids.INSIDE_WALL_CLOCK, "n_intervals"),
        State(ids.SHELL_PERSON, "data"),
        State(ids.INSIDE_INSPECTED, "data"),
    )
    @guarded(outputs=5)
    def show_wall(
        state: dict[str, Any] | None, clicks: int | None, _ticks: int | None, person: str | None, before: str | None
    ) -> tuple[Any, ...]:
        subject = subject_of(services, state)
        if subject is None:
            return (no_update,) * 5
        if ctx.triggered_id == ids.INSIDE_INSPECT and clicks:
            services.jobs.submit("inspect", subject.parameters, person or "guest")
        inspected = subject.inspection.folder.name if subject.inspection and subject.inspection.done else ""
        return *_walled(services, subject), inspected if inspected != (before or "") else no_update

    unit.register(app, services)
    write_address(app, ids.INSIDE_STATE, ids.INSIDE_WRITTEN)
    app.clientside_callback(
        ClientsideFunction("inside", "state"),
        Output(ids.INSIDE_STATE, "data"),
        Input(ids.INSIDE_TURN, "data"),
        Input(ids.INSIDE_LAYER, "value"),
        Input(ids.INSIDE_SORT, "value"),
        Input(ids.INSIDE_SHOW, "value"),
        Input(ids.INSIDE_PICTURES, "value"),
        Input({"type": ids.INSIDE_OPTION, "name": ALL}, "value"),
        State(ids.INSIDE_STATE, "data"),
        prevent_initial_call=True,
    )


def _offered(services: Services, context: PageContext) -> tuple[Any, ...]:
    """The layers of the version that have units; the chosen one, else the last that has places."""
    version = context.version
    if version is None:
        return no_model(context.dataset.name), True, no_update, no_update
    architecture = cached_architecture(services.cache, version)
    if architecture is None:
        try:
            payload = {"model": version.model, "version": version.version}
            services.engine.call("architecture", payload, timeout=_PATIENCE)
        except VitrineError as error:
            return not_listed(str(error)), True, no_update, no_update
        architecture = cached_architecture(services.cache, version)
    layers = [layer for layer in architecture.layers if units_in(layer.shape)] if architecture else []
    options = [
        {
            "label": f"{layer.name} · {layer.kind} · {' × '.join(map(str, layer.shape))}",
            "value": layer.name,
        }
        for layer in layers
    ]
    names = [layer.name for layer in layers]
    given = one(context.parameters, "layer")
    if given and given not in names:  # one that is not listed may be there all the same; a worker knows
        options.append({"label": given, "value": given})
    default = version.explain_layer if version.explain_layer in names else next(reversed(names), "")
    return None, False, options, given or default


def _walled(services: Services, subject: Subject) -> tuple[Any, ...]:
    """What is known of the layer, whether it can be inspected, the wall, and whether nothing is under way."""
    inspection = subject.inspection
    if inspection is None:
        command = f"index {subject.dataset.name} {subject.version.reference}"
        words = _("Not indexed yet: run `{command}` to see which samples excite the units.", command=command)
        return standing(words), True, _bare_wall(services, subject), True
    if not inspection.done:
        job = services.jobs.find("inspect", subject.parameters)
        told, waiting = _progress(job)
        return told, waiting, _bare_wall(services, subject), not waiting
    units = read_units(inspection)
    shown, pending = _wall(services, subject, units, inspection)
    return standing(_summary(units, inspection)), True, shown, not pending


def _progress(job: Job | None) -> tuple[Any, bool]:
    """What is told of the inspection's job, and whether it is under way."""
    if job is not None and job.state is JobState.FAILED:
        return standing(_("Job {n} failed: {reason}", n=job.id, reason=job.error), trouble=True), False
    if job is None or job.state not in {JobState.QUEUED, JobState.RUNNING}:
        return standing(_("Inspect this layer to see which samples excite its units, and how alike they are.")), False
    share = job.done / job.total if job.total else 0.0
    return standing(_("Job {n} inspects this layer: {share}", n=job.id, share=percent(share, 0)), share), True


def _summary(units: Units, inspection: Inspection) -> str:
    parts = [_("{n} units", n=number(units.count)), _("{n} samples", n=number(len(inspection.strongest())))]
    if units.arrays["rectified"]:
        parts += [
            _("{n} dead", n=number(int(units.dead.sum()))),
            _("{n} always on", n=number(int(units.always.sum()))),
        ]
    elif units.dead.any():
        parts.append(_("{n} never vary", n=number(int(units.dead.sum()))))
    return " · ".join(parts)


def chosen_units(units: Units, sort: str | None, show: str | None) -> np.ndarray:
    """The units of a wall in their order; an unknown order or choice counts as the first."""
    order = units.order(sort if sort in ORDERS else "highest")
    marked = {"dead": units.dead, "always": units.always}.get(show or "")
    return order if marked is None else order[marked[order]]


def sketch(layer: str, number: int) -> VisualisationRequest:
    """How units are drawn on the wall: as on their own, in fewer steps."""
    return VisualisationRequest.of({"layer": layer, "unit": number, "steps": 64})


def _wall(services: Services, subject: Subject, units: Units, inspection: Inspection) -> tuple[Any, bool]:
    sort = one(subject.given, "sort") or "highest"
    order = chosen_units(units, sort, one(subject.given, "show"))
    if not len(order):
        return nothing_shown(one(subject.given, "show") or next(iter(SHOWN))), False
    page, pages = _page(subject.given, len(order))
    listed = [int(number) for number in order[(page - 1) * PER_PAGE : page * PER_PAGE]]
    drawn, pending = _drawn(services, subject, listed)
    samples = {
        row.sample.row: row.sample
        for row in services.samples.rows(subject.view, sorted({int(units.arrays["top"][at][0]) for at in listed}))
    }
    cards = []
    for at in listed:
        row = int(units.arrays["top"][at][0])
        image = drawn.get(at)
        cards.append(
            UnitCard(
                number=at,
                href=subject.address(unit=str(at)),
                image=image or input_url(*subject.pictured, row, samples[row].digest),
                focus=None if image else _focus(units, at),
                tiny=subject.version.preprocessing.image_size <= _TINY,
                note=_note(units, at, sort),
                mark=_("dead") if units.dead[at] else _("always on") if units.always[at] else "",
                pending=image is None and pending,
            )
        )
    return wall(cards, subject.unit, _pager(subject, page, pages)), pending


def _bare_wall(services: Services, subject: Subject) -> Any:
    """The units of a layer of which only the number is known."""
    architecture = cached_architecture(services.cache, subject.version)
    shapes = {layer.name: layer.shape for layer in architecture.layers} if architecture else {}
    count = units_in(shapes.get(subject.layer, ()))
    if not count:
        return None
    page, pages = _page(subject.given, count)
    listed = range((page - 1) * PER_PAGE, min(page * PER_PAGE, count))
    drawn, _pending = _drawn(services, subject, [])
    cards = [UnitCard(at, subject.address(unit=str(at)), drawn.get(at, "")) for at in listed]
    return wall(cards, subject.unit, _pager(subject, page, pages))


def _drawn(services: Services, subject: Subject, listed: list[int]) -> tuple[dict[int, str], bool]:
    """Addresses of the units' optimised images as far as they are there, and whether more are coming."""
    if one(subject.given, "pictures") != "optimised" or not listed:
        return {}, False
    requests = {at: sketch(subject.layer, at) for at in listed}
    keys = {at: visualisation_key(subject.version, subject.dataset, request) for at, request in requests.items()}
    found = {at: known for at, key in keys.items() if (known := seen(services.cache, key)) and known["done"]}
    missing = [asdict(requests[at]) for at in listed if at not in found]
    if missing:
        # All of the page's, so that it stays one task from look to look.
        payload = subject.task(requests=[asdict(request) for request in requests.values()])
        try:
            services.engine.ask("visualise", payload)
        except EngineUnavailable:
            missing = []
    return {at: f"/media/vision/{keys[at]}.png?v={keys[at][:12]}" for at in found}, bool(missing)


def _focus(units: Units, at: int) -> tuple[float, float] | None:
    height, width = units.grid
    if height * width < 2:
        return None
    down, right = divmod(int(units.arrays["top_cells"][at][0]), width)
    return (right + 0.5) / width, (down + 0.5) / height


def _note(units: Units, at: int, sort: str) -> str:
    if sort == "selectivity":
        return f"{units.selectivity()[at]:.2f}"
    if sort == "active":
        return percent(float(units.arrays["active"][at]), 0)
    if sort == "alike":
        nearest = units.arrays["correlation"]
        return f"{nearest[at, 0]:.2f}" if nearest.shape[1] else ""
    return f"{units.arrays['mean' if sort == 'mean' else 'highest'][at]:.3g}"


def _page(given: Parameters, count: int) -> tuple[int, int]:
    pages = max(-(-count // PER_PAGE), 1)
    text = one(given, "page") or "1"
    return (min(max(int(text), 1), pages) if text.isascii() and text.isdigit() else 1), pages


def _pager(subject: Subject, page: int, pages: int) -> Any:
    before = subject.address(page=str(page - 1)) if page > 1 else ""
    after = subject.address(page=str(page + 1)) if page < pages else ""
    return pager(page, pages, (before, after))
