"""Headers, hosts and origins."""

from typing import Any

import pytest

from dashboard.hosts import is_loopback
from dashboard.security import content_security_policy


def test_the_policy_lets_nothing_in_from_elsewhere(site: Any) -> None:
    policy = site.client.get("/").headers["Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["connect-src"] == "'self'"
    assert rules["frame-ancestors"] == rules["object-src"] == rules["base-uri"] == "'none'"
    assert "'unsafe-inline'" not in rules["script-src"]
    assert "sha256-" in rules["script-src"]
    assert "http" not in policy


def test_every_inline_script_of_the_page_is_in_the_policy(site: Any) -> None:
    import base64
    import hashlib
    import re

    response = site.client.get("/")
    inline = re.findall(
        r"<script(?: id=\"_dash-renderer\"[^>]*)?>(.*?)</script>", response.get_data(as_text=True), re.DOTALL
    )
    assert inline
    for script in inline:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/media/thumb/nowhere/0", "/_dash-layout", "/assets/vitrine.js", "/vendor/icons.css"]
)
def test_every_answer_carries_the_headers(site: Any, path: str) -> None:
    with site.client.get(path) as response:
        headers = response.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Content-Security-Policy" in headers
    assert "Cache-Control" in headers


@pytest.mark.parametrize("host", ["localhost", "localhost:8050", "127.0.0.1:9", "[::1]:8050", "127.8.9.1"])
def test_loopback_names_are_served(site: Any, host: str) -> None:
    assert site.client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8050", "localhost.evil.example", "10.0.0.1", "", "[::1"]
)
def test_other_names_are_refused(site: Any, host: str) -> None:
    assert site.client.get("/healthz", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}],
)
def test_another_site_cannot_post(site: Any, headers: dict[str, str]) -> None:
    response = site.client.post("/_dash-update-component", json={}, headers=headers)
    assert response.status_code == 403


def test_our_own_pages_can_post(site: Any) -> None:
    values = {"output": "x.y", "inputs": [], "changedPropIds": []}
    response = site.client.post("/_dash-update-component", json=values, headers={"Origin": "http://localhost"})
    assert response.status_code != 403


def test_a_body_beyond_the_bound_is_refused(site: Any) -> None:
    response = site.client.post("/_dash-update-component", data=b"x" * (24 * 2**20), content_type="application/json")
    assert response.status_code == 413


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("LOCALHOST.", True),
        ("0.0.0.0", False),
        ("::", False),
        ("example.com", False),
    ],
)
def test_loopback_is_recognised(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_hashes_go_into_the_policy() -> None:
    assert "'sha256-abc'" in content_security_policy(["'sha256-abc'"])
