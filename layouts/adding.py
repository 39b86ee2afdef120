"""Adding a dataset, step by step: where it lies, a look at it, its name, and how far the work is."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import dash_bootstrap_components as dbc
import plotly.graph_objects as go
from dash import dcc, html
from dash.development.base_component import Component

from data.text import gettext as _
from data.text import lazy, ngettext
from data.types import Job, JobState
from layouts import ids
from layouts.figures.datasets import histogram_height
from layouts.jobs import live, outcome
from layouts.parts import field, icon, link, number

__all__ = [
    "BUILT_IN",
    "CHOOSE",
    "PREVIEW",
    "WATCH",
    "Choice",
    "Look",
    "Picture",
    "SourceRow",
    "choose",
    "look",
    "progress",
    "refused",
    "steps",
    "wizard",
]

CHOOSE, PREVIEW, WATCH = "choose", "preview", "watch"
BUILT_IN = {
    "digits": lazy("Handwritten digits, 1,797 images of 8 × 8 pixels"),
    "shapes": lazy("Generated shapes with a trap in them, 2,000 images of 64 × 64 pixels"),
}
_STEPS = {CHOOSE: lazy("Choose a source"), PREVIEW: lazy("Look at it"), WATCH: lazy("Add it")}


@dataclass(frozen=True, slots=True)
class SourceRow:
    """Something in the list of a folder; `opens` leads into a folder, `takes` to its preview."""

    name: str
    icon: str
    opens: str | None
    takes: str


@dataclass(frozen=True, slots=True)
class Choice:
    """What can be chosen.

    Attributes:
        roots: (name, address) of the operator's folders; empty where none is set.
        trail: (name, address) from the root down to the folder that is listed; empty before a root is chosen.
        rows: What is in that folder.
        takes: Address of the preview of the folder itself.
        others: Further files in it.
        whole: Whether `rows` is all there is.
        problem: Why the folder cannot be listed.
    """

    roots: tuple[tuple[str, str], ...]
    trail: tuple[tuple[str, str], ...] = ()
    rows: tuple[SourceRow, ...] = ()
    takes: str = ""
    others: int = 0
    whole: bool = True
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """One item of a preview; exactly one of `thumbnail` (WebP) and `problem` is given."""

    name: str
    label: str | None
    thumbnail: bytes | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class Look:
    """A preview, in figures and words.

    Attributes:
        source: As it is written on the command line.
        facts: (name, value) pairs.
        hidden: Classes for which the figure has no room.
        partly: Whether only a part of the source was read.
    """

    source: str
    facts: tuple[tuple[str, str], ...]
    pictures: tuple[Picture, ...]
    figure: go.Figure | None
    bars: int
    hidden: int
    partly: bool


def wizard(parameters: Mapping[str, Any]) -> Component:
    """The skeleton, hidden while nobody adds anything; the steps are filled by callbacks.

    Each one has a ticket of its own, under which its preview can be given up.
    """
    step = parameters.get("add")
    form = html.Div(
        [
            field(
                _("Name of the dataset"),
                dbc.Input(id=ids.DATASETS_NAME, type="text", maxlength=64, autocomplete="off", required=True),
            ),
            html.Button([icon("plus"), html.Span(_("Add"))], id=ids.DATASETS_ADD, className="btn btn-primary"),
        ],
        id=ids.DATASETS_FORM,
        className="surface add-form",
        hidden=True,
    )
    return html.Section(
        [
            dcc.Store(id=ids.DATASETS_TICKET, data=uuid4().hex),
            dcc.Store(id=ids.DATASETS_STOPPED),
            dcc.Store(id=ids.DATASETS_SUBMITTED),
            dcc.Store(id=ids.DATASETS_CANCELLED),
            dcc.Interval(id=ids.DATASETS_CLOCK, interval=1000, disabled=step != WATCH),
            html.Div(id=ids.DATASETS_STEP, className="wizard-body"),
            form,
            html.Div(
                [
                    dcc.Loading(html.Div(id=ids.DATASETS_PREVIEW), delay_show=300, className="loading"),
                    _cancel(ids.DATASETS_STOP),
                ],
                className="wizard-preview",
                hidden=step != PREVIEW,
            ),
            html.Div(
                [html.Div(id=ids.DATASETS_PROGRESS, role="status"), _cancel(ids.DATASETS_CANCEL)],
                className="surface add-progress",
                hidden=step != WATCH,
            ),
        ],
        id=ids.DATASETS_WIZARD,
        className="wizard",
        hidden=not step,
        **{"aria-label": _("Add a dataset")},
    )


def _cancel(control: str) -> Component:
    return html.Button(
        [icon("stop-circle"), html.Span(_("Cancel"))],
        id=control,
        className="btn btn-sm btn-outline-secondary",
        hidden=True,
    )


def steps(current: str) -> Component:
    """Where the person is, and the way back."""
    listed = [
        html.Li(
            _(title),
            className="wizard-step current" if name == current else "wizard-step",
            **({"aria-current": "step"} if name == current else {}),
        )
        for name, title in _STEPS.items()
    ]
    back = html.A([icon("x"), html.Span(_("Back to the datasets"))], href="/datasets", className="more")
    return html.Div([html.Ol(listed, className="wizard-steps"), back], className="wizard-head")


def choose(choice: Choice) -> Component:
    """The first step: what is built in, and what lies in the operator's folders."""
    built_in = [
        html.Li(
            [
                html.Span([html.Strong(name), html.Span(_(text), className="quiet")], className="source-words"),
                _take(name, link("/datasets", {"add": PREVIEW, "source": name})),
            ]
        )
        for name, text in BUILT_IN.items()
    ]
    return html.Div(
        [
            html.Div([html.H2(_("On this server")), _folders(choice)], className="surface"),
            html.Div([html.H2(_("Built in")), html.Ul(built_in, className="source-list")], className="surface"),
            html.Div([html.H2(_("From anywhere else")), _elsewhere()], className="surface"),
        ],
        className="wizard-body",
    )


def _take(name: str, address: str, words: str | None = None) -> Component:
    return html.A(
        [icon("eye"), html.Span(words or _("Preview"))],
        href=address,
        className="btn btn-sm btn-outline-primary",
        **{"aria-label": _("Preview {name}", name=name)},
    )


def _folders(choice: Choice) -> Component:
    if not choice.roots:
        return html.Div(
            [
                html.P(_("No folder of this server is open to its pages. Whoever runs the server can open some:")),
                html.Pre(html.Code("VITRINE_SOURCES=/data/photos:/data/more python -m dashboard serve"), tabIndex="0"),
            ],
            className="quiet",
        )
    if not choice.trail:
        rows = [html.Li(html.A([icon("folder2-open"), name], href=address)) for name, address in choice.roots]
        shown: list[Component | None] = [html.Ul(rows, className="source-list")]
    else:
        trail: list[Any] = [html.Li(html.A(_("Source folders"), href=link("/datasets", {"add": CHOOSE})))]
        trail += [html.Li(html.A(name, href=address)) for name, address in choice.trail]
        shown = [html.Nav(html.Ol(trail, className="trail"), **{"aria-label": _("Folder")})]
        if choice.problem:
            return html.Div([*shown, refused(choice.problem)])
        shown += [_this_folder(choice), html.Ul([_row(row) for row in choice.rows], className="source-list")]
        shown.append(None if choice.whole else html.P(_("There is more than is listed here."), className="quiet"))
    return html.Div(shown)


def _this_folder(choice: Choice) -> Component:
    others = ngettext("{count} file besides what is listed", "{count} files besides what is listed", choice.others)
    return html.Div(
        [
            _take(choice.trail[-1][0], choice.takes, _("Preview this folder")),
            html.Span(others, className="quiet") if choice.others else None,
        ],
        className="this-folder",
    )


def _row(row: SourceRow) -> Component:
    words: list[Any] = [icon(row.icon), html.Span(row.name)]
    name = html.A(words, href=row.opens) if row.opens else html.Span(words)
    return html.Li([html.Span(name, className="source-words"), _take(row.name, row.takes)])


def _elsewhere() -> Component:
    command = "python -m dashboard dataset add NAME --source imagefolder:PATH"
    return html.Div(
        [
            html.P(_("In a terminal any source can be added; `dataset add --help` lists them."), className="quiet"),
            html.Pre(html.Code(command), tabIndex="0"),
        ]
    )


def refused(text: str, again: str | None = None) -> Component:
    """What went wrong in one line, and the way on.

    Args:
        again: Address that tries once more.
    """
    retry = html.A(
        [icon("arrow-repeat"), html.Span(_("Try again"))], href=again, className="btn btn-sm btn-outline-primary"
    )
    return dbc.Alert(
        [html.Div([icon("exclamation-triangle"), text]), retry if again else None], color="danger", className="slim"
    )


def look(shown: Look) -> Component:
    """The second step: some images, and how the labels are made up."""
    pairs = [part for name, value in shown.facts for part in (html.Dt(name), html.Dd(value))]
    partly = html.P(
        [icon("info-circle"), _("Only its beginning was read; adding it reads all.")], className="help-text"
    )
    return html.Div(
        [
            html.Div([html.Dl(pairs, className="pairs"), partly if shown.partly else None], className="surface"),
            html.Div(
                [
                    html.H2(ngettext("{count} of its files", "{count} of its files", len(shown.pictures))),
                    html.Ul([html.Li(_picture(one)) for one in shown.pictures], className="gallery gallery-s preview"),
                ],
                className="surface",
            ),
            _classes(shown),
        ],
        className="wizard-body",
    )


def _picture(one: Picture) -> Component:
    if one.thumbnail is None:
        picture: Component = html.Div(
            [icon("exclamation-triangle"), html.Span(one.problem)], className="preview-problem"
        )
    else:
        source = "data:image/webp;base64," + base64.b64encode(one.thumbnail).decode()
        picture = html.Img(src=source, alt=one.name)
    caption = html.Figcaption(one.label or _("no label"), className="card-name")
    return html.Figure([html.Div(picture, className="card-image"), caption], title=one.name, className="preview-card")


def _classes(shown: Look) -> Component:
    if shown.figure is None:
        return html.Div(
            [html.H2(_("Samples by class")), html.P(_("Nothing in it has a label."), className="quiet")],
            className="surface",
        )
    more = ngettext("and {count} more class", "and {count} more classes", shown.hidden) if shown.hidden else None
    graph = dcc.Graph(
        figure=shown.figure,
        config={"displayModeBar": False, "responsive": True},
        style={"height": f"{histogram_height(shown.bars)}px"},
    )
    return html.Div(
        [html.H2(_("Samples by class")), graph, html.P(more, className="quiet") if more else None], className="surface"
    )


def progress(job: Job, now: datetime) -> Component:
    """The third step: how far the job is, and what came of it."""
    done = job.state is JobState.DONE
    name = str((job.result or {}).get("dataset") or job.parameters.get("name", ""))
    titles = {
        JobState.DONE: _("{name} is added", name=name),
        JobState.FAILED: _("{name} could not be added", name=name),
        JobState.CANCELLED: _("Adding {name} was cancelled", name=name),
    }
    put_aside = int((job.result or {}).get("quarantined") or 0)
    words = [outcome(job)] if done else []
    if put_aside:
        words.append(_("{n} set aside", n=number(put_aside)))
    again = link("/datasets", {"add": CHOOSE})
    ways = [
        _way(link("/browse", {"dataset": name}), "grid-3x3-gap", _("Open in Browse")) if done else None,
        _way(link("/datasets", {"dataset": name}), "database", _("About the dataset")) if done else None,
        _way(again, "arrow-left", _("Choose again")) if job.state in (JobState.FAILED, JobState.CANCELLED) else None,
        _way(link("/jobs", {"job": str(job.id)}), "journal-text", _("Log")),
    ]
    return html.Div(
        [
            html.H2(titles.get(job.state, _("Adding {name}", name=name))),
            html.Div(live(job, now), className="job-live"),
            html.P([icon("exclamation-triangle"), job.error], className="job-error") if job.error else None,
            html.P(" · ".join(words)) if words else None,
            html.Div([way for way in ways if way is not None], className="button-row"),
        ]
    )


def _way(address: str, icon_name: str, text: str) -> Component:
    return html.A([icon(icon_name), html.Span(text)], href=address, className="btn btn-sm btn-outline-primary")
