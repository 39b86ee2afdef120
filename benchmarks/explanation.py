"""Grad-CAM against one bare forward pass, and against backpropagating through the whole network."""

from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.measure import Figure, compare
from dashboard.services import build_services
from dashboard.settings import Settings
from inference.explanations import METHODS, Question
from inference.models import load, register

__all__ = ["run"]


def run(folder: Path) -> Iterator[Figure]:
    """ResNet-18 at 224 × 224 with random weights, one image at a time."""
    services = build_services(Settings(workspace=folder / "workspace"))
    version = register(services.workspace, services.models, "resnet18", "torchvision:resnet18", "none")
    loaded = load(services.workspace, version)
    batch = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    question = Question(batch.numpy(), [0])

    def forward() -> None:
        with torch.inference_mode():
            loaded.module(batch)

    def through_everything() -> None:
        given = batch.clone().requires_grad_()
        loaded.module(given)[0, 0].backward()

    def ours() -> None:
        METHODS["gradcam"](loaded, question)

    yield compare("Grad-CAM, ResNet-18 at 224", ours, "one forward pass", forward)
    yield compare("Grad-CAM, ResNet-18 at 224", ours, "forward and whole backward pass", through_everything)
