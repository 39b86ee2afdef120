"""One unit on the Inside page: its image while it forms, its dossier, where it answers, and what it is good for."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from dash import Dash, Input, Output, ctx, no_update

from callbacks.guard import guarded
from callbacks.looking import Subject, subject_of
from callbacks.services import Services
from data.errors import VitrineError
from data.text import gettext as _
from data.types import Sample
from inference.visualisation.keys import (
    EVIDENCE_CACHE,
    ablation_key,
    cached_facts,
    evidence_key,
    seen,
    visualisation_key,
)
from inference.visualisation.summary import Units, read_units
from layouts import ids
from layouts.figures.inside import answers, ascent
from layouts.parts import input_url, map_url, number, percent
from layouts.unit import (
    Ablation,
    Relative,
    Strike,
    ablation,
    answer_chart,
    class_pushes,
    head,
    relatives,
    samples_box,
    trouble,
)
from layouts.vision import progress

__all__ = ["ablation_of", "register"]

_SHOWN = 12  # samples at either end
_CLASSES = 10
_RELATIVES = 8
_TINY = 96  # pixels; below, a picture is enlarged pixel by pixel


def register(app: Dash, services: Services) -> None:
    """Adds the callbacks of the unit's side of the page."""
    _register_vision(app, services)

    @app.callback(
        Output(ids.INSIDE_HEAD, "children"),
        Output(ids.INSIDE_DOSSIER, "children"),
        Output(ids.INSIDE_ABLATION_BOX, "hidden"),
        Input(ids.INSIDE_STATE, "data"),
        Input(ids.INSIDE_INSPECTED, "data"),
    )
    @guarded(outputs=3)
    def show(state: dict[str, Any] | None, _inspected: str | None) -> tuple[Any, ...]:
        subject = subject_of(services, state)
        if subject is None:
            return (no_update,) * 3
        units = _units(subject)
        return _head(subject, units), _dossier(services, subject, units), subject.run is None or subject.unit is None

    @app.callback(
        Output(ids.INSIDE_EVIDENCE, "children"),
        Output(ids.INSIDE_EVIDENCE_CLOCK, "disabled"),
        Input(ids.INSIDE_STATE, "data"),
        Input(ids.INSIDE_INSPECTED, "data"),
        Input(ids.INSIDE_EVIDENCE_CLOCK, "n_intervals"),
    )
    @guarded(outputs=2)
    def show_evidence(state: dict[str, Any] | None, _inspected: str | None, _ticks: int | None) -> tuple[Any, ...]:
        subject = subject_of(services, state)
        units = _units(subject) if subject else None
        if subject is None or units is None:
            return None, True
        return _evidence(services, subject, units)

    @app.callback(
        Output(ids.INSIDE_ABLATION, "children"),
        Output(ids.INSIDE_ABLATE, "hidden"),
        Output(ids.INSIDE_ABLATION_CLOCK, "disabled"),
        Input(ids.INSIDE_STATE, "data"),
        Input(ids.INSIDE_ABLATE, "n_clicks"),
        Input(ids.INSIDE_ABLATION_CLOCK, "n_intervals"),
    )
    @guarded(outputs=3)
    def show_ablation(state: dict[str, Any] | None, _clicks: int | None, _ticks: int | None) -> tuple[Any, ...]:
        subject = subject_of(services, state)
        if subject is None or subject.run is None:
            return None, True, True
        return _ablation(services, subject, asked=ctx.triggered_id != ids.INSIDE_STATE)


def _register_vision(app: Dash, services: Services) -> None:
    outputs = (
        Output(ids.INSIDE_PICTURE, "src"),
        Output(ids.INSIDE_PICTURE, "alt"),
        Output(ids.INSIDE_PICTURE, "className"),
        Output(ids.INSIDE_CURVE, "figure"),
        Output(ids.INSIDE_PROGRESS, "children"),
        Output(ids.INSIDE_CANCEL, "hidden"),
        Output(ids.INSIDE_AGAIN, "hidden"),
        Output(ids.INSIDE_SAVE, "href"),
        Output(ids.INSIDE_SAVE, "hidden"),
        Output(ids.INSIDE_RECIPE, "href"),
        Output(ids.INSIDE_RECIPE, "hidden"),
        Output(ids.INSIDE_VISION_CLOCK, "disabled"),
    )

    @app.callback(
        *outputs,
        Input(ids.INSIDE_STATE, "data"),
        Input(ids.INSIDE_VISION_CLOCK, "n_intervals"),
        Input(ids.INSIDE_CANCEL, "n_clicks"),
        Input(ids.INSIDE_AGAIN, "n_clicks"),
    )
    def form(
        state: dict[str, Any] | None, _ticks: int | None, _cancels: int | None, _again: int | None
    ) -> tuple[Any, ...]:
        try:
            subject = subject_of(services, state)
            if subject is None or (subject.unit is None and subject.request.objective == "unit"):
                return (no_update,) * len(outputs)
            return _vision(services, subject, cancelled=ctx.triggered_id == ids.INSIDE_CANCEL)
        except VitrineError as error:
            told = progress(str(error), False)
            return *(no_update,) * 4, told, True, False, no_update, True, no_update, True, True


def _vision(services: Services, subject: Subject, cancelled: bool) -> tuple[Any, ...]:
    """The image as far as it is there; asks for it unless it is done or was cancelled."""
    request = subject.request
    key = visualisation_key(subject.version, subject.dataset, request)
    payload = subject.task(requests=[asdict(request)])
    if cancelled:
        services.engine.leave("visualise", payload)
    known = seen(services.cache, key)
    busy = not cancelled and not (known and known["done"])
    if busy:
        busy = not services.engine.ask("visualise", payload).done
        known = seen(services.cache, key)
    curve = known["curve"] if known else []
    units = _units(subject)
    best = None
    if units is not None and request.objective == "unit" and not request.minimise and request.unit < units.count:
        best = float(units.arrays["highest"][request.unit])
    done = bool(known and known["done"])
    address = f"/media/vision/{key}.png?step={len(curve)}{'&v=' + key[:12] if done else ''}" if known else None
    tiny = subject.version.preprocessing.image_size <= _TINY
    return (
        address,
        _("Image that excites {what}", what=_what(subject)),
        "picture pixels" if tiny else "picture",
        ascent(curve, best),
        progress(_told(known, busy, best, request.steps), busy),
        not busy,
        busy or done,
        address,
        not done,
        f"/media/vision/{key}.json",
        not done,
        not busy,
    )


def _what(subject: Subject) -> str:
    request = subject.request
    if request.objective == "logit":
        return request.target
    if request.objective == "difference":
        return _("{target} against {contrast}", target=request.target, contrast=request.contrast)
    if request.objective == "direction":
        return _("units {units} of {layer}", units=request.direction, layer=subject.layer)
    return _("unit {n} of {layer}", n=request.unit, layer=subject.layer)


def _told(known: Mapping[str, Any] | None, busy: bool, best: float | None, steps: int) -> str:
    if known is None:
        return _("Beginning…") if busy else _("Nothing yet")
    if busy:
        return _("Step {n} of {steps}", n=known["step"], steps=steps)
    if not known["done"]:
        return _("Stopped at step {n}", n=known["step"])
    value = f"{max(known['values'], key=abs):.3g}"
    if best is not None and best > 0:
        return _("{value}, {times} × the best sample", value=value, times=f"{max(known['values']) / best:.1f}")
    return _("{value} after {n} steps", value=value, n=known["step"])


def _units(subject: Subject) -> Units | None:
    """What is known of the layer's units; None unless it was inspected."""
    return read_units(subject.inspection) if subject.inspection and subject.inspection.done else None


def _head(subject: Subject, units: Units | None) -> Any:
    at = subject.unit
    if at is None:
        return trouble(_("Choose a unit on the wall."))
    turns: list[tuple[int, str] | None] = [(at - 1, subject.address(unit=str(at - 1))) if at else None]
    last = units is not None and at + 1 >= units.count
    turns.append(None if last else (at + 1, subject.address(unit=str(at + 1))))
    if units is None or at >= units.count:
        missing = units is not None and at >= units.count
        words = _("There is no unit {n}; the layer has {count}.", n=at, count=units.count) if missing and units else ""
        return head(at, subject.layer, [], (None, None) if missing else tuple(turns), words)
    arrays = units.arrays
    facts = [
        (_("Strongest"), f"{arrays['highest'][at]:.3g}"),
        (_("Weakest"), f"{arrays['lowest'][at]:.3g}"),
        (_("Mean"), f"{arrays['mean'][at]:.3g}"),
        (_("Above 0 on"), percent(float(arrays["active"][at]), 0)),
    ]
    best = int(units.best_class()[at])
    if best >= 0:
        label = subject.dataset.classes[best]
        facts.append((_("Tells apart"), f"{label} ({units.selectivity()[at]:.2f})"))
    mark = ""
    if units.dead[at]:
        mark = _("Dead: no sample of the dataset moves it.")
    elif units.always[at]:
        mark = _("Always on: it answers to every sample of the dataset.")
    return head(at, subject.layer, facts, tuple(turns), mark)


def _dossier(services: Services, subject: Subject, units: Units | None) -> Any:
    at = subject.unit
    if at is None or units is None or subject.inspection is None or at >= units.count:
        return None
    arrays, classes = units.arrays, subject.dataset.classes
    histogram = np.asarray(subject.inspection.histograms()[at])
    figure = answers(histogram, classes, float(arrays["lowest"][at]), float(arrays["highest"][at]))
    order = np.argsort(-np.nan_to_num(arrays["auc"][at], nan=-1.0), kind="stable")[:_CLASSES]
    auc = [(classes[place], float(arrays["auc"][at][place])) for place in order if arrays["auc"][at][place] >= 0]
    pairs = zip(arrays["similar"][at][:_RELATIVES], arrays["correlation"][at][:_RELATIVES], strict=True)
    like = [
        Relative(int(other), subject.address(unit=str(int(other))), float(value)) for other, value in pairs if value > 0
    ]
    note = _("Heights are roots of counts, so that few strong answers are seen beside many weak ones.")
    return [answer_chart(figure, note), relatives(like, auc)]


def _evidence(services: Services, subject: Subject, units: Units) -> tuple[Any, bool]:
    """Samples at either end with maps, and the pushed classes; and whether all of it is there."""
    at, run = subject.unit, subject.run
    if at is None or run is None or at >= units.count:
        return None, True
    facts = cached_facts(services.cache, EVIDENCE_CACHE, evidence_key(subject.version, run.id, subject.layer, at))
    refused: Any = None
    if facts is None or any(services.cache.get("explanations", key, ".npy") is None for key in facts["maps"].values()):
        facts = None
        try:
            answer = services.engine.ask("unit_evidence", {**subject.parameters, "unit": at})
            if answer.done:
                facts = cached_facts(services.cache, EVIDENCE_CACHE, str(answer.value))
        except VitrineError as error:
            refused = trouble(str(error))
    pending = facts is None and refused is None
    ends = [_strikes(services, subject, units, end, facts) for end in ("top", "bottom")]
    note = _("The brighter, the more strongly the unit answers there; the number is its strongest answer.")
    parts = [samples_box(_("Samples that excite it most"), ends[0], note, pending), refused]
    if facts is not None:
        parts.append(class_pushes(facts["pushes"] and [(name, value) for name, value in facts["pushes"]]))
    least = _("Of samples that excite it equally little, the first are shown.")
    return [*parts, samples_box(_("Samples that excite it least"), ends[1], least, False)], not pending


def _strikes(
    services: Services, subject: Subject, units: Units, end: str, facts: Mapping[str, Any] | None
) -> Sequence[Strike]:
    at = subject.unit or 0
    rows = [int(row) for row in units.arrays[end][at][:_SHOWN]]
    values = units.arrays[f"{end}_values"][at]
    ceiling = max(float(units.arrays["highest"][at]), 1e-9)
    maps = facts["maps"] if facts else {}

    def strike(sample: Sample, value: float) -> Strike:
        key = maps.get(str(sample.row))
        return Strike(
            sample_id=sample.sample_id,
            href=subject.context.sample_address(sample),
            image=input_url(*subject.pictured, sample.row, sample.digest),
            overlay=map_url(key, f"{ceiling:.6g}") if key else "",
            value=value,
            label=sample.label,
            tiny=subject.version.preprocessing.image_size <= _TINY,
        )

    found = services.samples.rows(subject.view, rows)
    return [strike(row.sample, float(value)) for row, value in zip(found, values[:_SHOWN], strict=True)]


def _ablation(services: Services, subject: Subject, asked: bool) -> tuple[Any, bool, bool]:
    """What becomes of the predictions without the unit; whether to hide the button; whether nothing is under way."""
    at, run = subject.unit, subject.run
    if at is None or run is None:
        return None, True, True
    key = ablation_key(subject.version, run.id, subject.layer, at)
    facts = cached_facts(services.cache, EVIDENCE_CACHE, key)
    if facts is None and asked:
        try:
            answer = services.engine.ask("ablate_unit", {**subject.parameters, "unit": at})
        except VitrineError as error:
            return trouble(str(error)), False, True
        if not answer.done:
            words = _("Measuring: {share}", share=percent(answer.share or 0.0, 0))
            return progress(words, True), True, False
        facts = cached_facts(services.cache, EVIDENCE_CACHE, key)
    if facts is None:
        words = _("Sets the unit to 0 on up to {n} samples from all over the dataset.", n=number(1000))
        return words, False, True
    return ablation(ablation_of(facts)), True, True


def ablation_of(facts: Mapping[str, Any]) -> Ablation:
    """The result of the task `ablate_unit`, as the page shows it."""
    classes = [
        (name, int(count), before / count, after / count) for name, (count, before, after) in facts["classes"].items()
    ]
    classes.sort(key=lambda row: (-abs(row[3] - row[2]), row[0]))
    labelled = facts["labelled"]
    return Ablation(
        samples=int(facts["samples"]),
        changed=int(facts["changed"]),
        before=facts["right"] / labelled if labelled else None,
        after=facts["right_without"] / labelled if labelled else None,
        classes=classes[:12],
    )
