"""Datasets: lists them, tells what is in the chosen one, and opens its samples."""

from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, no_update

from callbacks import adding, removing
from callbacks.context import EmptyWorkspace, PageContext, one, resolve
from callbacks.guard import announced, guarded
from callbacks.metadata import offered_columns
from callbacks.services import Services
from callbacks.shell import write_address
from data.samples import View
from data.selections import Selection
from data.text import gettext as _
from layouts import ids
from layouts.datasets import Contents, dataset_table, detail, no_datasets
from layouts.figures.datasets import class_histogram, histogram_height, shown_bars
from layouts.parts import number

__all__ = ["contents", "register"]

_BLOCK = 500


def register(app: Dash, services: Services) -> None:
    """Adds the page's callbacks."""

    @app.callback(
        Output(ids.DATASETS_LIST, "children"),
        Output(ids.DATASETS_DETAIL, "children"),
        Output(ids.DATASETS_MORE, "children"),
        Output(ids.DATASETS_HISTOGRAM, "figure"),
        Output(ids.DATASETS_HISTOGRAM, "style"),
        Output(ids.DATASETS_HISTOGRAM_BOX, "hidden"),
        Output(ids.DATASETS_QUARANTINE_BOX, "hidden"),
        Output(ids.DATASETS_REMOVE_BOX, "hidden"),
        Input(ids.DATASETS_STATE, "data"),
    )
    @guarded(outputs=8)
    def show(state: dict[str, Any] | None) -> tuple[Any, ...]:
        if one(state or {}, "add"):
            return (no_update,) * 8
        try:
            return _shown(services, resolve(services, {"dataset": one(state or {}, "dataset")}))
        except EmptyWorkspace:
            return no_datasets(), None, None, no_update, no_update, True, True, True

    @app.callback(
        Output(ids.DATASETS_QUARANTINE, "getRowsResponse"),
        Input(ids.DATASETS_QUARANTINE, "getRowsRequest"),
        State(ids.DATASETS_STATE, "data"),
        prevent_initial_call=True,
    )
    @announced()
    def fill_quarantine(request: dict[str, Any] | None, state: dict[str, Any] | None) -> Any:
        start, stop = ((request or {}).get(name) for name in ("startRow", "endRow"))
        name = one(state or {}, "dataset")
        if not isinstance(start, int) or not isinstance(stop, int) or name is None:
            return no_update
        found = services.datasets.quarantined(name)
        start = max(start, 0)
        shown = found[start : max(start, min(stop, start + _BLOCK))]
        return {"rowData": [{"path": bad.path, "reason": bad.reason} for bad in shown], "rowCount": len(found)}

    adding.register(app, services)
    removing.register(app, services)
    write_address(app, ids.DATASETS_STATE, ids.DATASETS_WRITTEN)
    app.clientside_callback(
        ClientsideFunction("pages", "datasetsOpen"),
        Output(ids.DATASETS_OPENED, "data"),
        Input(ids.DATASETS_HISTOGRAM, "clickData"),
        State(ids.DATASETS_STATE, "data"),
        prevent_initial_call=True,
    )


def contents(services: Services, context: PageContext) -> Contents:
    """What is in the context's dataset."""
    dataset = context.dataset
    counts = services.samples.counts(View(dataset), Selection()).labels
    columns, more = offered_columns(services, dataset)
    return Contents(
        dataset=dataset,
        counts=counts,
        shown=len(shown_bars(counts)),
        unlabelled=dataset.samples - sum(counts.values()),
        runs=context.runs,
        columns=tuple(columns),
        more=more,
    )


def _shown(services: Services, context: PageContext) -> tuple[Any, ...]:
    found = contents(services, context)
    runs = [run.dataset for run in services.runs.list()]
    entries = [(dataset, runs.count(dataset.name)) for dataset in context.datasets]
    bars = shown_bars(found.counts)
    return (
        dataset_table(entries, found.dataset.name),
        detail(found),
        _more(found),
        class_histogram(bars),
        {"height": f"{histogram_height(len(bars))}px"},
        not bars,
        not found.dataset.quarantined,
        False,
    )


def _more(found: Contents) -> str:
    hint = _("Click a bar to see its samples.")
    left = list(found.counts.values())
    hidden = len(left) - found.shown
    if not hidden:
        return hint
    samples = sum(sorted(left)[:hidden])
    return (
        _(
            "The largest {n} classes, and {more} more with {samples} samples.",
            n=number(found.shown),
            more=number(hidden),
            samples=number(samples),
        )
        + " "
        + hint
    )
