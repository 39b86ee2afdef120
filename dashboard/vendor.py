"""Bootstrap's stylesheet and icons, served from here: a page of ours asks no other host for anything."""

import importlib.util
import re
from functools import cache
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

from flask import Blueprint, Response, send_file

from layouts.parts import ICONS

__all__ = ["blueprint", "icon_styles", "stylesheets"]

_FOR_EVER = "public, max-age=31536000, immutable"
_SYMBOL = re.compile(
    r'<symbol[^>]*viewBox="(?P<box>[^"]+)"[^>]*id="(?P<name>[^"]+)"[^>]*>(?P<shape>.*?)</symbol>', re.DOTALL
)


def stylesheets() -> tuple[str, ...]:
    """The addresses of the stylesheets; they change with what they hold."""
    revision = f"{version('bootstrap-flask')}-{len(icon_styles())}"
    return f"/vendor/bootstrap.css?v={revision}", f"/vendor/icons.css?v={revision}"


def blueprint() -> Blueprint:
    """The routes below /vendor."""
    vendor = Blueprint("vendor", __name__, url_prefix="/vendor")

    @vendor.get("/bootstrap.css")
    def bootstrap() -> Response:
        response = send_file(_static() / "css" / "bootstrap.min.css", mimetype="text/css", conditional=True)
        response.headers["Cache-Control"] = _FOR_EVER
        return response

    @vendor.get("/icons.css")
    def icons() -> Response:
        return Response(icon_styles(), mimetype="text/css", headers={"Cache-Control": _FOR_EVER})

    return vendor


@cache
def icon_styles() -> str:
    """A rule for each icon in use: its shape as a mask, so that it takes the colour of the text around it.

    Raises:
        ValueError: A name in `ICONS` is not one of Bootstrap's.
    """
    sprite = (_static() / "icons" / "bootstrap-icons.svg").read_text(encoding="utf-8")
    found = {match["name"]: match for match in _SYMBOL.finditer(sprite) if match["name"] in ICONS}
    if missing := ICONS - found.keys():
        raise ValueError(f"Bootstrap has no icons named {', '.join(sorted(missing))}; see layouts.parts.ICONS")
    rules = []
    for name, match in sorted(found.items()):
        picture = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{match["box"]}">{match["shape"].strip()}</svg>'
        rules.append(f'.icon-{name}{{--icon:url("data:image/svg+xml,{quote(picture, safe=" =:/")}")}}')
    return "\n".join(rules)


@cache
def _static() -> Path:
    # Only its files are wanted: importing the package would load form libraries that nothing here uses.
    found = importlib.util.find_spec("flask_bootstrap")
    if found is None or found.origin is None:
        raise FileNotFoundError("Package bootstrap-flask is not installed; run `make setup`")
    return Path(found.origin).parent / "static" / "bootstrap5"
