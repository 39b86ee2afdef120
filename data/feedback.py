"""Feedback: an append-only log of what people said about samples; what stands now is derived from it.

Nothing is ever changed or removed. Taking something back is one more event, of kind `undo`, that names the event it
takes back. What stands on a sample is its newest confirm, relabel or flag that nobody took back; verdicts on its
explanation, tags and comments add to it and stand only where nothing else does.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from data.database import Database
from data.errors import InvalidInput, NotFound
from data.masks import Mask, Region, Role
from data.schema import FeedbackRow
from data.types import FeedbackEvent, FeedbackKind, FlagReason, Verdict

__all__ = ["MAX_COMMENT", "MAX_TAG", "FeedbackLog", "FeedbackQuery", "Standing"]

MAX_COMMENT = 2000
MAX_LABEL = 500
MAX_TAG = 64
_BATCH = 1000
_WITH_CHOICE = frozenset({FeedbackKind.FLAG, FeedbackKind.VERDICT, FeedbackKind.TAG})
_BESIDE = frozenset({FeedbackKind.COMMENT, FeedbackKind.TAG, FeedbackKind.VERDICT})  # what a judgement stands above


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands on a sample now: the newest judgement that nobody took back."""

    kind: FeedbackKind
    label: str | None
    person: str
    at: datetime


@dataclass(frozen=True, slots=True)
class FeedbackQuery:
    """Which events to list; None means any.

    Attributes:
        label: The class given by the event.
        undone: False leaves out events that were taken back, and the events that took them back.
    """

    dataset: str | None = None
    sample_id: str | None = None
    person: str | None = None
    kind: FeedbackKind | None = None
    label: str | None = None
    model: str | None = None
    version: int | None = None
    undone: bool = True


class FeedbackLog:
    """Appends and reads events. Safe from any process; two people at once never lose an answer."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def add(
        self,
        kind: FeedbackKind,
        person: str,
        dataset: str,
        sample_id: str,
        row: int,
        *,
        model: str | None = None,
        version: int | None = None,
        label: str | None = None,
        comment: str = "",
        shown_label: str | None = None,
        shown_prediction: str | None = None,
        choice: str | None = None,
        regions: Sequence[Region] = (),
        shown_explanation: Mapping[str, Any] | None = None,
    ) -> FeedbackEvent:
        """Appends one event. What each argument means stands at `FeedbackEvent`.

        Raises:
            InvalidInput: A relabel without a class, a comment or tag without text, a verdict or flag that is none of
                those there are, regions without a verdict, a text too long, or the kind `undo`.
        """
        person, comment = _named(person), comment.strip()
        if kind is FeedbackKind.UNDO:
            raise InvalidInput("An undo names the event that it takes back; use undo")
        if kind is FeedbackKind.RELABEL and not label:
            raise InvalidInput("A relabel needs the class that is right; give a label")
        if kind is FeedbackKind.COMMENT and not comment:
            raise InvalidInput("A comment needs a text")
        choice = _chosen(kind, choice)
        if regions and kind is not FeedbackKind.VERDICT:
            raise InvalidInput("Regions belong to a verdict on an explanation; give them with one")
        if len(label or "") > MAX_LABEL:
            raise InvalidInput(f"A label may have {MAX_LABEL} characters; this one has {len(label or '')}")
        if len(comment) > MAX_COMMENT:
            raise InvalidInput(f"A comment may have {MAX_COMMENT} characters; this one has {len(comment)}")
        return self._append(
            FeedbackRow(
                at=datetime.now(UTC),
                person=person,
                kind=kind.value,
                dataset=dataset,
                sample_id=sample_id,
                row=row,
                model=model,
                version=version,
                label=label,
                comment=comment,
                shown_label=shown_label,
                shown_prediction=shown_prediction,
                choice=choice,
                regions=[{"role": region.role.value, **asdict(region.mask)} for region in regions] or None,
                shown_explanation=dict(shown_explanation) if shown_explanation else None,
            )
        )

    def undo(self, event: int, person: str) -> FeedbackEvent:
        """Takes an event back by appending another.

        Raises:
            NotFound: There is no such event.
            InvalidInput: It was taken back already, or is itself an undo, or the name is empty or too long.
        """
        person = _named(person)
        with self.database.read() as session:
            row = session.get(FeedbackRow, event)
        if row is None:
            raise NotFound(f"Feedback {event} does not exist; `feedback list` shows what does")
        if row.kind == FeedbackKind.UNDO:
            raise InvalidInput(f"Feedback {event} is itself an undo; give the feedback again instead")
        try:
            return self._append(
                FeedbackRow(
                    at=datetime.now(UTC),
                    person=person,
                    kind=FeedbackKind.UNDO.value,
                    dataset=row.dataset,
                    sample_id=row.sample_id,
                    row=row.row,
                    model=row.model,
                    version=row.version,
                    comment="",
                    undoes=event,
                )
            )
        except IntegrityError as error:
            raise InvalidInput(f"Feedback {event} was taken back already") from error

    def events(self, query: FeedbackQuery, limit: int = 100, offset: int = 0) -> list[FeedbackEvent]:
        """The newest matching events first."""
        statement = _matching(query).order_by(FeedbackRow.id.desc()).limit(limit).offset(offset)
        with self.database.read() as session:
            return [_event(row, undone) for row, undone in session.execute(statement)]

    def stream(self, query: FeedbackQuery) -> Iterator[FeedbackEvent]:
        """All matching events, oldest first, in bounded memory."""
        last = 0
        while True:
            statement = _matching(query).where(FeedbackRow.id > last).order_by(FeedbackRow.id).limit(_BATCH)
            with self.database.read() as session:
                batch = [_event(row, undone) for row, undone in session.execute(statement)]
            yield from batch
            if len(batch) < _BATCH:
                return
            last = batch[-1].id

    def count(self, query: FeedbackQuery) -> int:
        """How many events match."""
        with self.database.read() as session:
            return session.scalar(select(func.count()).select_from(_matching(query).subquery())) or 0

    def people(self, dataset: str | None = None) -> list[str]:
        """Everybody who gave feedback, by name."""
        statement = select(FeedbackRow.person).distinct().order_by(FeedbackRow.person)
        if dataset:
            statement = statement.where(FeedbackRow.dataset == dataset)
        with self.database.read() as session:
            return list(session.scalars(statement))

    def tags(self, dataset: str) -> list[str]:
        """Every tag that was given in the dataset, by name."""
        statement = (
            select(FeedbackRow.choice)
            .distinct()
            .where(FeedbackRow.dataset == dataset, FeedbackRow.kind == FeedbackKind.TAG.value)
            .order_by(FeedbackRow.choice)
        )
        with self.database.read() as session:
            return [tag for tag in session.scalars(statement) if tag]

    def standing(self, dataset: str) -> dict[int, Standing]:
        """What stands now on each sample that has feedback, by row."""
        undoing = aliased(FeedbackRow)
        statement = (
            select(FeedbackRow.row, FeedbackRow.kind, FeedbackRow.label, FeedbackRow.person, FeedbackRow.at)
            .outerjoin(undoing, undoing.undoes == FeedbackRow.id)
            .where(FeedbackRow.dataset == dataset, FeedbackRow.kind != FeedbackKind.UNDO.value, undoing.id.is_(None))
            .order_by(FeedbackRow.id)
        )
        standing: dict[int, Standing] = {}
        with self.database.read() as session:
            for row, kind, label, person, at in session.execute(statement):
                if kind not in _BESIDE or row not in standing or standing[row].kind in _BESIDE:
                    standing[row] = Standing(FeedbackKind(kind), label, person, at)
        return standing

    def newest(self, dataset: str) -> int:
        """Id of the newest event on the dataset, 0 without any: what a cache of `standing` is good for."""
        with self.database.read() as session:
            return session.scalar(select(func.max(FeedbackRow.id)).where(FeedbackRow.dataset == dataset)) or 0

    def _append(self, row: FeedbackRow) -> FeedbackEvent:
        with self.database.write() as session:
            session.add(row)
        return _event(row, undone=False)


def _chosen(kind: FeedbackKind, choice: str | None) -> str | None:
    """What a kind with choices may choose; None for the others."""
    choice = (choice or "").strip() or None
    if kind is FeedbackKind.VERDICT and choice not in tuple(Verdict):
        raise InvalidInput.choice("Verdict", choice or "", Verdict)
    if kind is FeedbackKind.FLAG and choice is not None and choice not in tuple(FlagReason):
        raise InvalidInput.choice("Reason of a flag", choice, FlagReason)
    if kind is FeedbackKind.TAG and not (choice and len(choice) <= MAX_TAG):
        raise InvalidInput(f"A tag has 1 to {MAX_TAG} characters; this one has {len(choice or '')}")
    return choice if kind in _WITH_CHOICE else None


def _named(person: str) -> str:
    name = person.strip()
    if not 1 <= len(name) <= 64:
        raise InvalidInput("A person's name needs 1 to 64 characters")
    return name


def _matching(query: FeedbackQuery) -> Select[FeedbackRow, bool]:
    undoing = aliased(FeedbackRow)
    statement = select(FeedbackRow, undoing.id.is_not(None)).outerjoin(undoing, undoing.undoes == FeedbackRow.id)
    wanted = asdict(query)
    if not wanted.pop("undone"):
        statement = statement.where(undoing.id.is_(None), FeedbackRow.kind != FeedbackKind.UNDO.value)
    for column, value in wanted.items():
        if value is not None:
            statement = statement.where(getattr(FeedbackRow, column) == value)
    return statement


def _event(row: FeedbackRow, undone: bool) -> FeedbackEvent:
    return FeedbackEvent(
        id=row.id,
        at=row.at,
        person=row.person,
        kind=FeedbackKind(row.kind),
        dataset=row.dataset,
        sample_id=row.sample_id,
        row=row.row,
        model=row.model,
        version=row.version,
        label=row.label,
        comment=row.comment,
        shown_label=row.shown_label,
        shown_prediction=row.shown_prediction,
        undoes=row.undoes,
        undone=undone,
        choice=row.choice,
        regions=tuple(Region(Role(kept.pop("role")), Mask(**kept)) for kept in map(dict, row.regions or ())),
        shown_explanation=row.shown_explanation,
    )
