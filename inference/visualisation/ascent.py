"""Activation maximisation: x* = argmax A(x), by gradient ascent on the input.

Erhan et al. 2009, "Visualizing Higher-Layer Features of a Deep Network": x ← x + η ∂A/∂x, until the objective settles
or the steps are used up. Olah et al. 2017, "Feature Visualization", for what makes the images legible.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from data.visualisations import VisualisationRequest
from inference.explanations.protocol import Pulse, unheard
from inference.models import LoadedModel
from inference.visualisation.objectives import Objective, likeness, objective_of
from inference.visualisation.parametrisation import Canvas, Colours
from inference.visualisation.probing import forgiving_relus
from inference.visualisation.transforms import moved

__all__ = ["Show", "Sight", "ascend", "settled"]

_WARM_UP = 16
_WINDOW = 24
_TOLERANCE = 0.004


@dataclass(frozen=True, slots=True)
class Sight:
    """What came of an ascent.

    Attributes:
        images: (N, C, H, W) uint8.
        curve: The objective at each step, mean over the images, as the moved images gave it.
        values: The objective of `images` themselves, unmoved and with their 256 levels; at each one's strongest place
            where it is a unit's.
        converged: Whether the objective settled before the steps were used up.
    """

    images: Tensor
    curve: Sequence[float]
    values: Sequence[float]
    converged: bool


Show = Callable[[Callable[[], Tensor], Sequence[float]], None]
"""Is given what makes the present images, (N, C, H, W) uint8, and the curve so far."""


def ascend(
    loaded: LoadedModel,
    request: VisualisationRequest,
    classes: Sequence[str],
    colours: Colours | None = None,
    start: Tensor | None = None,
    pulse: Pulse = unheard,
    show: Show = lambda images, curve: None,
) -> Sight:
    """Seeks the images that a request asks for. The same request on the same machine gives the same pixels.

    The model's lock is held for one step at a time, so that others' explanations go in between.

    Args:
        classes: Names in the order of the logits.
        colours: Of the dataset; None where there is none.
        start: (C, H, W) in [0, 1], the sample that the request starts from.
        show: Is given what there is after every step, and makes the images only when it wants them.

    Raises:
        InvalidInput: The network has no such layer, unit or class.
        Cancelled: Nobody waits any more.
    """
    objective = objective_of(loaded, request, classes)
    preprocessing = loaded.version.preprocessing
    channels, size = len(preprocessing.mean), preprocessing.image_size
    generator = torch.Generator().manual_seed(request.seed)
    canvas = Canvas(
        (request.images, channels, size, size),
        request.parametrisation,
        colours or Colours.independent(channels),
        generator,
        start,
        loaded.device,
    )
    enter = _Entrance(loaded)
    curve: list[float] = []
    converged = False
    for value in _steps(loaded, request, objective, canvas, enter, generator):
        curve.append(value)
        converged = settled(curve, request.minimise)
        pulse(len(curve) / request.steps)
        if converged:
            break
        show(partial(_levels, canvas), curve)
    images = _levels(canvas)
    with loaded.lock, torch.no_grad():
        values = objective.strongest(objective.features(enter(images / 255))).tolist()
    return Sight(images.cpu(), curve, values, converged)


def _steps(
    loaded: LoadedModel,
    request: VisualisationRequest,
    objective: Objective,
    canvas: Canvas,
    enter: "_Entrance",
    generator: torch.Generator,
) -> Iterator[float]:
    """Gives the mean objective of each step, after the step."""
    optimiser = torch.optim.Adam([canvas.values], lr=request.rate)
    direction = -1.0 if request.minimise else 1.0
    for step in range(request.steps):
        images = canvas()
        batch = enter(moved(images, request.jitter, request.rotation, request.scaling, generator))
        with loaded.lock, torch.enable_grad(), forgiving_relus() if step < _WARM_UP else nullcontext():
            features = objective.features(batch)
        found = objective.value(features)
        # The sum and not the mean: how far an image goes must not depend on how many are made beside it.
        loss = -direction * found.sum() + _penalty(request, images, canvas, features)
        (canvas.values.grad,) = torch.autograd.grad(loss, [canvas.values])
        optimiser.step()
        yield float(found.detach().mean())


def _penalty(request: VisualisationRequest, images: Tensor, canvas: Canvas, features: Tensor) -> Tensor:
    """What is taken off the objective: total variation, energy, likeness of the images; one number."""
    total = torch.zeros((), device=images.device)
    if request.variation:
        down = (images[:, :, 1:] - images[:, :, :-1]).abs().mean((1, 2, 3))
        right = (images[:, :, :, 1:] - images[:, :, :, :-1]).abs().mean((1, 2, 3))
        total = total + request.variation * (down + right).sum()
    if request.energy:
        total = total + request.energy * (images - canvas.mean).square().mean((1, 2, 3)).sum()
    if request.diversity and request.images > 1:
        total = total + request.diversity * likeness(features) * request.images
    return total


def settled(curve: Sequence[float], minimise: bool = False) -> bool:
    """Whether the last `_WINDOW` steps brought less than `_TOLERANCE` of all that was gained before.

    Means of windows are compared, because each step sees the image moved elsewhere.
    """
    if len(curve) < 3 * _WINDOW:
        return False
    sign = -1.0 if minimise else 1.0
    last, before = (sign * sum(part) / _WINDOW for part in (curve[-_WINDOW:], curve[-2 * _WINDOW : -_WINDOW]))
    gained = before - sign * curve[0]
    return last - before < _TOLERANCE * abs(gained)


class _Entrance:
    """From images in [0, 1] to the network's input."""

    def __init__(self, loaded: LoadedModel) -> None:
        preprocessing = loaded.version.preprocessing
        self._mean, self._std = (
            torch.tensor(values, dtype=torch.float32, device=loaded.device)[:, None, None]
            for values in (preprocessing.mean, preprocessing.std)
        )

    def __call__(self, images: Tensor) -> Tensor:
        return (images - self._mean) / self._std


def _levels(canvas: Canvas) -> Tensor:
    with torch.no_grad():
        return (canvas() * 255).round().to(torch.uint8)
