"""Everybody is answered in their own language, whatever the one before them was answered in."""

import json
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import Request
from werkzeug.test import EnvironBuilder

from callbacks import shell
from dashboard.language import COOKIE, preferred
from data import text

ENGLISH, CHINESE = {"Accept-Language": "en-GB,en;q=0.9"}, {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}
PAGE = {
    "output": ".._pages_content.children..._pages_store.data..",
    "outputs": [{"id": "_pages_content", "property": "children"}, {"id": "_pages_store", "property": "data"}],
    "inputs": [
        {"id": "_pages_location", "property": "pathname", "value": "/browse"},
        {"id": "_pages_location", "property": "search", "value": ""},
    ],
    "changedPropIds": [],
}


@pytest.fixture(autouse=True)
def catalogues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The catalogues as they are now, whether `make setup` compiled them or not."""
    for source in text._LOCALE.glob("*/LC_MESSAGES/vitrine.po"):
        language = source.parts[-3]
        compiled = BytesIO()
        with source.open("rb") as file:
            write_mo(compiled, read_po(file, locale=language))
        target = tmp_path / language / "LC_MESSAGES" / "vitrine.mo"
        target.parent.mkdir(parents=True)
        target.write_bytes(compiled.getvalue())
    monkeypatch.setattr(text, "_LOCALE", tmp_path)
    text._catalogue.cache_clear()
    yield
    text._catalogue.cache_clear()


def shown(site: Any, headers: dict[str, str]) -> str:
    """The frame, as text with all characters as themselves."""
    return json.dumps(site.client.get("/_dash-layout", headers=headers).get_json(), ensure_ascii=False)


def page(site: Any, headers: dict[str, str]) -> tuple[str, str]:
    """The page's layout as text, and its title."""
    answer = site.client.post("/_dash-update-component", json=PAGE, headers=headers).get_json()["response"]
    return json.dumps(answer["_pages_content"], ensure_ascii=False), answer["_pages_store"]["data"]["title"]


def test_two_people_in_turn_get_their_own_frame(site: Any) -> None:
    for _turn in range(2):
        chinese, english = shown(site, CHINESE), shown(site, ENGLISH)
        assert "模型版本" in chinese
        assert "Model version" not in chinese
        assert "Model version" in english
        assert "模型版本" not in english


def test_two_people_in_turn_get_their_own_page_and_title(site: Any) -> None:
    for _turn in range(2):
        layout, title = page(site, CHINESE)
        assert "名称包含" in layout
        assert "置信度" in layout
        assert title == "浏览 · Vitrine"
        layout, title = page(site, ENGLISH)
        assert "Name contains" in layout
        assert "名称包含" not in layout
        assert title == "Browse · Vitrine"


def test_two_people_in_turn_get_their_own_answers_of_callbacks(site: Any) -> None:
    site.client.set_cookie(COOKIE, "zh")
    assert "空闲" in str(site.ask("shell-status.children", {}))
    site.client.set_cookie(COOKIE, "en")
    assert "Idle" in str(site.ask("shell-status.children", {}))
    site.client.delete_cookie(COOKIE)


def test_the_first_page_names_its_language(site: Any) -> None:
    assert '<html lang="zh">' in site.client.get("/", headers=CHINESE).get_data(as_text=True)
    html = site.client.get("/", headers=ENGLISH).get_data(as_text=True)
    assert '<html lang="en">' in html
    assert "Loading…" in html


def test_the_picker_is_in_both_languages_and_marks_the_current_one(site: Any) -> None:
    layout = shown(site, CHINESE)
    assert '"aria-label": "Language · 语言"' in layout
    buttons = re.findall(r'\{[^{}]*"data-language"[^{}]*\}', layout)
    pressed = {button["data-language"]: button["aria-pressed"] for button in map(json.loads, buttons)}
    assert pressed == {"en": "false", "zh": "true"}


def test_the_words_of_the_scripts_come_with_the_frame(site: Any) -> None:
    assert '"data-words": "{\\"close\\": \\"关闭\\"' in shown(site, CHINESE)


def test_no_language_stays_behind_in_the_thread(site: Any) -> None:
    shown(site, CHINESE)
    assert text.current_language() == "en"


@pytest.mark.parametrize(
    ("accepted", "cookie", "expected"),
    [
        (None, None, "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", None, "zh"),
        ("zh-Hans-CN", None, "zh"),
        ("ZH", None, "zh"),
        ("de, zh;q=0.5, en;q=0.4", None, "zh"),
        ("de, fr", None, "en"),
        ("en, zh", None, "en"),
        ("en", "zh", "zh"),
        ("zh", "en", "en"),
        ("zh", "tlh", "zh"),
        ("zh", "../../etc", "zh"),
        ("*", None, "en"),
        (";;q=,,=", None, "en"),
    ],
)
def test_the_choice_wins_over_what_the_browser_asks_for(
    accepted: str | None, cookie: str | None, expected: str
) -> None:
    headers = [("Accept-Language", accepted or ""), ("Cookie", f"{COOKIE}={cookie}" if cookie else "")]
    asked = EnvironBuilder(headers=[(name, value) for name, value in headers if value])
    assert preferred(Request(asked.get_environ())) == expected


def test_an_empty_text_stays_empty() -> None:
    with text.speaking("zh"):
        assert text.gettext("") == ""


def test_the_script_writes_the_cookie_that_the_server_reads() -> None:
    script = (Path(shell.__file__).parents[1] / "dashboard/assets/vitrine.js").read_text()
    assert f"`{COOKIE}=${{language}}; Path=/; Max-Age=31536000; SameSite=Lax" in script
