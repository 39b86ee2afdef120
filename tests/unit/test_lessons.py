"""Masks keep every pixel, as COCO writes them; what feedback teaches is what stands, with the events that say so."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco

from data.database import Database
from data.errors import InvalidInput
from data.feedback import FeedbackLog
from data.lessons import Lesson, lessons
from data.masks import Mask, Region, Role, union
from data.types import FeedbackEvent, FeedbackKind, Verdict


@pytest.fixture
def log(database: Database) -> FeedbackLog:
    return FeedbackLog(database)


def box(left: int, top: int, right: int, bottom: int, side: int = 8) -> Mask:
    pixels = np.zeros((side, side), bool)
    pixels[top:bottom, left:right] = True
    return Mask.of(pixels)


def say(log: FeedbackLog, kind: FeedbackKind, person: str, label: str | None = None) -> FeedbackEvent:
    return log.add(kind, person, "shapes", "a.png", 7, label=label)


def judge(log: FeedbackLog, person: str, verdict: Verdict, *regions: Region) -> FeedbackEvent:
    return log.add(FeedbackKind.VERDICT, person, "shapes", "a.png", 7, choice=verdict, regions=regions)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_a_mask_keeps_every_pixel_and_passes_its_own_gate(height: int, width: int, seed: int, share: float) -> None:
    pixels = np.random.default_rng(seed).random((height, width)) < share
    mask = Mask.of(pixels)
    assert np.array_equal(mask.pixels(), pixels)
    assert mask.area == pixels.sum()
    assert Mask.parse(height, width, mask.counts) == mask


def test_a_mask_is_what_coco_says_it_is() -> None:
    mask = box(2, 1, 5, 7)
    assert coco.area({"size": [8, 8], "counts": mask.counts.encode()}) == mask.area == 18


def test_a_polygon_fills_what_it_surrounds() -> None:
    pixels = Mask.of_polygon([(1, 1), (6, 1), (6, 4), (1, 4)], 8, 10).pixels()
    assert pixels.shape == (8, 10)
    assert pixels[1:5, 1:7].all()
    assert pixels.sum() == 24


@pytest.mark.parametrize(
    ("height", "width", "counts", "reason"),
    [
        (0, 8, "0", "sides of 1"),
        (8, 10**6, "0", "sides of 1"),
        ("8", 8, "0", "sides of 1"),
        (8, 8, "", "malformed"),
        (8, 8, "é", "malformed"),
        (8, 8, box(0, 0, 8, 8, side=9).counts, "cover 81 pixels; the image has 64"),
        (8, 8, "0" * 200_001, "malformed"),
    ],
)
def test_a_mask_from_outside_that_does_not_fit_is_refused(
    height: object, width: object, counts: str, reason: str
) -> None:
    with pytest.raises(InvalidInput, match=reason):
        Mask.parse(height, width, counts)


def test_masks_are_joined_where_they_have_one_size() -> None:
    assert union([]) is None
    joined = union([box(0, 0, 2, 2), box(1, 1, 3, 3)])
    assert joined is not None
    assert joined.area == 7
    with pytest.raises(InvalidInput, match="differ in size"):
        union([box(0, 0, 2, 2), box(0, 0, 2, 2, side=9)])


def test_a_verdict_keeps_its_regions_and_what_was_shown(log: FeedbackLog) -> None:
    mark = Region(Role.MUST_NOT_LOOK, box(6, 6, 8, 8))
    shown = {"method": "gradcam", "target": "star"}
    event = log.add(
        FeedbackKind.VERDICT,
        "ana",
        "shapes",
        "a.png",
        7,
        choice=Verdict.WRONG_REASON,
        regions=[mark],
        shown_explanation=shown,
    )
    assert (event.choice, event.regions, event.shown_explanation) == (Verdict.WRONG_REASON, (mark,), shown)


@pytest.mark.parametrize(
    ("kind", "choice", "reason"),
    [
        (FeedbackKind.VERDICT, None, "Verdict"),
        (FeedbackKind.VERDICT, "nonsense", "right_for_the_right_reason"),
        (FeedbackKind.FLAG, "nonsense", "bad_image"),
        (FeedbackKind.TAG, " ", "1 to 64"),
        (FeedbackKind.TAG, "x" * 65, "1 to 64"),
    ],
)
def test_a_choice_that_is_none_is_refused(
    log: FeedbackLog, kind: FeedbackKind, choice: str | None, reason: str
) -> None:
    with pytest.raises(InvalidInput, match=reason):
        log.add(kind, "ana", "shapes", "a.png", 7, choice=choice)


def test_regions_come_with_a_verdict_alone(log: FeedbackLog) -> None:
    with pytest.raises(InvalidInput, match="belong to a verdict"):
        log.add(FeedbackKind.FLAG, "ana", "shapes", "a.png", 7, regions=[Region(Role.SHOULD_LOOK, box(0, 0, 1, 1))])


def test_a_lesson_is_what_stands_with_its_events(log: FeedbackLog) -> None:
    say(log, FeedbackKind.RELABEL, "ana", "disc")
    relabel = say(log, FeedbackKind.RELABEL, "ana", "star")
    confirm = say(log, FeedbackKind.CONFIRM, "bo", "star")
    judge(log, "ana", Verdict.ARTEFACT, Region(Role.MUST_NOT_LOOK, box(0, 0, 8, 8)))
    first = judge(log, "ana", Verdict.WRONG_REASON, Region(Role.MUST_NOT_LOOK, box(6, 6, 8, 8)))
    second = judge(
        log,
        "bo",
        Verdict.WRONG_REASON,
        Region(Role.MUST_NOT_LOOK, box(5, 6, 7, 8)),
        Region(Role.SHOULD_LOOK, box(0, 0, 4, 4)),
    )
    log.add(FeedbackKind.TAG, "bo", "shapes", "a.png", 7, choice="corner")
    log.add(FeedbackKind.COMMENT, "bo", "shapes", "b.png", 8, comment="nothing to learn")
    taught = lessons(log, "shapes")
    assert taught == [
        Lesson(
            row=7,
            sample_id="a.png",
            label="star",
            flagged=False,
            verdict=Verdict.WRONG_REASON,
            should_look=box(0, 0, 4, 4),
            must_not_look=box(5, 6, 8, 8),
            events=(relabel.id, confirm.id, first.id, second.id),
            contradicted=False,
        )
    ]


def test_what_was_taken_back_teaches_nothing_and_a_flag_takes_the_class_away(log: FeedbackLog) -> None:
    event = say(log, FeedbackKind.RELABEL, "ana", "disc")
    log.undo(event.id, "ana")
    assert lessons(log, "shapes") == []
    say(log, FeedbackKind.RELABEL, "ana", "disc")
    say(log, FeedbackKind.FLAG, "bo")
    (lesson,) = lessons(log, "shapes")
    assert (lesson.label, lesson.flagged, lesson.contradicted) == (None, True, True)
