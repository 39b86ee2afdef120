"""Which decision the path page follows: a sample under a version, and maybe another one beside it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from callbacks.context import PageContext, Parameters, one, resolve
from callbacks.sample import find_row
from callbacks.services import Services
from data.errors import InvalidInput, NotFound
from data.paths import DecisionPath, PathRequest
from data.samples import Row
from data.text import gettext as _
from data.types import ModelVersion
from inference.class_names import class_names
from inference.decision.keys import cached_path, path_key
from inference.errands import Answer
from layouts.parts import link

__all__ = ["TASK", "Followed", "Side", "ask", "followed_of"]

TASK = "decision_path"


@dataclass(frozen=True, slots=True)
class Side:
    """One decision.

    Attributes:
        letter: `a`, or `b` for what stands beside it.
        payload: Of the tasks `decision_path` and `ablate_path`.
        key: Under which the path is cached.
    """

    letter: str
    version: ModelVersion
    row: Row
    classes: tuple[str, ...]
    payload: Mapping[str, Any]
    key: str

    @property
    def name(self) -> str:
        """What it is called where both sides are spoken of."""
        return f"{self.row.sample.sample_id} · {self.version.reference}"


@dataclass(frozen=True, slots=True)
class Followed:
    """The page's parameters, resolved.

    What stands beside a path is asked at that path's own stages, as far as its network has them; so it is asked for
    only when the path is known.

    Attributes:
        given: They as they are.
        step: The stage that is looked at, from 0, the image; None where none is.
        beside: The decision to hold it against, if the address names one.
    """

    context: PageContext
    given: Parameters
    request: PathRequest
    step: int | None
    side: Side
    beside: Side | None

    @property
    def sides(self) -> tuple[Side, ...]:
        return (self.side,) if self.beside is None else (self.side, self.beside)

    def address(self, **changes: str) -> str:
        """The page with other parameters."""
        return link("/path", {**self.given, **self.context.parameters, **changes})

    def dossier(self, side: Side, layer: str, unit: int) -> str:
        """The page of a unit of one of the versions."""
        named = {"dataset": self.context.dataset.name, "model": side.version.reference}
        return link("/inside", {**named, "layer": layer, "unit": str(unit)})


def followed_of(services: Services, state: Parameters | None) -> Followed | None:
    """Reads the page's parameters; None where the workspace has no version for the dataset.

    Raises:
        EmptyWorkspace: There is no dataset yet.
        NotFound, InvalidInput: A parameter names what does not exist or is not allowed.
    """
    given = dict(state or {})
    context, request, step = resolve(services, given), PathRequest.of(given), one(given, "step")
    if context.version is None:
        return None
    if step is not None and not (step.isascii() and step.isdigit() and len(step) < 4):
        raise InvalidInput(f"step {step!r} is not allowed; give the number of a stage, from 0 up")
    row = find_row(services, context)
    side = _side(context, "a", context.version, row, request)
    name, other = one(given, "beside"), context.other
    beside = None
    if name or other is not None:
        second = services.models.get(other.model, other.version) if other is not None else context.version
        try:
            their_row = services.samples.by_id(context.view, name) if name else row
        except NotFound as error:
            raise NotFound(_("There is no sample {name} to put beside this one", name=repr(name))) from error
        beside = _side(context, "b", second, their_row, _alike(services, side, second, request))
        beside = None if (second.digest, their_row.sample.row) == (side.version.digest, row.sample.row) else beside
    return Followed(context, given, request, None if step is None else int(step), side, beside)


def ask(services: Services, side: Side) -> tuple[DecisionPath | None, Answer | None]:
    """The path if it is cached, else how far the engine is with it.

    Raises:
        VitrineError: Why there is none.
    """
    known = cached_path(services.cache, side.key)
    if known is not None:
        return known, None
    answer = services.engine.ask(TASK, side.payload)
    return (DecisionPath.of(answer.value), answer) if answer.done else (None, answer)


def _alike(services: Services, side: Side, version: ModelVersion, request: PathRequest) -> PathRequest:
    """What is asked of another version: the stages of the first one's path, as soon as it is known."""
    if request.layers or version.digest == side.version.digest:
        return request
    known = cached_path(services.cache, side.key)
    if known is None:
        return request
    return replace(request, layers=tuple(dict.fromkeys(stage.layer for stage in known.stages[1:])), lenient=True)


def _side(context: PageContext, letter: str, version: ModelVersion, row: Row, request: PathRequest) -> Side:
    classes = class_names(version, context.dataset)
    payload = {
        "dataset": context.dataset.name,
        "row": row.sample.row,
        "model": version.model,
        "version": version.version,
        **asdict(request),
        "layers": list(request.layers),
    }
    return Side(letter, version, row, classes, payload, path_key(version, classes, row.sample.digest, request))
