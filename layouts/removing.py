"""Removing a dataset: what would go, and whether a person means it."""

from dataclasses import dataclass

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from data.text import gettext as _
from data.text import ngettext
from layouts import ids
from layouts.parts import icon, number

__all__ = ["Loss", "loss", "megabytes", "removal"]


@dataclass(frozen=True, slots=True)
class Loss:
    """What goes with a dataset; `size` is in bytes, and `stays` where its source lies."""

    name: str
    samples: int
    runs: tuple[str, ...]
    size: int
    stays: str


def removal() -> Component:
    """The button, hidden until a dataset is shown, and the question that it asks."""
    return html.Div(
        [
            dcc.Store(id=ids.DATASETS_REMOVED),
            html.Button(
                [icon("trash"), html.Span(_("Remove this dataset…"))],
                id=ids.DATASETS_REMOVE,
                className="btn btn-sm btn-outline-danger",
            ),
            dbc.Modal(
                [
                    dbc.ModalHeader(dbc.ModalTitle(_("Remove the dataset?")), close_button=False),
                    dbc.ModalBody(id=ids.DATASETS_REMOVE_TEXT),
                    dbc.ModalFooter(
                        [
                            html.Button(
                                _("Keep it"),
                                id=ids.DATASETS_KEEP,
                                className="btn btn-outline-secondary",
                                autoFocus="true",
                            ),
                            html.Button(
                                [icon("trash"), html.Span(_("Remove"))],
                                id=ids.DATASETS_REMOVE_YES,
                                className="btn btn-danger",
                            ),
                        ]
                    ),
                ],
                id=ids.DATASETS_MODAL,
                centered=True,
            ),
        ],
        id=ids.DATASETS_REMOVE_BOX,
        hidden=True,
    )


def loss(found: Loss) -> Component:
    """What goes and what stays."""
    samples = ngettext("the table of {count} sample", "the table of {count} samples", found.samples)
    runs = ngettext("{count} run with its predictions", "{count} runs with their predictions", len(found.runs))
    named = ", ".join(found.runs[:8]) + ("…" if len(found.runs) > 8 else "")
    goes = [html.Li(samples), html.Li(f"{runs}: {named}") if found.runs else None]
    goes.append(html.Li(_("{size} on the disk", size=megabytes(found.size))))
    return html.Div(
        [
            html.P([html.Strong(found.name), _(" goes for good, for everybody:")]),
            html.Ul(goes),
            html.P(_("Its source, what people said about its samples, and the models stay."), className="quiet"),
            html.P(found.stays, className="quiet source-line"),
        ]
    )


def megabytes(size: int) -> str:
    """Bytes as people read them."""
    return f"{number(round(size / 1e6))} MB" if size >= 1e7 else f"{size / 1e6:.2f} MB"
