"""Removing a dataset, once a person has seen what goes with it."""

from typing import Any

from dash import Dash, Input, Output, State, ctx, no_update, set_props

from callbacks.context import one
from callbacks.guard import announced, notify
from callbacks.services import Services
from data.removal import remove_dataset
from data.text import gettext as _
from data.usage import dataset_size
from layouts import ids
from layouts.removing import Loss, loss, megabytes

__all__ = ["loss_of", "register"]


def register(app: Dash, services: Services) -> None:
    """Adds the callbacks of the question."""

    @app.callback(
        Output(ids.DATASETS_MODAL, "is_open"),
        Output(ids.DATASETS_REMOVE_TEXT, "children"),
        Input(ids.DATASETS_REMOVE, "n_clicks"),
        Input(ids.DATASETS_KEEP, "n_clicks"),
        State(ids.DATASETS_STATE, "data"),
        prevent_initial_call=True,
    )
    @announced(outputs=2)
    def ask(clicks: int | None, _kept: int | None, state: dict[str, Any] | None) -> tuple[Any, Any]:
        name = one(state or {}, "dataset")
        if ctx.triggered_id != ids.DATASETS_REMOVE or not clicks or name is None:
            return False, no_update
        return True, loss(loss_of(services, name))

    @app.callback(
        Output(ids.DATASETS_REMOVED, "data"),
        Input(ids.DATASETS_REMOVE_YES, "n_clicks"),
        State(ids.DATASETS_STATE, "data"),
        running=[(Output(ids.DATASETS_REMOVE_YES, "disabled"), True, False)],
        prevent_initial_call=True,
    )
    @announced()
    def remove(clicks: int | None, state: dict[str, Any] | None) -> Any:
        name = one(state or {}, "dataset")
        if not clicks or name is None:
            return no_update
        removed = remove_dataset(services.datasets, services.thumbnails, name)
        notify(_("{name} is removed; {size} are free again", name=name, size=megabytes(removed.freed)))
        set_props(ids.SHELL_GO, {"data": "/datasets"})
        return name


def loss_of(services: Services, name: str) -> Loss:
    """What goes with a dataset.

    Raises:
        NotFound: There is no such dataset.
    """
    dataset = services.datasets.get(name)
    runs = services.runs.list(name)
    size = dataset_size(services.workspace, name, [run.id for run in runs])
    return Loss(name, dataset.samples, tuple(run.reference for run in runs), size, dataset.source)
