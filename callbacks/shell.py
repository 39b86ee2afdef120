"""The frame's callbacks: pickers that follow the address, and the clock that tells what is running."""

from typing import Any
from urllib.parse import parse_qs

from dash import ClientsideFunction, Dash, Input, Output, State

from callbacks.context import EmptyWorkspace, PageContext, resolve
from callbacks.services import Services
from data.errors import VitrineError
from data.text import gettext as _
from data.types import Run
from layouts import ids
from layouts.parts import percent
from layouts.shell import MenuItem, engine_state, job_status, navigation

__all__ = ["parameters_of", "pickers", "register", "write_address"]

Option = dict[str, Any]
_CLIENT = "vitrine"


def register(app: Dash, services: Services, menu: tuple[MenuItem, ...]) -> None:
    """Adds the frame's callbacks."""

    @app.callback(
        Output(ids.SHELL_CONTEXT, "data"),
        Output(ids.SHELL_DATASET, "options"),
        Output(ids.SHELL_DATASET, "value"),
        Output(ids.SHELL_MODEL, "options"),
        Output(ids.SHELL_MODEL, "value"),
        Output(ids.SHELL_NAV, "children"),
        Input(ids.PAGES_LOCATION, "search"),
        Input(ids.PAGES_LOCATION, "pathname"),
    )
    def follow_address(search: str | None, path: str | None) -> tuple[Any, ...]:
        context, datasets, versions = pickers(services, parameters_of(search))
        carried = {name: value for name, value in context.items() if value}
        shown = navigation(menu, path or "/", carried)
        return context, datasets, context.get("dataset"), versions, context.get("model"), shown

    @app.callback(
        Output(ids.SHELL_STATUS, "children"),
        Output(ids.SHELL_ENGINE, "children"),
        Input(ids.SHELL_CLOCK, "n_intervals"),
    )
    def tell_status(_ticks: int | None) -> tuple[Any, Any]:
        return job_status(services.jobs.list(active=True)), engine_state(services.engine.alive())

    _register_clientside(app)


def _register_clientside(app: Dash) -> None:
    app.clientside_callback(
        ClientsideFunction(_CLIENT, "pick"),
        Output(ids.SHELL_WRITTEN, "data"),
        Input(ids.SHELL_DATASET, "value"),
        Input(ids.SHELL_MODEL, "value"),
        State(ids.SHELL_CONTEXT, "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction(_CLIENT, "go"),
        Output(ids.SHELL_WENT, "data"),
        Input(ids.SHELL_GO, "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction(_CLIENT, "setPerson"),
        Output(ids.SHELL_PERSON, "data"),
        Input(ids.SHELL_PERSON_INPUT, "value"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction(_CLIENT, "showPerson"),
        Output(ids.SHELL_PERSON_INPUT, "value"),
        Input(ids.SHELL_PERSON, "modified_timestamp"),
        State(ids.SHELL_PERSON, "data"),
    )
    app.clientside_callback(
        ClientsideFunction(_CLIENT, "toggleTheme"),
        Output(ids.SHELL_THEME_NAME, "data"),
        Input(ids.SHELL_THEME, "n_clicks"),
    )
    app.clientside_callback(
        ClientsideFunction(_CLIENT, "toggleMenu"),
        Output(ids.SHELL_MENU, "aria-expanded"),
        Input(ids.SHELL_MENU, "n_clicks"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction(_CLIENT, "showNotice"),
        Output(ids.SHELL_TOASTS, "title"),
        Input(ids.SHELL_NOTICE, "data"),
        prevent_initial_call=True,
    )


def write_address(app: Dash, state: str, written: str) -> None:
    """Keeps the address equal to a page's state, without showing the page anew.

    Args:
        state: Id of the page's state store, `<page>-state`.
        written: Id of a store that nothing else writes; it takes the address that was written.
    """
    app.clientside_callback(ClientsideFunction(_CLIENT, "writeUrl"), Output(written, "data"), Input(state, "data"))


def parameters_of(search: str | None) -> dict[str, Any]:
    """`?a=1&b=2&b=3` as {"a": "1", "b": ["2", "3"]}."""
    given = parse_qs((search or "").removeprefix("?"), keep_blank_values=True)
    return {name: values[0] if len(values) == 1 else values for name, values in given.items()}


def pickers(services: Services, parameters: dict[str, Any]) -> tuple[dict[str, str | None], list[Option], list[Option]]:
    """The chosen dataset and version, and what else could be chosen."""
    chosen = {name: parameters.get(name) for name in ("dataset", "model")}
    try:
        context = resolve(services, chosen)
    except EmptyWorkspace:
        return {"dataset": None, "model": None}, [], []
    except VitrineError:
        return _fallback(services)
    datasets = [{"label": dataset.name, "value": dataset.name} for dataset in context.datasets]
    reference = context.version.reference if context.version else None
    return {"dataset": context.dataset.name, "model": reference}, datasets, _versions(services, context)


def _fallback(services: Services) -> tuple[dict[str, str | None], list[Option], list[Option]]:
    """The address names what does not exist: nothing is chosen, and everything offered."""
    datasets = [{"label": dataset.name, "value": dataset.name} for dataset in services.datasets.list()]
    return {"dataset": None, "model": None}, datasets, []


def _versions(services: Services, context: PageContext) -> list[Option]:
    indexed: dict[str, Run] = {run.reference: run for run in context.runs}
    options: list[Option] = [
        {
            "label": f"{reference} · {percent(run.accuracy)}" if run.accuracy is not None else reference,
            "value": reference,
        }
        for reference, run in indexed.items()
    ]
    rest = [version.reference for version in services.models.list() if version.reference not in indexed]
    options += [{"label": _("{name} · not indexed here", name=reference), "value": reference} for reference in rest]
    return options
