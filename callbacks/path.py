"""Decision path: has a decision followed, draws what was found, and steps through it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, no_update

from callbacks import path_parts
from callbacks.context import Parameters, cards, one
from callbacks.followed import TASK, Followed, ask, followed_of
from callbacks.guard import guarded
from callbacks.services import Services
from callbacks.shell import write_address
from data.errors import EngineUnavailable, VitrineError
from data.paths import Ablation, DecisionPath
from data.text import gettext as _
from data.workspace import content_key
from inference.catalogue import cached_architecture
from inference.decision.comparing import partner
from inference.decision.keys import cached_ablation
from inference.errands import Answer
from inference.visualisation.keys import units_in
from layouts import ids
from layouts.figures.path import curve, graph, stylesheet
from layouts.mapping import target_options
from layouts.parts import error_state, help_text, input_url, percent
from layouts.path import NONE, no_model
from layouts.path_shown import curve_box, drawing, legend, status, subject_box
from layouts.path_walk import walk
from layouts.unit import trouble

__all__ = ["register"]

_ABLATION = "ablate_path"
_GRAPH = {"type": ids.PATH_GRAPH, "name": ALL}


def register(app: Dash, services: Services) -> None:
    """Adds the page's callbacks."""
    _register_show(app, services)
    _register_curve(app, services)
    _register_looking(app, services)
    _register_clientside(app)

    @app.callback(
        Output(ids.PATH_SUBJECT, "children"),
        Output(ids.PATH_TARGET, "options"),
        Output(ids.PATH_OTHER, "options"),
        Output(ids.PATH_LAYERS, "options"),
        Input(ids.PATH_STATE, "data"),
    )
    def offer(state: dict[str, Any] | None) -> tuple[Any, ...]:
        try:
            followed = followed_of(services, state)
        except VitrineError:  # what is wrong is told in place of the path
            followed = None
        return (None, *(no_update,) * 3) if followed is None else _offered(services, followed)


def _register_show(app: Dash, services: Services) -> None:
    outputs = (
        Output(ids.PATH_MESSAGE, "children"),
        Output(ids.PATH_STATUS, "children"),
        Output(ids.PATH_CANCEL, "hidden"),
        Output(ids.PATH_AGAIN, "hidden"),
        Output(ids.PATH_CLOCK, "disabled"),
        Output(ids.PATH_RESULT, "hidden"),
        Output(ids.PATH_DRAWN, "data"),
        Output(ids.PATH_ABOUT, "children"),
        Output(ids.PATH_GRAPH_BOX, "children"),
        Output(ids.PATH_LEGEND, "children"),
        Output(ids.PATH_TABLE, "children"),
        Output(ids.PATH_JSON, "href"),
    )
    kept = (no_update,) * 5

    @app.callback(
        *outputs,
        Input(ids.PATH_STATE, "data"),
        Input(ids.PATH_LIBRARY, "data"),
        Input(ids.PATH_CLOCK, "n_intervals"),
        Input(ids.PATH_CANCEL, "n_clicks"),
        Input(ids.PATH_AGAIN, "n_clicks"),
        State(ids.PATH_DRAWN, "data"),
        State(ids.SHELL_THEME_NAME, "data"),
    )
    def show(
        state: dict[str, Any] | None,
        library: str | None,
        _ticks: int | None,
        _cancels: int | None,
        _again: int | None,
        drawn: str | None,
        theme: str | None,
    ) -> tuple[Any, ...]:
        try:
            followed = followed_of(services, state)
            if followed is None:
                dataset = str((state or {}).get("dataset", ""))
                return no_model(dataset), None, True, True, True, True, "", *kept
            if ctx.triggered_id == ids.PATH_CANCEL:
                for side in followed.sides:
                    services.engine.leave(TASK, side.payload)
                return None, _("Stopped."), True, False, True, no_update, no_update, *kept
            found = [ask(services, followed.side)]
            if found[0][0] is not None and followed.beside is not None:
                followed = followed_of(services, state) or followed  # now that the stages are known
            if followed.beside is not None:
                found.append(ask(services, followed.beside) if found[0][0] is not None else (None, Answer(False)))
        except EngineUnavailable as error:
            return trouble(str(error)), None, True, False, True, True, "", *kept
        except VitrineError as error:
            return error_state(str(error)), None, True, True, True, True, "", *kept
        paths = [path for path, _answer in found if path is not None]
        if len(paths) < len(found):
            shares = [1.0 if answer is None else answer.share or 0.0 for _path, answer in found]
            share = sum(shares) / len(shares)
            told = status(_("Following the decision: {share}", share=percent(share, 0)), share or None)
            return None, told, False, True, False, True, "", *kept
        now = content_key([path.key for path in paths], bool(library))
        if now == drawn:
            return None, None, True, True, True, False, no_update, *kept
        shown = _drawn(services, followed, paths, bool(library), theme or "light")
        return None, None, True, True, True, False, now, *shown


def _register_curve(app: Dash, services: Services) -> None:
    @app.callback(
        Output(ids.PATH_CURVE, "children"),
        Output(ids.PATH_CURVE_CLOCK, "disabled"),
        Input(ids.PATH_DRAWN, "data"),
        Input(ids.PATH_CURVE_CLOCK, "n_intervals"),
        State(ids.PATH_STATE, "data"),
    )
    @guarded(outputs=2)
    def ablate(drawn: str | None, _ticks: int | None, state: dict[str, Any] | None) -> tuple[Any, ...]:
        followed = followed_of(services, state) if drawn else None
        path = None if followed is None else _known(services, followed)
        if followed is None or path is None:
            return no_update, True
        found = cached_ablation(services.cache, path.key)
        if found is None:
            try:
                answer = services.engine.ask(_ABLATION, followed.side.payload)
            except VitrineError as error:
                return trouble(str(error)), True
            if not answer.done:
                words = _("Taking units away: {share}", share=percent(answer.share or 0.0, 0))
                return curve_box(None, words, answer.share), False
            found = Ablation.of(answer.value)
        return curve_box(curve(found), path_parts.ablation_text(found)), True


def _register_looking(app: Dash, services: Services) -> None:
    @app.callback(
        Output(ids.PATH_WALK, "children"),
        Input(ids.PATH_STATE, "data"),
        Input(ids.PATH_DRAWN, "data"),
    )
    @guarded()
    def step(state: dict[str, Any] | None, drawn: str | None) -> Any:
        followed = followed_of(services, state) if drawn else None
        path = None if followed is None else _known(services, followed)
        if followed is None or path is None:
            return no_update
        return walk(path_parts.step_of(followed, path, min(followed.step or 0, len(path.stages))))

    @app.callback(
        Output(_GRAPH, "stylesheet"),
        Input(ids.PATH_STATE, "data"),
        Input(ids.SHELL_THEME_NAME, "data"),
    )
    def look(state: dict[str, Any] | None, theme: str | None) -> list[Any]:
        given = state or {}
        step = one(given, "step")
        looks = stylesheet(theme or "light", int(step) if step and step.isdigit() else None, _compared(given))
        return [looks] * len(ctx.outputs_list)

    @app.callback(
        Output(ids.PATH_HOVERED, "children"),
        Input(_GRAPH, "mouseoverNodeData"),
        Input(ids.PATH_DRAWN, "data"),
        State(ids.PATH_STATE, "data"),
    )
    @guarded()
    def hover(nodes: Sequence[Mapping[str, Any] | None], drawn: str | None, state: dict[str, Any] | None) -> Any:
        node = next((node for node in nodes if node and "unit" in node), None)
        followed = followed_of(services, state) if drawn and node else None
        shown = None
        if followed is not None and node is not None:
            of_b = node["of"] == "b" and followed.beside is not None
            side = followed.beside if of_b and followed.beside is not None else followed.side
            first, path = _known(services, followed), ask(services, side)[0]
            if first is not None and path is not None and int(node["stage"]) < len(first.stages):
                stage = first.stages[int(node["stage"])]
                place = partner(stage, path)
                shown = None if place is None else path_parts.hover(followed, side, path, place, int(node["unit"]))
        hint = _("Point at a unit to see where it answers in this image; click it to open its dossier.")
        return shown or help_text(hint)


def _register_clientside(app: Dash) -> None:
    write_address(app, ids.PATH_STATE, ids.PATH_WRITTEN)
    app.clientside_callback(
        ClientsideFunction("path", "library"),
        Output(ids.PATH_LIBRARY, "data"),
        Input(ids.PATH_BODY, "id"),
    )
    app.clientside_callback(
        ClientsideFunction("path", "state"),
        Output(ids.PATH_STATE, "data"),
        Input(ids.PATH_TURN, "data"),
        Input(ids.PATH_TARGET, "value"),
        Input(ids.PATH_UNITS, "value"),
        Input(ids.PATH_STAGES, "value"),
        Input(ids.PATH_STEPS, "value"),
        Input(ids.PATH_OTHER, "value"),
        Input(ids.PATH_BESIDE, "value"),
        Input(ids.PATH_LAYERS, "value"),
        State(ids.PATH_STATE, "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("path", "tap"),
        Output(ids.PATH_WENT, "data"),
        Input(_GRAPH, "tapNodeData"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("path", "picture"),
        Output(_GRAPH, "generateImage"),
        Input(ids.PATH_PNG, "n_clicks"),
        prevent_initial_call=True,
    )


def _offered(services: Services, followed: Followed) -> tuple[Any, ...]:
    """The sample, and what can be chosen."""
    context, side = followed.context, followed.side
    row, version = side.row, side.version
    (card,) = cards(context, [row])
    facts = [(_("Version"), version.reference)]
    if row.sample.label is not None:
        facts.append((_("Label"), row.sample.label))
    if row.prediction is not None:
        facts.append((_("Prediction"), f"{row.prediction} · {percent(row.confidence)}"))
    near = services.samples.neighbours_in_order(context.view, context.selection, row.sample.row)
    links = [(_("Sample"), "image", card.href)]
    if near.previous:
        links.append((_("Previous sample"), "arrow-left", followed.address(sample=near.previous)))
    if near.following:
        links.append((_("Next sample"), "arrow-right", followed.address(sample=near.following)))
    seen = input_url(version.model, version.version, context.dataset.name, row.sample.row, row.sample.digest)
    others = [{"label": _("none"), "value": NONE}]
    rest = [run.reference for run in context.runs if run.reference != version.reference]
    others += [{"label": reference, "value": reference} for reference in rest]
    architecture = cached_architecture(services.cache, version)
    listed = [layer.name for layer in architecture.layers if units_in(layer.shape)] if architecture else []
    listed += [name for name in followed.request.layers if name not in listed]
    return (
        subject_box(replace(card, image=seen), facts, links),
        target_options(side.classes, followed.request.target),
        others,
        listed,
    )


def _compared(given: Parameters) -> bool:
    return bool(one(given, "other") or one(given, "beside"))


def _known(services: Services, followed: Followed) -> DecisionPath | None:
    return ask(services, followed.side)[0]


def _drawn(
    services: Services, followed: Followed, paths: Sequence[DecisionPath], library: bool, theme: str
) -> tuple[Any, ...]:
    """What is said of the paths, graph, legend, table, and the address of the numbers."""
    path, other = paths[0], paths[1] if len(paths) > 1 else None
    partners = [None if other is None else partner(stage, other) for stage in path.stages]
    compared = other is not None

    def links(owner: DecisionPath, stage: int, unit: int) -> tuple[str, str]:
        side = followed.beside if owner is other and followed.beside is not None else followed.side
        return path_parts.picture_url(owner, stage, unit), path_parts.dossier(followed, side, owner, stage, unit)

    drawn = graph(path, other, partners, links)
    step = None if followed.step is None else min(followed.step, len(path.stages))
    return (
        path_parts.about_paths(services, followed, path, other),
        drawing(drawn, theme, step, compared) if library else None,
        legend(*path_parts.legend_of(compared)),
        path_parts.table_of(followed, path, other),
        f"/media/path/{path.key}.json",
    )
