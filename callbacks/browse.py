"""Browse: one selection, as a gallery or as a table; controls change the page's state, and the state all the rest."""

from dataclasses import replace
from typing import Any

import dash_bootstrap_components as dbc
from dash import ALL, ClientsideFunction, Dash, Input, Output, State, html, no_update
from dash.development.base_component import Component

from callbacks.context import PageContext, cards, one, resolve
from callbacks.guard import announced, guarded
from callbacks.metadata import active_metadata, grid_values, offered_columns
from callbacks.services import Services
from callbacks.shell import write_address
from data.samples import Row
from data.selections import Selection
from data.text import gettext as _
from layouts import ids
from layouts.browse import COMPARED_TITLES, PAGE_SIZES, Chip, Summary, chips, columns, pager, sorts, summary
from layouts.filters import FEEDBACK_TITLES
from layouts.metadata import metadata_controls
from layouts.parts import empty_state, gallery, icon, thumb_url

__all__ = ["active_filters", "grid_row", "page_numbers", "register"]

MAX_GRID_BLOCK = 500


def register(app: Dash, services: Services) -> None:
    """Adds the page's callbacks."""

    @app.callback(
        Output(ids.BROWSE_GALLERY, "children"),
        Output(ids.BROWSE_SUMMARY, "children"),
        Output(ids.BROWSE_PAGER, "children"),
        Output(ids.BROWSE_CHIPS, "children"),
        Output(ids.BROWSE_LINKS, "children"),
        Output(ids.BROWSE_CLEAR, "href"),
        Input(ids.BROWSE_STATE, "data"),
    )
    @guarded(outputs=6)
    def show(state: dict[str, Any]) -> tuple[Any, ...]:
        context = resolve(services, state)
        return _results(services, context)

    @app.callback(
        Output(ids.BROWSE_GRID, "getRowsResponse"),
        Input(ids.BROWSE_GRID, "getRowsRequest"),
        State(ids.BROWSE_STATE, "data"),
        prevent_initial_call=True,
    )
    @announced()
    def fill_grid(request: dict[str, Any] | None, state: dict[str, Any]) -> Any:
        start, stop = ((request or {}).get(name) for name in ("startRow", "endRow"))
        if not isinstance(start, int) or not isinstance(stop, int):
            return no_update
        context = resolve(services, state)
        start = max(start, 0)
        rows = services.samples.page(context.view, context.selection, start, min(stop - start, MAX_GRID_BLOCK))
        total = services.samples.count(context.view, context.selection)
        metadata = grid_values(services, context.view, [row.sample.row for row in rows])
        cells = [grid_row(context, row) | values for row, values in zip(rows, metadata, strict=True)]
        return {"rowData": cells, "rowCount": total}

    @app.callback(
        Output(ids.BROWSE_SPLIT, "options"),
        Output(ids.BROWSE_SPLIT_BOX, "hidden"),
        Output(ids.BROWSE_LABEL, "options"),
        Output(ids.BROWSE_PREDICTION, "options"),
        Input(ids.BROWSE_FILTERS, "id"),
        State(ids.BROWSE_STATE, "data"),
    )
    @guarded(outputs=4)
    def offer(_shown: str, state: dict[str, Any]) -> tuple[Any, ...]:
        context = resolve(services, {**state, "lasso": "", "text": ""})
        classes = sorted(
            {*context.dataset.classes, *(context.run.classes if context.run else ())}, key=_natural(context)
        )
        splits = [{"label": f"{name} ({count:,})", "value": name} for name, count in context.dataset.splits.items()]
        none = not splits and not context.selection.splits
        return splits, none, list(context.dataset.classes), classes

    @app.callback(
        Output(ids.BROWSE_METADATA_BOX, "children"),
        Output(ids.BROWSE_METADATA_NAMES, "data"),
        Output(ids.BROWSE_GRID, "columnDefs"),
        Output(ids.BROWSE_SORT, "options"),
        Input(ids.BROWSE_FILTERS, "id"),
        State(ids.BROWSE_STATE, "data"),
    )
    @guarded(outputs=4, show=-1)
    def offer_metadata(_shown: str, state: dict[str, Any] | None) -> tuple[Any, ...]:
        context = resolve(services, state)
        offered, more = offered_columns(services, context.dataset)
        splits = bool(context.dataset.splits)
        if not offered:
            return no_update, no_update, no_update if splits else columns(splits=False), no_update
        names = [column.name for column in offered]
        controls = metadata_controls(offered, more, context.selection.to_parameters())
        return controls, names, columns(names, splits), sorts(names, context.selection.sort_metadata)

    _register_clientside(app)


def _register_clientside(app: Dash) -> None:
    write_address(app, ids.BROWSE_STATE, ids.BROWSE_WRITTEN)
    app.clientside_callback(
        ClientsideFunction("vitrine", "browseState"),
        Output(ids.BROWSE_STATE, "data"),
        Output(ids.BROWSE_GALLERY_BOX, "hidden"),
        Output(ids.BROWSE_GRID_BOX, "hidden"),
        Input(ids.BROWSE_TEXT, "value"),
        Input(ids.BROWSE_OUTCOME, "value"),
        Input(ids.BROWSE_SPLIT, "value"),
        Input(ids.BROWSE_LABEL, "value"),
        Input(ids.BROWSE_PREDICTION, "value"),
        Input(ids.BROWSE_CONFIDENCE, "value"),
        Input(ids.BROWSE_FEEDBACK, "value"),
        Input(ids.BROWSE_SORT, "value"),
        Input(ids.BROWSE_DESCENDING, "value"),
        Input(ids.BROWSE_SIZE, "value"),
        Input(ids.BROWSE_VIEW, "value"),
        Input({"type": ids.BROWSE_METADATA, "place": ALL, "part": ALL}, "value"),
        State(ids.BROWSE_STATE, "data"),
        State(ids.BROWSE_METADATA_NAMES, "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("vitrine", "browseRefreshGrid"),
        Output(ids.BROWSE_GRID_SYNC, "data"),
        Input(ids.BROWSE_STATE, "data"),
    )
    app.clientside_callback(
        ClientsideFunction("vitrine", "browseSortFromGrid"),
        Output(ids.BROWSE_SORT, "value"),
        Output(ids.BROWSE_DESCENDING, "value"),
        Input(ids.BROWSE_GRID, "getRowsRequest"),
        State(ids.BROWSE_STATE, "data"),
        prevent_initial_call=True,
    )


def _results(services: Services, context: PageContext) -> tuple[Any, ...]:
    counts = services.samples.counts(context.view, context.selection)
    size = one(context.parameters, "size") or "m"
    per_page = PAGE_SIZES.get(size, PAGE_SIZES["m"])
    pages = max(-(-counts.selected // per_page), 1)
    page = min(max(_whole(one(context.parameters, "page")), 1), pages)
    rows = services.samples.page(context.view, context.selection, (page - 1) * per_page, per_page)
    first, last = (page - 1) * per_page + 1, (page - 1) * per_page + len(rows)
    if one(context.parameters, "view") == "table":
        first, last = 0, 0
    news = context.selection.outcome is None
    line = Summary(first, last, counts.selected, counts.total, counts.right * news, counts.wrong * news)
    look = {name: value for name in ("size", "view") if (value := one(context.parameters, name))}
    addresses = {place: context.address("/browse", **look, page=str(place)) for place in page_numbers(page, pages)}
    return (
        _listed(context, rows, size),
        summary(line),
        pager(page, pages, addresses),
        chips([chip for _name, chip in active_filters(context, "/browse", look)]),
        _doors(context),
        _bare(context, look),
    )


def _listed(context: PageContext, rows: list[Row], size: str) -> Component | list[Component]:
    if not rows:
        clear = dbc.Button(_("Clear all filters"), href=_bare(context, {}), outline=True, color="primary", size="sm")
        return empty_state("filter", _("No sample matches"), _("Take a filter off, or clear them all."), clear)
    shown = gallery(cards(context, rows), _("Samples"), size if size in PAGE_SIZES else "m")
    if context.run is None and context.version is not None:
        name, model = context.dataset.name, context.version.reference
        hint = _(
            "{model} has not been applied to {name} yet, so there are no predictions to show: ", model=model, name=name
        )
        command = f"python -m dashboard index {name} {model}"
        return [dbc.Alert([icon("info-circle"), hint, html.Code(command)], color="info", className="slim"), shown]
    return shown


def _doors(context: PageContext) -> list[Component]:
    """The ways to other pages that show the same selection."""
    doors = []
    if context.projections:
        doors.append(("bullseye", _("In embedding space"), "/embedding"))
    if context.run is not None:
        doors.append(("lightbulb", _("Why these?"), "/reasons"))
    if context.version is not None:
        doors.append(("layers", _("Explain these"), "/maps"))
    return [
        dbc.Button([icon(name), text], href=context.address(path), size="sm", outline=True, color="primary")
        for name, text, path in doors
    ]


def _bare(context: PageContext, look: dict[str, str]) -> str:
    return replace(context, selection=Selection()).address("/browse", **look)


def active_filters(context: PageContext, path: str, look: dict[str, str]) -> list[tuple[str, Chip]]:
    """Every filter that narrows the selection, each with the address of the page without it.

    Args:
        look: Parameters of the page besides the selection, which stay.

    Returns:
        (name of the selection's field, chip) pairs.
    """
    selection = context.selection

    def chip(field: str, words: str, /, **without: Any) -> tuple[str, Chip]:
        return field, Chip(words, replace(context, selection=replace(selection, **without)).address(path, **look))

    found = []
    for field, text in (
        ("splits", _("split: {name}")),
        ("labels", _("label: {name}")),
        ("predictions", _("predicted: {name}")),
    ):
        values = getattr(selection, field)
        found += [
            chip(field, text.format(name=name), **{field: tuple(x for x in values if x != name)}) for name in values
        ]
    if selection.outcome:
        found.append(chip("outcome", _(str(selection.outcome)), outcome=None))
    if selection.compared:
        words = _(COMPARED_TITLES[selection.compared])
        found.append(chip("compared", _("compared: {name}", name=words), compared=None))
    if selection.low > 0 or selection.high < 1:
        words = _("confidence {low}–{high}", low=f"{selection.low:g}", high=f"{selection.high:g}")
        found.append(chip("confidence", words, low=0.0, high=1.0))
    if selection.text:
        found.append(chip("text", _("name contains “{text}”", text=selection.text), text=""))
    if selection.feedback:
        words = _(FEEDBACK_TITLES[selection.feedback]).lower()
        found.append(chip("feedback", _("feedback: {name}", name=words), feedback=None))
    found += [chip("metadata", words, metadata=rest) for words, rest in active_metadata(selection.metadata)]
    if selection.lasso:
        found.append(chip("lasso", _("lasso"), lasso=None))
    return found


def grid_row(context: PageContext, row: Row) -> dict[str, Any]:
    """One row of the table, with the fields that its columns and their renderers in the browser read."""
    sample = row.sample
    return {
        "thumb": thumb_url(context.dataset.name, sample.row, sample.digest),
        "href": context.sample_address(sample),
        "tiny": max(sample.width, sample.height) <= 64,
        "sample_id": sample.sample_id,
        "split": sample.split,
        "label": sample.label,
        "prediction": row.prediction,
        "outcome": None if row.correct is None else ("right" if row.correct else "wrong"),
        "outcome_text": None if row.correct is None else (_("right") if row.correct else _("wrong")),
        "confidence": row.confidence,
        "feedback": _(FEEDBACK_TITLES[row.feedback]) if row.feedback else None,
    }


def page_numbers(page: int, pages: int) -> list[int]:
    """The pages that are offered: the ends, and those around the current one."""
    return sorted({1, pages, *range(max(page - 2, 1), min(page + 2, pages) + 1)})


def _whole(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 1


def _natural(context: PageContext) -> Any:
    """The dataset's own order of classes; those that only the model knows come after it, by name."""
    places = {name: place for place, name in enumerate(context.dataset.classes)}
    return lambda name: (places.get(name, len(places)), name)
