"""How much a map is like one that can be drawn without the network: the edges of the image, or a blob in its centre.

Objects have edges and stand in the centre, so such maps please the eye and even survive deletion (Adebayo et al. 2018,
section 5.2, on edge detectors). Of a map of unknown origin one cannot ask whether its method passes the sanity check;
this is what can be asked.
"""

import numpy as np
from scipy.ndimage import sobel

from inference.explanations.evidence.similarity import rank_correlation

__all__ = ["centre_blob", "centre_likeness", "edge_likeness", "edges"]

_SPREAD = 0.2  # of the image's side


def edge_likeness(image: np.ndarray, values: np.ndarray) -> float:
    """The rank correlation of the map with the image's edges, in [-1, 1]; 0 where one of them says nothing.

    Args:
        image: (C, H, W), the network's input.
        values: (H, W), the map.
    """
    return rank_correlation(values, edges(image)) or 0.0


def centre_likeness(values: np.ndarray) -> float:
    """The rank correlation of the map with a round blob in the centre, in [-1, 1]; 0 where the map says nothing."""
    return rank_correlation(values, centre_blob(values.shape[0], values.shape[1])) or 0.0


def edges(image: np.ndarray) -> np.ndarray:
    """How steep the mean of the channels is, by Sobel's operator; (C, H, W) to (H, W)."""
    grey = image.mean(0, dtype=np.float64)
    return np.asarray(np.hypot(sobel(grey, 0), sobel(grey, 1)))


def centre_blob(height: int, width: int) -> np.ndarray:
    """A Gaussian in the middle, (H, W) in (0, 1]."""
    down, across = (
        np.exp(-((np.arange(side) - (side - 1) / 2) ** 2) / (2 * (_SPREAD * side) ** 2)) for side in (height, width)
    )
    return np.asarray(down[:, None] * across)
