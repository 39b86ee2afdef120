"""Trying an image over HTTP: what is taken in, what is refused, what is shown."""

import base64
import io
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from callbacks.uploads import MAX_SIDE
from dashboard.app import create_app
from dashboard.settings import Settings
from data.errors import EngineUnavailable
from data.explanations import Explanation

HERE = {"dataset": "garden", "model": "net@2"}


class Engine:
    def __init__(self, away: bool = False) -> None:
        self.away = away

    def call(self, task: str, payload: dict[str, Any], timeout: float = 30.0) -> Any:
        if self.away:
            raise EngineUnavailable("The engine is not running")
        values: tuple[Any, ...] = (
            "ef" * 16,
            "gradcam",
            payload["target"] or "tulip",
            "tulip",
            0.8,
            0.8,
            None,
            "body",
            [8, 8],
            {},
            {},
            0.1,
            False,
        )
        explained = dict(zip(Explanation.__slots__, values, strict=False))
        top = [["tulip", 0.8], ["iris", 0.15], ["<b>rose", 0.05]]
        if payload["target"] == "none":
            return {"probabilities": top, "explanation": None, "refused": "This network has no grid to explain"}
        return {"probabilities": top, "explanation": explained, "refused": None}

    def alive(self) -> bool:
        return not self.away

    def close(self) -> None:
        return None


@pytest.fixture
def staffed(fresh_site: Any, request: pytest.FixtureRequest) -> Any:
    services = replace(fresh_site.services, engine=Engine(away=getattr(request, "param", False)))
    app = create_app(Settings(workspace=services.workspace.root, upload_megabytes=1), services)
    return replace(fresh_site, services=services, client=app.server.test_client())


def picture(form: str = "PNG", size: tuple[int, int] = (20, 10), **more: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (200, 30, 60)).save(buffer, form, **more)
    return buffer.getvalue()


def give(site: Any, content: bytes, kind: str = "image/png") -> dict[str, Any]:
    url = f"data:{kind};base64,{base64.b64encode(content).decode()}"
    values = {"try-file.data": {"contents": url}, "try-state.data": HERE}
    answer: dict[str, Any] = site.ask("try-uploaded.data", values, "try-file.data")
    return answer


def digest(site: Any, content: bytes) -> str:
    return str(give(site, content)["try-uploaded"]["data"]["digest"])


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_each_format_is_taken_and_kept_as_png(staffed: Any, form: str) -> None:
    key = digest(staffed, picture(form))
    kept = staffed.client.get(f"/media/upload/{key}.png")
    assert kept.data.startswith(b"\x89PNG")
    assert Image.open(io.BytesIO(kept.data)).size == (20, 10)


def test_what_is_not_a_pixel_is_not_kept(staffed: Any) -> None:
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    key = digest(staffed, picture("JPEG", exif=exif))
    assert b"taken at home" not in staffed.client.get(f"/media/upload/{key}.png").data


def test_a_huge_side_is_brought_down(staffed: Any) -> None:
    key = digest(staffed, picture(size=(MAX_SIDE * 2, 8)))
    path = staffed.services.cache.get("uploads", key, ".png")
    with Image.open(path) as kept:
        assert kept.size == (MAX_SIDE, 4)


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (b"%PDF-1.7 hello", "image/png", "not a PNG, JPEG or WebP"),
        (picture("GIF"), "image/gif", "not a PNG, JPEG or WebP"),
        (picture()[:45], "image/png", "cannot be read"),
        (b"RIFF\x04\x00\x00\x00WAVE", "image/webp", "cannot be read"),
        (b"", "image/png", "not a PNG"),
        (b"\x89PNG\r\n\x1a\n" + bytes(1_070_000), "image/png", "larger than 1 MB"),
    ],
)
def test_what_is_no_image_is_refused_with_a_friendly_line(staffed: Any, content: bytes, kind: str, words: str) -> None:
    answer = give(staffed, content, kind)
    assert answer["try-uploaded"]["data"] == {"digest": None}  # so that the page takes its preview back
    assert words in str(answer["try-message"])


def test_something_else_than_a_file_is_refused(staffed: Any) -> None:
    answer = staffed.ask(
        "try-uploaded.data", {"try-file.data": {"contents": "https://elsewhere/x.png"}}, "try-file.data"
    )
    assert "did not arrive as a file" in str(answer["try-message"])


def test_an_example_is_one_click(staffed: Any) -> None:
    offered = staffed.ask("try-examples.children", {"try-state.data": HERE})
    assert str(offered["try-examples"]).count("/media/thumb/garden/") == 8
    assert offered["try-limit"]["data"] == pytest.approx(2**20, abs=2)
    button = '{"row":4,"type":"try-example"}'
    answer = staffed.ask("try-uploaded.data", {f"{button}": 1, "try-state.data": HERE}, f"{button}.n_clicks")
    assert len(answer["try-uploaded"]["data"]["digest"]) == 64


def test_the_result_shows_prediction_bars_and_map(staffed: Any) -> None:
    state = {**HERE, "upload": digest(staffed, picture()), "target": "iris"}
    shown = staffed.ask("try-head.children", {"try-state.data": state})
    assert shown["try-result"]["hidden"] is False
    assert "tulip" in str(shown["try-head"])
    assert "20 × 10" in str(shown["try-head"])
    assert str(shown["try-bars"]).count("bar-row") == 3
    assert shown["try-map"]["data-map"].startswith("efef")
    assert "for “iris”" in str(shown["try-evidence"])
    seen = staffed.client.get(shown["try-image"]["src"])
    assert Image.open(io.BytesIO(seen.data)).size == (8, 8)
    assert "immutable" in seen.headers["Cache-Control"]


def test_a_network_that_cannot_be_explained_predicts_all_the_same(staffed: Any) -> None:
    state = {**HERE, "upload": digest(staffed, picture()), "target": "none"}
    shown = staffed.ask("try-head.children", {"try-state.data": state})
    assert "tulip" in str(shown["try-head"])
    assert "no grid to explain" in str(shown["try-evidence"])
    assert shown["try-map"]["hidden"] is True


def test_without_an_upload_there_is_no_result(staffed: Any) -> None:
    assert staffed.ask("try-head.children", {"try-state.data": HERE})["try-result"]["hidden"] is True


@pytest.mark.parametrize("staffed", [True], indirect=True)
def test_without_an_engine_the_image_stays_and_can_be_tried_again(staffed: Any) -> None:
    state = {**HERE, "upload": digest(staffed, picture())}
    shown = staffed.ask("try-head.children", {"try-state.data": state})
    assert shown["try-image"]["src"].startswith("/try/seen/net/2/")
    assert "The engine does not answer" in str(shown["try-evidence"])
    assert shown["try-retry"]["hidden"] is False


@pytest.mark.parametrize("upload", ["0" * 64, "../../etc/passwd", "é" * 64, "x"])
def test_an_upload_that_is_not_kept_is_answered_in_words(staffed: Any, upload: str) -> None:
    shown = staffed.ask("try-head.children", {"try-state.data": {**HERE, "upload": upload}})
    assert "not kept any more" in str(shown["try-evidence"])


@pytest.mark.parametrize("path", ["net/2/zz.png", "net/9/" + "0" * 64 + ".png", "../2/" + "0" * 64 + ".png"])
def test_nothing_else_is_reachable(staffed: Any, path: str) -> None:
    response = staffed.client.get(f"/try/seen/{path}")
    assert not response.data.startswith(b"\x89PNG")
