"""Adjusting without training: temperature, prior shift and thresholds by hand, and as a version that applies them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from data.adjustments import Adjustment, Draft, expected_shares, prior_shift
from data.database import Database
from data.datasets import DatasetStore
from data.errors import InvalidInput
from data.models import ModelStore
from data.runs import RunStore
from data.sources import open_source, shapes
from data.types import Run
from data.workspace import Workspace
from inference import index
from inference.adjusting import BINS, Evidence, effect, fit_temperature, read_evidence
from inference.models import load, read_network, register, register_adjusted
from inference.prediction import predict


def evidence(count: int = 4000, classes: int = 3, sharpness: float = 1.0) -> Evidence:
    """Labels that are drawn from probabilities, and logits that are `sharpness` times too sure of them."""
    generator = np.random.default_rng(1)
    true = generator.normal(size=(count, classes)) * 2
    targets = np.array([generator.choice(classes, p=row) for row in np.exp(log_softmax(true, 1))])
    return Evidence(log_softmax(sharpness * true, 1), targets, np.bincount(targets, minlength=classes))


def test_a_temperature_undoes_what_made_the_network_too_sure() -> None:
    found = evidence(sharpness=2.5)
    temperature = fit_temperature(found)
    assert temperature == pytest.approx(2.5, rel=0.06)
    logits, targets = found.logits[found.fitting], found.targets[found.fitting]

    def loss(value: float) -> float:
        return float(-log_softmax(logits / value, 1)[np.arange(len(targets)), targets].mean())

    assert temperature == pytest.approx(minimize_scalar(loss, bounds=(0.05, 20), method="bounded").x, rel=1e-3)
    before, after = effect(found, Adjustment()), effect(found, Adjustment(temperature))
    assert after.ece < 0.3 * before.ece
    assert (after.accuracy, after.changed) == (before.accuracy, 0)


def test_the_calibration_error_is_what_one_computes_by_hand() -> None:
    # Four samples to measure on: 0.9 sure and right, 0.9 sure and wrong, 0.6 sure and right, 0.6 sure and right.
    logits = np.log([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    whole = Evidence(np.concatenate([logits, logits]), np.array([0, 1, 0, 0] * 2), np.ones(2))
    whole.__dict__["fitting"] = np.array([True] * 4 + [False] * 4)
    found = effect(whole, Adjustment())
    assert found.ece == pytest.approx(0.5 * abs(0.5 - 0.9) + 0.5 * abs(1 - 0.6))
    assert found.weight == (0.5, 0.5)
    assert found.confidence == pytest.approx((0.6, 0.9))
    assert found.confusion.tolist() == [[6, 0], [2, 0]]
    assert BINS == 15


def test_thresholds_of_two_classes_are_what_everybody_takes_them_for() -> None:
    probabilities = np.array([[0.75, 0.25], [0.65, 0.35], [0.2, 0.8]])
    rule = Adjustment(thresholds=(0.7, 0.3))
    assert rule.decisions(np.log(probabilities)).tolist() == [0, 1, 1]
    assert effect(Evidence(np.log(probabilities), np.array([0, 0, 1]), np.ones(2)), rule).changed == 1


def test_a_prior_shift_is_bayes_rule() -> None:
    # Learnt where both are as frequent; where the second is four times as frequent, its odds are four times as high.
    shifted = Adjustment(shift=prior_shift([0.2, 0.8], [50, 50])).logits(np.log([[0.6, 0.4]]))
    assert np.exp(shifted[0, 1] - shifted[0, 0]) == pytest.approx(4 * 0.4 / 0.6)
    assert prior_shift([0.25, 0.75], [10, 30]) == ()
    with pytest.raises(InvalidInput, match="above 0"):
        prior_shift([0.0, 1.0], [1, 1])
    found = [10, 10, 20]
    assert expected_shares(found, {2: 0.8}) == pytest.approx([0.1, 0.1, 0.8])
    with pytest.raises(InvalidInput, match=r"sum to 1\.2"):
        expected_shares(found, {0: 0.6, 1: 0.6})


def test_adjustments_after_one_another_are_one() -> None:
    logits = np.random.default_rng(0).normal(size=(5, 3))
    first, later = Adjustment(2.0, (0.5, 0.0, -1.0)), Adjustment(0.5, (0.0, 0.25, 0.0), (0.2, 0.5, 1.0))
    whole = first.then(later)
    assert np.allclose(whole.logits(logits), later.logits(first.logits(logits)))
    assert whole.thresholds == later.thresholds
    assert Adjustment().then(Adjustment()).plain
    assert Adjustment.of(whole.facts(), 3) == whole


def test_a_draft_survives_the_address_and_names_classes() -> None:
    draft = Draft.of({"temperature": "1.5", "threshold": ["a:b:0.2", "c:0.7"], "share": "c:0.5"})
    assert draft == Draft(1.5, {"a:b": 0.2, "c": 0.7}, {"c": 0.5})
    assert Draft.of(draft.parameters()) == draft
    assert Draft().parameters() == {}
    found = draft.adjustment(["a:b", "c", "d"], [1, 1, 2])
    assert found.thresholds == (0.2, 0.7, 0.5)
    assert np.exp(found.shift[1] - found.shift[2]) == pytest.approx((0.5 / 0.25) / ((0.5 * 2 / 3) / 0.5))
    assert Draft(thresholds={"x": 0.3}).adjustment(["x", "y"], [1, 1]).thresholds == (0.3, 0.7)
    with pytest.raises(InvalidInput, match="Class 'z' is not known; allowed: x, y"):
        Draft(thresholds={"z": 0.3}).adjustment(["x", "y"], [1, 1])
    for malformed, reason in (("0.3", "CLASS:NUMBER"), ("a:high", "is no number"), ("a:0", "0.0001 to 1")):
        with pytest.raises(InvalidInput, match=reason):
            Draft.of({"threshold": malformed})


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"temperature": 0}, "temperature 0 is not allowed; give a number, 0.05 to 20"),
        ({"temperature": float("nan")}, "temperature nan"),
        ({"thresholds": [0.5, 1.5]}, "threshold 1.5 is not allowed"),
        ({"thresholds": [0.5]}, "threshold needs a number for each of the 2 classes"),
        ({"shift": ["a", 0]}, "shift 'a' is not allowed"),
    ],
)
def test_values_that_are_not_allowed(given: dict[str, object], reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        Adjustment.of(given, 2)


def test_a_version_carries_its_adjustment_and_every_prediction_applies_it(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shapes, "_SPLITS", {"train": 60, "test": 20})
    workspace = Workspace.create(tmp_path / "workspace")
    datasets, models, runs = DatasetStore(workspace, database), ModelStore(database), RunStore(workspace, database)
    datasets.add("shapes", open_source("shapes"))
    dataset = datasets.get("shapes")
    arch = "factory:inference.networks:shapes_cnn"
    plain = register(workspace, models, "net", arch, "none", classes=dataset.classes, image_size=64)
    rule = Adjustment(0.5, (0.0, 0.3, 0.0, 0.0, -0.2), (0.2, 0.2, 0.2, 0.2, 1e-4))
    version = register_adjusted(workspace, models, plain, rule, {"why": "test"})
    assert (version.reference, version.parent, version.notes["adjustment"]) == ("net@2", 1, rule.facts())
    assert register_adjusted(workspace, models, plain, rule, {}) == version  # the same is not added twice
    assert register_adjusted(workspace, models, plain, Adjustment(), {}) == plain  # nor is what changes nothing

    images = np.random.default_rng(0).normal(size=(4, 3, 64, 64)).astype(np.float32)
    before, after = (predict(load(workspace, one), images) for one in (plain, version))
    assert np.allclose(after.logits, rule.logits(before.logits), atol=1e-5)
    assert np.allclose(after.embeddings, before.embeddings)
    assert after.decisions.tolist() == [4] * 4 != before.decisions.tolist()
    assert list(read_network(workspace, version).state_dict()) == list(read_network(workspace, plain).state_dict())

    def run(one: object) -> Run:
        for shard in index.shards_of(one, dataset):  # type: ignore[arg-type]
            index.index_shard(datasets, runs, dataset, one, shard)  # type: ignore[arg-type]
        return index.merge(datasets, runs, dataset, one, 1.0)  # type: ignore[arg-type]

    # What the page foretells from the run of the one is what the run of the other says.
    foretold = read_evidence(workspace, dataset, run(plain), "test")
    real = read_evidence(workspace, dataset, run(version), "test")
    assert np.allclose(log_softmax(rule.logits(foretold.logits), 1), real.logits, atol=1e-4)
    expected = effect(foretold, rule)
    assert expected.accuracy == effect(real, replace(rule, temperature=1.0, shift=())).accuracy
    assert (len(real.targets), foretold.counts.sum()) == (20, 60)
    with pytest.raises(InvalidInput, match="No sample of shapes in the split nowhere has a label"):
        read_evidence(workspace, dataset, run(plain), "nowhere")
