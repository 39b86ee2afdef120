"""The application: everything that answers requests, put together from settings and services."""

from typing import Any

from dash import Dash
from flask import Flask, Response, jsonify
from werkzeug.exceptions import HTTPException

from callbacks import shell as shell_callbacks
from callbacks import trusting
from callbacks.services import Services
from dashboard import language, media, path_pictures, reason_pictures, security, vendor
from dashboard.pages import menu, register_pages
from dashboard.settings import Settings
from data.text import current_language
from data.text import gettext as _
from layouts import shell

__all__ = ["create_app"]

# The theme is chosen before the first paint, so its script stands in the head and not among Dash's own at the end.
_INDEX = """<!DOCTYPE html>
<html lang="en">
    <head>
        {%metas%}
        <title>{%title%}</title>
        {%favicon%}
        <script src="/assets/theme.js"></script>
        {%css%}
    </head>
    <body>
        {%app_entry%}
        <footer hidden>{%config%}{%scripts%}{%renderer%}</footer>
    </body>
</html>"""
_LIBRARY_OF_GRAPHS = "dash_cytoscape"
_BASE64_SHARE = 1.4  # an upload arrives as base64 within JSON: 4/3 of its bytes and a little around them


class _Vitrine(Dash):  # type: ignore[misc]
    """Dash, whose first page is in the person's language too, and does not load what few pages need."""

    def _collect_and_register_resources(self, resources: list[dict[str, Any]], *rest: Any, **options: Any) -> Any:
        """Serves the graph's library and leaves it to the page with a graph to ask for it."""
        own = [
            {**resource, "dynamic": True} if resource.get("namespace") == _LIBRARY_OF_GRAPHS else resource
            for resource in resources
        ]
        return super()._collect_and_register_resources(own, *rest, **options)

    def interpolate_index(self, **parts: str) -> str:
        """The page that loads everything else."""
        parts["app_entry"] = parts["app_entry"].replace("Loading...", _("Loading…"))
        page: str = super().interpolate_index(**parts)
        return page.replace('<html lang="en">', f'<html lang="{current_language()}">', 1)


def create_app(settings: Settings, services: Services) -> Dash:
    """Builds the Dash application; `create_app(...).server` is the WSGI application.

    Opens nothing by itself: the services bring the workspace. Any number of applications may live in one process.
    """
    app = _Vitrine(
        "dashboard",
        use_pages=True,
        pages_folder="",
        title=services.title,
        update_title="",
        index_string=_INDEX,
        external_stylesheets=list(vendor.stylesheets()),
        assets_ignore=r"theme\.js",
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
        suppress_callback_exceptions=False,
        serve_locally=True,
        include_pages_meta=False,
        enable_mcp=False,
        add_log_handler=False,
    )
    server: Flask = app.server
    server.config["MAX_CONTENT_LENGTH"] = int(settings.upload_megabytes * 2**20 * _BASE64_SHARE)
    app.layout = lambda: shell.layout(services.title, menu())  # in the language of whoever asks
    shell_callbacks.register(app, services, menu())
    trusting.register(app, services)
    register_pages(app, services)
    server.register_blueprint(vendor.blueprint())
    server.register_blueprint(media.blueprint(services))
    server.register_blueprint(reason_pictures.blueprint(services))
    server.register_blueprint(path_pictures.blueprint(services))
    server.add_url_rule("/healthz", "healthz", lambda: jsonify(status="ok"))
    server.register_error_handler(HTTPException, _refusal)
    _finish_set_up(app)
    language.follow(server)
    security.protect(server, settings.host, tuple(app.csp_hashes()))
    return app


def _finish_set_up(app: Dash) -> None:
    """Does now what Dash leaves for its first request, which two threads could then meet half done."""
    with app.server.test_request_context("/"):
        app.server.preprocess_request()


def _refusal(error: HTTPException) -> Response:
    """One plain line; what went wrong inside stands in the log."""
    return Response(f"{error.code} {error.description}\n", error.code, mimetype="text/plain")
