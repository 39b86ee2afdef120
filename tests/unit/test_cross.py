"""Two runs counted against each other."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from data.cross import Outcomes, cross
from data.errors import InvalidInput
from tests.unit.pets_world import CLASSES, SAMPLES, Expected, World, build


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    yield from build(tmp_path_factory.mktemp("world"))


def test_cross_counts(world):
    result = cross(world.tables, world.view)
    labelled = [one for one in SAMPLES if one.label]

    def outcomes(samples: list[Expected]) -> Outcomes:
        found = Counter((one.right, one.other_right) for one in samples)
        return Outcomes(*(found[pair] for pair in ((True, True), (False, True), (True, False), (False, False))))

    assert result.names == CLASSES
    assert result.total == outcomes(labelled)
    assert result.per_class == {name: outcomes([one for one in labelled if one.label == name]) for name in CLASSES}
    for confusion, by in ((result.confusion_a, "prediction"), (result.confusion_b, "other")):
        pairs = Counter((one.label, getattr(one, by)) for one in labelled)
        assert confusion.tolist() == [[pairs[truth, guess] for guess in CLASSES] for truth in CLASSES]
    assert (result.total.samples, result.total.right_a) == (len(labelled), int(np.trace(result.confusion_a)))
    assert result.total.right_b == int(np.trace(result.confusion_b))


def test_cross_of_one_split_and_of_one_run(world):
    test = [one for one in SAMPLES if one.label and one.split == "test"]
    assert cross(world.tables, world.view, ("test",)).total.samples == len(test)
    assert cross(world.tables, world.view, ("none",)).total == Outcomes()
    with pytest.raises(InvalidInput, match="two indexed versions"):
        cross(world.tables, replace(world.view, other=None))
