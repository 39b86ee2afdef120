"""Texts for people, in their language: gettext behind a context variable, so that two people never share one.

The catalogues lie in `data/locale/<language>/LC_MESSAGES/vitrine.po` and are compiled by `make setup`; without a
compiled catalogue a text is shown as it is written in the code, in English.
"""

import gettext as _gettext
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

__all__ = ["LANGUAGES", "current_language", "gettext", "lazy", "ngettext", "speak", "speaking"]

LANGUAGES = {"en": "English", "zh": "中文"}
_LOCALE = Path(__file__).parent / "locale"
_language: ContextVar[str] = ContextVar("language", default="en")


@cache
def _catalogue(language: str) -> _gettext.NullTranslations:
    return _gettext.translation("vitrine", _LOCALE, languages=[language], fallback=True)


def current_language() -> str:
    """The language of the person being answered, a key of `LANGUAGES`."""
    return _language.get()


def speak(language: str) -> None:
    """Answers in `language` from here on in this thread; an unknown one means English."""
    _language.set(language if language in LANGUAGES else "en")


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Answers in `language` inside the block; an unknown one means English."""
    token = _language.set(language if language in LANGUAGES else "en")
    try:
        yield
    finally:
        _language.reset(token)


def gettext(message: str, **values: object) -> str:
    """The message in the current language, with `{name}` places filled from `values`."""
    translated = _catalogue(_language.get()).gettext(message) if message else ""  # a catalogue's "" is its header
    return translated.format(**values) if values else translated


def ngettext(singular: str, plural: str, count: int, **values: object) -> str:
    """As `gettext`, choosing the form for `count`, which also fills the place `{count}`."""
    translated = _catalogue(_language.get()).ngettext(singular, plural, count)
    return translated.format(count=f"{count:,}", **values)


def lazy(message: str) -> str:
    """Marks a message for the catalogue where it is stored; `gettext` translates it where it is shown."""
    return message
