"""One sample: what the model sees, what it says and why, what people said, and what lies near it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from data.text import gettext as _
from data.types import Sample
from layouts import ids
from layouts.explained import PanelIds, panel
from layouts.judging import judging
from layouts.mapping import ControlIds, difference, map_controls
from layouts.parts import Card, gallery, help_text, icon, number
from layouts.tiles import GridIds, method_grid

__all__ = ["CONTROLS", "GRID", "PANELS", "Place", "facts", "head", "layout", "neighbours"]

PANELS = {
    "a": PanelIds(
        panel=ids.SAMPLE_A,
        head=ids.SAMPLE_A_HEAD,
        image=ids.SAMPLE_A_IMAGE,
        map=ids.SAMPLE_A_MAP,
        files=ids.SAMPLE_A_FILES,
        clock=ids.SAMPLE_A_CLOCK,
        tick=ids.SAMPLE_A_TICK,
        bars=ids.SAMPLE_A_BARS,
        evidence=ids.SAMPLE_A_EVIDENCE,
        retry=ids.SAMPLE_A_RETRY,
    ),
    "b": PanelIds(
        panel=ids.SAMPLE_B,
        head=ids.SAMPLE_B_HEAD,
        image=ids.SAMPLE_B_IMAGE,
        map=ids.SAMPLE_B_MAP,
        files=ids.SAMPLE_B_FILES,
        clock=ids.SAMPLE_B_CLOCK,
        tick=ids.SAMPLE_B_TICK,
        bars=ids.SAMPLE_B_BARS,
        evidence=ids.SAMPLE_B_EVIDENCE,
        retry=ids.SAMPLE_B_RETRY,
    ),
}
CONTROLS = ControlIds(
    state=ids.SAMPLE_STATE,
    method=ids.SAMPLE_METHOD,
    target=ids.SAMPLE_TARGET,
    contrast=ids.SAMPLE_CONTRAST,
    layers=ids.SAMPLE_LAYERS,
    layers_box=ids.SAMPLE_LAYERS_BOX,
    about=ids.SAMPLE_ABOUT,
    look=ids.SAMPLE_LOOK,
    colours=ids.SAMPLE_COLOURS,
    opacity=ids.SAMPLE_OPACITY,
    opacity_shown=ids.SAMPLE_OPACITY_SHOWN,
    above=ids.SAMPLE_ABOVE,
    above_shown=ids.SAMPLE_ABOVE_SHOWN,
    shared=ids.SAMPLE_SHARED,
    drawn=ids.SAMPLE_DRAWN,
)
GRID = GridIds(
    state=ids.SAMPLE_STATE,
    opened=ids.SAMPLE_GRID_OPENED,
    tiles=ids.SAMPLE_GRID_TILES,
    clock=ids.SAMPLE_GRID_CLOCK,
    tick=ids.SAMPLE_GRID_TICK,
    memory=ids.SAMPLE_GRID_MEMORY,
    stop=ids.SAMPLE_GRID_STOP,
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the sample stands in the selection that the person walks through.

    Attributes:
        position: 1-based; None where the sample is not in the selection.
        filters: What the selection asks for, in words; empty for the whole dataset.
        previous, following: (sample_id, address) of the samples beside it.
        back: (title, icon, address) of the pages that show the same selection.
    """

    position: int | None
    total: int
    filters: tuple[str, ...]
    previous: tuple[str, str] | None
    following: tuple[str, str] | None
    back: tuple[tuple[str, str, str], ...]


def layout(**parameters: Any) -> Component:
    """The skeleton, its pickers as the address says."""
    return html.Div(
        [
            dcc.Store(id=ids.SAMPLE_STATE, data=parameters),
            dcc.Store(id=ids.SAMPLE_WRITTEN),
            dcc.Store(id=ids.SAMPLE_SUBJECT),
            dcc.Store(id=ids.SAMPLE_TURN),
            dcc.Store(id=ids.SAMPLE_CHOSEN),
            dcc.Store(id=ids.SAMPLE_ACTION),
            dcc.Store(id=ids.SAMPLE_RECORDED),
            dcc.Store(id=ids.SAMPLE_MARKS),
            dcc.Store(id=ids.SAMPLE_MARKS_SHOWN),
            html.Div(id=ids.SAMPLE_MESSAGE),
            html.Div(
                [
                    html.Div(id=ids.SAMPLE_HEAD),
                    html.Div([_looking(parameters), judging()], className="sample-columns"),
                ],
                id=ids.SAMPLE_BODY,
                hidden=True,
            ),
        ],
        className="page page-sample",
    )


def _looking(parameters: Mapping[str, Any]) -> Component:
    return html.Section(
        [
            html.Div([panel(PANELS["a"], marked=True), panel(PANELS["b"], hidden=True)], className="looks"),
            html.Div(map_controls(CONTROLS, parameters), className="surface"),
            difference(PANELS["a"].map, PANELS["b"].map, PANELS["a"].image),
            method_grid(GRID, ids.SAMPLE_GRID_OPEN, parameters),
            html.Div(
                [
                    html.H2(_("Nearest neighbours")),
                    help_text(_("The samples that look most alike to this version, with their cosine distance.")),
                    html.Div(id=ids.SAMPLE_NEIGHBOURS, className="neighbours"),
                ],
                className="surface neighbours-box",
            ),
        ],
        className="sample-looking",
        **{"aria-label": _("Image and explanation")},
    )


def head(sample: Sample, dataset: str, place: Place, whatif: str | None, path: str | None = None) -> Component:
    """Title, where the sample stands, and the way on and back.

    Args:
        whatif: Where the sample can be changed, if there is a version to ask; `path` where its decision is followed.
    """
    where = (
        _("{n} of {total}", n=number(place.position), total=number(place.total))
        if place.position is not None
        else _("not among the {total} of this selection", total=number(place.total))
    )
    filters = [html.Span(text, className="chip chip-still") for text in place.filters]
    return html.Header(
        [
            html.Div(
                [
                    html.Nav(
                        [
                            html.A([icon(icon_name), html.Span(title)], href=address)
                            for title, icon_name, address in place.back
                        ],
                        className="back-links",
                        **{"aria-label": _("Back to the selection")},
                    ),
                    html.H1(sample.sample_id, className="sample-title", title=sample.sample_id),
                    html.Div(
                        [html.Span(dataset), html.Span(sample.split) if sample.split else None, *filters],
                        className="sample-place quiet",
                    ),
                ],
                className="sample-head-words",
            ),
            html.Nav(
                [
                    html.A(
                        [icon("brush"), html.Span(_("What if…"))],
                        href=whatif,
                        className="btn btn-sm btn-outline-primary",
                        title=_("Change the image, and see what that makes of the decision (W)"),
                        **{"data-shortcut": "w", "aria-keyshortcuts": "w"},
                    )
                    if whatif
                    else None,
                    html.A(
                        [icon("diagram-3"), html.Span(_("Decision"))],
                        href=path,
                        className="btn btn-sm btn-outline-primary",
                        title=_("Follow the decision through the network"),
                    )
                    if path
                    else None,
                    _turn(place.previous, "arrow-left", _("Previous"), "ArrowLeft k"),
                    html.Span(where, className="sample-position", role="status"),
                    _turn(place.following, "arrow-right", _("Next"), "ArrowRight j"),
                ],
                className="turns",
                **{"aria-label": _("Walk through the selection")},
            ),
        ],
        className="sample-head",
    )


def _turn(to: tuple[str, str] | None, icon_name: str, text: str, keys: str) -> Component:
    """A link to a sample beside this one. A plain click turns the page in place; any other opens the address."""
    words = [icon(icon_name), html.Span(text)]
    words = words if icon_name == "arrow-left" else words[::-1]
    if to is None:
        return html.Span(words, className="btn btn-sm btn-outline-secondary disabled", **{"aria-disabled": "true"})
    return html.A(
        words,
        href=to[1],
        className="btn btn-sm btn-outline-secondary",
        title=f"{text} ({keys.replace('Arrow', '').replace(' ', ' / ')})",
        **{"data-shortcut": keys, "data-turn": to[0], "aria-keyshortcuts": keys},
    )


def neighbours(cards: Sequence[Card]) -> Component:
    """The nearest samples in embedding space, nearest first."""
    return gallery(cards, _("Nearest neighbours in embedding space, nearest first"), size="s")


def facts(sample: Sample, more: Sequence[tuple[str, str]], source: str) -> Component:
    """The sample's metadata.

    Args:
        more: Further (name, value) pairs, of the run for instance.
        source: Address of the whole image.
    """
    pairs = [
        (_("Sample"), sample.sample_id),
        (_("Row"), number(sample.row)),
        (_("Split"), sample.split or "—"),
        (_("Size"), f"{sample.width} × {sample.height}"),
        (_("Digest"), sample.digest[:16]),
        *more,
    ]
    return html.Div(
        [
            html.Dl([part for name, value in pairs for part in (html.Dt(name), html.Dd(value))], className="pairs"),
            html.A(
                [icon("box-arrow-up-right"), html.Span(_("Open the whole image"))],
                href=source,
                target="_blank",
                className="external",
            ),
        ]
    )
