"""What every answer carries and every request must satisfy, so that no other site can use or frame this one."""

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from flask import Flask, Response, abort, request

from dashboard.hosts import is_loopback

__all__ = ["content_security_policy", "protect"]

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def content_security_policy(script_hashes: Sequence[str]) -> str:
    """The policy: everything from this server only.

    Args:
        script_hashes: Of the few inline scripts that Dash writes into the page, `'sha256-…'` each.
    """
    directives = {
        "default-src": "'self'",
        # WebGL plots compile their drawing commands with Function(); without it there are no scatter plots at all.
        "script-src": " ".join(("'self'", "'unsafe-eval'", *script_hashes)),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": "'self'",
        "worker-src": "'self' blob:",
        "object-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def protect(server: Flask, host: str, script_hashes: Sequence[str]) -> None:
    """Adds the checks and headers to a Flask application.

    Served on loopback, only requests addressed to loopback are answered: a page elsewhere whose name is made to
    resolve to this machine (DNS rebinding) gets nothing. A request that changes something must come from one of our
    own pages.
    """
    policy = content_security_policy(script_hashes)

    def refuse_foreign_host() -> None:
        if is_loopback(host) and not is_loopback(_hostname(f"//{request.host}")):
            abort(
                Response(f"400 Host {request.host!r} is not served here; use localhost\n", 400, mimetype="text/plain")
            )

    def refuse_foreign_origin() -> None:
        if request.method in {"GET", "HEAD", "OPTIONS"}:
            return
        origin = request.headers.get("Origin")
        if request.headers.get("Sec-Fetch-Site") == "cross-site" or (
            origin is not None and urlsplit(origin).netloc != request.host
        ):
            abort(Response("403 This request comes from another site\n", 403, mimetype="text/plain"))

    def add_headers(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers["Content-Security-Policy"] = policy
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    # Before everything else, Dash's own first-request work included.
    checks: list[Callable[[], None]] = [refuse_foreign_host, refuse_foreign_origin]
    server.before_request_funcs.setdefault(None, [])[:0] = checks
    server.after_request(add_headers)


def _hostname(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
