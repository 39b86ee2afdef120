"""The table of pages. A page is a layout, its callbacks, a row here and its tests."""

from collections.abc import Callable
from dataclasses import dataclass

import dash
from dash.development.base_component import Component
from flask import current_app, request

from callbacks import attention as attention_callbacks
from callbacks import browse as browse_callbacks
from callbacks import compare as compare_callbacks
from callbacks import datasets as datasets_callbacks
from callbacks import embedding as embedding_callbacks
from callbacks import feedback as feedback_callbacks
from callbacks import inside as inside_callbacks
from callbacks import jobs as jobs_callbacks
from callbacks import maps as maps_callbacks
from callbacks import models as models_callbacks
from callbacks import overview as overview_callbacks
from callbacks import path as path_callbacks
from callbacks import reasons as reasons_callbacks
from callbacks import sample as sample_callbacks
from callbacks import try_it as try_it_callbacks
from callbacks.context import EmptyWorkspace, complete
from callbacks.services import Services
from data.errors import VitrineError
from data.text import gettext as _
from data.text import lazy
from layouts import (
    attention,
    browse,
    compare,
    datasets,
    embedding,
    feedback,
    inside,
    jobs,
    maps,
    models,
    overview,
    path,
    reasons,
    sample,
    try_it,
)
from layouts.parts import empty_state, empty_workspace, error_state, to_overview
from layouts.shell import MenuItem

__all__ = ["EXTENSION", "PAGES", "Page", "menu", "register_pages"]

EXTENSION = "vitrine"


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Attributes:
        name: Of its modules, and the first part of its ids.
        icon: One of `layouts.parts.ICONS`.
        layout: From URL parameters to the page's skeleton.
        register: Adds the page's callbacks to an app.
        in_menu: Whether the navigation lists it; a page about one thing is reached from elsewhere.
        works_empty: Whether it has something to show in a workspace without any dataset.
        projected: Whether it shows a projection, which its address then names.
    """

    name: str
    path: str
    title: str
    icon: str
    layout: Callable[..., Component]
    register: Callable[[dash.Dash, Services], None]
    in_menu: bool = True
    works_empty: bool = False
    projected: bool = False


PAGES = (
    Page("overview", "/", lazy("Overview"), "house", overview.layout, overview_callbacks.register, works_empty=True),
    Page("browse", "/browse", lazy("Browse"), "grid-3x3-gap", browse.layout, browse_callbacks.register),
    Page(
        "embedding",
        "/embedding",
        lazy("Embedding"),
        "bullseye",
        embedding.layout,
        embedding_callbacks.register,
        projected=True,
    ),
    Page("sample", "/sample", lazy("Sample"), "image", sample.layout, sample_callbacks.register, in_menu=False),
    Page("maps", "/maps", lazy("Maps"), "layers", maps.layout, maps_callbacks.register, in_menu=False),
    Page("reasons", "/reasons", lazy("Reasons"), "lightbulb", reasons.layout, reasons_callbacks.register),
    Page("try_it", "/try", lazy("Try"), "magic", try_it.layout, try_it_callbacks.register),
    Page("inside", "/inside", lazy("Inside"), "layers", inside.layout, inside_callbacks.register),
    Page("path", "/path", lazy("Decision"), "diagram-3", path.layout, path_callbacks.register),
    Page("attention", "/attention", lazy("Attention"), "arrow-down-up", attention.layout, attention_callbacks.register),
    Page("compare", "/compare", lazy("Compare"), "arrow-left-right", compare.layout, compare_callbacks.register),
    Page(
        "feedback",
        "/feedback",
        lazy("Feedback"),
        "chat-left-text",
        feedback.layout,
        feedback_callbacks.register,
        works_empty=True,
    ),
    Page(
        "datasets",
        "/datasets",
        lazy("Datasets"),
        "database",
        datasets.layout,
        datasets_callbacks.register,
        works_empty=True,
    ),
    Page("models", "/models", lazy("Models"), "boxes", models.layout, models_callbacks.register, works_empty=True),
    Page("jobs", "/jobs", lazy("Jobs"), "cpu", jobs.layout, jobs_callbacks.register, works_empty=True),
)


def menu() -> tuple[MenuItem, ...]:
    """What the navigation lists."""
    return tuple(MenuItem(page.name, page.path, page.title, page.icon) for page in PAGES if page.in_menu)


def register_pages(app: dash.Dash, services: Services) -> None:
    """Makes the pages known to an app. The services are found through the app, never kept in Dash's global registry."""
    app.server.extensions[EXTENSION] = services
    for order, page in enumerate(PAGES):
        dash.register_page(
            f"vitrine.{page.name}",
            path=page.path,
            name=page.title,
            title=_titled(page, services.title),
            order=order,
            layout=_shown(page),
        )
        page.register(app, services)
    dash.register_page(
        "vitrine.not_found_404", path="/not-found", title=services.title, order=len(PAGES), layout=_not_found
    )


def _titled(page: Page, title: str) -> Callable[..., str]:
    return lambda **_path: f"{_(page.title)} · {title}"


def _shown(page: Page) -> Callable[..., Component]:
    def show(**parameters: str | list[str]) -> Component:
        if request.method != "POST":  # Dash asks for the bare skeleton once, to check the ids that callbacks name
            return page.layout()
        services: Services = current_app.extensions[EXTENSION]
        try:
            return page.layout(**complete(services, parameters, page.projected))
        except EmptyWorkspace:
            return page.layout(**parameters) if page.works_empty else empty_workspace()
        except VitrineError as error:
            return error_state(str(error))

    return show


def _not_found(**_parameters: str | list[str]) -> Component:
    return empty_state(
        "compass", _("There is no page here"), _("The address is not one of Vitrine's pages."), to_overview()
    )
