from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from data.database import Database
from data.datasets import DatasetStore
from data.errors import InvalidInput, JobCancelled, NotFound
from data.models import ModelStore
from data.sources import open_source, shapes
from data.workspace import Workspace
from inference import networks, training
from inference.recipes import RECIPES


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    # Small networks gain nothing from a second thread, and beside other tests the two wait for each other for ages.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def stores(tmp_path: Path, database: Database) -> tuple[DatasetStore, ModelStore]:
    datasets = DatasetStore(Workspace.create(tmp_path / "workspace"), database)
    datasets.add("digits", open_source("digits"))
    return datasets, ModelStore(database)


def test_the_second_digits_version_goes_on_from_the_first_and_is_better(
    stores: tuple[DatasetStore, ModelStore],
) -> None:
    steps: list[tuple[int, int]] = []
    first = training.train(*stores, "digits-1", "digits", lambda done, total: steps.append((done, total)))
    assert steps[-1][0] == steps[-1][1] == len(steps)
    assert 0.88 <= first.notes["test_accuracy"] <= 0.95
    second = training.train(*stores, "digits-2", "digits")
    assert second.notes["test_accuracy"] >= 0.97
    assert (second.reference, second.parent, second.classes) == ("digits-cnn@2", 1, tuple("0123456789"))
    assert training.train(*stores, "digits-1", "digits") == first


def test_a_training_that_is_cancelled_registers_nothing(stores: tuple[DatasetStore, ModelStore]) -> None:
    steps: list[int] = []

    def check() -> None:
        if len(steps) == 30:
            raise JobCancelled("stopped")

    with pytest.raises(JobCancelled):
        training.train(*stores, "digits-1", "digits", lambda done, total: steps.append(done), check)
    assert steps == list(range(1, 31))
    assert stores[1].list() == []


def test_what_is_missing_is_named(stores: tuple[DatasetStore, ModelStore]) -> None:
    with pytest.raises(InvalidInput, match="allowed: digits-1, digits-2, shapes-1"):
        training.train(*stores, "digits-9", "digits")
    with pytest.raises(NotFound, match="Dataset 'letters'"):
        training.train(*stores, "digits-1", "letters")
    with pytest.raises(NotFound, match="digits-cnn"):
        training.train(*stores, "digits-2", "digits")


def test_recipes_name_networks_that_exist_and_parents_that_come_before() -> None:
    for recipe in RECIPES.values():
        assert callable(getattr(networks, recipe.network))
        assert recipe.parent is None or recipe.parent < int(recipe.name.rpartition("-")[2])


def test_the_shapes_recipe_learns_from_few_pictures(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The real recipe takes seconds; a little of it shows that colour pictures go the same way.
    monkeypatch.setattr(shapes, "_SPLITS", {"train": 80, "test": 20})
    quick = replace(RECIPES["shapes-1"], samples=60, epochs=1, batch=20)
    monkeypatch.setattr(training, "RECIPES", {"shapes-1": quick})
    datasets = DatasetStore(Workspace.create(tmp_path / "workspace"), database)
    datasets.add("shapes", open_source("shapes"))
    version = training.train(datasets, ModelStore(database), "shapes-1", "shapes")
    assert (version.reference, version.outputs, version.explain_layer) == ("shapes-cnn@1", 5, "block3")
    assert version.notes["samples"] == 60
