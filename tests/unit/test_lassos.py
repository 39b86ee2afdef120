"""Points in polygons."""

import math

import numpy as np

from data.lassos import inside


def test_inside_follows_the_even_odd_rule():
    star = np.array([(math.sin(turn * 4 * math.pi / 5), math.cos(turn * 4 * math.pi / 5)) for turn in range(5)])
    x, y = np.array([0.0, 0.0, 0.0, 2.0]), np.array([0.0, 0.8, -0.8, 0.0])
    # The centre of a pentagram is surrounded twice, so it is outside; the upper tip is inside.
    assert inside(x, y, star).tolist() == [False, True, False, False]
    generator = np.random.default_rng(0)
    x, y = generator.uniform(-1, 2, (2, 1000))
    square = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], dtype=float)
    assert np.array_equal(inside(x, y, square), (x > 0) & (x < 1) & (y > 0) & (y < 1))
