"""The register of versions."""

import pytest

from data.database import Database
from data.errors import InvalidInput, NotFound
from data.models import ModelStore
from data.types import ModelVersion, Preprocessing, parse_model_reference


@pytest.fixture
def models(database: Database) -> ModelStore:
    return ModelStore(database)


def add(models: ModelStore, version: int, digest: str) -> ModelVersion:
    return models.add(
        "net",
        version,
        digest=digest,
        arch="torchvision:resnet18",
        classes=("cat", "dog"),
        outputs=2,
        parameters=10,
        preprocessing=Preprocessing(224, 256, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2)),
        embedding_dim=512,
        embedding_layer="fc",
        explain_layer="layer4",
        parent=None,
        notes={"epochs": 3},
    )


def test_versions_count_up_and_the_newest_answers_to_the_name(models: ModelStore) -> None:
    first, second = add(models, 1, "aa"), add(models, 2, "bb")
    assert models.resolve("net") == second
    assert models.resolve("net@1") == first
    assert models.list() == [first, second]
    assert models.find("net", "aa") == first
    assert models.next_version("net") == 3
    assert models.next_version("other") == 1


def test_a_number_taken_by_somebody_else_is_refused(models: ModelStore) -> None:
    add(models, 1, "aa")
    with pytest.raises(InvalidInput, match="net@1 was taken"):
        add(models, 1, "bb")


def test_what_does_not_exist_is_named_beside_what_does(models: ModelStore) -> None:
    add(models, 1, "aa")
    with pytest.raises(NotFound, match="'nett'.*net@1"):
        models.resolve("nett")
    with pytest.raises(NotFound, match="'net@2'.*net@1"):
        models.resolve("net@2")
    with pytest.raises(InvalidInput, match="MODEL@VERSION"):
        models.resolve("net@latest")


@pytest.mark.parametrize("reference", ["net@", "net@0", "net@-1", "net@1.0", "net@１"])
def test_a_malformed_version_is_refused(reference: str) -> None:
    with pytest.raises(ValueError, match="not a model version"):
        parse_model_reference(reference)
