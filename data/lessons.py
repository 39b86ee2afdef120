"""What feedback teaches: for each sample the class and the regions that stand, with the events that say so.

It is what a fine-tune learns from and what a promotion gate measures attribution in.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from data.errors import InvalidInput
from data.feedback import FeedbackLog, FeedbackQuery
from data.masks import Mask, Role, union
from data.types import FeedbackEvent, FeedbackKind, Verdict

__all__ = ["Lesson", "lessons"]

_CLASS = frozenset({FeedbackKind.CONFIRM, FeedbackKind.RELABEL, FeedbackKind.FLAG})


@dataclass(frozen=True, slots=True)
class Lesson:
    """What stands on one sample.

    Attributes:
        label: The class that was given last, by a relabel or a confirm; None where none was, or where a flag came
            after it: a flagged sample has no class to learn.
        flagged: Whether a flag stands.
        verdict: The newest on an explanation.
        should_look, must_not_look: All marked regions together, upright and of the image's size.
        events: Ids of the events that it follows from, ascending.
        contradicted: Whether people's newest words give it different classes.
    """

    row: int
    sample_id: str
    label: str | None
    flagged: bool
    verdict: Verdict | None
    should_look: Mask | None
    must_not_look: Mask | None
    events: tuple[int, ...]
    contradicted: bool


def lessons(log: FeedbackLog, dataset: str, person: str | None = None, until: int | None = None) -> list[Lesson]:
    """What stands on each sample of the dataset that has feedback other than comments and tags, by row.

    Args:
        person: Whose words alone count; None for everybody's.
        until: The last event that counts, so that what was asked for once stays what it was; None for all.

    Raises:
        InvalidInput: Two masks of one sample differ in size.
    """
    said: list[FeedbackEvent] = []
    taken_back: set[int | None] = set()
    for event in log.stream(FeedbackQuery(dataset=dataset)):
        if until is not None and event.id > until:
            break
        if event.kind is FeedbackKind.UNDO:
            taken_back.add(event.undoes)
        elif (event.kind in _CLASS or event.kind is FeedbackKind.VERDICT) and person in (None, event.person):
            said.append(event)
    by_row: dict[int, list[FeedbackEvent]] = {}
    for event in said:
        if event.id not in taken_back:
            by_row.setdefault(event.row, []).append(event)
    return [_lesson(by_row[row]) for row in sorted(by_row)]


def _lesson(events: list[FeedbackEvent]) -> Lesson:
    """From the sample's standing events, oldest first, each person's newest word of a kind alone."""
    judgements = _newest(event for event in events if event.kind in _CLASS)
    verdicts = _newest(event for event in events if event.kind is FeedbackKind.VERDICT)
    last = judgements[-1] if judgements else None
    return Lesson(
        row=events[0].row,
        sample_id=events[0].sample_id,
        label=last.label if last else None,
        flagged=last is not None and last.kind is FeedbackKind.FLAG,
        verdict=Verdict(verdicts[-1].choice) if verdicts and verdicts[-1].choice else None,
        should_look=_together(verdicts, Role.SHOULD_LOOK),
        must_not_look=_together(verdicts, Role.MUST_NOT_LOOK),
        events=tuple(sorted(event.id for event in (*judgements, *verdicts))),
        contradicted=len({event.label for event in judgements}) > 1,
    )


def _newest(events: Iterable[FeedbackEvent]) -> list[FeedbackEvent]:
    """The newest event of each person, oldest first."""
    return sorted({event.person: event for event in events}.values(), key=lambda event: event.id)


def _together(verdicts: Iterable[FeedbackEvent], role: Role) -> Mask | None:
    masks = [(event, region.mask) for event in verdicts for region in event.regions if region.role is role]
    try:
        return union(mask for _event, mask in masks)
    except InvalidInput as error:
        event = masks[-1][0]
        raise InvalidInput(f"{event.sample_id}: {error}; or take feedback {event.id} back") from error
