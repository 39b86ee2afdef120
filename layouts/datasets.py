"""Datasets: what there is, what is in one, what could not be read, and how to remove one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dash_ag_grid as dag
from dash import dcc, html
from dash.development.base_component import Component

from data.text import gettext as _
from data.text import lazy, ngettext
from data.types import Dataset, Run
from layouts import ids
from layouts.adding import CHOOSE, wizard
from layouts.figures.theme import plot_words
from layouts.metadata import Column, value_text
from layouts.parts import empty_state, grid_words, icon, link, number, page_header, percent
from layouts.removing import removal

__all__ = ["Contents", "dataset_table", "detail", "layout", "metadata_table", "no_datasets"]

KINDS = {"text": lazy("text"), "number": lazy("number"), "boolean": lazy("yes or no")}
_MAX_RUNS = 50
_MAX_LISTED = 200
_MAX_VALUES = 8
_COLUMNS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("path", lazy("File"), {"flex": 2, "minWidth": 160, "tooltipField": "path"}),
    ("reason", lazy("Why it was set aside"), {"flex": 3, "minWidth": 200, "tooltipField": "reason"}),
)


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in the chosen dataset.

    Attributes:
        counts: Samples by class, all classes that have any.
        shown: How many of the classes the figure shows.
        unlabelled: Samples without a label.
        runs: On this dataset, newest first.
        columns: The first metadata columns; `more` further ones are not listed.
    """

    dataset: Dataset
    counts: Mapping[str, int]
    shown: int
    unlabelled: int
    runs: tuple[Run, ...]
    columns: tuple[Column, ...]
    more: int


def layout(**parameters: Any) -> Component:
    """The skeleton; everything on it is filled by callbacks."""
    adding = bool(parameters.get("add"))
    return html.Div(
        [
            dcc.Store(id=ids.DATASETS_STATE, data=parameters),
            dcc.Store(id=ids.DATASETS_WRITTEN),
            dcc.Store(id=ids.DATASETS_OPENED),
            page_header(
                _("Datasets"),
                _("The images that models are looked at with. A dataset never changes once it is added."),
                [] if adding else [_add_button()],
            ),
            wizard(parameters),
            html.Div(
                [
                    html.Div(id=ids.DATASETS_LIST),
                    html.Section(
                        [html.Div(id=ids.DATASETS_DETAIL), _histogram(), _quarantine(), removal()],
                        className="dataset-detail",
                    ),
                ],
                id=ids.DATASETS_BOX,
                className="dataset-box",
                hidden=adding,
            ),
        ],
        className="page page-datasets",
    )


def _add_button() -> Component:
    return html.A(
        [icon("plus"), html.Span(_("Add a dataset"))],
        href=link("/datasets", {"add": CHOOSE}),
        className="btn btn-sm btn-primary",
    )


def dataset_table(entries: Sequence[tuple[Dataset, int]], current: str) -> Component:
    """All datasets.

    Args:
        entries: Each with the number of runs on it.
        current: Name of the one that is shown below.
    """
    titles = (_("Dataset"), _("Samples"), _("Classes"), _("Splits"), _("Set aside"), _("Runs"), _("Added (UTC)"), "")
    head = html.Thead(html.Tr([html.Th(title, scope="col") for title in titles]))
    rows = [_row(dataset, runs, dataset.name == current, titles) for dataset, runs in entries]
    table = html.Table(
        [html.Caption(_("Datasets of this workspace"), className="visually-hidden"), head, html.Tbody(rows)],
        className="table dataset-table",
    )
    return html.Div(table, className="surface table-box")


def _row(dataset: Dataset, runs: int, current: bool, titles: Sequence[str]) -> Component:
    splits = ", ".join(f"{name} {number(count)}" for name, count in dataset.splits.items()) or "—"
    name = html.A(dataset.name, href=link("/datasets", {"dataset": dataset.name}), className="dataset-name")
    cells: list[Any] = [
        number(dataset.samples),
        number(len(dataset.classes)),
        splits,
        number(dataset.quarantined),
        number(runs),
        f"{dataset.created_at:%Y-%m-%d %H:%M}",
        html.A(
            [icon("grid-3x3-gap"), html.Span(_("Browse"))],
            href=link("/browse", {"dataset": dataset.name}),
            className="btn btn-sm btn-outline-primary",
            **{"aria-label": _("Browse {name}", name=dataset.name)},
        ),
    ]
    about = html.Div(f"{dataset.source} · {dataset.digest[:12]}", className="quiet source", title=dataset.source)
    return html.Tr(
        [
            html.Th([name, about], scope="row"),
            *(html.Td(cell, **{"data-title": title}) for title, cell in zip(titles[1:], cells, strict=True)),
        ],
        className="current" if current else None,
        **({"aria-current": "true"} if current else {}),
    )


def no_datasets() -> Component:
    """What stands in place of an empty list."""
    command = "python -m dashboard dataset add photos --source imagefolder:PATH"
    return empty_state(
        "database",
        _("No dataset yet"),
        html.Div([html.P(_("Add one here, or in a terminal:")), html.Pre(html.Code(command), tabIndex="0")]),
        _add_button(),
    )


def detail(contents: Contents) -> Component:
    """The chosen dataset: facts, metadata, runs; its figure and its quarantine stand below."""
    dataset = contents.dataset
    facts = [
        (_("Source"), dataset.source),
        (_("Digest"), dataset.digest),
        (_("Added (UTC)"), f"{dataset.created_at:%Y-%m-%d %H:%M:%S}"),
        (_("Samples"), number(dataset.samples)),
    ]
    if contents.unlabelled:
        facts.append((_("Without a label"), number(contents.unlabelled)))
    if dataset.has_masks:
        facts.append((_("Masks"), _("of the object, for every sample that has one")))
    return html.Div(
        [
            html.Div(
                [html.H2(dataset.name), html.Div(_doors(dataset), className="card-actions")], className="section-head"
            ),
            html.Dl([part for name, value in facts for part in (html.Dt(name), html.Dd(value))], className="pairs"),
            metadata_table(contents.columns, contents.more),
            _runs(dataset, contents.runs),
            _class_list(contents),
        ],
        className="surface",
    )


def _doors(dataset: Dataset) -> list[Component]:
    here = {"dataset": dataset.name}
    return [
        html.A(
            [icon("grid-3x3-gap"), html.Span(_("Open in Browse"))],
            href=link("/browse", here),
            className="btn btn-sm btn-primary",
        ),
    ]


def metadata_table(columns: Sequence[Column], more: int) -> Component | None:
    """The metadata columns with their types and what is in them."""
    if not columns:
        return None
    head = [html.Th(title, scope="col") for title in (_("Column"), _("Type"), _("Values"))]
    rows = [
        html.Tr(
            [html.Th(column.name, scope="row"), html.Td(_(KINDS.get(column.kind, column.kind))), html.Td(_in(column))]
        )
        for column in columns
    ]
    words = ngettext("{count} more column is not listed", "{count} more columns are not listed", more)
    return html.Div(
        [
            html.H3(_("Metadata")),
            html.Table([html.Thead(html.Tr(head)), html.Tbody(rows)], className="table table-sm"),
            html.P(words, className="quiet") if more else None,
        ],
        className="table-box",
    )


def _in(column: Column) -> str:
    if column.kind == "number":
        return "—" if column.low is None else f"{value_text(column.low)} – {value_text(column.high)}"
    if not column.choices:
        return _("many different values")
    listed = [f"{value_text(value)} ({number(samples)})" for value, samples in column.choices[:_MAX_VALUES]]
    return ", ".join(listed) + ("…" if len(column.choices) > _MAX_VALUES else "")


def _runs(dataset: Dataset, runs: Sequence[Run]) -> Component:
    if not runs:
        command = f"python -m dashboard index {dataset.name} MODEL"
        return html.P([_("No model has been applied yet. "), html.Code(command)], className="quiet")
    listed = [
        html.Li(
            html.A(
                f"{run.reference} · {percent(run.accuracy)}" if run.accuracy is not None else run.reference,
                href=link("/browse", {"dataset": dataset.name, "model": run.reference}),
                className="chip chip-still",
            )
        )
        for run in runs[:_MAX_RUNS]
    ]
    return html.Div([html.H3(_("Models applied to it")), html.Ul(listed, className="chips chip-list")])


def _class_list(contents: Contents) -> Component | None:
    """The figure in words, for keyboards and screen readers."""
    if not contents.counts:
        return None
    listed = [
        html.Li(
            html.A(f"{name} ({number(count)})", href=link("/browse", {"dataset": contents.dataset.name, "label": name}))
        )
        for name, count in list(contents.counts.items())[:_MAX_LISTED]
    ]
    left = len(contents.counts) - len(listed)
    rest = html.Li(_("and {n} more", n=number(left))) if left > 0 else None
    summary = html.Summary(_("The classes as a list"))
    return html.Details([summary, html.Ul([*listed, rest], className="class-list")], className="class-details")


def _histogram() -> Component:
    return html.Div(
        [
            html.H2(_("Samples by class")),
            html.P(id=ids.DATASETS_MORE, className="help-text"),
            dcc.Graph(
                id=ids.DATASETS_HISTOGRAM,
                config={"displayModeBar": False, "responsive": True, **plot_words()},
                className="class-histogram",
            ),
        ],
        id=ids.DATASETS_HISTOGRAM_BOX,
        className="surface",
        hidden=True,
    )


def _quarantine() -> Component:
    columns = [{"field": name, "headerName": _(title), **look} for name, title, look in _COLUMNS]
    return html.Div(
        [
            html.H2(_("Set aside")),
            html.P(_("These files could not be read when the dataset was added; all others were."), className="quiet"),
            html.Div(
                dag.AgGrid(
                    id=ids.DATASETS_QUARANTINE,
                    columnDefs=columns,
                    defaultColDef={"sortable": False, "resizable": True, "suppressHeaderMenuButton": True},
                    rowModelType="infinite",
                    dashGridOptions={
                        "cacheBlockSize": 100,
                        "maxBlocksInCache": 20,
                        "infiniteInitialRowCount": 1,
                        "tooltipShowDelay": 300,
                        "localeText": grid_words(),
                    },
                    enableEnterpriseModules=False,
                    style={"height": "320px"},
                    className="grid",
                ),
                className="grid-box",
            ),
        ],
        id=ids.DATASETS_QUARANTINE_BOX,
        className="surface",
        hidden=True,
    )
