"""Try: takes an image in by drop, choice, paste or example, and shows what the model makes of it."""

import io
from dataclasses import asdict
from typing import Any

from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, no_update
from flask import Response, abort

from callbacks import uploads, whatif
from callbacks.context import EmptyWorkspace, PageContext, Parameters, one, resolve, spread
from callbacks.explaining import (
    as_explanation,
    ask_again_when_back,
    ask_method,
    failed,
    known_classes,
    pass_ticks,
    register_controls,
    request_of,
    shown,
    subject_of,
    underway,
)
from callbacks.map_grid import Order, method_orders, register_grid
from callbacks.services import Services
from callbacks.shell import write_address
from data.errors import InvalidInput, VitrineError
from data.explanations import ExplanationRequest
from data.samples import View
from data.text import gettext as _
from data.types import ModelVersion
from inference.catalogue import explanation_key
from inference.preprocessing import to_input_image
from layouts import ids
from layouts.explained import probability_bars, verdict
from layouts.mapping import target_options
from layouts.parts import empty_workspace, error_state, thumb_url
from layouts.tiles import Tile
from layouts.try_it import CONTROLS, GRID, PANEL, Example, examples, refused

__all__ = ["example_rows", "register"]

_EXAMPLES = 8
_TINY = 96
_BASE64_SHARE = 1.4
_DEFAULT_LIMIT = 16 * 2**20


def register(app: Dash, services: Services) -> None:
    """Adds the page's callbacks, and the address under which an upload is shown as a network sees it."""
    limit = round((app.server.config["MAX_CONTENT_LENGTH"] or _DEFAULT_LIMIT * _BASE64_SHARE) / _BASE64_SHARE)
    app.server.add_url_rule(
        "/try/seen/<model>/<int:version>/<digest>.png",
        "try_seen",
        lambda model, version, digest: _seen(services, model, version, digest),
    )
    _register_taking(app, services, limit)
    _register_showing(app, services)
    whatif.register(app, services, limit)
    ask_again_when_back(app, PANEL.retry)
    pass_ticks(app, PANEL.clock, PANEL.tick, PANEL.map)
    register_controls(app, services, CONTROLS)
    register_grid(app, services, GRID, _orders)
    write_address(app, ids.TRY_STATE, ids.TRY_WRITTEN)
    app.clientside_callback(
        ClientsideFunction("pages", "tryFile"),
        Output(ids.TRY_FILE, "data"),
        Input(ids.TRY_UPLOAD, "contents"),
        State(ids.TRY_LIMIT, "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("pages", "tryState"),
        Output(ids.TRY_STATE, "data"),
        Input(ids.TRY_UPLOADED, "data"),
        Input(ids.TRY_METHOD, "value"),
        Input(ids.TRY_TARGET, "value"),
        Input(ids.TRY_CONTRAST, "value"),
        Input(ids.TRY_LAYERS, "value"),
        Input({"type": ids.TRY_TARGET_CLASS, "panel": ALL, "class": ALL}, "n_clicks"),
        State(ids.TRY_STATE, "data"),
        prevent_initial_call=True,
    )


def _register_taking(app: Dash, services: Services, limit: int) -> None:
    @app.callback(
        Output(ids.TRY_UPLOADED, "data"),
        Output(ids.TRY_MESSAGE, "children"),
        Input(ids.TRY_FILE, "data"),
        Input({"type": ids.TRY_EXAMPLE, "row": ALL}, "n_clicks"),
        State(ids.TRY_STATE, "data"),
        prevent_initial_call=True,
    )
    def take(file: dict[str, Any] | None, clicks: list[int | None], state: dict[str, Any]) -> tuple[Any, Any]:
        chosen = ctx.triggered_id
        try:
            if isinstance(chosen, dict):
                if not any(clicks):
                    return no_update, no_update
                context = resolve(services, state)
                sample = services.samples.row(View(context.dataset), int(chosen["row"])).sample
                content = services.datasets.read(context.dataset.name, sample)
                upload = uploads.keep(services, content, any_format=True)
            elif file and file.get("contents"):
                upload = uploads.keep(services, uploads.content_of(str(file["contents"]), limit))
            elif file and file.get("too_large"):
                raise InvalidInput(_("The file is larger than {n} MB; choose a smaller one", n=round(limit / 2**20)))
            else:
                return no_update, no_update
        except VitrineError as error:
            return {"digest": None}, refused(str(error))
        return {"digest": upload.digest}, None

    @app.callback(
        Output(ids.TRY_EXAMPLES, "children"),
        Output(ids.TRY_LIMIT, "data"),
        Input(ids.TRY_RESULT, "id"),
        State(ids.TRY_STATE, "data"),
    )
    def offer(_shown: str, state: dict[str, Any]) -> tuple[Any, ...]:
        try:
            context = resolve(services, state)
        except VitrineError:
            return None, limit
        return examples(example_rows(services, context), context.dataset.name), limit


def _register_showing(app: Dash, services: Services) -> None:
    @app.callback(
        Output(ids.TRY_RESULT, "hidden"),
        Output(PANEL.head, "children"),
        Output(PANEL.image, "src"),
        Output(PANEL.image, "alt"),
        Output(PANEL.image, "className"),
        Output(PANEL.bars, "children"),
        Output(ids.TRY_TARGET, "options"),
        Output(PANEL.map, "data-map"),
        Output(PANEL.map, "hidden"),
        Output(PANEL.evidence, "children"),
        Output(PANEL.retry, "hidden"),
        Output(PANEL.files, "children"),
        Output(PANEL.clock, "disabled"),
        Input(ids.TRY_STATE, "data"),
        Input(PANEL.retry, "n_clicks"),
        Input(PANEL.tick, "data"),
    )
    def show(state: dict[str, Any], _retries: int | None, _ticks: int | None) -> tuple[Any, ...]:
        digest = one(state or {}, "upload")
        if digest is None:
            return True, *[no_update] * 12
        try:
            if one(state, "original"):  # the editor shows what there is to show
                return False, *[no_update] * 5, _targets(resolve(services, state)), *[no_update] * 6
            return False, *_result(services, resolve(services, state), digest)
        except EmptyWorkspace:
            return False, None, "", "", "picture", None, no_update, "", True, empty_workspace(), True, [], True
        except VitrineError as error:
            return False, None, "", "", "picture", None, no_update, "", True, error_state(str(error)), True, [], True


def _result(services: Services, context: PageContext, digest: str) -> tuple[Any, ...]:
    """Properties of the panel, in the order of the outputs of `show` behind the first."""
    version = context.version
    if version is None:
        raise InvalidInput(_("There is no model for {name} yet; add one with `model add`", name=context.dataset.name))
    picture = uploads.read(services, digest)
    source, target = uploads.seen_url(version, digest), one(context.parameters, "target")
    look = "picture pixels" if _is_tiny(version, picture.size) else "picture"
    alternative = _("Your image as {model} sees it", model=version.reference)
    targets = _targets(context)
    request = request_of(context.parameters)
    try:
        payload = _payload(context, version, digest, request)
        asked = ask_method(services, "predict_image", payload, request.method)
    except VitrineError as error:
        return None, source, alternative, look, None, targets, *failed(error)
    if not asked.done:
        return no_update, source, alternative, look, no_update, targets, *underway(asked.share)
    answer = asked.value
    top = [(str(name), float(value)) for name, value in answer["probabilities"]]
    bars = probability_bars(top, None, target, ids.TRY_TARGET_CLASS, "a")
    size, side = f"{picture.width} × {picture.height}", version.preprocessing.image_size
    seen = size if picture.size == (side, side) else _("{size}, seen as {input}", size=size, input=f"{side} × {side}")
    head = verdict(version.reference, *top[0], None, note=seen)
    if answer["explanation"] is None:
        return head, source, alternative, look, bars, targets, *failed(InvalidInput(str(answer["refused"])))
    subject = subject_of(version, context.dataset.name, request, upload=digest)
    return head, source, alternative, look, bars, targets, *shown(as_explanation(answer["explanation"]), subject)


def _targets(context: PageContext) -> Any:
    known = known_classes(context, context.version) if context.version else ()
    return target_options(known, one(context.parameters, "target"))


def _orders(services: Services, parameters: Parameters) -> list[Order]:
    """Every method that suits the version, for the upload."""
    digest, context = one(parameters, "upload"), resolve(services, parameters)
    version = context.version
    if version is None or digest is None:
        return []
    classes = known_classes(context, version)
    tiny = _is_tiny(version, uploads.read(services, digest).size)
    model = Tile(title="", image=uploads.seen_url(version, digest), tiny=tiny, picker=ids.TRY_METHOD)

    def task(request: ExplanationRequest) -> tuple[str, dict[str, Any]]:
        return "predict_image", _payload(context, version, digest, request)

    def key(request: ExplanationRequest) -> str | None:
        return explanation_key(version, classes, digest, request) if classes else None

    return method_orders(services, version, request_of(context.parameters), model, task, key)


def _payload(context: PageContext, version: ModelVersion, digest: str, request: ExplanationRequest) -> dict[str, Any]:
    """What task `predict_image` takes."""
    return {
        "upload": digest,
        "model": version.model,
        "version": version.version,
        "dataset": context.dataset.name,
        **asdict(request),
    }


def _is_tiny(version: ModelVersion, size: tuple[int, int]) -> bool:
    return max(version.preprocessing.image_size, *size) <= _TINY


def example_rows(services: Services, context: PageContext) -> list[Example]:
    """A few samples from all over the dataset."""
    rows = spread(context.dataset.samples, _EXAMPLES)
    return [
        Example(
            row=found.sample.row,
            title=_("Try {id}", id=found.sample.sample_id),
            image=thumb_url(context.dataset.name, found.sample.row, found.sample.digest),
            tiny=max(found.sample.width, found.sample.height) <= _TINY,
        )
        for found in services.samples.rows(View(context.dataset), rows)
    ]


def _seen(services: Services, model: str, version: int, digest: str) -> Response:
    try:
        preprocessing = services.models.get(model, version).preprocessing
        picture = to_input_image(uploads.read(services, digest), preprocessing)
    except VitrineError:
        abort(404)
    buffer = io.BytesIO()
    (picture.convert("L") if len(preprocessing.mean) == 1 else picture).save(buffer, "PNG")
    lasting = {"Cache-Control": "private, max-age=31536000, immutable"}
    return Response(buffer.getvalue(), mimetype="image/png", headers=lasting)
