"""Which translation the attention page shows: a sentence under a version, with what is forced and hidden in it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from callbacks.context import PageContext, Parameters, one, resolve
from callbacks.services import Services
from data.errors import InvalidInput
from data.looks import Look
from data.translations import Translation
from data.types import ModelVersion
from inference.errands import Answer
from layouts.attention import MAX_SENTENCE

__all__ = ["Attended", "Sentence", "ask", "attended_of"]

TASK = "translate"
_MOST = 512


@dataclass(frozen=True, slots=True)
class Sentence:
    """What a model is given.

    Attributes:
        forced: Ids of the tokens with which the output begins.
        hidden: Places of the source tokens that the model does not see.
    """

    version: ModelVersion
    text: str
    forced: tuple[int, ...] = ()
    hidden: tuple[int, ...] = ()

    @property
    def payload(self) -> Mapping[str, Any]:
        """Of the tasks `translate` and `translation_evidence`."""
        return {
            "model": self.version.model,
            "version": self.version.version,
            "text": self.text,
            "forced": list(self.forced),
            "hidden": list(self.hidden),
        }


@dataclass(frozen=True, slots=True)
class Attended:
    """The page's parameters, resolved.

    Attributes:
        sentence: What is shown.
        before: The same before anything was forced, hidden or replaced; None where nothing was.
        target, source: Places of the chosen words.
    """

    context: PageContext
    look: Look
    sentence: Sentence
    before: Sentence | None
    other: ModelVersion | None
    target: int | None
    source: int | None


def attended_of(services: Services, state: Parameters | None) -> Attended | None:
    """Reads the page's parameters; None where no sentence is given or the workspace has no version.

    Raises:
        EmptyWorkspace: There is no dataset yet.
        NotFound, InvalidInput: A parameter names what does not exist or is not allowed.
    """
    given = dict(state or {})
    context, look = resolve(services, {**given, "other": None}), Look.of(given)
    text, was = (_sentence(given, name) for name in ("text", "was"))
    if context.version is None or not text.strip():
        return None
    sentence = Sentence(context.version, text, _places(given, "forced"), _places(given, "hidden"))
    plain = replace(sentence, text=was or text, forced=(), hidden=())
    other = one(given, "other")
    return Attended(
        context=context,
        look=look,
        sentence=sentence,
        before=None if plain == sentence else plain,
        other=services.models.resolve(other) if other else None,
        target=_place(given, "target"),
        source=_place(given, "source"),
    )


def ask(services: Services, sentence: Sentence) -> tuple[Translation | None, Answer | None]:
    """The translation if it is known, else how far the engine is with it.

    Raises:
        VitrineError: Why there is none.
    """
    answer = services.engine.ask(TASK, sentence.payload)
    return (answer.value, answer) if answer.done else (None, answer)


def _sentence(given: Parameters, name: str) -> str:
    text = one(given, name) or ""
    if len(text) > MAX_SENTENCE:
        raise InvalidInput(f"{name} has {len(text)} characters; give at most {MAX_SENTENCE}")
    return text


def _places(given: Parameters, name: str) -> tuple[int, ...]:
    numbers = [part for part in (one(given, name) or "").split(",") if part]
    if len(numbers) > _MOST or not all(part.isascii() and part.isdigit() and len(part) < 8 for part in numbers):
        raise InvalidInput(
            f"{name} {one(given, name)!r} is not allowed; give at most {_MOST} numbers with commas between"
        )
    return tuple(map(int, numbers))


def _place(given: Parameters, name: str) -> int | None:
    text = one(given, name) or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else None
