"""Where in space a layer's features are."""

import pytest
import torch

from inference.grids import feature_grid, grid_shape, pool_features, prefix_tokens


@pytest.mark.parametrize(
    ("tokens", "prefix"), [(196, 0), (197, 1), (198, 2), (201, 5), (50, 1), (17, 1), (5, 1), (49, 0), (768, None)]
)
def test_tokens_before_a_square_of_patches_are_counted(tokens: int, prefix: int | None) -> None:
    assert prefix_tokens(tokens) == prefix


def test_every_layout_gives_the_same_grid() -> None:
    grid = torch.arange(2 * 5 * 3 * 3, dtype=torch.float32).reshape(2, 5, 3, 3)
    last = grid.permute(0, 2, 3, 1)
    tokens = torch.cat([torch.full((2, 2, 5), -1.0), last.reshape(2, 9, 5)], dim=1)
    for features in (grid, last, last.reshape(2, 9, 5), tokens):
        found = feature_grid(features)
        assert found is not None
        assert torch.equal(found, grid)


def test_where_both_orders_are_square_channels_come_first() -> None:
    assert grid_shape((1, 4, 4, 4)) == (4, 4, 4)
    assert grid_shape((1, 8, 4, 4)) == (8, 4, 4)
    assert grid_shape((1, 4, 4, 8)) == (8, 4, 4)
    assert grid_shape((1, 8, 3, 5)) == (8, 3, 5)


def test_vectors_and_other_lists_have_no_grid() -> None:
    assert feature_grid(torch.zeros(2, 7)) is None
    assert feature_grid(torch.zeros(2, 768, 1)) is None


def test_an_embedding_is_the_mean_over_places() -> None:
    grid = torch.rand(2, 5, 3, 3)
    for features in (grid, grid.permute(0, 2, 3, 1), grid.flatten(2).transpose(1, 2)):
        assert torch.allclose(pool_features(features), grid.mean((2, 3)))
    assert torch.equal(pool_features(grid[..., 0, 0]), grid[..., 0, 0])
