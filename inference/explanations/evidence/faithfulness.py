"""Whether a map points at what the network uses: the network is asked again, with ever more of the image hidden.

Deletion hides the pixels that the map holds for most important first; insertion uncovers them first on a hidden image
(Samek et al. 2017, "Evaluating the visualization of what a deep neural network has learned"; Petsiuk et al. 2018,
"RISE", section 4.3). A map that is right makes the class's probability fall early in the one and rise early in the
other. What that means for this image and this network is told by maps that know nothing, treated in the same way.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from scipy.ndimage import gaussian_filter

from inference.explanations.protocol import Pulse, unheard
from inference.models import LoadedModel
from inference.prediction import predict

__all__ = ["CURVES", "SHARES", "Curves", "faithfulness", "log_odds", "shuffled"]

_STEPS = 10
SHARES = tuple((step / _STEPS) ** 2 for step in range(_STEPS + 1))
"""Of the pixels, in [0, 1]: close together at the small ones, where a small object is decided on."""
CURVES = ("deletion", "insertion", "random_deletion", "random_insertion")
_RANDOM_MAPS = 2
_AT_ONCE = 16
_SEED = 0
_GRAIN = 1 / 32  # of the image's side: finer than this, hiding tests the network's nerves and not the map
_BLUR = 1 / 10
_MOST_RAISED = 500.0  # in log odds; the factor stays a number that JSON can carry


@dataclass(frozen=True, slots=True)
class Curves:
    """The class's probability, with a share of the pixels hidden or uncovered in the order of a map.

    Attributes:
        shares: Of the pixels, from 0 to 1.
        deletion, insertion: Probabilities in [0, 1] at these shares, in the order of the map.
        random_deletion, random_insertion: The mean of maps that know nothing.
        odds_raised: By which factor the class's odds were multiplied in all passes; see `faithfulness`.
    """

    shares: tuple[float, ...]
    deletion: tuple[float, ...]
    insertion: tuple[float, ...]
    random_deletion: tuple[float, ...]
    random_insertion: tuple[float, ...]
    odds_raised: float = 1.0

    @property
    def by_name(self) -> dict[str, tuple[float, ...]]:
        """The shares and the four curves."""
        return {name: getattr(self, name) for name in ("shares", *CURVES)}

    @property
    def areas(self) -> dict[str, float]:
        """The area under each curve by the trapezoidal rule, in [0, 1].

        A map that knows nothing has the same expected area under both: what insertion uncovers is what deletion in the
        contrary order leaves, and the contrary of a map that knows nothing is another one.
        """
        return {name: float(np.trapezoid(getattr(self, name), self.shares)) for name in CURVES}


def faithfulness(
    loaded: LoadedModel,
    image: np.ndarray,
    values: np.ndarray,
    target: int,
    contrast: int | None = None,
    pulse: Pulse = unheard,
) -> Curves:
    """The curves of a map, at a fixed price: 56 passes.

    Hidden pixels take those of a blurred copy of the image: a patch of one colour has edges of its own, which a network
    reads as something new, while a blurred one merely has nothing to say.

    A class that the network hardly considers has a curve that cannot be seen. Its odds are therefore multiplied by one
    factor in all passes, so that the untouched image stands at one half: what is judged is what moves the class.

    Args:
        image: (C, H, W) float32, the network's input.
        values: (H, W), the map; what is highest matters most. Its finest grain is smoothed away before.
        target, contrast: Indices of logits; with a contrast, the probability of one class against the other.
        pulse: Told how far the work is.

    Raises:
        Cancelled: Nobody waits any more.
    """
    generator = np.random.default_rng(_SEED)
    smooth = gaussian_filter(values.astype(np.float64), _GRAIN * max(values.shape))
    maps = [smooth, *(shuffled(smooth, generator) for _ in range(_RANDOM_MAPS))]
    blurred = gaussian_filter(image, (0, _BLUR * image.shape[1], _BLUR * image.shape[2]), mode="nearest")
    orders = [_order(values, generator) for values in maps]
    pictures, count = _pictures(image, blurred, orders), 2 + 2 * len(orders) * (len(SHARES) - 2)
    odds = []
    for start in range(0, count, _AT_ONCE):
        pulse(start / count)
        batch = np.stack(list(islice(pictures, _AT_ONCE))).astype(np.float32)
        odds.append(log_odds(predict(loaded, batch).logits, target, contrast))
    found = np.concatenate(odds)
    raised = min(max(-float(found[0]), 0.0), _MOST_RAISED)
    whole, nothing, *rest = _probability(found + raised).tolist()
    between = np.array(rest).reshape(len(maps), len(SHARES) - 2, 2)
    deletion, insertion = between[..., 0], between[..., 1]

    def from_whole(middle: np.ndarray) -> tuple[float, ...]:
        return whole, *middle.tolist(), nothing

    def from_nothing(middle: np.ndarray) -> tuple[float, ...]:
        return nothing, *middle.tolist(), whole

    return Curves(
        SHARES,
        from_whole(deletion[0]),
        from_nothing(insertion[0]),
        from_whole(deletion[1:].mean(0)),
        from_nothing(insertion[1:].mean(0)),
        float(np.exp(raised)),
    )


def log_odds(logits: np.ndarray, target: int, contrast: int | None = None) -> np.ndarray:
    """The logarithm of p / (1 - p) from logits (N, K); with a contrast, of p against that class's probability.

    A network with one logit says yes or no: its odds are held against a logit of 0.
    """
    wide = logits.astype(np.float64)
    if contrast is not None:
        return np.asarray(wide[:, target] - wide[:, contrast])
    others = np.delete(wide, target, axis=1)
    if not others.shape[1]:
        others = np.zeros((len(wide), 1))
    return np.asarray(wide[:, target] - np.logaddexp.reduce(others, axis=1))


def shuffled(values: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A random map of the same grain: the spectrum of the map's waves with random phases, (H, W).

    Theiler et al. 1992, "Testing for nonlinearity in time series: the method of surrogate data", in two dimensions.
    Pieces are as large and as many as the map's; only where they lie is left to chance. A map that is the same
    everywhere has no grain, and gets one of its own.
    """
    strength = np.abs(np.fft.fft2(values - values.mean()))
    noise = generator.normal(size=values.shape)
    if strength.max() <= 1e-9 * max(float(np.abs(values).max()), 1e-30) * values.size:
        return np.asarray(gaussian_filter(noise, _GRAIN * max(values.shape)))
    phases = np.fft.fft2(noise)
    return np.asarray(np.fft.ifft2(strength * phases / np.maximum(np.abs(phases), 1e-12)).real)


def _order(values: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Each pixel's place, 0 for the highest value, (H, W); among equals chance decides, in patches."""
    chance = gaussian_filter(generator.normal(size=values.shape), _GRAIN * max(values.shape))
    places = np.empty(values.size, dtype=np.int64)
    places[np.lexsort((chance.reshape(-1), -values.reshape(-1)))] = np.arange(values.size)
    return places.reshape(values.shape)


def _pictures(image: np.ndarray, blurred: np.ndarray, orders: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """The whole image, nothing of it, and for each order and share the image without these pixels and they alone."""
    yield image
    yield blurred
    for order in orders:
        for share in SHARES[1:-1]:
            first = order < round(share * order.size)
            yield np.where(first, blurred, image)
            yield np.where(first, image, blurred)


def _probability(odds: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-np.clip(odds, -500, 500))))
