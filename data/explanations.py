"""The words of explanations as frozen values: what is asked, what was found, and how far it deserves belief."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Calibration", "Explanation", "ExplanationChoices", "ExplanationRequest", "Trust"]


@dataclass(frozen=True, slots=True)
class ExplanationRequest:
    """What a person wants explained of an image, and how.

    Attributes:
        method: One of `inference.catalogue.EXPLANATIONS`.
        target: The class to explain; None for the predicted one, whichever that is.
        contrast: The class that it is held against ("why this and not that"); None for the class alone.
        layers: Where to look, for methods that choose a layer; empty for the method's own choice.
    """

    method: str
    target: str | None = None
    contrast: str | None = None
    layers: tuple[str, ...] = ()

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> "ExplanationRequest":
        """From plain values that JSON can carry, as `asdict` gives them; what is missing takes its default."""
        known = {name: payload[name] for name in ("method", "target", "contrast") if name in payload}
        return cls(**known, layers=tuple(payload.get("layers") or ()))


@dataclass(frozen=True, slots=True)
class ExplanationChoices:
    """What can be chosen when a version is explained.

    Attributes:
        unsuited: For each method why it cannot work on this network; empty if it can.
        layers: Names of the layers with a grid of features, in the order in which an image passes through them; of
            layers that give the same grid of features to each other, the outermost.
        attention: Names of the layers in which tokens attend to each other, likewise.
        heads: How many heads each of them has; 0 where there is none.
    """

    unsuited: Mapping[str, str]
    layers: tuple[str, ...]
    attention: tuple[str, ...]
    heads: int

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> "ExplanationChoices":
        """From plain values that JSON can carry, as `asdict` gives them."""
        layers, attention = tuple(payload["layers"]), tuple(payload["attention"])
        return cls(dict(payload["unsuited"]), layers, attention, int(payload["heads"]))


@dataclass(frozen=True, slots=True)
class Explanation:
    """An attribution map and what it was computed for; the map itself lies in the cache under `key`.

    Attributes:
        target: Name of the explained class.
        prediction: Name of the class that the model gives.
        confidence: Probability of `prediction`, in [0, 1].
        target_probability: Probability of `target`, in [0, 1].
        contrast: Name of the class that the explained one is held against; None for the class alone. The map is then
            the explained class's minus this one's, and signed.
        layer: Where the map was taken.
        facts: What the method knows of its own accuracy, by name; see `inference.explanations.Attribution`.
        shape: (H, W) of the map: the model's input resolution.
        trust: `Trust.figures` of the map, as far as it has been judged; empty before.
        parameters: Of the method, by name.
    """

    key: str
    method: str
    target: str
    prediction: str
    confidence: float
    target_probability: float
    contrast: str | None
    layer: str
    shape: tuple[int, int]
    facts: Mapping[str, float]
    trust: Mapping[str, float | None]
    seconds: float
    cached: bool
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trust:
    """How far a map deserves belief, and from what that follows; see `inference.explanations.evidence`.

    Attributes:
        score: In [0, 1].
        curves: Probability of the explained class, in [0, 1], at each of `shares` (of the pixels, 0 to 1): `deletion`,
            `insertion`, `random_deletion`, `random_insertion`.
        areas: Under each of the four, in [0, 1].
        odds_raised: By which factor the odds were multiplied in all of them; 1 unless the class is improbable.
        sanity: How much of the map survives the loss of what the network has learnt, in [0, 1]; None if not asked.
        sanity_skipped: Why it was not asked: `dear`, `elsewhere` (nobody knows how the map was made), `impossible`.
        agreement: Rank correlation with other methods' maps, by their names, in [-1, 1].
        edges: Rank correlation with the edges of the image, in [-1, 1].
        empty: Whether the map is the same everywhere, so that it says nothing.
        infidelity, sensitivity: Captum's metrics; None if not asked for.
    """

    score: float
    curves: Mapping[str, Sequence[float]]
    areas: Mapping[str, float]
    odds_raised: float
    sanity: float | None
    sanity_skipped: str
    agreement: Mapping[str, float]
    edges: float
    empty: bool
    infidelity: float | None
    sensitivity: float | None
    seconds: float

    @property
    def agreed(self) -> float | None:
        """The mean rank correlation with other methods' maps; None where there is no other."""
        return sum(self.agreement.values()) / len(self.agreement) if self.agreement else None

    @property
    def figures(self) -> dict[str, float | None]:
        """The score and its parts as numbers by name."""
        return {
            "score": self.score,
            **{f"{name}_auc": area for name, area in self.areas.items()},
            "sanity": self.sanity,
            "agreement": self.agreed,
            "edges": self.edges,
            "odds_raised": self.odds_raised,
            "infidelity": self.infidelity,
            "sensitivity": self.sensitivity,
        }


@dataclass(frozen=True, slots=True)
class Calibration:
    """How often the trust score was right where the truth is known.

    Attributes:
        maps: How many were judged, `good` of them right.
        auc: Probability that a right map scores higher than a wrong one.
        high, high_right: Maps that score `high_from` or more, and how many of them were right.
        low, low_wrong: Maps that score less than `low_below`, and how many of them were wrong.
    """

    maps: int
    good: int
    auc: float
    high_from: float
    high: int
    high_right: int
    low_below: float
    low: int
    low_wrong: int
