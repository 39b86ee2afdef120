"""The catalogues hold every text of the code, translated, and nothing else."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po

from data.text import LANGUAGES

ROOT = Path(__file__).parents[2]
FLOORS = ("dashboard", "callbacks", "layouts", "inference", "data")
TRANSLATED = [language for language in LANGUAGES if language != "en"]
KEYWORDS = {**DEFAULT_KEYWORDS, "lazy": None}  # as in the Makefile
PLACES = re.compile(r"%?\{[^{}]*\}")
TRANSLATORS = {"_", "gettext", "ngettext"}


@pytest.fixture(scope="module")
def written() -> Catalog:
    """What the code says, as `make messages` finds it."""
    found = Catalog()
    for floor in FLOORS:
        for _file, _line, text, comments, context in extract_from_dir(ROOT / floor, keywords=KEYWORDS):
            found.add(text, None, auto_comments=comments, context=context)
    return found


@pytest.fixture(scope="module", params=TRANSLATED)
def catalogue(request: pytest.FixtureRequest) -> Catalog:
    path = ROOT / "data/locale" / request.param / "LC_MESSAGES/vitrine.po"
    with path.open("rb") as file:
        return read_po(file, locale=request.param)


def texts(message: Message) -> tuple[str, ...]:
    return tuple(message.id) if message.pluralizable else (message.id,)


def translations(message: Message) -> tuple[str, ...]:
    return tuple(message.string) if message.pluralizable else (message.string,)


def messages(catalogue: Catalog) -> list[Message]:
    return [message for message in catalogue if message.id]


def test_the_catalogue_holds_exactly_what_the_code_says(written: Catalog, catalogue: Catalog) -> None:
    said, known = ({texts(message) for message in messages(one)} for one in (written, catalogue))
    assert len(said) > 300
    assert said - known == set(), "not in the catalogue; run `make messages`"
    assert known - said == set(), "nobody says this any more; run `make messages`"
    assert list(catalogue.obsolete) == []


def test_every_message_is_translated(catalogue: Catalog) -> None:
    forms = catalogue.num_plurals
    for message in messages(catalogue):
        assert not message.fuzzy, message.id
        assert all(translations(message)), f"{message.id!r} is not translated"
        assert not message.pluralizable or len(message.string) == forms, message.id


def test_the_translations_keep_the_places(catalogue: Catalog) -> None:
    for message in messages(catalogue):
        wanted = sorted(PLACES.findall(texts(message)[-1]))
        for translation in translations(message):
            assert sorted(PLACES.findall(translation)) == wanted, message.id
            # Trailing spaces part a text from what stands beside it; punctuation of full width brings its own.
            ends = translation.endswith(("：", " ")) or not texts(message)[-1].endswith(" ")
            assert ends, f"{message.id!r} ends in a space, its translation does not"


def test_the_catalogue_can_be_compiled(catalogue: Catalog) -> None:
    assert [(message.id, errors) for message, errors in catalogue.check()] == []


def test_the_header_is_filled_in(catalogue: Catalog) -> None:
    header = dict(catalogue.mime_headers)
    assert header["Project-Id-Version"].startswith("Vitrine")
    assert "nplurals=" in header["Plural-Forms"]
    said = f"{catalogue.header_comment} {header}"
    for placeholder in ("PROJECT", "ORGANIZATION", "FIRST AUTHOR", "FULL NAME", "EMAIL@ADDRESS", "LL@li.org"):
        assert placeholder not in said


def translated_too_early(tree: ast.Module) -> Iterator[ast.Call]:
    """Translations that are made once, when the module is loaded, in the language of nobody."""

    def early(node: ast.AST) -> Iterator[ast.Call]:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            for default in [*node.args.defaults, *node.args.kw_defaults]:
                if default is not None:
                    yield from early(default)
            return
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in TRANSLATORS:
            yield node
        for child in ast.iter_child_nodes(node):
            yield from early(child)

    return early(tree)


def test_nothing_is_translated_before_somebody_asks() -> None:
    for floor in FLOORS:
        for path in (ROOT / floor).rglob("*.py"):
            lines = [call.lineno for call in translated_too_early(ast.parse(path.read_text()))]
            assert lines == [], f"{path}: mark with lazy() here, and translate with _() where it is shown"


def test_early_translations_are_recognised() -> None:
    code = 'A = _("a")\nB = {"b": [gettext("b")]}\ndef f(c=_("c")):\n    return _("d")\n'
    assert [call.lineno for call in translated_too_early(ast.parse(code))] == [1, 2, 3]


def test_the_scripts_say_nothing_in_a_language_of_their_own() -> None:
    said = re.compile(r"""(?:textContent|innerText|title|alt|placeholder|"aria-label")\s*[=:,]\s*["'`][A-Za-z]""")
    for path in (ROOT / "dashboard/assets").glob("*.js"):
        assert said.findall(path.read_text()) == [], f"{path}: take the text from window.vitrine.word()"


def test_the_scripts_find_the_words_they_ask_for() -> None:
    from layouts.shell import SCRIPT_WORDS

    asked = {
        name
        for path in (ROOT / "dashboard/assets").glob("*.js")
        for name in re.findall(r"\bword\(\"([^\"]+)\"\)", path.read_text())
    }
    assert asked == set(SCRIPT_WORDS)
