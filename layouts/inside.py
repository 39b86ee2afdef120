"""Inside: a layer as a wall of units, one unit's dossier, and an image that forms because it excites it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from data.text import gettext as _
from data.text import lazy
from data.visualisations import VisualisationRequest
from layouts import ids
from layouts.parts import empty_state, field, help_text, icon, number, page_header
from layouts.unit import ablation_box
from layouts.vision import looking_box

__all__ = [
    "PICTURES",
    "SHOWN",
    "SORTS",
    "UnitCard",
    "layout",
    "no_model",
    "not_listed",
    "nothing_shown",
    "pager",
    "standing",
    "wall",
]

ACTIVE_MILLISECONDS = 700
SORTS = {
    "highest": lazy("Strongest answer"),
    "selectivity": lazy("Tells a class apart"),
    "active": lazy("Answers to most samples"),
    "mean": lazy("Mean activation"),
    "alike": lazy("Has a twin"),
    "unit": lazy("Number"),
}
SHOWN = {"all": lazy("All units"), "dead": lazy("Dead units"), "always": lazy("Always on")}
PICTURES = {"samples": lazy("Best sample"), "optimised": lazy("Optimised image")}


@dataclass(frozen=True, slots=True)
class UnitCard:
    """One unit on the wall.

    Attributes:
        image: Address of its picture; empty where there is none yet.
        focus: Where to look in it, (x, y) in shares from the upper left; None for all of it.
        note: The number it is sorted by.
        mark: What is odd about it.
    """

    number: int
    href: str
    image: str = ""
    focus: tuple[float, float] | None = None
    tiny: bool = False
    note: str = ""
    mark: str = ""
    pending: bool = False


def layout(**parameters: Any) -> Component:
    """The skeleton, its controls as the address says.

    Raises:
        InvalidInput: A value in the address is not allowed.
    """
    request = VisualisationRequest.of(parameters)
    return html.Div(
        [
            dcc.Store(id=ids.INSIDE_STATE, data=parameters),
            dcc.Store(id=ids.INSIDE_WRITTEN),
            dcc.Store(id=ids.INSIDE_TURN),
            dcc.Store(id=ids.INSIDE_INSPECTED),
            *(
                dcc.Interval(id=clock, interval=ACTIVE_MILLISECONDS, disabled=True)
                for clock in (
                    ids.INSIDE_WALL_CLOCK,
                    ids.INSIDE_VISION_CLOCK,
                    ids.INSIDE_EVIDENCE_CLOCK,
                    ids.INSIDE_ABLATION_CLOCK,
                )
            ),
            page_header(
                _("Inside"),
                _("What single units of the network look for, which samples excite them, and what they do."),
            ),
            html.Div(id=ids.INSIDE_MESSAGE),
            html.Div(
                [_toolbar(parameters), html.Div([_wall_box(), _dossier_box(request)], className="inside-columns")],
                id=ids.INSIDE_BODY,
                className="inside-body",
            ),
        ],
        className="page page-inside",
    )


def _toolbar(parameters: Mapping[str, Any]) -> Component:
    def select(title: str, control: str, options: Mapping[str, str], name: str) -> Component:
        given = str(parameters.get(name) or next(iter(options), ""))
        listed = [{"label": _(text), "value": value} for value, text in options.items()]
        chosen = given if given in options or not options else next(iter(options))
        return field(title, dbc.Select(id=control, value=chosen, options=listed, size="sm"))

    layer = str(parameters.get("layer") or "")
    return html.Div(
        [
            field(
                _("Layer"),
                dbc.Select(
                    id=ids.INSIDE_LAYER,
                    value=layer,
                    options=[{"label": layer, "value": layer}] if layer else [],
                    size="sm",
                ),
            ),
            select(_("Sorted by"), ids.INSIDE_SORT, SORTS, "sort"),
            select(_("Shown"), ids.INSIDE_SHOW, SHOWN, "show"),
            select(_("Pictures"), ids.INSIDE_PICTURES, PICTURES, "pictures"),
        ],
        className="filter-row inside-toolbar",
    )


def _wall_box() -> Component:
    return html.Section(
        [
            html.Div(
                [
                    html.Div(id=ids.INSIDE_STANDING, className="inside-standing", role="status"),
                    html.Button(
                        [icon("play-circle"), html.Span(_("Inspect this layer"))],
                        id=ids.INSIDE_INSPECT,
                        className="btn btn-sm btn-primary",
                        hidden=True,
                        title=_("Records what every unit gives for every sample, as a job"),
                    ),
                ],
                className="section-head",
            ),
            html.Div(id=ids.INSIDE_WALL),
        ],
        className="surface wall-box",
        **{"aria-label": _("Units of the layer")},
    )


def _dossier_box(request: VisualisationRequest) -> Component:
    return html.Div(
        [
            html.Div(id=ids.INSIDE_HEAD),
            looking_box(request),
            html.Div(id=ids.INSIDE_DOSSIER, className="dossier-parts"),
            html.Div(id=ids.INSIDE_EVIDENCE, className="dossier-parts"),
            ablation_box(),
        ],
        className="dossier",
    )


def wall(cards: Sequence[UnitCard], current: int | None, pager: Component | None) -> Component:
    """The units of one page, each a link; arrow keys walk through them."""
    listed = [html.Li(_card(card, card.number == current)) for card in cards]
    return html.Div(
        [html.Ul(listed, className="gallery gallery-s unit-wall", **{"aria-label": _("Units")}), pager],
    )


def _card(card: UnitCard, current: bool) -> Component:
    name = _("Unit {n}", n=card.number)
    style = {}
    if card.focus is not None:
        style = {"--x": f"{100 * card.focus[0]:.0f}%", "--y": f"{100 * card.focus[1]:.0f}%"}
    looks = "unit-picture" + (" pixels" if card.tiny else "") + (" focused" if card.focus else "")
    picture = (
        html.Img(src=card.image, alt="", className=looks, style=style)
        if card.image
        else html.Span(str(card.number), className="unit-blank", **{"aria-hidden": "true"})
    )
    return html.A(
        [
            html.Span([picture, html.Span(className="unit-pending") if card.pending else None], className="card-image"),
            html.Span(
                [
                    html.Span(
                        [html.Span(name, className="card-name"), html.Span(card.note, className="card-confidence")],
                        className="card-line",
                    ),
                    html.Span(card.mark, className="card-line unit-mark") if card.mark else None,
                ],
                className="card-text",
            ),
        ],
        href=card.href,
        title=name,
        className="sample-card unit-card" + (" current" if current else ""),
        **{"data-unit": str(card.number)},
        **({"aria-current": "true"} if current else {}),
    )


def pager(page: int, pages: int, addresses: tuple[str, str]) -> Component | None:
    """Back and forth between the pages of a wall; None where there is one only.

    Args:
        page: 1-based.
        addresses: Of the page before and the one after; empty at the ends.
    """
    if pages < 2:
        return None

    def turn(address: str, target: int, name: str, text: str) -> Component:
        if not address:
            return html.Span(
                icon(name), className="btn btn-sm btn-outline-secondary disabled", **{"aria-hidden": "true"}
            )
        return html.A(
            icon(name, text),
            href=address,
            className="btn btn-sm btn-outline-secondary",
            **{"data-page": str(target), "data-state": ids.INSIDE_STATE},
        )

    return html.Nav(
        [
            turn(addresses[0], page - 1, "chevron-left", _("Previous page")),
            html.Span(_("Page {n} of {pages}", n=number(page), pages=number(pages)), className="quiet"),
            turn(addresses[1], page + 1, "chevron-right", _("Next page")),
        ],
        className="unit-pager",
        **{"aria-label": _("Pages of units")},
    )


def standing(words: str, share: float | None = None, trouble: bool = False) -> Component:
    """What is known of the layer: one line, with a bar while it is being inspected."""
    bar = share is not None and html.Div(
        html.Div(className="progress-bar", style={"width": f"{100 * share:.1f}%"}),
        className="progress job-bar",
        role="progressbar",
        **{"aria-label": words, "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": f"{100 * share:.0f}"},
    )
    looks = "job-error" if trouble else "quiet"
    return html.Div([html.P(words, className=looks), bar or None])


def nothing_shown(shown: str) -> Component:
    """In place of a wall without units."""
    words = {
        "dead": _("No unit of this layer is dead: each answers to some sample."),
        "always": _("No unit of this layer is always on."),
    }
    return empty_state("check-circle", _("None"), words.get(shown, _("This layer has no units.")))


def no_model(dataset: str) -> Component:
    """In place of the page where no version was applied to the dataset."""
    command = html.Pre(html.Code(f"python -m dashboard index {dataset} MODEL"), tabIndex="0")
    text = html.Div([html.P(_("Choose a model version above, or apply one to this dataset in a terminal:")), command])
    return empty_state("boxes", _("No model to look into"), text)


def not_listed(reason: str) -> Component:
    """In place of the page while no worker can list the layers."""
    return empty_state(
        "cpu",
        _("The layers are not known yet"),
        html.Div([html.P(reason), help_text(_("Open the page again once the engine is ready."))]),
    )
