"""The evidence on maps: curves and areas by hand, a network of which it is known where it looks, what is refused."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from data.cache import FileCache
from data.errors import Cancelled, InvalidInput
from data.explanations import ExplanationRequest, Trust
from data.maps import read_map
from inference.calibration import CALIBRATION
from inference.catalogue import cached_trust
from inference.explanations import METHODS, Question
from inference.explanations.evidence.examining import Parts, Subject, examine
from inference.explanations.evidence.faithfulness import CURVES, SHARES, Curves, faithfulness, log_odds, shuffled
from inference.explanations.evidence.pictures import centre_blob, centre_likeness, edge_likeness, edges
from inference.explanations.evidence.robustness import infidelity, sensitivity
from inference.explanations.evidence.sanity import sanity, unlearnt
from inference.explanations.evidence.service import judge
from inference.explanations.evidence.similarity import rank_correlation
from inference.explanations.evidence.trust import trust_score
from inference.models import LoadedModel
from tests.unit.networks_in_memory import LooksAtCorner, in_memory

SIDE, CORNER = 32, 10


@pytest.fixture
def model() -> LoadedModel:
    return in_memory(LooksAtCorner(CORNER, 1.5), SIDE, 1)


@pytest.fixture
def image() -> np.ndarray:
    generator = np.random.default_rng(0)
    found = generator.normal(-1, 0.3, (1, SIDE, SIDE)).astype(np.float32)
    found[:, :CORNER, :CORNER] += 2.5
    found[:, 18:26, 20:28] += 2.5  # an object that pleases the eye and means nothing
    return found


@pytest.fixture
def right() -> np.ndarray:
    values = np.zeros((SIDE, SIDE), dtype=np.float32)
    values[:CORNER, :CORNER] = 1
    return values


def score_of(model: LoadedModel, image: np.ndarray, values: np.ndarray) -> float:
    return trust_score(examine(model, Subject(image, 0), values.astype(np.float32)))


def test_areas_are_those_of_the_trapezoids() -> None:
    curves = Curves((0.0, 0.25, 1.0), (0.8, 0.4, 0.0), (0.0, 1.0, 1.0), (0.5, 0.5, 0.5), (0.2, 0.2, 1.0))
    expected = {"deletion": 0.15 + 0.15, "insertion": 0.125 + 0.75, "random_deletion": 0.5, "random_insertion": 0.5}
    assert curves.areas == pytest.approx(expected)


def test_curves_are_those_computed_by_hand() -> None:
    model = in_memory(LooksAtCorner(SIDE, 2.0), SIDE, 1)
    image = np.full((1, SIDE, SIDE), 0.75, dtype=np.float32)
    curves = faithfulness(model, image, np.ones((SIDE, SIDE), dtype=np.float32), 0)
    # Hiding changes nothing in an image of one colour: the odds are exp(0.75 · 2) against exp(-0.75 · 2).
    whole = 1 / (1 + np.exp(-3.0))
    for name in CURVES:
        assert np.allclose(getattr(curves, name), whole)
        assert curves.areas[name] == pytest.approx(whole)
    assert curves.shares == SHARES
    assert (SHARES[0], SHARES[-1]) == (0, 1)
    assert SHARES[1] == pytest.approx(0.01)


def test_the_right_map_falls_early_and_rises_early(model: LoadedModel, image: np.ndarray, right: np.ndarray) -> None:
    good, bad = (faithfulness(model, image, values, 0) for values in (right, -right))
    assert good.deletion[0] == good.insertion[-1] == bad.deletion[0] > 0.9
    assert good.deletion[-1] == good.insertion[0]
    # The corner is a tenth of the image: with 16 % of the pixels, the map's own order has hidden, or shown, all of it.
    assert good.deletion[4] < bad.deletion[4] - 0.03
    assert good.insertion[4] > bad.insertion[4] + 0.03
    assert good.areas["deletion"] < good.areas["random_deletion"]
    assert good.areas["insertion"] > good.areas["random_insertion"]
    assert faithfulness(model, image, right, 0) == good


def test_an_improbable_class_is_seen_to_move(model: LoadedModel, image: np.ndarray, right: np.ndarray) -> None:
    curves = faithfulness(model, image, -right, 1)
    assert curves.deletion[0] == pytest.approx(0.5)
    assert curves.odds_raised > 10
    assert faithfulness(model, image, right, 0).odds_raised == 1
    # What speaks against the class is what must be hidden for it to rise, so a map of it deletes badly.
    assert faithfulness(model, image, right, 1).areas["deletion"] > curves.areas["deletion"]


def test_odds_are_of_one_class_against_all_others_or_against_one() -> None:
    logits = np.log(np.array([[0.5, 0.3, 0.2]], dtype=np.float32))
    assert log_odds(logits, 0) == pytest.approx([0.0], abs=1e-6)
    assert log_odds(logits, 2) == pytest.approx([np.log(0.2 / 0.8)], abs=1e-6)
    assert log_odds(logits, 0, 2) == pytest.approx([np.log(0.5 / 0.2)], abs=1e-6)
    assert log_odds(np.array([[1.5]], dtype=np.float32), 0) == pytest.approx([1.5])


def test_a_random_map_has_the_grain_of_the_map_it_stands_beside() -> None:
    values = np.random.default_rng(1).normal(size=(16, 16))
    values = values + np.roll(values, 1, 0) + np.roll(values, 1, 1)
    other = shuffled(values, np.random.default_rng(2))
    assert np.allclose(np.abs(np.fft.fft2(other))[1:], np.abs(np.fft.fft2(values))[1:])
    assert abs(np.corrcoef(values.ravel(), other.ravel())[0, 1]) < 0.5
    assert np.ptp(shuffled(np.ones((16, 16)), np.random.default_rng(2))) > 0


def test_the_right_map_scores_high_and_every_wrong_one_low(
    model: LoadedModel, image: np.ndarray, right: np.ndarray
) -> None:
    generator = np.random.default_rng(3)
    wrong = {
        "constant": np.ones((SIDE, SIDE)),
        "zeros": np.zeros((SIDE, SIDE)),
        "random": generator.normal(size=(SIDE, SIDE)),
        "edges": edges(image),
        "centre": centre_blob(SIDE, SIDE),
        "wrong corner": right[::-1, ::-1],
        "contrary": -right,
    }
    assert score_of(model, image, right) > CALIBRATION.high_from
    for name, values in wrong.items():
        assert score_of(model, image, values) < CALIBRATION.low_below, name
    assert score_of(model, image, wrong["constant"]) == 0


def test_ranks_are_compared_over_cells_and_only_of_what_speaks_for_the_class() -> None:
    rising = np.arange(28 * 28, dtype=np.float64).reshape(28, 28)
    assert rank_correlation(rising, np.exp(rising / 100)) == pytest.approx(1)
    assert rank_correlation(rising, rising.max() - rising) == pytest.approx(-1)
    assert rank_correlation(rising, rising - 1000) is None
    assert rank_correlation(rising, np.ones((28, 28))) is None
    pixels = np.where(np.indices((28, 28)).sum(0) % 2, rising, -rising)  # signed pixel by pixel, as gradients are
    assert rank_correlation(rising, pixels) == pytest.approx(1, abs=0.01)


def test_sanity_tells_an_edge_detector_from_a_map_of_the_network(image: np.ndarray) -> None:
    torch.manual_seed(4)
    network = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2),
    )  # fmt: skip
    model = in_memory(network, SIDE, 1)
    before = {name: value.clone() for name, value in network.state_dict().items()}

    def gradcam(other: LoadedModel) -> np.ndarray:
        values: np.ndarray = METHODS["gradcam"](other, Question(image[None], [0])).values[0]
        return values

    survived = sanity(lambda _other: edges(image), model, edges(image))
    assert survived == pytest.approx(1)
    vanished = sanity(gradcam, model, gradcam(model))
    assert vanished is not None
    assert vanished < 0.8
    assert sanity(gradcam, model, gradcam(model)) == vanished
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    other = unlearnt(model)
    assert other is not None
    assert other.lock is not model.lock
    kept, again = model.module.state_dict(), other.module.state_dict()
    assert torch.equal(kept["0.weight"], again["0.weight"])
    assert not torch.equal(kept["6.weight"], again["6.weight"])


def test_sanity_has_no_answer_for_an_empty_map_or_a_network_that_learns_nothing(image: np.ndarray) -> None:
    model = in_memory(LooksAtCorner(CORNER, 1.0), SIDE, 1)
    assert sanity(lambda _other: edges(image), model, np.zeros((SIDE, SIDE))) is None
    fixed = replace(model, module=nn.Identity())
    assert unlearnt(fixed) is None
    assert sanity(lambda _other: edges(image), fixed, edges(image)) is None


def test_a_method_that_survives_scores_low_and_one_that_does_not_scores_as_it_deserves() -> None:
    curves = Curves((0.0, 1.0), (0.9, 0.1), (0.9, 0.9), (0.5, 0.5), (0.5, 0.5))
    parts = Parts(curves, 0.3, {"gradcam": 0.8, "saliency": 0.7})
    assert trust_score(parts) > CALIBRATION.high_from
    assert trust_score(replace(parts, sanity=1.0)) < CALIBRATION.low_below
    assert trust_score(replace(parts, sanity=None, edges=0.95)) < CALIBRATION.low_below
    assert trust_score(replace(parts, sanity=0.3, edges=0.95)) == trust_score(parts)
    assert 0 < trust_score(replace(parts, agreement={})) < 1


def test_edges_and_centre_know_themselves(image: np.ndarray) -> None:
    assert edge_likeness(image, edges(image)) == pytest.approx(1)
    assert edge_likeness(image, np.ones((SIDE, SIDE))) == 0
    assert centre_likeness(3 * centre_blob(SIDE, SIDE)) == pytest.approx(1, abs=0.01)


def test_a_judgement_is_made_once_and_a_thorough_one_holds_more(
    tmp_path: Path, model: LoadedModel, image: np.ndarray, right: np.ndarray
) -> None:
    cache = FileCache(tmp_path, 10**7)
    request = ExplanationRequest("saliency", "a")
    told: list[float] = []
    subject = Subject(image, 0, None, "saliency")
    first = judge(cache, model, subject, right, "ab" * 16, request, pulse=told.append)
    assert told == sorted(told)
    assert 0 <= told[0] < told[-1] <= 1
    assert (
        cached_trust(cache, "ab" * 16)
        == judge(cache, model, subject, right, "ab" * 16, request)
        == first_as_read(first)
    )
    assert first.infidelity is first.sensitivity is None
    assert "saliency" not in first.agreement
    assert cached_trust(cache, "ab" * 16, thorough=True) is None
    thorough = judge(cache, model, subject, right, "ab" * 16, request, thorough=True)
    assert thorough.infidelity is not None
    assert thorough.sensitivity is not None
    assert thorough.score == first.score
    known = cached_trust(cache, "ab" * 16)
    assert known is not None
    assert known.infidelity == thorough.infidelity
    assert all(value is None or type(value) is float for value in first.figures.values())


def first_as_read(trust: Trust) -> Trust:
    """JSON knows no tuples."""
    return replace(trust, curves={name: list(curve) for name, curve in trust.curves.items()})


def test_nobody_waits_for_a_judgement_that_is_cancelled(
    tmp_path: Path, model: LoadedModel, image: np.ndarray, right: np.ndarray
) -> None:
    def gone(_share: float) -> None:
        raise Cancelled("gone")

    cache = FileCache(tmp_path, 10**7)
    with pytest.raises(Cancelled):
        judge(cache, model, Subject(image, 0), right, "ab" * 16, pulse=gone)
    assert cached_trust(cache, "ab" * 16) is None
    assert not model.lock.locked()


def test_a_map_from_elsewhere_has_no_sanity_and_says_why(
    tmp_path: Path, model: LoadedModel, image: np.ndarray, right: np.ndarray
) -> None:
    found = judge(FileCache(tmp_path, 10**7), model, Subject(image, 0), right, "ab" * 16)
    assert (found.sanity, found.sanity_skipped) == (None, "elsewhere")
    assert set(found.agreement) == {"gradcam", "layercam", "saliency"}
    assert Trust(**asdict(found)) == found


def test_captums_metrics_know_a_perfect_map(model: LoadedModel, image: np.ndarray, right: np.ndarray) -> None:
    # The logit is the corner's mean times 1.5, so the corner foretells every change of it.
    assert infidelity(model, image, right, 0) == pytest.approx(0, abs=1e-9)
    assert infidelity(model, image, right[::-1, ::-1].copy(), 0) > 1e-5
    assert sensitivity(lambda images: np.ones((len(images), SIDE, SIDE), np.float32), image) == 0
    assert sensitivity(lambda images: images[:, 0], image) > 0


def saved(path: Path, values: object) -> Path:
    np.save(path, np.asarray(values), allow_pickle=True)
    return path


def test_a_map_file_is_read_as_the_same_bytes_whatever_its_precision(tmp_path: Path) -> None:
    values = np.arange(16.0).reshape(4, 4)
    kept = {read_map(saved(tmp_path / f"{kind}.npy", values.astype(kind)), 4) for kind in ("f2", "f4", "f8", ">f4")}
    assert len(kept) == 1


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros((4, 5)), "has the shape (4, 5); the network sees 4 × 4"),
        (np.zeros((1, 4, 4)), "has the shape (1, 4, 4)"),
        (np.zeros((4, 4), dtype=np.int64), "int64"),
        (np.zeros((4, 4), dtype=np.complex64), "complex64"),
        (np.full((4, 4), np.nan), "not finite"),
        (np.full((4, 4), 1e300), "not finite"),
        (np.array([[{}]], dtype=object), "no .npy file of numbers"),
    ],
)
def test_a_map_file_that_is_no_map_is_refused(tmp_path: Path, values: np.ndarray, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_map(saved(tmp_path / "map.npy", values), 4)
    assert words in str(refused.value)


def test_files_that_are_no_arrays_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.npy").write_bytes(b"")
    (tmp_path / "text.npy").write_text("0.1 0.2")
    np.savez(tmp_path / "many.npz", a=np.zeros((4, 4)))
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_map(tmp_path / "none.npy", 4)
    for name in ("empty.npy", "text.npy"):
        with pytest.raises(InvalidInput, match="no .npy file"):
            read_map(tmp_path / name, 4)
    with pytest.raises(InvalidInput, match="several arrays"):
        read_map(tmp_path / "many.npz", 4)
