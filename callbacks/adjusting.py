"""Adjusting without training: reads what is asked for, foretells from the run what it changes, and saves a version."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
from dash import Dash, Input, Output, State, ctx, no_update

from callbacks.context import PageContext, Parameters, one, resolve
from callbacks.guard import announced, notify
from callbacks.services import Services
from callbacks.shell import write_address
from data.adjustments import Adjustment, Draft, expected_shares
from data.errors import InvalidInput, NotFound, VitrineError
from data.text import gettext as _
from data.types import Dataset, Run
from inference.adjusting import Effect, Evidence, completed, effect, fit_temperature, measured, own_rule, read_evidence
from layouts import ids
from layouts.adjusting import ALL, AUTO, effect_cards, saved_line, split_options
from layouts.figures.calibration import reliability
from layouts.figures.comparison import confusion, shown_classes
from layouts.parts import empty_state, error_state

__all__ = ["drafted", "register"]

_PATIENCE = 120.0  # seconds: the weights of a large network are written
_EDITED = ("temperature", "threshold", "share", "on")
_PREFERRED = ("val", "valid", "validation", "dev", "test")


def register(app: Dash, services: Services) -> None:
    """Adds the callbacks of the section."""
    _register_draft(app, services)
    _register_effect(app, services)
    write_address(app, ids.ADJUST_STATE, ids.ADJUST_WRITTEN)

    @app.callback(
        Output(ids.ADJUST_SAVED, "children"),
        Input(ids.ADJUST_SAVE, "n_clicks"),
        State(ids.ADJUST_STATE, "data"),
        prevent_initial_call=True,
    )
    @announced()
    def save(clicks: int | None, draft: dict[str, Any] | None) -> Any:
        if not clicks:
            return no_update
        context = resolve(services, _plain(draft))
        run, evidence, split = _evidence(services, context, draft or {})
        adjustment, before, after = _effects(context, run, evidence, draft or {})
        if context.version is None or adjustment == own_rule(context.version):
            raise InvalidInput(_("Nothing is adjusted yet; change the temperature, a threshold or a share"))
        payload = {
            "model": context.version.reference,
            "adjustment": adjustment.facts(),
            "measured": measured(context.dataset, split, evidence, before, after),
        }
        made = services.engine.call("adjust_version", payload, timeout=_PATIENCE)
        reference = f"{made['model']}@{made['version']}"
        notify(_("Saved as {name}", name=reference))
        return saved_line(reference, context.dataset.name)


def _register_draft(app: Dash, services: Services) -> None:
    @app.callback(
        Output(ids.ADJUST_STATE, "data"),
        Output(ids.ADJUST_TEMPERATURE, "value"),
        Input(ids.ADJUST_SUBJECT, "data"),
        Input(ids.ADJUST_TEMPERATURE, "value"),
        Input(ids.ADJUST_SPLIT, "value"),
        Input(ids.ADJUST_GRID, "cellValueChanged"),
        Input(ids.ADJUST_CALIBRATE, "n_clicks"),
        Input(ids.ADJUST_RESET, "n_clicks"),
        State(ids.ADJUST_STATE, "data"),
    )
    @announced(outputs=2)
    def turn(
        state: dict[str, Any] | None,
        temperature: float | None,
        split: str | None,
        edits: list[dict[str, Any]] | None,
        _calibrations: int | None,
        _resets: int | None,
        draft: dict[str, Any] | None,
    ) -> tuple[Any, Any]:
        kept = state if draft is None else draft
        now = {
            **(state or {}),
            **{name: (kept or {}).get(name) for name in _EDITED},
            "on": None if split == AUTO else split,
        }
        if ctx.triggered_id == ids.ADJUST_RESET:
            now |= {"temperature": None, "threshold": None, "share": None}
            return _tidy(now), 1
        if ctx.triggered_id == ids.ADJUST_CALIBRATE:
            context = resolve(services, _plain(now))
            _run, evidence, _split = _evidence(services, context, now)
            temperature = fit_temperature(evidence)
        elif ctx.triggered_id == ids.ADJUST_GRID:
            try:
                edited = drafted(Draft.of(now), edits or [])
            except InvalidInput as error:
                notify(str(error), "danger")
                return _tidy(now), no_update  # so that the cell shows again what it was
            now |= {"threshold": None, "share": None, **edited.parameters()}
        now["temperature"] = None if temperature in (None, 1) else str(temperature)
        chosen = temperature if ctx.triggered_id == ids.ADJUST_CALIBRATE else no_update
        return _tidy(now), chosen


def drafted(draft: Draft, edits: list[dict[str, Any]]) -> Draft:
    """A draft with what was typed into the table; an empty cell is as by default again."""
    found = {"threshold": dict(draft.thresholds), "share": dict(draft.shares)}
    for edit in edits:
        name, value = str(edit["data"]["name"]), edit.get("value")
        if edit["colId"] not in found:
            continue
        found[edit["colId"]].pop(name, None)
        if value not in (None, ""):
            found[edit["colId"]][name] = value
    written = {column: [f"{name}:{value}" for name, value in values.items()] for column, values in found.items()}
    return Draft.of({"temperature": draft.temperature, **written})


def _register_effect(app: Dash, services: Services) -> None:
    @app.callback(
        Output(ids.ADJUST_EFFECT, "children"),
        Output(ids.ADJUST_CHARTS, "hidden"),
        Output(ids.ADJUST_RELIABILITY, "figure"),
        Output(ids.ADJUST_CONFUSION_A, "figure"),
        Output(ids.ADJUST_CONFUSION_B, "figure"),
        Output(ids.ADJUST_GRID, "rowData"),
        Output(ids.ADJUST_SPLIT, "options"),
        Input(ids.ADJUST_STATE, "data"),
        Input(ids.ADJUST_CHANGED, "data"),
        prevent_initial_call=True,
    )
    def show(draft: dict[str, Any] | None, _changed: Any) -> tuple[Any, ...]:
        try:
            context = resolve(services, _plain(draft))
            run, evidence, _split_of = _evidence(services, context, draft or {})
        except NotFound as error:
            shown = empty_state("sliders", _("Nothing to measure on yet"), str(error))
            return shown, True, *(no_update,) * 5
        except VitrineError as error:
            return error_state(str(error)), True, *(no_update,) * 5
        options = split_options(list(context.dataset.splits))
        try:
            _adjustment, before, after = _effects(context, run, evidence, draft or {})
            rows = _rows(run, evidence, before, after, Draft.of(draft or {}))
        except VitrineError as error:
            return error_state(str(error)), no_update, *(no_update,) * 4, options
        cards = effect_cards(
            (before.accuracy, after.accuracy), (before.ece, after.ece), after.changed, len(evidence.targets)
        )
        curves = [(found.confidence, found.right, found.weight) for found in (before, after)]
        matrices = _matrices(run, before, after)
        return cards, False, reliability(*curves), *matrices, rows, options


def _evidence(services: Services, context: PageContext, draft: Mapping[str, Any]) -> tuple[Run, Evidence, str | None]:
    """The run that is measured, what it says, and on which split; None for all samples."""
    if context.run is None:
        name = context.version.reference if context.version else "MODEL"
        raise NotFound(
            _("{name} was not applied to {dataset} yet", name=name, dataset=context.dataset.name)
            + f"; index {context.dataset.name} {name}"
        )
    split = _split(context.dataset, one(draft, "on"))
    return context.run, read_evidence(services.workspace, context.dataset, context.run, split), split


def _split(dataset: Dataset, asked: str | None) -> str | None:
    """The split that is asked for, else one that the network did not learn from."""
    if asked == ALL:
        return None
    if asked is not None and asked not in dataset.splits:
        raise InvalidInput.choice("on", asked, (ALL, *dataset.splits))
    return asked or next((name for name in _PREFERRED if name in dataset.splits), None)


def _effects(
    context: PageContext, run: Run, evidence: Evidence, draft: Mapping[str, Any]
) -> tuple[Adjustment, Effect, Effect]:
    """The adjustment, and how the version does without and with it; its own thresholds stay where none are given."""
    adjustment = Draft.of(draft).adjustment(run.classes, evidence.counts.tolist())
    if context.version is None:
        return adjustment, effect(evidence, Adjustment()), effect(evidence, adjustment)
    own, adjustment = own_rule(context.version), completed(adjustment, context.version)
    return adjustment, effect(evidence, own, own), effect(evidence, adjustment, own)


def _rows(run: Run, evidence: Evidence, before: Effect, after: Effect, draft: Draft) -> list[dict[str, Any]]:
    samples, decided = after.confusion.sum(1), (before.confusion.sum(0), after.confusion.sum(0))
    places = {run.classes.index(name): share for name, share in draft.shares.items()}
    shares = expected_shares(evidence.counts.tolist(), places)
    return [
        {
            "name": name,
            "samples": int(samples[place]),
            "before": int(decided[0][place]),
            "after": int(decided[1][place]),
            "right": int(after.confusion[place, place]),
            "threshold": draft.thresholds.get(name, 0.5),
            "share": round(shares[place], 4),
        }
        for place, name in enumerate(run.classes)
    ]


def _matrices(run: Run, before: Effect, after: Effect) -> tuple[go.Figure, go.Figure]:
    shown = shown_classes(before.confusion, after.confusion)
    names, cells = [run.classes[place] for place in shown], np.ix_(shown, shown)
    return confusion(names, before.confusion[cells]), confusion(names, after.confusion[cells])


def _plain(parameters: Parameters | None) -> dict[str, Any]:
    """The parameters that say what is looked at, without those of the draft."""
    return {name: value for name, value in (parameters or {}).items() if name not in (*_EDITED, "split")}


def _tidy(draft: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in draft.items() if value not in (None, "", [])}
