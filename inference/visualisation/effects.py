"""What one unit does: where it answers in an image, which classes it pushes, and what is missing without it."""

from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from inference.models import LoadedModel
from inference.visualisation.inspection import to_input
from inference.visualisation.probing import Probe, hooked, unit_values

__all__ = ["ablated", "answer_maps", "pushes"]


def answer_maps(loaded: LoadedModel, found: Probe, unit: int, pixels: np.ndarray) -> np.ndarray:
    """Where a unit answers: its activation above 0, brought to the size of the input.

    Args:
        pixels: (N, H, W, C) uint8.

    Returns:
        (N, H, W) float32.
    """
    with loaded.lock, torch.inference_mode():
        answers = found.read(loaded.module, to_input(loaded, pixels))[:, unit : unit + 1]
        maps = F.interpolate(answers.float(), size=pixels.shape[1:3], mode="bilinear", align_corners=False)
        shown: np.ndarray = maps.clamp_min(0)[:, 0].cpu().numpy()
    return shown


def pushes(loaded: LoadedModel, found: Probe, unit: int, pixels: np.ndarray) -> np.ndarray | None:
    """How far a unit raises or lowers every logit: gradient × activation, summed over its places.

    Of a layer that the logits depend on linearly this is weight × activation, and exact. All K logits cost one backward
    pass through a backward pass: what that gives is linear in the logits' weights u, so its slope in u is wanted.

    Args:
        pixels: (N, H, W, C) uint8.

    Returns:
        (N, K) float32; None where the logits do not depend on the layer.
    """
    outputs: list[Tensor] = []

    def begin(output: Tensor) -> Tensor:
        outputs.append(output.detach().requires_grad_())
        return outputs[-1].clone()  # a later layer may change it in place

    # Fused attention cannot be differentiated twice.
    with loaded.lock, torch.enable_grad(), sdpa_kernel(SDPBackend.MATH), hooked(found.module, begin):
        logits = loaded.module(to_input(loaded, pixels))
    if not logits.requires_grad:
        return None
    weights = torch.zeros_like(logits, requires_grad=True)
    slopes = torch.autograd.grad(logits, outputs, weights, create_graph=True, allow_unused=True)
    total = torch.zeros((), device=logits.device)
    for output, slope in zip(outputs, slopes, strict=True):
        if slope is not None:
            total = total + (unit_values(slope, unit) * unit_values(output.detach(), unit)).sum()
    if not total.requires_grad:
        return None
    (found_pushes,) = torch.autograd.grad(total, [weights])
    raised: np.ndarray = found_pushes.float().cpu().numpy()
    return raised


def ablated(
    loaded: LoadedModel, found: Probe, unit: int, batches: Iterable[np.ndarray]
) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    """Predicted classes with the unit and with the unit set to 0, (n,) each, batch by batch.

    Args:
        batches: (n, H, W, C) uint8.
    """

    def silence(output: Tensor) -> Tensor:
        changed = output.clone()
        unit_values(changed, unit).zero_()
        return changed

    for pixels in batches:
        batch = to_input(loaded, pixels)
        with loaded.lock, torch.inference_mode():
            before = loaded.module(batch).argmax(1)
            with hooked(found.module, silence):
                after = loaded.module(batch).argmax(1)
        yield before.cpu().numpy(), after.cpu().numpy()
