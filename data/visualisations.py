"""What is to be seen of a network, and how: plain values that an address can carry."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from data.errors import InvalidInput

__all__ = [
    "BOUNDS",
    "MOST_IMAGES",
    "MOST_STEPS",
    "OBJECTIVES",
    "PARAMETRISATIONS",
    "PLACES",
    "VisualisationRequest",
    "read_direction",
]

OBJECTIVES = ("unit", "direction", "logit", "difference")
PLACES = ("centre", "everywhere")
PARAMETRISATIONS = ("fourier", "pixels")
MOST_STEPS, MOST_IMAGES = 2048, 9
BOUNDS: Mapping[str, tuple[float, float]] = {
    "images": (1, MOST_IMAGES),
    "diversity": (0, 100),
    "jitter": (0, 0.5),
    "rotation": (0, 180),
    "scaling": (0, 0.5),
    "variation": (0, 100),
    "energy": (0, 100),
    "steps": (1, MOST_STEPS),
    "rate": (1e-4, 10),
    "seed": (0, 2**31 - 1),
}
# Which objectives a field has a say in; the others in all.
_SAID_BY: Mapping[str, tuple[str, ...]] = {
    "layer": ("unit", "direction"),
    "unit": ("unit",),
    "direction": ("direction",),
    "where": ("unit", "direction"),
    "target": ("logit", "difference"),
    "contrast": ("difference",),
}


@dataclass(frozen=True, slots=True)
class VisualisationRequest:
    """An objective, and how the image that maximises it is sought. Together with a version it decides every pixel.

    Attributes:
        objective: One of `OBJECTIVES`. `unit` and `direction` need a layer, `logit` and `difference` classes.
        unit: Channel, token feature or neuron of the layer.
        direction: Units with their weights, `3:1,17:-0.5`; the weighted sum of their activations is the objective.
        where: Whether a unit is to answer at the centre of its grid or everywhere (the mean).
        target, contrast: Classes; `difference` is the logit of the first minus that of the second.
        minimise: Whether the objective is made small instead.
        images: How many are made at once; with `diversity` above 0 they are kept apart.
        diversity: Weight of the mean cosine similarity between the images' features, which is taken off.
        start: A sample's id, or empty for noise.
        parametrisation: `fourier`, where all frequencies start alike, or `pixels`.
        decorrelate: Whether colours vary as they do in the dataset, where there is one.
        jitter, scaling: In shares of the side; rotation in degrees: how far each step sees the image moved, at most.
        variation: Weight of the total variation, the mean difference between neighbouring pixels.
        energy: Weight of the mean square distance from the mean colour (L2).
        steps: At most; it ends before when the objective has settled.
        rate: Step size η (Adam's).
    """

    objective: str = "unit"
    layer: str = ""
    unit: int = 0
    direction: str = ""
    where: str = "centre"
    target: str = ""
    contrast: str = ""
    minimise: bool = False
    images: int = 1
    diversity: float = 0.0
    start: str = ""
    parametrisation: str = "fourier"
    decorrelate: bool = True
    jitter: float = 0.06
    rotation: float = 5.0
    scaling: float = 0.05
    variation: float = 0.0
    energy: float = 0.0
    steps: int = 192
    rate: float = 0.08
    seed: int = 0

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "VisualisationRequest":
        """From plain values, texts of an address among them; what is missing or empty takes its default.

        Raises:
            InvalidInput: A value is not allowed.
        """
        known: dict[str, Any] = {field.name: field.default for field in fields(cls)}
        values = {name: _read(name, given[name], known[name]) for name in known if given.get(name) not in (None, "")}
        request = cls(**values)
        for what, allowed in (
            ("objective", OBJECTIVES),
            ("where", PLACES),
            ("parametrisation", PARAMETRISATIONS),
        ):
            if getattr(request, what) not in allowed:
                raise InvalidInput.choice(what, getattr(request, what), allowed)
        if request.objective == "direction":
            read_direction(request.direction)
        # What has no say is as if it were not given, so that equal pictures have equal keys.
        unasked = {name: known[name] for name in known if name in _SAID_BY and request.objective not in _SAID_BY[name]}
        return replace(request, **unasked)


def _read(name: str, value: Any, default: Any) -> Any:
    """A value of the default's type, within its bounds."""
    if isinstance(default, bool):
        return str(value).lower() in {"1", "true", "yes"}
    if isinstance(default, str):
        return str(value)
    low, high = BOUNDS.get(name, (0, math.inf))
    try:
        number = type(default)(value)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"{name} {value!r} is no number; give {low:g} to {high:g}") from error
    if not low <= number <= high:
        raise InvalidInput(f"{name} {value!r} is not allowed; give {low:g} to {high:g}")
    return number


def read_direction(text: str) -> dict[int, float]:
    """`3:1,17:-0.5` as {3: 1.0, 17: -0.5}; a unit without a weight has the weight 1.

    Raises:
        InvalidInput: It is written otherwise, or says nothing.
    """
    found: dict[int, float] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        unit, _, weight = part.partition(":")
        try:
            found[int(unit)] = float(weight or 1)
        except ValueError as error:
            raise InvalidInput(f"direction {part!r} is not UNIT:WEIGHT; write units like 3:1, 17:-0.5") from error
    if not found or min(found) < 0 or not all(map(math.isfinite, found.values())) or not any(found.values()):
        raise InvalidInput(f"direction {text!r} names no unit with a weight; write units like 3:1, 17:-0.5")
    return found
