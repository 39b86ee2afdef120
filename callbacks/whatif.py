"""What if: takes changed images in, compares the decision with the original's, and searches for what turns it."""

import io
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, ctx, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate
from flask import Response, abort
from PIL import Image, ImageChops, ImageFilter, ImageOps

from callbacks import uploads
from callbacks.context import PageContext, one, resolve, spread
from callbacks.explaining import request_of
from callbacks.services import Services
from data.errors import InvalidInput, VitrineError
from data.explanations import ExplanationRequest
from data.samples import View
from data.text import gettext as _
from data.types import ModelVersion
from inference.catalogue import COUNTERFACTUAL_CACHE, cached_explanation, explanation_key
from inference.class_names import class_names
from layouts import ids
from layouts.changed import Change, Flip, SeenMap, change_bars, decision, flip_found, flip_progress, map_pair
from layouts.parts import image_url, map_url
from layouts.try_it import refused
from layouts.whatif import sources

__all__ = ["begin", "changes_of", "outline", "register"]

MOST = 1024
"""Pixels of a side that is edited; no network here is better off with more, and every stroke is sent."""
_BARS = 6
_SOURCES = 6
_TINY = 96
_OUTLINED = 768
_LASTING = {"Cache-Control": "private, max-age=31536000, immutable"}


def register(app: Dash, services: Services, limit: int) -> None:
    """Adds the editor's callbacks, and the address under which a found region is outlined.

    Args:
        limit: Most bytes of an image that is sent.
    """
    app.server.add_url_rule("/try/region/<key>.png", "try_region", lambda key: _region(services, key))
    _register_editing(app, services, limit)
    _register_comparing(app, services)
    _register_search(app, services)
    app.clientside_callback(
        ClientsideFunction("whatif", "hear"),
        Output(ids.TRY_EDIT_READ, "data"),
        Input(ids.TRY_EDIT_BEGUN, "data"),
        Input(ids.TRY_EDIT_SUBJECT, "data"),
        Input(ids.TRY_EDIT_KEPT, "data"),
        Input(ids.TRY_EDIT_SHOWN, "data"),
        Input(ids.TRY_EDIT_SOURCE_FILE, "contents"),
    )


def _register_editing(app: Dash, services: Services, limit: int) -> None:
    @app.callback(
        Output(ids.TRY_EDIT_BEGUN, "data"),
        Output(ids.TRY_EDIT_TROUBLE, "children"),
        Input(ids.TRY_EDIT_OPEN, "n_clicks"),
        Input(ids.TRY_STATE, "data"),
    )
    def open_editor(_clicks: int | None, state: dict[str, Any] | None) -> tuple[Any, Any]:
        wanted = ctx.triggered_id == ids.TRY_EDIT_OPEN or one(state or {}, "sample")
        if not wanted or one(state or {}, "original"):
            return no_update, None
        try:
            return begin(services, resolve(services, state)), None
        except VitrineError as error:
            return no_update, refused(str(error))

    @app.callback(
        Output(ids.TRY_EDIT_KEPT, "data"),
        Output(ids.TRY_EDIT_MESSAGE, "children"),
        Input(ids.TRY_EDIT_FILE, "data"),
        prevent_initial_call=True,
    )
    def keep(file: dict[str, Any]) -> tuple[Any, Any]:
        try:
            upload = uploads.keep(services, uploads.content_of(str(file["contents"]), limit))
        except VitrineError as error:
            return {"digest": None, "number": file["number"]}, refused(str(error))
        return {"digest": upload.digest, "number": file["number"]}, None

    @app.callback(
        Output(ids.TRY_EDIT, "hidden"),
        Output(ids.TRY_EDIT_SUBJECT, "data"),
        Input(ids.TRY_STATE, "data"),
    )
    def show(state: dict[str, Any] | None) -> tuple[Any, Any]:
        original, upload = (one(state or {}, name) for name in ("original", "upload"))
        if not original or not upload:
            return True, None
        return False, {"original": original, "upload": upload}

    @app.callback(
        Output(ids.TRY_EDIT_SOURCES, "children"),
        Input(ids.TRY_EDIT, "hidden"),
        State(ids.TRY_STATE, "data"),
    )
    def offer(hidden: bool, state: dict[str, Any]) -> Any:
        if hidden:
            return no_update
        try:
            context = resolve(services, state)
        except VitrineError:
            return None
        rows = services.samples.rows(View(context.dataset), spread(context.dataset.samples, _SOURCES))
        samples = [row.sample for row in rows]
        return sources([(one.sample_id, image_url(context.dataset.name, one.row, one.digest)) for one in samples])


def begin(services: Services, context: PageContext) -> dict[str, str]:
    """Makes the image of the address ready to be edited.

    Returns:
        What becomes of the address: `upload` and `original`, the digest of one and the same picture. It is smaller
        than what was given where that is too large to edit, so that before and after differ by the edit alone.

    Raises:
        NotFound: The upload is not kept any more, or there is no such sample.
        InvalidInput: The address names neither.
    """
    digest, sample_id = one(context.parameters, "upload"), one(context.parameters, "sample")
    if sample_id:
        sample = services.samples.by_id(View(context.dataset), sample_id).sample
        digest = uploads.keep(services, services.datasets.read(context.dataset.name, sample), any_format=True).digest
    if digest is None:
        raise InvalidInput(_("There is no image to edit yet; give one first"))
    picture = uploads.read(services, digest)
    if max(picture.size) > MOST:
        digest = uploads.keep_picture(services, picture, MOST).digest
    return {"upload": digest, "original": digest, "sample": ""}


def _register_comparing(app: Dash, services: Services) -> None:
    @app.callback(
        Output(ids.TRY_EDIT_BARS, "children"),
        Output(ids.TRY_EDIT_SHOWN, "data"),
        Input(ids.TRY_STATE, "data"),
        Input(ids.TRY_RETRY, "n_clicks"),
    )
    def compare(state: dict[str, Any] | None, _retries: int | None) -> tuple[Any, Any]:
        if not one(state or {}, "original") or not one(state or {}, "upload"):
            return None, None
        try:
            return _compared(services, resolve(services, state))
        except VitrineError as error:
            return refused(str(error)), {"upload": one(state or {}, "upload")}

    @app.callback(
        Output(ids.TRY_EDIT_MAPS, "children"),
        Output(ids.TRY_EDIT_CLOCK, "disabled"),
        Output(ids.TRY_EDIT_ASKED, "data"),
        Input(ids.TRY_EDIT_SHOWN, "data"),
        Input(ids.TRY_EDIT_CLOCK, "n_intervals"),
        State(ids.TRY_STATE, "data"),
        State(ids.TRY_EDIT_ASKED, "data"),
    )
    def explain(
        shown: dict[str, Any] | None, _ticks: int | None, state: dict[str, Any], asked: list[dict[str, Any]] | None
    ) -> tuple[Any, bool, Any]:
        try:
            payloads = _map_payloads(resolve(services, state), shown) if shown and "target" in shown else []
        except VitrineError:
            payloads = []  # the bars say why
        for payload in asked or []:
            if payload not in payloads:
                services.engine.leave("predict_image", payload)
        if not payloads:
            return None, True, []
        version = services.models.get(payloads[0]["model"], payloads[0]["version"])
        classes = class_names(version, services.datasets.get(payloads[0]["dataset"]))
        maps = [_seen_map(services, version, classes, payload, at) for at, payload in enumerate(payloads)]
        return map_pair(maps), all(one.overlay or one.problem for one in maps), payloads


def _compared(services: Services, context: PageContext) -> tuple[list[Component], dict[str, Any]]:
    """Decision and bars, and what is compared: the two digests with the class that both maps explain."""
    version = _version(context)
    original, upload = (str(one(context.parameters, name)) for name in ("original", "upload"))
    answer = services.engine.call(
        "probabilities",
        {
            "uploads": list(dict.fromkeys((original, upload))),
            "model": version.model,
            "version": version.version,
            "dataset": context.dataset.name,
        },
    )
    chosen, probabilities = one(context.parameters, "target"), answer["probabilities"]
    changes = changes_of(answer["classes"], probabilities[0], probabilities[-1], chosen)
    before, after = max(changes, key=lambda one: one.before), max(changes, key=lambda one: one.after)
    target = chosen or before.name
    shown = [decision(before, after, original != upload), change_bars(changes, target, ids.TRY_TARGET_CLASS)]
    return shown, {"original": original, "upload": upload, "target": target}


def changes_of(
    classes: list[str], before: list[float], after: list[float], also: str | None, count: int = _BARS
) -> list[Change]:
    """The classes that matter before or after, the most probable first, with the class `also` if there is one."""
    every = [Change(*values) for values in zip(classes, before, after, strict=True)]
    ranked = sorted(every, key=lambda change: -max(change.before, change.after))
    return ranked[:count] + [change for change in ranked[count:] if change.name == also]


def _map_payloads(context: PageContext, shown: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What task `predict_image` is asked for: the same class and method for both images."""
    version = _version(context)
    request = replace(request_of(context.parameters), target=str(shown["target"]))
    digests = dict.fromkeys((str(shown["original"]), str(shown["upload"])))
    return [
        {
            "upload": digest,
            "model": version.model,
            "version": version.version,
            "dataset": context.dataset.name,
            **asdict(request),
            "layers": list(request.layers),  # as it comes back from the page
        }
        for digest in digests
    ]


def _seen_map(
    services: Services, version: ModelVersion, classes: tuple[str, ...], payload: dict[str, Any], place: int
) -> SeenMap:
    title = _("Before: why “{target}”", target=payload["target"])
    if place:
        title = _("After: why “{target}”", target=payload["target"])
    tiny = version.preprocessing.image_size <= _TINY
    shown = SeenMap(title, uploads.seen_url(version, payload["upload"]), tiny)
    key = explanation_key(version, classes, payload["upload"], ExplanationRequest.of(payload))
    known = cached_explanation(services.cache, key)
    if known is not None:
        return replace(shown, overlay=map_url(known.key))
    try:
        answer = services.engine.ask("predict_image", payload)
    except VitrineError as error:
        return replace(shown, problem=str(error))
    if not answer.done:
        return shown
    if answer.value["explanation"] is None:
        return replace(shown, problem=str(answer.value["refused"]))
    return replace(shown, overlay=map_url(answer.value["explanation"]["key"]))


def _register_search(app: Dash, services: Services) -> None:
    @app.callback(
        Output(ids.TRY_FLIP_FOUND, "children"),
        Output(ids.TRY_FLIP_SEARCH, "data"),
        Output(ids.TRY_FLIP_CLOCK, "disabled"),
        Output(ids.TRY_FLIP_START, "hidden"),
        Output(ids.TRY_FLIP_STOP, "hidden"),
        Output(ids.TRY_FLIP_REGION, "src"),
        Output(ids.TRY_FLIP_REGION, "hidden"),
        Input(ids.TRY_FLIP_START, "n_clicks"),
        Input(ids.TRY_FLIP_STOP, "n_clicks"),
        Input(ids.TRY_FLIP_CLOCK, "n_intervals"),
        Input(ids.TRY_STATE, "data"),
        State(ids.TRY_FLIP_FILL, "value"),
        State(ids.TRY_FLIP_SEARCH, "data"),
        prevent_initial_call=True,
    )
    def search(
        _starts: int | None,
        _stops: int | None,
        _ticks: int | None,
        state: dict[str, Any],
        fill: str,
        sought: dict[str, Any] | None,
    ) -> tuple[Any, ...]:
        cause = ctx.triggered_id
        try:
            if cause == ids.TRY_FLIP_START:
                sought = _search_payload(resolve(services, state), fill)
            elif cause == ids.TRY_STATE and (not sought or _is_about(sought, state)):
                raise PreventUpdate
            elif cause in {ids.TRY_FLIP_STOP, ids.TRY_STATE}:
                if sought:
                    services.engine.leave("counterfactual", sought)
                return _search_view(None, None)
            if not sought:
                raise PreventUpdate
            answer = services.engine.ask("counterfactual", sought)
        except VitrineError as error:
            return _search_view(refused(str(error)), None)
        if not answer.done:
            return _search_view(flip_progress(answer.share), sought, running=True)
        found = flip_found(_flip(answer.value, sought["fill"]))
        return _search_view(found, sought, region=str(answer.value["key"]))


def _search_view(
    shown: Component | None, sought: dict[str, Any] | None, running: bool = False, region: str | None = None
) -> tuple[Any, ...]:
    """The properties that the search owns, in the order of its outputs."""
    source = f"/try/region/{region}.png" if region else None  # an empty address is a picture that is missing
    return shown, sought, not running, running, not running, source, region is None


def _search_payload(context: PageContext, fill: str) -> dict[str, Any]:
    version = _version(context)
    return {
        "upload": one(context.parameters, "upload"),
        "model": version.model,
        "version": version.version,
        "dataset": context.dataset.name,
        "fill": fill,
    }


def _is_about(sought: Mapping[str, Any], state: Mapping[str, Any]) -> bool:
    return bool(sought["upload"] == one(state, "upload")) and one(state, "original") is not None


def _flip(value: Mapping[str, Any], fill: str) -> Flip:
    return Flip(
        flipped=value["flipped"],
        target=value["target"],
        rival=value["rival"],
        hidden=len(value["segments"]),
        total=value["total"],
        share=value["share"],
        steps=[(int(hidden), float(first), float(second)) for hidden, first, second in value["steps"]],
        passes=value["passes"],
        seconds=value["seconds"],
        edit=value["edit"],
        fill=fill,
    )


def _version(context: PageContext) -> ModelVersion:
    if context.version is None:
        raise InvalidInput(_("There is no model for {name} yet; add one with `model add`", name=context.dataset.name))
    return context.version


def _region(services: Services, key: str) -> Response:
    try:
        path = services.cache.get(COUNTERFACTUAL_CACHE, key, ".png")
        if path is None:
            abort(404)
        with Image.open(path) as mask:
            drawn = outline(mask.convert("L"))
    except (VitrineError, OSError):
        abort(404)
    buffer = io.BytesIO()
    drawn.save(buffer, "PNG")
    return Response(buffer.getvalue(), mimetype="image/png", headers=_LASTING)


def outline(mask: Image.Image, width: int = 5) -> Image.Image:
    """Draws around a region: a light line inside and a dark one outside, to be seen on any ground.

    Args:
        mask: Mode "L", 255 in the region. A small one is enlarged, so that the lines are fine.
        width: Of either line, in pixels of the answer.

    Returns:
        Mode "RGBA".
    """
    times = max(_OUTLINED // max(mask.size), 1)
    large = mask.resize((mask.width * times, mask.height * times), Image.Resampling.NEAREST)
    framed = ImageOps.expand(large, width + 1)  # a region at the border is closed there too
    box = (width + 1, width + 1, width + 1 + large.width, width + 1 + large.height)
    inner = framed.filter(ImageFilter.MinFilter(2 * width + 1)).crop(box)
    outer = framed.filter(ImageFilter.MaxFilter(2 * width + 1)).crop(box)
    drawn = Image.new("RGBA", large.size)
    drawn.paste((10, 14, 24, 235), mask=ImageChops.subtract(outer, large))
    drawn.paste((255, 209, 102, 255), mask=ImageChops.subtract(large, inner))
    return drawn
