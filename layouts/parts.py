"""Pieces that every page uses: headings, cards, badges, the gallery, empty and error states, links."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import quote, urlencode

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from data.text import gettext as _
from data.text import lazy

__all__ = [
    "ICONS",
    "Card",
    "empty_state",
    "empty_workspace",
    "error_state",
    "feedback_badge",
    "field",
    "gallery",
    "grid_url",
    "grid_words",
    "help_text",
    "icon",
    "image_url",
    "input_url",
    "link",
    "map_url",
    "mean_url",
    "number",
    "outcome_badge",
    "page_header",
    "percent",
    "stat_card",
    "thumb_url",
    "to_overview",
]

Child: TypeAlias = Component | str
FEEDBACK = {
    "confirm": ("check2-circle", lazy("Confirmed")),
    "relabel": ("tag", lazy("Relabelled")),
    "flag": ("flag-fill", lazy("Flagged")),
    "verdict": ("eye", lazy("Reason judged")),
    "tag": ("bookmark", lazy("Tagged")),
    "comment": ("chat-left-text", lazy("Comment")),
}
# The icons that the pages use; their shapes come from Bootstrap's own file, see dashboard/vendor.py.
ICONS = frozenset(
    {
        "activity", "arrow-90deg-left", "arrow-90deg-right", "arrow-clockwise",
        "arrow-counterclockwise", "arrow-down", "arrow-down-up", "arrow-left", "arrow-left-right",
        "arrow-repeat", "arrow-right", "arrow-up", "arrow-up-right", "aspect-ratio", "bar-chart",
        "brightness-high", "brush", "crop", "droplet-half", "eyedropper", "intersect",
        "bookmark", "box-arrow-up-right", "boxes", "bullseye", "camera", "chat-left-text", "check-circle",
        "check-circle-fill", "check2", "check2-circle", "chevron-down", "chevron-left", "chevron-right",
        "chevron-up", "circle-half", "clipboard", "clock", "clock-history", "cloud-arrow-up", "collection",
        "columns-gap", "compass", "cpu", "database", "diagram-3", "dot", "download", "eraser", "exclamation-circle",
        "exclamation-triangle", "exclamation-triangle-fill", "eye", "file-earmark-image", "filter", "flag",
        "flag-fill", "folder2-open", "fullscreen", "funnel", "gear", "graph-up", "grid", "grid-3x3-gap",
        "hand-index-thumb", "hourglass-split", "house", "image", "images", "inbox", "info-circle",
        "journal-text", "pentagon", "kanban", "keyboard", "layers", "lightbulb", "list", "list-check", "list-task", "lock",
        "magic", "moon-stars", "pause-circle", "pencil", "pencil-square", "people", "person", "play-circle",
        "plus", "plus-circle", "puzzle", "question-circle", "search", "send", "shuffle", "slash-circle",
        "sliders", "sort-down", "sort-up", "speedometer2", "stars", "stop-circle", "sun", "table", "tag",
        "tags", "terminal", "three-dots", "trash", "upload", "wifi-off", "x", "x-circle", "x-circle-fill",
        "x-lg", "zoom-in",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Card:
    """One sample in a gallery.

    Attributes:
        image: Address of the thumbnail.
        href: Where a click leads.
        confidence: Probability of `prediction`, in [0, 1].
        correct: Whether the prediction equals the label; None where one of them is missing.
        feedback: The kind that stands on the sample, if any; `given_label` is the class that it gives.
        tiny: Enlarged pixel by pixel instead of smoothly.
        note: One more line, the distance to a neighbour for instance.
        overlay: Address of a map to lay over the image; empty for none.
    """

    sample_id: str
    image: str
    href: str
    label: str | None = None
    prediction: str | None = None
    confidence: float | None = None
    correct: bool | None = None
    feedback: str | None = None
    given_label: str | None = None
    tiny: bool = False
    note: str = ""
    overlay: str = ""


def icon(name: str, label: str | None = None) -> Component:
    """An icon of `ICONS`; hidden from screen readers unless a label says what it means.

    Raises:
        ValueError: The icon is not among those that the stylesheet carries.
    """
    if name not in ICONS:
        raise ValueError(f"Icon {name!r} is not listed in layouts.parts.ICONS")
    spoken: dict[str, Any] = {"role": "img", "aria-label": label} if label else {"aria-hidden": "true"}
    return html.Span(className=f"icon icon-{name}", title=label, **spoken)


def link(path: str, parameters: Mapping[str, str | Sequence[str] | None] | None = None) -> str:
    """An address with parameters in a stable order; empty ones are left out."""
    given = {name: value for name, value in sorted((parameters or {}).items()) if value}
    query = urlencode(given, doseq=True, safe="/,:@", quote_via=quote)
    return f"{path}?{query}" if given else path


def thumb_url(dataset: str, row: int, digest: str) -> str:
    """The thumbnail of a sample; the digest makes it cacheable for ever."""
    return f"/media/thumb/{quote(dataset)}/{row}?v={digest[:12]}"


def image_url(dataset: str, row: int, digest: str) -> str:
    """The whole image of a sample, in a format that browsers show."""
    return f"/media/image/{quote(dataset)}/{row}?v={digest[:12]}"


def input_url(model: str, version: int, dataset: str, row: int, digest: str) -> str:
    """The image as the network sees it: resized and cropped."""
    return f"/media/input/{quote(model)}/{version}/{quote(dataset)}/{row}.png?v={digest[:12]}"


def map_url(key: str, scale: str = "auto") -> str:
    """A cached explanation as a transparent, coloured picture."""
    return f"/media/map/{quote(key)}.png?scale={quote(scale)}"


def grid_url(key: str, place: int, together: int | None = None, signed: bool = False) -> str:
    """A grid of an answer about many maps, as a transparent, coloured picture.

    Args:
        key: Of the answer, see `inference.reasons`.
        place: Of the grid in it.
        together: Place of another one with which it shares its scale.
    """
    more = [f"with={together}"] if together is not None else []
    more += ["signed=1"] if signed else []
    return f"/media/reason/{quote(key)}/{place}.png" + ("?" + "&".join(more) if more else "")


def mean_url(key: str) -> str:
    """The mean image of a group."""
    return f"/media/reason/mean/{quote(key)}.png"


def number(value: int) -> str:
    """1797 as 1,797."""
    return f"{value:,}"


def percent(value: float | None, digits: int = 1) -> str:
    """0.9315 as 93.2 %; an em dash for what is not known."""
    return "—" if value is None else f"{100 * value:.{digits}f} %"


def page_header(title: str, lead: Child | None = None, actions: Sequence[Component] = ()) -> Component:
    """The page's heading with one line on what it is for."""
    return html.Header(
        [
            html.Div([html.H1(title), html.P(lead, className="lead-line") if lead else None]),
            html.Div(list(actions), className="page-actions") if actions else None,
        ],
        className="page-header",
    )


def help_text(text: str) -> Component:
    """A quiet line that explains."""
    return html.P(text, className="help-text")


def field(label: str, control: Component, hint: str | None = None, control_id: str | None = None) -> Component:
    """A labelled control."""
    return html.Div(
        [
            dbc.Label(label, html_for=control_id or control.id, className="field-label"),
            control,
            html.Div(hint, className="form-text") if hint else None,
        ],
        className="field",
    )


def empty_state(
    icon_name: str, title: str, text: Child, action: Component | Sequence[Component] | None = None
) -> Component:
    """What a list shows while it has nothing to show, and what to do about it."""
    return html.Div(
        [
            html.Div(icon(icon_name), className="state-icon"),
            html.H2(title, className="state-title"),
            html.Div(text, className="state-text"),
            html.Div(action, className="state-action") if action else None,
        ],
        className="state",
    )


def error_state(message: str) -> Component:
    """What a page shows when it cannot do what its address asks for."""
    return html.Div(
        [
            html.Div(icon("exclamation-triangle"), className="state-icon"),
            html.H2(_("This cannot be shown"), className="state-title"),
            html.Div(message, className="state-text"),
            html.Div(to_overview(), className="state-action"),
        ],
        className="state state-error",
        role="alert",
    )


def to_overview() -> Component:
    """The way out of a page that has nothing to show."""
    return dbc.Button(_("Go to the overview"), href="/", outline=True, color="primary", size="sm")


def empty_workspace() -> Component:
    """The way in: the commands that bring the first content."""
    commands = (
        (_("Look around with the demo"), "python -m dashboard demo"),
        (_("Add your own images"), "python -m dashboard dataset add photos --source imagefolder:PATH"),
        (_("Add your network"), "python -m dashboard model add net --arch torchvision:resnet18 --weights FILE"),
        (_("Apply it to them"), "python -m dashboard index photos net"),
    )
    steps = [html.Li([html.Span(what), html.Pre(html.Code(command), tabIndex="0")]) for what, command in commands]
    return empty_state(
        "inbox",
        _("This workspace is empty"),
        html.Div(
            [
                html.P(_("Run one of these in a terminal; this page follows by itself.")),
                html.Ol(steps, className="commands"),
            ]
        ),
    )


def stat_card(title: str, value: Child, note: Child | None = None, icon_name: str | None = None) -> Component:
    """One figure with its name."""
    return html.Div(
        [
            html.Div([icon(icon_name) if icon_name else None, html.Span(title)], className="stat-title"),
            html.Div(value, className="stat-value"),
            html.Div(note, className="stat-note") if note else None,
        ],
        className="stat-card",
    )


def grid_words() -> dict[str, str]:
    """The table component's own words, for its option `localeText`."""
    return {"noRowsToShow": _("Nothing to show"), "loadingOoo": _("Loading…")}


def outcome_badge(correct: bool | None) -> Component | None:
    """Right or wrong, by sign and word, not by colour alone."""
    if correct is None:
        return None
    name, text, style = ("check2", _("right"), "right") if correct else ("x-lg", _("wrong"), "wrong")
    return html.Span([icon(name), html.Span(text)], className=f"outcome outcome-{style}")


def feedback_badge(kind: str, given_label: str | None = None) -> Component:
    """The judgement that stands on a sample."""
    name, text = FEEDBACK[kind]
    words = _("Relabelled {label}", label=given_label) if kind == "relabel" and given_label else _(text)
    return html.Span([icon(name), html.Span(words)], className=f"badge-feedback badge-{kind}")


def gallery(cards: Sequence[Card], label: str, size: str = "m") -> Component:
    """Thumbnails in a grid, each a link; arrow keys walk through them.

    Args:
        label: What the list is, for screen readers.
        size: `s`, `m` or `l`.
    """
    return html.Ul(
        [html.Li(_card(card)) for card in cards], className=f"gallery gallery-{size}", **{"aria-label": label}
    )


def _card(card: Card) -> Component:
    shown = [html.Img(src=card.image, alt=_alt(card), className="pixels" if card.tiny else None)]
    if card.overlay:
        shown.append(html.Img(src=card.overlay, alt="", className="card-map"))
    if card.correct is False:
        shown.append(html.Span([icon("x-lg"), _("wrong")], className="card-mark"))
    if card.feedback:
        name, text = FEEDBACK[card.feedback]
        shown.append(html.Span(icon(name, _(text)), className="card-feedback"))
    lines: list[Component] = []
    if card.prediction is not None:
        confidence = html.Span(f"{100 * (card.confidence or 0):.0f} %", className="card-confidence")
        lines.append(html.Span([html.Span(card.prediction, className="card-name"), confidence], className="card-line"))
    if card.label is not None and card.correct is not True:
        name = html.Span([html.Span(_("label "), className="card-key"), card.label], className="card-name")
        lines.append(html.Span(name, className="card-line"))
    if card.note:
        lines.append(html.Span(card.note, className="card-line card-note"))
    return html.A(
        [html.Span(shown, className="card-image"), html.Span(lines, className="card-text") if lines else None],
        href=card.href,
        title=card.sample_id,
        className="sample-card" + (" sample-wrong" if card.correct is False else ""),
    )


def _alt(card: Card) -> str:
    if card.label is not None and card.prediction is not None:
        return _(
            "{id}: label {label}, predicted {prediction}",
            id=card.sample_id,
            label=card.label,
            prediction=card.prediction,
        )
    if card.label is not None:
        return _("{id}: label {label}", id=card.sample_id, label=card.label)
    return card.sample_id
