"""Explanations against the bare passes that they consist of."""

from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.measure import Figure, compare
from dashboard.services import build_services
from dashboard.settings import Settings
from inference.explanations import METHODS, Question
from inference.explanations.integrated_gradients import IntegratedGradients
from inference.models import LoadedModel, load, register

__all__ = ["run"]

_STEPS = 50
_SELECTION = 64
_BATCHES = (4, 8, 16, 32)


def run(folder: Path) -> Iterator[Figure]:
    """ResNet-18 at 224 × 224 with random weights."""
    services = build_services(Settings(workspace=folder / "workspace"))
    version = register(services.workspace, services.models, "resnet18", "torchvision:resnet18", "none")
    loaded = load(services.workspace, version)
    yield from _one_map(loaded)
    yield _integrated(loaded)
    yield _selection(loaded)


def _one_map(loaded: LoadedModel) -> Iterator[Figure]:
    batch = _images(1)
    question = Question(batch.numpy(), [0])

    def forward() -> None:
        with torch.inference_mode():
            loaded.module(batch)

    def ours() -> None:
        METHODS["gradcam"](loaded, question)

    yield compare("Grad-CAM, ResNet-18 at 224", ours, "one forward pass", forward)
    yield compare("Grad-CAM, ResNet-18 at 224", ours, "forward and whole backward pass", lambda: _both(loaded, batch))


def _integrated(loaded: LoadedModel) -> Figure:
    """Against the batch size that is fastest here and now."""
    question = Question(_images(1).numpy(), [0])

    def bare(size: int) -> None:
        for start in range(0, _STEPS, size):
            _both(loaded, _images(min(size, _STEPS - start)))

    method = IntegratedGradients(steps=_STEPS)
    rivals = [
        compare(
            f"Integrated gradients, {_STEPS} steps",
            lambda: method(loaded, question),
            f"{_STEPS} forward and backward passes in batches of {size}",
            lambda size=size: bare(size),  # type: ignore[misc]
            rounds=3,
        )
        for size in _BATCHES
    ]
    return min(rivals, key=lambda figure: figure.baseline)


def _selection(loaded: LoadedModel) -> Figure:
    images = _images(_SELECTION).numpy()
    together = Question(images, [0] * _SELECTION)

    def one_by_one() -> None:
        for image in images:
            METHODS["gradcam"](loaded, Question(image[None], [0]))

    return compare(
        f"{_SELECTION} Grad-CAMs in a batch",
        lambda: METHODS["gradcam"](loaded, together),
        "one by one",
        one_by_one,
        rounds=3,
    )


def _both(loaded: LoadedModel, batch: torch.Tensor) -> None:
    given = batch.clone().requires_grad_()
    torch.autograd.grad(loaded.module(given)[:, 0].sum(), given)


def _images(count: int) -> torch.Tensor:
    return torch.randn(count, 3, 224, 224, generator=torch.Generator().manual_seed(0))
