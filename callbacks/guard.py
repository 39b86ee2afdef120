"""What a person sees when a callback cannot do its work: one clear line in the page, never a failed request."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

from dash import no_update, set_props

from callbacks.context import EmptyWorkspace
from data.errors import VitrineError
from layouts import ids, parts

__all__ = ["announced", "guarded", "notify"]

P = ParamSpec("P")


def guarded(outputs: int = 1, show: int = 0) -> Callable[[Callable[P, Any]], Callable[P, Any]]:
    """Turns a `VitrineError` of a callback into its text in the page; put it below `@app.callback`.

    Args:
        outputs: How many outputs the callback has.
        show: Which of them takes the error (its `children`); the others keep what they show.
    """

    def decorate(handler: Callable[P, Any]) -> Callable[P, Any]:
        @wraps(handler)
        def answer(*args: P.args, **kwargs: P.kwargs) -> Any:
            try:
                return handler(*args, **kwargs)
            except EmptyWorkspace:
                shown = parts.empty_workspace()
            except VitrineError as error:
                shown = parts.error_state(str(error))
            return shown if outputs == 1 else tuple(shown if at == show else no_update for at in range(outputs))

        return answer

    return decorate


def announced(outputs: int = 1) -> Callable[[Callable[P, Any]], Callable[P, Any]]:
    """Turns a `VitrineError` of an action into a notice, and leaves all outputs as they are."""

    def decorate(handler: Callable[P, Any]) -> Callable[P, Any]:
        @wraps(handler)
        def answer(*args: P.args, **kwargs: P.kwargs) -> Any:
            try:
                return handler(*args, **kwargs)
            except VitrineError as error:
                notify(str(error), "danger")
                return no_update if outputs == 1 else (no_update,) * outputs

        return answer

    return decorate


def notify(text: str, kind: str = "success") -> None:
    """Shows a notice to the person whose callback is running, read out by screen readers.

    Args:
        kind: `success`, `info`, `warning` or `danger`.
    """
    set_props(ids.SHELL_NOTICE, {"data": {"text": text, "kind": kind}})
