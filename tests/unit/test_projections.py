import numpy as np
import pytest

from data.errors import InvalidInput
from inference import catalogue
from inference.projections import PROJECTIONS
from inference.projections.knn import nearest_neighbours
from inference.projections.pca import Pca


def clusters(samples: int = 120, width: int = 6) -> np.ndarray:
    generator = np.random.default_rng(1)
    centres = generator.normal(0, 20, (3, width))
    return (centres[np.arange(samples) % 3] + generator.normal(size=(samples, width))).astype(np.float32)


def test_people_are_offered_exactly_the_methods_there_are() -> None:
    assert set(PROJECTIONS) == set(catalogue.PROJECTIONS)


@pytest.mark.parametrize("method", sorted(PROJECTIONS))
@pytest.mark.parametrize("samples", [1, 2, 3, 4, 9, 70])
def test_any_number_of_samples_gets_finite_places_and_the_same_each_time(method: str, samples: int) -> None:
    chosen, embeddings = PROJECTIONS[method], clusters(samples)
    parameters = chosen.parameters({})
    plane = chosen.project([embeddings], parameters)
    assert plane.shape == (samples, 2)
    assert plane.dtype == np.float32
    assert np.isfinite(plane).all()
    assert np.array_equal(plane, chosen.project([embeddings], parameters))


def test_embeddings_in_several_parts_are_one_set() -> None:
    embeddings = clusters(50)
    whole, halves = Pca().project([embeddings], {}), Pca().project([embeddings[:20], embeddings[20:]], {})
    assert np.allclose(whole, halves, atol=1e-4)


@pytest.mark.parametrize("method", sorted(PROJECTIONS))
def test_equal_embeddings_are_no_problem(method: str) -> None:
    plane = PROJECTIONS[method].project([np.ones((80, 5), np.float32)], PROJECTIONS[method].parameters({}))
    assert np.isfinite(plane).all()


def test_umap_keeps_clusters_apart() -> None:
    plane = PROJECTIONS["umap"].project([clusters()], PROJECTIONS["umap"].parameters({}))
    centres = np.stack([plane[cluster::3].mean(0) for cluster in range(3)])
    spread = max(np.linalg.norm(plane[cluster::3] - centres[cluster], axis=1).max() for cluster in range(3))
    nearest = min(np.linalg.norm(centres[a] - centres[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
    assert nearest > 2 * spread


def test_pca_finds_the_axes_of_greatest_variance() -> None:
    generator = np.random.default_rng(2)
    scores = generator.normal(size=(500, 2)) * (9, 3)
    scores -= scores.mean(0)
    plane = Pca().project([(scores @ [[0, 0.6, 0.8], [1, 0, 0]] + 5).astype(np.float32)], {})
    found = np.abs(np.corrcoef(scores.T, plane.T)[:2, 2:])
    assert np.allclose(np.diag(found), 1, atol=1e-3)
    assert np.allclose(plane.std(0), scores.std(0), rtol=1e-2)


def test_pca_of_very_wide_embeddings_agrees_with_the_exact_one() -> None:
    wide = np.concatenate([clusters(90), np.zeros((90, 2100), np.float32)], axis=1)
    exact, iterated = Pca().project([clusters(90)], {}), Pca().project([wide], {})
    assert np.allclose(exact, iterated, atol=1e-3)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_neighbours_are_those_of_a_plain_search(metric: str) -> None:
    points = clusters(200) + (1000 if metric == "euclidean" else 0)
    scaled = points / np.linalg.norm(points, axis=1, keepdims=True) if metric == "cosine" else points
    wide = scaled.astype(np.float64)
    plain = np.linalg.norm(wide[:, None] - wide[None], axis=2)
    plain = plain**2 / 2 if metric == "cosine" else plain
    np.fill_diagonal(plain, -1)
    indices, distances = nearest_neighbours(points, 5, metric)
    assert np.array_equal(indices[:, 0], np.arange(200))
    expected = np.maximum(np.sort(plain, axis=1)[:, :5], 0)
    assert np.allclose(distances, expected, atol=1e-3 if metric == "euclidean" else 1e-6)


@pytest.mark.parametrize(
    ("method", "given", "text"),
    [
        ("umap", {"n_neighbors": "1"}, "whole number from 2 to 200"),
        ("umap", {"n_neighbors": "7.5"}, "whole number"),
        ("umap", {"min_dist": "nan"}, "a number from 0 to 0.99"),
        ("umap", {"metric": "hamming"}, "allowed: euclidean, cosine"),
        ("umap", {"perplexity": 3}, "no parameter 'perplexity'"),
        ("pca", {"n": 3}, "it has: none"),
    ],
)
def test_parameters_that_are_not_allowed_are_refused(method: str, given: dict[str, object], text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        PROJECTIONS[method].parameters(given)


def test_parameters_from_a_command_line_become_numbers() -> None:
    found = PROJECTIONS["umap"].parameters({"n_neighbors": "30", "min_dist": "0.5"})
    assert (found["n_neighbors"], found["min_dist"], found["random_state"]) == (30, 0.5, 42)
