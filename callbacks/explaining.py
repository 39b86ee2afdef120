"""Explanations for a page: from the cache if they were computed before, else from the engine, else a clear reason."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, no_update
from dash.development.base_component import Component

from callbacks.context import PageContext, one, resolve
from callbacks.services import Services
from data.errors import EngineUnavailable, InvalidInput, VitrineError
from data.explanations import Explanation, ExplanationChoices, ExplanationRequest
from data.text import gettext as _
from data.types import ModelVersion, Run, Sample
from inference.catalogue import (
    EXPLANATIONS,
    FAMILIES,
    Method,
    cached_choices,
    cached_explanation,
    explanation_key,
    require_method,
)
from inference.errands import Answer
from layouts import ids
from layouts.explained import explaining, problem
from layouts.mapping import DEFAULT, ControlIds, about_method, class_options, file_links
from layouts.trust import evidence

__all__ = [
    "as_explanation",
    "ask_again_when_back",
    "ask_method",
    "ask_sample",
    "failed",
    "is_signed",
    "known_classes",
    "layer_options",
    "method_of",
    "method_options",
    "pass_ticks",
    "register_controls",
    "request_of",
    "sample_payload",
    "shown",
    "subject_of",
    "top_classes",
    "underway",
]

TOP = 5
_FILE_NAME = re.compile(r"[^\w@.-]+")
_FIELDS = tuple(field.name for field in fields(Explanation))
# The map's key, whether the map is hidden, evidence, whether the retry button is hidden, links to the map's files, and
# whether nobody needs to look again.
Shown = tuple[str, bool, Component, bool, list[Component], bool]


def ask_again_when_back(app: Dash, button: str) -> None:
    """Presses a button that asks the engine again by itself when the engine was away and is back."""
    app.clientside_callback(
        ClientsideFunction("pages", "askAgain"),
        Output(button, "n_clicks"),
        Input(ids.SHELL_ENGINE, "children"),
        State(button, "n_clicks"),
        prevent_initial_call=True,
    )


def register_controls(app: Dash, services: Services, controls: ControlIds) -> None:
    """What the controls of a page's maps offer, and what the browser draws with."""

    @app.callback(
        Output(controls.method, "options"),
        Output(controls.contrast, "options"),
        Output(controls.layers, "options"),
        Output(controls.layers_box, "hidden"),
        Output(controls.about, "children"),
        Input(controls.state, "data"),
        Input(controls.drawn, "data"),
    )
    def offer(state: dict[str, Any], _drawn: Any) -> tuple[Any, ...]:
        try:
            context = resolve(services, state)
            request = request_of(context.parameters)
        except VitrineError:  # the page says it
            return method_options(None, {}), no_update, no_update, True, None
        method = EXPLANATIONS[request.method]
        known = () if context.version is None else known_classes(context, context.version)
        choices = None if context.version is None else _choices(services, context.version)
        return (
            method_options(one(context.parameters, "method"), choices.unsuited if choices else {}),
            class_options(_("no other class"), [name for name in known if name != request.target], request.contrast),
            layer_options(method, choices, request.layers),
            not method.layers,
            about_method(_(method.title), [_(text) for text in _notes(method)], method.paper),
        )

    app.clientside_callback(
        ClientsideFunction("maps", "draw"),
        Output(controls.opacity_shown, "children"),
        Output(controls.above_shown, "children"),
        Input(controls.look, "value"),
        Input(controls.opacity, "value"),
        Input(controls.above, "value"),
        Input(controls.colours, "value"),
        Input(controls.shared, "value"),
    )


def pass_ticks(app: Dash, clock: str, tick: str, waiting: str) -> None:
    """Hands on the ticks of a clock while a callback is at rest.

    Asked anew before it has answered, a callback's answer would be thrown away, and so would every later one.

    Args:
        tick: Id of the store that takes the ticks.
        waiting: Id of what the callback draws.
    """
    app.clientside_callback(
        ClientsideFunction("maps", "passTick"),
        Output(tick, "data"),
        Input(clock, "n_intervals"),
        State(waiting, "id"),
        prevent_initial_call=True,
    )


def _choices(services: Services, version: ModelVersion) -> ExplanationChoices | None:
    """What can be chosen for a version; None while it is not known, which has a worker find it out."""
    found = cached_choices(services.cache, version)
    if found is not None or not services.engine.alive():
        return found
    try:
        answer = services.engine.ask("explanation_choices", {"model": version.model, "version": version.version})
    except VitrineError:  # the same reason is told where a map is missing
        return None
    return ExplanationChoices.of(answer.value) if answer.done else None


def _notes(method: Method) -> tuple[str, ...]:
    return tuple(filter(None, (method.note, method.limits, method.misleads)))


def method_options(chosen: str | None, unsuited: Mapping[str, str]) -> list[dict[str, Any]]:
    """The methods by family, those that do not suit with their reason.

    Args:
        chosen: What the address says; the first method goes without saying.
        unsuited: Why a method cannot work, by its name.
    """
    first = next(iter(EXPLANATIONS))
    options: list[dict[str, Any]] = []
    for family, heading in FAMILIES.items():
        members = [method for method in EXPLANATIONS.values() if method.family == family]
        if members:
            options.append({"label": _(heading), "value": f"({family})", "disabled": True})
        for method in members:
            reason = unsuited.get(method.name, "")
            options.append(
                {
                    "label": f"\u2003{_(method.title)}" + (f" ({reason})" if reason else ""),
                    "value": DEFAULT if method.name == first != chosen else method.name,
                    "disabled": bool(reason),
                }
            )
    return options


def layer_options(method: Method, choices: ExplanationChoices | None, chosen: Sequence[str]) -> list[dict[str, str]]:
    """The layers at which a method can look, in the order in which an image passes through them."""
    known = () if choices is None else choices.attention if method.family == "attention" else choices.layers
    return [{"label": name, "value": name} for name in dict.fromkeys([*known, *chosen])]


def known_classes(context: PageContext, version: ModelVersion) -> tuple[str, ...]:
    """The names of the version's outputs, as far as they are known without asking a worker."""
    if context.run is not None:
        return context.run.classes
    return version.classes or (context.dataset.classes if len(context.dataset.classes) == version.outputs else ())


def is_signed(explanation: Explanation | None) -> bool:
    """Whether the sign of the map's values means something."""
    if explanation is None:
        return False
    method = EXPLANATIONS.get(explanation.method)
    return explanation.contrast is not None or (method is not None and method.signed)


def method_of(name: str | None) -> str:
    """The method of that name, the first one if none is named.

    Raises:
        InvalidInput: There is no such method.
    """
    return require_method("method", name, EXPLANATIONS).name if name else next(iter(EXPLANATIONS))


def request_of(parameters: Mapping[str, Any]) -> ExplanationRequest:
    """What an address asks for.

    Raises:
        InvalidInput: There is no such method.
    """
    layers = one(parameters, "layers")
    return ExplanationRequest(
        method=method_of(one(parameters, "method")),
        target=one(parameters, "target"),
        contrast=one(parameters, "contrast"),
        layers=tuple(layers.split(",")) if layers else (),
    )


def ask_sample(
    services: Services,
    version: ModelVersion,
    run: Run | None,
    dataset: str,
    sample: Sample,
    request: ExplanationRequest,
) -> Answer:
    """Why the version decides as it does on a sample: an answer whose value is an `Explanation`.

    Args:
        run: Of the version on the dataset; it knows the classes that the cache's key needs.

    Raises:
        InvalidInput: The class or the method is not known.
        EngineUnavailable: It is not in the cache, and nobody can compute it now.
        TaskFailed: The computation ended in an error.
    """
    if run is not None:
        for name in (request.target, request.contrast):
            if name is not None and name not in run.classes:
                raise InvalidInput(_("{model} does not know the class “{name}”", model=run.reference, name=name))
        found = cached_explanation(services.cache, explanation_key(version, run.classes, sample.digest, request))
        if found is not None:
            return Answer(True, found)
    answer = ask_method(services, "explain", sample_payload(dataset, sample, version, request), request.method)
    return replace(answer, value=as_explanation(answer.value)) if answer.done else answer


def ask_method(services: Services, task: str, payload: Mapping[str, Any], method: str) -> Answer:
    """Waits for what is there in a moment, and looks after a dear method, so that no thread is held up meanwhile."""
    if EXPLANATIONS[method].dear:
        return services.engine.ask(task, payload)
    return Answer(True, services.engine.call(task, payload))


def sample_payload(dataset: str, sample: Sample, version: ModelVersion, request: ExplanationRequest) -> dict[str, Any]:
    """What task `explain` takes."""
    return {
        "dataset": dataset,
        "row": sample.row,
        "model": version.model,
        "version": version.version,
        **asdict(request),
    }


def as_explanation(answer: Mapping[str, Any]) -> Explanation:
    """A worker's answer as a value."""
    known = {name: answer[name] for name in _FIELDS if name in answer}
    return Explanation(**{**known, "shape": tuple(known["shape"])})


def shown(explanation: Explanation, subject: Mapping[str, str]) -> Shown:
    """The explanation as the properties of a panel.

    Args:
        subject: What it is about, as `callbacks.reproducing.recipe` takes it.
    """
    title = _(EXPLANATIONS[explanation.method].title)
    name = _FILE_NAME.sub("_", "-".join(filter(None, (subject.get("sample"), subject["model"], explanation.method))))
    files = file_links(explanation.key, name, {word: value for word, value in subject.items() if word != "sample"})
    return explanation.key, False, evidence(explanation, title, subject), True, files, True


def subject_of(version: ModelVersion, dataset: str, request: ExplanationRequest, **image: str) -> dict[str, str]:
    """What an explanation is about, for its recipe; `image` is `row` and `sample`, or `upload`."""
    return {"dataset": dataset, "model": version.reference, "layers": ",".join(request.layers), **image}


def underway(share: float | None) -> Shown:
    """How much of a dear map is done, as the properties of a panel, which then looks again."""
    return "", True, explaining(share), True, [], False


def failed(error: VitrineError) -> Shown:
    """Why there is no map, as the properties of a panel; what may pass by itself can be tried again."""
    passing = isinstance(error, EngineUnavailable)
    if passing:
        text = _("{reason}. The prediction, the neighbours seen before and your judgement still work.", reason=error)
        return "", True, problem(_("The engine does not answer"), text), False, [], True
    return "", True, problem(_("No explanation"), str(error)), isinstance(error, InvalidInput), [], True


def top_classes(classes: Sequence[str], probabilities: Sequence[float], count: int = TOP) -> list[tuple[str, float]]:
    """The most probable classes, the first of equals first."""
    order = sorted(range(len(classes)), key=lambda at: -float(probabilities[at]))[:count]
    return [(classes[at], float(probabilities[at])) for at in order]
