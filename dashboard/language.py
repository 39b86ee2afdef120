"""Which language a person is answered in: the one they chose, else what their browser asks for."""

from flask import Flask, Request, request

from data.text import LANGUAGES, speak

__all__ = ["COOKIE", "follow", "preferred"]

COOKIE = "vitrine-language"  # written by dashboard/assets/vitrine.js when somebody chooses


def preferred(asked: Request) -> str:
    """The language of a request, a key of `LANGUAGES`; English where the person wants none of them."""
    chosen = asked.cookies.get(COOKIE)
    if chosen in LANGUAGES:
        return str(chosen)
    return asked.accept_languages.best_match(LANGUAGES) or "en"


def follow(server: Flask) -> None:
    """Answers every request of a Flask application in its own language.

    The language is set for each request anew: the threads that answer are used again for other people.
    """

    def set_language() -> None:
        speak(preferred(request))

    def forget(_error: BaseException | None) -> None:
        speak("en")

    server.before_request_funcs.setdefault(None, []).insert(0, set_language)
    server.teardown_request(forget)
