"""Models: gathers what the register knows of a version, and has a worker list the layers of its network."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, no_update

from callbacks.context import Parameters, one
from callbacks.guard import guarded
from callbacks.services import Services
from data.errors import VitrineError
from data.types import Dataset, ModelVersion, Run
from inference.catalogue import cached_architecture
from inference.class_names import unscored
from layouts import ids
from layouts.architecture import architecture_head, architecture_tree, not_described
from layouts.models import Measured, no_models, version_card, version_list

__all__ = ["chosen_version", "measured", "register"]

_PATIENCE = 60.0  # seconds: a large network is loaded first


def register(app: Dash, services: Services) -> None:
    """Adds the page's callbacks."""

    @app.callback(
        Output(ids.MODELS_VERSION, "children"),
        Output(ids.MODELS_LIST, "children"),
        Output(ids.MODELS_ARCHITECTURE_BOX, "hidden"),
        Input(ids.MODELS_STATE, "data"),
    )
    @guarded(outputs=3)
    def show(state: dict[str, Any] | None) -> tuple[Any, Any, Any]:
        versions = services.models.list()
        version = chosen_version(services, versions, state or {})
        if version is None:
            return no_models(), None, True
        runs: dict[str, list[Run]] = defaultdict(list)
        for run in sorted(services.runs.list(), key=lambda run: run.created_at, reverse=True):
            runs[run.reference].append(run)
        kept = {"dataset": one(state or {}, "dataset")}
        listed = version_list(versions, runs, version.reference, kept)
        datasets = {dataset.name: dataset for dataset in services.datasets.list()}
        return version_card(version, measured(version, runs, datasets)), listed, False

    @app.callback(
        Output(ids.MODELS_ARCHITECTURE, "children"),
        Output(ids.MODELS_LAYERS, "data"),
        Output(ids.MODELS_RETRY, "hidden"),
        Input(ids.MODELS_ARCHITECTURE_BOX, "hidden"),
        Input(ids.MODELS_RETRY, "n_clicks"),
        State(ids.MODELS_STATE, "data"),
    )
    @guarded(outputs=3)
    def list_layers(hidden: bool | None, _clicks: int | None, state: dict[str, Any] | None) -> tuple[Any, Any, Any]:
        version = None if hidden else chosen_version(services, services.models.list(), state or {})
        if version is None:
            return no_update, no_update, no_update
        architecture = cached_architecture(services.cache, version)
        if architecture is None:
            try:
                payload = {"model": version.model, "version": version.version}
                services.engine.call("architecture", payload, timeout=_PATIENCE)
            except VitrineError as error:
                return not_described(str(error)), [], False
            architecture = cached_architecture(services.cache, version)
        if architecture is None:  # evicted in this very moment
            return no_update, no_update, False
        return architecture_head(architecture), architecture_tree(architecture, version), True

    app.clientside_callback(
        ClientsideFunction("models", "drawLayers"),
        Output(ids.MODELS_DRAWN, "data"),
        Input(ids.MODELS_LAYERS, "data"),
        prevent_initial_call=True,
    )


def chosen_version(services: Services, versions: list[ModelVersion], parameters: Parameters) -> ModelVersion | None:
    """The version that the address names, else the newest; None where there is none at all.

    Raises:
        NotFound, InvalidInput: The address names one that does not exist.
    """
    reference = one(parameters, "model")
    if reference:
        return services.models.resolve(reference)
    return max(versions, key=lambda version: version.created_at, default=None)


def measured(
    version: ModelVersion, runs: Mapping[str, Sequence[Run]], datasets: Mapping[str, Dataset]
) -> list[Measured]:
    """The version's runs, newest first, each with a version of the same model to compare it with.

    Args:
        runs: Of all versions, by their references.
        datasets: By their names.
    """
    found = []
    for run in runs.get(version.reference, []):
        others = [
            other
            for reference, listed in runs.items()
            for other in listed
            if other.dataset == run.dataset and other.model == run.model and reference != version.reference
        ]
        # The nearest one before it, else the nearest after it.
        others.sort(key=lambda other: (other.version > version.version, abs(other.version - version.version)))
        known = datasets.get(run.dataset) if run.accuracy is None else None
        reason = unscored(version, known) if known else None
        found.append(Measured(run, others[0].reference if others else None, reason))
    return found
