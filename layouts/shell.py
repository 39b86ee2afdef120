"""The frame around every page: navigation, pickers, what is running, who you are, light or dark."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import dash
import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from data.text import LANGUAGES, current_language, lazy
from data.text import gettext as _
from data.types import Job, JobState
from layouts import ids
from layouts.parts import icon, link, number

__all__ = ["CLOCK_SECONDS", "MenuItem", "engine_state", "job_status", "layout", "navigation"]

CLOCK_SECONDS = 3
KIND_TITLES = {
    "add": lazy("Adding dataset"),
    "train": lazy("Training"),
    "finetune": lazy("Fine-tuning"),
    "index": lazy("Indexing"),
    "verdicts": lazy("Giving verdicts"),
    "explain": lazy("Explaining"),
    "inspect": lazy("Inspecting units"),
    "project": lazy("Projecting"),
}
# What the scripts in dashboard/assets say by themselves: `window.vitrine.word(name)`.
SCRIPT_WORDS = {
    "close": lazy("Close"),
    "undo": lazy("Undo"),
    "marks-kept": lazy("Your marks are kept."),
    "marks-unsaved": lazy("Marks are not kept yet: give a verdict or press “Keep the marks”."),
    "marks-verdict": lazy("Say first whether the reason is right; the marks are kept with that verdict"),
    "map-value": lazy("{value} at column {x}, row {y}"),
}


@dataclass(frozen=True, slots=True)
class MenuItem:
    """One entry of the navigation."""

    name: str
    path: str
    title: str
    icon: str


def layout(title: str, menu: Sequence[MenuItem]) -> Component:
    """The whole frame; the current page goes into its middle."""
    return html.Div(
        [
            html.A(_("Skip to content"), href=f"#{ids.SHELL_CONTENT}", className="skip-link"),
            *_stores(),
            html.Aside([_brand(title), _navigation_box(menu), _foot()], id=ids.SHELL_SIDEBAR, className="sidebar"),
            html.Div(className="sidebar-shade", **{"data-close-menu": "1"}),
            html.Div(
                [_top_bar(title), html.Main(dash.page_container, id=ids.SHELL_CONTENT, tabIndex="-1")],
                className="stage",
            ),
            html.Div(id=ids.SHELL_TOASTS, className="toasts", role="status", **{"aria-live": "polite"}),
        ],
        className="shell",
        **{"data-words": json.dumps({name: _(text) for name, text in SCRIPT_WORDS.items()}, ensure_ascii=False)},
    )


def navigation(menu: Sequence[MenuItem], current: str, parameters: dict[str, str]) -> list[Component]:
    """The links to all pages, which keep the dataset and version."""
    return [
        html.Li(
            html.A(
                [icon(item.icon), html.Span(_(item.title))],
                href=link(item.path, parameters),
                className="nav-item" + (" active" if item.path == current else ""),
                **({"aria-current": "page"} if item.path == current else {}),
            )
        )
        for item in menu
    ]


def job_status(jobs: Sequence[Job]) -> Component:
    """What is running, as a link to the jobs; `jobs` are the active ones."""
    if not jobs:
        return html.A(
            [icon("check2-circle"), html.Span(_("Idle"))], href="/jobs", className="pill", title=_("No job is running")
        )
    first = next((job for job in jobs if job.state == JobState.RUNNING), jobs[0])
    share = f" {100 * first.done // first.total} %" if first.total else ""
    more = f" +{number(len(jobs) - 1)}" if len(jobs) > 1 else ""
    return html.A(
        [
            html.Span(className="spinner-border spinner-border-sm", **{"aria-hidden": "true"}),
            html.Span(f"{_(KIND_TITLES.get(first.kind, first.kind))}{share}{more}"),
        ],
        href="/jobs",
        className="pill pill-busy",
        title=_("{n} jobs queued or running", n=number(len(jobs))),
    )


def engine_state(alive: bool) -> Component:
    """Whether anything new can be computed."""
    if alive:
        return html.Span(
            [html.Span(className="dot dot-good"), _("Engine ready")],
            className="engine-state",
            **{"data-engine": "ready"},
        )
    return html.Span(
        [html.Span(className="dot dot-bad"), _("Engine away")],
        className="engine-state",
        title=_("What is computed already still works; new explanations and jobs wait until the engine is back."),
        **{"data-engine": "away"},
    )


def _stores() -> list[Component]:
    return [
        dcc.Store(id=ids.SHELL_CONTEXT),
        dcc.Store(id=ids.SHELL_PERSON, storage_type="local"),
        dcc.Store(id=ids.SHELL_THEME_NAME),
        dcc.Store(id=ids.SHELL_NOTICE),
        dcc.Store(id=ids.SHELL_WRITTEN),
        dcc.Store(id=ids.SHELL_GO),
        dcc.Store(id=ids.SHELL_WENT),
        dcc.Interval(id=ids.SHELL_CLOCK, interval=CLOCK_SECONDS * 1000),
    ]


def _brand(title: str) -> Component:
    return html.A(
        [html.Span(className="brand-mark", **{"aria-hidden": "true"}), html.Span(title)], href="/", className="brand"
    )


def _navigation_box(menu: Sequence[MenuItem]) -> Component:
    return html.Nav(
        html.Ul(navigation(menu, "", {}), id=ids.SHELL_NAV, className="nav-list"), **{"aria-label": _("Main")}
    )


def _foot() -> Component:
    return html.Div(
        [
            html.Div(
                [
                    dbc.Label(
                        [icon("person"), _("Your name")], html_for=ids.SHELL_PERSON_INPUT, className="field-label"
                    ),
                    dbc.Input(
                        id=ids.SHELL_PERSON_INPUT,
                        placeholder="guest",
                        maxlength=64,
                        debounce=True,
                        size="sm",
                        autocomplete="nickname",
                    ),
                ],
                className="person-box",
                title=_("Feedback that you give is signed with this name"),
            ),
            html.Div(id=ids.SHELL_ENGINE, className="engine-line"),
            html.Div(
                [
                    _languages(),
                    html.Button(
                        [icon("circle-half"), html.Span(_("Theme"))],
                        id=ids.SHELL_THEME,
                        className="ghost-button",
                        title=_("Switch between light and dark"),
                    ),
                ],
                className="foot-row",
            ),
        ],
        className="sidebar-foot",
    )


def _languages() -> Component:
    """One button a language, in its own words, so that whoever landed in the wrong one finds the way back."""
    return html.Div(
        [
            html.Button(
                title,
                type="button",
                lang=language,
                className="language",
                **{"data-language": language, "aria-pressed": "true" if language == current_language() else "false"},
            )
            for language, title in LANGUAGES.items()
        ],
        className="languages",
        role="group",
        title="Language · 语言",
        **{"aria-label": "Language · 语言"},
    )


def _top_bar(title: str) -> Component:
    return html.Div(
        [
            html.Button(
                icon("list", _("Menu")),
                id=ids.SHELL_MENU,
                className="ghost-button menu-button",
                **{"aria-expanded": "false", "aria-controls": ids.SHELL_SIDEBAR},
            ),
            html.A(title, href="/", className="brand brand-small"),
            html.Div(
                [
                    _picker(ids.SHELL_DATASET, "images", _("Dataset")),
                    _picker(ids.SHELL_MODEL, "boxes", _("Model version")),
                ],
                className="pickers",
            ),
            html.Div(id=ids.SHELL_STATUS, className="status"),
        ],
        className="top-bar",
    )


def _picker(picker: str, icon_name: str, label: str) -> Component:
    return html.Div(
        [
            html.Label([icon(icon_name), html.Span(label, className="picker-label")], htmlFor=picker),
            dbc.Select(id=picker, options=[], size="sm", placeholder=_("none chosen")),
        ],
        className="picker",
        title=label,
    )
