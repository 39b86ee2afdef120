"""Explanations for a page: from the cache if they were computed before, else from the engine, else a clear reason."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State
from dash.development.base_component import Component

from callbacks.context import one
from callbacks.services import Services
from data.errors import EngineUnavailable, InvalidInput, VitrineError
from data.text import gettext as _
from data.types import Explanation, ExplanationRequest, ModelVersion, Run, Sample
from inference.catalogue import EXPLANATIONS, cached_explanation, explanation_key, require_method
from layouts import ids
from layouts.explained import DEFAULT, problem
from layouts.parts import map_url
from layouts.trust import evidence

__all__ = [
    "as_explanation",
    "ask_again_when_back",
    "explain_sample",
    "failed",
    "method_of",
    "method_options",
    "request_of",
    "shown",
    "subject_of",
    "top_classes",
]

TOP = 5
_FIELDS = tuple(field.name for field in fields(Explanation))
# Map address, whether the map is hidden, evidence, whether the retry button is hidden.
Shown = tuple[str, bool, Component, bool]


def ask_again_when_back(app: Dash, button: str) -> None:
    """Presses a button that asks the engine again by itself when the engine was away and is back."""
    app.clientside_callback(
        ClientsideFunction("pages", "askAgain"),
        Output(button, "n_clicks"),
        Input(ids.SHELL_ENGINE, "children"),
        State(button, "n_clicks"),
        prevent_initial_call=True,
    )


def method_options(chosen: str | None) -> list[dict[str, str]]:
    """The explanation methods to choose from; the first goes without saying, unless the address says it."""
    first = next(iter(EXPLANATIONS))
    return [
        {"label": _(method.title), "value": DEFAULT if name == first != chosen else name}
        for name, method in EXPLANATIONS.items()
    ]


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


def explain_sample(
    services: Services,
    version: ModelVersion,
    run: Run | None,
    dataset: str,
    sample: Sample,
    request: ExplanationRequest,
) -> Explanation:
    """Why the version decides as it does on a sample.

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
            return found
    payload = {
        "dataset": dataset,
        "row": sample.row,
        "model": version.model,
        "version": version.version,
        **asdict(request),
    }
    return as_explanation(services.engine.call("explain", payload))


def as_explanation(answer: Mapping[str, Any]) -> Explanation:
    """A worker's answer as a value."""
    known = {name: answer[name] for name in _FIELDS}
    return Explanation(**{**known, "shape": tuple(known["shape"])})


def shown(explanation: Explanation, subject: Mapping[str, str]) -> Shown:
    """The explanation as the properties of a panel.

    Args:
        subject: What it is about, from `subject_of`.
    """
    title = _(EXPLANATIONS[explanation.method].title)
    return map_url(explanation.key), False, evidence(explanation, title, subject), True


def subject_of(version: ModelVersion, dataset: str, request: ExplanationRequest, **image: str) -> dict[str, str]:
    """What an explanation is about; `image` is `row` and `sample`, or `upload`."""
    return {"dataset": dataset, "model": version.reference, "layers": ",".join(request.layers), **image}


def failed(error: VitrineError) -> Shown:
    """Why there is no map, as the properties of a panel; what may pass by itself can be tried again."""
    passing = isinstance(error, EngineUnavailable)
    if passing:
        text = _("{reason}. The prediction, the neighbours seen before and your judgement still work.", reason=error)
        return "", True, problem(_("The engine does not answer"), text), False
    return "", True, problem(_("No explanation"), str(error)), isinstance(error, InvalidInput)


def top_classes(classes: Sequence[str], probabilities: Sequence[float], count: int = TOP) -> list[tuple[str, float]]:
    """The most probable classes, the first of equals first."""
    order = sorted(range(len(classes)), key=lambda at: -float(probabilities[at]))[:count]
    return [(classes[at], float(probabilities[at])) for at in order]
