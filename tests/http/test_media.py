"""Pictures by address: what they are, how long they keep, and that nothing else can be reached."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dashboard.colour_maps import overlay
from data.samples import View


def picture(response: Any) -> Image.Image:
    assert response.status_code == 200, response.get_data(as_text=True)
    return Image.open(io.BytesIO(response.data))


def digest(site: Any, row: int) -> str:
    found: str = site.services.samples.row(View(site.services.datasets.get("garden")), row).sample.digest
    return found


def test_a_thumbnail_keeps_for_ever_under_its_digest_only(site: Any) -> None:
    right = site.client.get(f"/media/thumb/garden/0?v={digest(site, 0)[:12]}")
    assert picture(right).size == (16, 12)
    assert "immutable" in right.headers["Cache-Control"]
    for wrong in ("", "?v=", "?v=000000000000", f"?v={digest(site, 0)[:3]}"):
        assert "immutable" not in site.client.get(f"/media/thumb/garden/0{wrong}").headers["Cache-Control"]


def test_the_image_and_the_network_input(site: Any) -> None:
    whole = picture(site.client.get("/media/image/garden/0"))
    seen = picture(site.client.get("/media/input/net/2/garden/0.png"))
    assert (whole.size, seen.size) == ((16, 12), (8, 8))


@pytest.mark.parametrize(
    "path",
    [
        "/media/thumb/garden/36",
        "/media/thumb/garden/-1",
        "/media/thumb/nowhere/0",
        "/media/thumb/..%2f..%2fetc/0",
        "/media/thumb/../../vitrine.db",
        "/media/image/garden/0.png",
        "/media/input/net/9/garden/0.png",
        "/media/input/nobody/1/garden/0.png",
        "/media/map/..%2f..%2fvitrine.png",
        "/media/map/zzzzzzzzzzzz.png",
        "/media/map/abcdefabcdef.png",
        "/media/upload/..%2fvitrine.png",
        "/media/upload/abcdefabcdef.png",
        "/assets/../app.py",
        "/assets/%2e%2e/app.py",
        "/vendor/../security.py",
    ],
)
def test_nothing_else_can_be_reached(site: Any, path: str) -> None:
    response = site.client.get(path)
    assert response.status_code == 404 or b"react-entry-point" in response.data


def test_an_image_that_vanished_is_not_found(fresh_site: Any) -> None:
    sample = fresh_site.services.samples.row(View(fresh_site.services.datasets.get("garden")), 1).sample
    fresh_site.services.datasets.image_path("garden", sample).unlink()
    response = fresh_site.client.get("/media/image/garden/1")
    assert response.status_code == 404
    assert response.data.count(b"\n") == 1


def test_an_explanation_becomes_an_overlay(site: Any) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([[0, 1], [2, 4]], np.float32))
    site.services.cache.put("explanations", "ab" * 8, ".npy", buffer.getvalue())
    shown = np.asarray(picture(site.client.get(f"/media/map/{'ab' * 8}.png")))
    assert shown.shape == (2, 2, 4)
    assert shown[..., 3].ravel().tolist() == [0, 128, 180, 255]
    halved = np.asarray(picture(site.client.get(f"/media/map/{'ab' * 8}.png?scale=2")))
    assert halved[1, 0, 3] == halved[1, 1, 3] == 255
    assert site.client.get(f"/media/map/{'ab' * 8}.png?scale=-1").status_code == 404


def test_an_overlay_of_nothing_is_transparent() -> None:
    assert np.asarray(overlay(np.zeros((3, 5), np.float32)))[..., 3].max() == 0
    assert overlay(np.full((3, 5), np.nan, np.float32)).size == (5, 3)


def test_an_upload_is_given_back(site: Any) -> None:
    site.services.cache.put("uploads", "cd" * 16, ".png", b"content")
    response = site.client.get(f"/media/upload/{'cd' * 16}.png")
    assert (response.data, response.mimetype) == (b"content", "image/png")
