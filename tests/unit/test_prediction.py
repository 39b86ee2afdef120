from collections import OrderedDict
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from data.errors import InvalidInput
from data.runs import SHARD_SCHEMA
from data.types import Dataset, ModelVersion, Preprocessing, Unscored
from inference.class_names import class_names, comparable, unscored
from inference.models import LoadedModel
from inference.prediction import Output, predict, predict_pixels, softmax, table
from inference.preprocessing import to_array


def version(classes: tuple[str, ...], outputs: int = 2, **changes: Any) -> ModelVersion:
    facts: dict[str, Any] = {
        "model": "net",
        "version": 1,
        "digest": "0" * 64,
        "arch": "",
        "parameters": 0,
        "preprocessing": Preprocessing(2, 2, (0.0,), (1.0,)),
        "embedding_dim": 2,
        "embedding_layer": "head",
        "explain_layer": None,
        "parent": None,
        "created_at": datetime.now(UTC),
    }
    return ModelVersion(classes=classes, outputs=outputs, **{**facts, **changes})


def dataset(*classes: str) -> Dataset:
    return Dataset("pets", "0" * 64, "", 4, classes, {}, 0, False, datetime.now(UTC))


def output(*logits: list[float]) -> Output:
    values = np.array(logits, dtype=np.float32)
    return Output(values, softmax(values), np.zeros((len(values), 1), np.float32), values.argmax(1))


def test_the_models_own_names_win_in_their_own_order() -> None:
    assert class_names(version(("dog", "cat")), dataset("cat", "dog")) == ("dog", "cat")
    assert class_names(version(("dog", "cat")), None) == ("dog", "cat")
    assert class_names(version(("dog", "cat")), dataset()) == ("dog", "cat")


def test_without_names_the_datasets_are_taken_if_their_number_fits() -> None:
    assert class_names(version(()), dataset("cat", "dog")) == ("cat", "dog")
    assert class_names(version((), 3), dataset("cat", "dog")) == ("class 0", "class 1", "class 2")
    assert class_names(version((), 2), None) == ("class 0", "class 1")


def test_a_network_that_knows_other_things_is_welcome_and_never_right_or_wrong() -> None:
    assert class_names(version(tuple("abcde"), 5), dataset("cat", "dog")) == tuple("abcde")
    assert not comparable(tuple("abcde"), dataset("cat", "dog"))
    assert comparable(("dog", "car"), dataset("cat", "dog"))


@pytest.mark.parametrize(
    ("classes", "outputs", "labels", "reason"),
    [
        ((), 1000, ("cat", "dog"), Unscored(1000, False, 2)),
        ((), 2, ("cat", "dog"), None),
        (("car", "bus"), 2, ("cat", "dog"), Unscored(2, True, 2)),
        (("car", "dog"), 2, ("cat", "dog"), None),
        (("cat", "dog"), 2, (), Unscored(2, True, 0)),
    ],
)
def test_it_is_known_why_there_is_no_accuracy(
    classes: tuple[str, ...], outputs: int, labels: tuple[str, ...], reason: Unscored | None
) -> None:
    assert unscored(version(classes, outputs), dataset(*labels)) == reason


def test_labels_in_another_spelling_are_refused_because_nobody_means_that() -> None:
    text = "net@1 spells 2 of its classes otherwise than pets is labelled: 'Great Dane' for 'great_dane', 'Pug' for"
    with pytest.raises(InvalidInput, match=text):
        class_names(version(("Great Dane", "Pug")), dataset("great_dane", "pug"))
    with pytest.raises(InvalidInput, match="spells 1 of its classes otherwise .* 'Great Dane' for 'great_dane'; add"):
        class_names(version(("Great Dane", "Pug")), dataset("great_dane", "Pug"))


def test_more_or_fewer_classes_than_labels_are_matched_by_name() -> None:
    assert class_names(version(("Pug", "Boxer", "Beagle"), 3), dataset("Beagle", "Pug")) == ("Pug", "Boxer", "Beagle")
    assert class_names(version(("Pug",), 1), dataset("Beagle", "Pug")) == ("Pug",)
    # Names that differ in case alone are two things where both are known.
    assert class_names(version(("a", "A")), dataset("a", "A")) == ("a", "A")


def test_logits_probabilities_and_embeddings_of_a_network_computed_by_hand() -> None:
    # In-place activation behind the embedding must not reach back into it.
    head = nn.Linear(4, 2, bias=False)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[1.0, 0, 0, 0], [0, 0, 0, 1]]))
    network = nn.Sequential(OrderedDict(flat=nn.Flatten(), head=head, relu=nn.ReLU(inplace=True))).eval()
    loaded = LoadedModel(version((), 2), network, torch.device("cpu"))
    found = predict(loaded, np.array([[[[1, -5], [0, 3]]]], dtype=np.float32))
    assert found.logits.tolist() == [[1, 3]]
    assert found.embeddings.tolist() == [[1, -5, 0, 3]]
    assert found.probabilities[0, 1] == pytest.approx(1 / (1 + np.exp(-2)))
    assert not head._forward_pre_hooks
    assert not loaded.lock.locked()


def test_an_image_is_the_same_after_a_network_that_changes_its_input() -> None:
    body = OrderedDict(clip=nn.ReLU(inplace=True), flat=nn.Flatten(), head=nn.Linear(4, 2))
    loaded = LoadedModel(version(("a", "b")), nn.Sequential(body).eval().requires_grad_(False), torch.device("cpu"))
    image = np.full((1, 1, 2, 2), -1, dtype=np.float32)
    predict(loaded, image)
    assert (image == -1).all()


def test_large_logits_do_not_overflow() -> None:
    assert softmax(np.array([[1000.0, 0.0], [-1000.0, -1000.0]], np.float32)).tolist() == [[1, 0], [0.5, 0.5]]


def test_the_table_says_what_a_person_would_compute() -> None:
    found = table(
        [4, 5, 6, 7],
        ["a", "b", "c", "d"],
        ["cat", "dog", None, "horse"],
        ("dog", "cat"),
        True,
        output([0.0, np.log(3.0)], [0.0, np.log(3.0)], [1.0, 0.0], [200.0, 0.0]),
    )
    assert found.schema.equals(SHARD_SCHEMA)
    assert found["row"].to_pylist() == [4, 5, 6, 7]
    assert found["prediction"].to_pylist() == ["cat", "cat", "dog", "dog"]
    assert found["correct"].to_pylist() == [True, False, None, False]
    assert found["confidence"].to_pylist()[:2] == pytest.approx([0.75, 0.75])
    assert found["margin"].to_pylist()[:2] == pytest.approx([0.5, 0.5])
    assert found["probabilities"].to_pylist()[0] == pytest.approx([0.25, 0.75])
    losses = found["loss"].to_pylist()
    assert losses[:2] == pytest.approx([-np.log(0.75), -np.log(0.25)])
    assert losses[2:] == [None, None]
    assert found["entropy"].to_pylist()[0] == pytest.approx(-0.25 * np.log(0.25) - 0.75 * np.log(0.75))
    assert found["entropy"].to_pylist()[3] == pytest.approx(0, abs=1e-6)


def test_a_certain_mistake_has_a_finite_loss() -> None:
    found = table([0], ["a"], ["cat"], ("dog", "cat"), True, output([300.0, 0.0]))
    assert found["loss"].to_pylist() == [300.0]


def test_numbers_for_names_are_neither_right_nor_wrong() -> None:
    found = table([0], ["a"], ["cat"], ("class 0", "class 1"), False, output([1.0, 0.0]))
    assert (found["correct"].to_pylist(), found["loss"].to_pylist()) == ([None], [None])


def test_a_network_with_one_output_has_a_margin_of_one() -> None:
    assert table([0], ["a"], [None], ("only",), False, output([3.0]))["margin"].to_pylist() == [1.0]


def test_pixels_are_normalised_as_arrays_are() -> None:
    network = nn.Sequential(OrderedDict(flat=nn.Flatten(), head=nn.Linear(12, 2))).eval()
    preprocessing = Preprocessing(2, 2, (0.1, 0.2, 0.3), (0.5, 0.6, 0.7))
    loaded = LoadedModel(version(("a", "b"), preprocessing=preprocessing), network, torch.device("cpu"))
    pixels = np.random.default_rng(0).integers(0, 256, (5, 2, 2, 3), dtype=np.uint8)
    arrays = np.stack([to_array(Image.fromarray(one), preprocessing) for one in pixels])
    expected, found = predict(loaded, arrays), predict_pixels(loaded, pixels)
    assert np.array_equal(expected.logits, found.logits)
    assert np.array_equal(expected.embeddings, found.embeddings)
