"""Grad-CAM: which places of the last feature maps speak for a class; of a transformer's tokens likewise.

Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", equations
1 and 2: each feature map is weighted by the mean gradient of the class's logit over it; negative sums are cut off.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from data.errors import InvalidInput
from inference.explanations.protocol import Attribution
from inference.grids import feature_grid
from inference.models import LoadedModel

__all__ = ["gradcam"]


def gradcam(loaded: LoadedModel, image: np.ndarray, target: int) -> Attribution:
    """The Grad-CAM map of one image at the version's explain layer; see `ExplanationMethod`.

    The trunk runs without gradients: the graph begins at the explain layer's output, so the cost is one forward pass
    and a backward pass through the head.

    Raises:
        InvalidInput: The network has no layer with a grid of features, or the logit does not depend on it.
    """
    layer = loaded.version.explain_layer
    if layer is None:
        raise InvalidInput(f"gradcam needs a layer with a grid of features; {loaded.version.reference} has none")
    batch = torch.from_numpy(image[None]).to(loaded.device)
    with loaded.lock, torch.no_grad(), _graph_from(loaded.module.get_submodule(layer)) as captured:
        logits = loaded.module(batch)
        activations = captured[-1]
        if not logits.requires_grad:
            raise InvalidInput(f"gradcam cannot work at {layer}: the logits do not depend on it")
        (gradients,) = torch.autograd.grad(logits[0, target], activations)
    slopes, features = feature_grid(gradients), feature_grid(activations.detach())
    if slopes is None or features is None:
        raise InvalidInput(f"gradcam cannot work at {layer}: its output {tuple(activations.shape)} is no grid")
    weights = slopes.mean((2, 3), keepdim=True)
    grid = F.relu((weights * features).sum(1, keepdim=True))
    values = F.interpolate(grid, size=image.shape[1:], mode="bilinear", align_corners=False)[0, 0]
    return Attribution(values.float().cpu().numpy(), layer)


@contextmanager
def _graph_from(module: nn.Module) -> Iterator[list[Tensor]]:
    """Inside the block, a pass that runs without gradients records a graph from the module's output on.

    Gives the list that receives that output. To be used inside of `torch.no_grad`, whose end also takes back the
    gradient mode that the hook switches on.
    """
    captured: list[Tensor] = []

    def begin(_module: nn.Module, _inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        captured.append(output.detach().requires_grad_())
        torch.set_grad_enabled(True)
        # A copy goes on, because the next layer may change it in place, which is not allowed on a leaf of the graph.
        return captured[-1].clone()

    hook = module.register_forward_hook(begin)
    try:
        yield captured
    finally:
        hook.remove()
