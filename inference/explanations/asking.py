"""The network as a function of images, as the methods and Captum ask it: in batches that fit, one thread at a time."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import numpy as np
import torch
from torch import Tensor

from data.errors import InvalidInput
from inference.explanations.protocol import Attribution, Pulse, Question
from inference.models import LoadedModel

__all__ = ["Logits", "batch_size", "batches", "gradients_allowed", "pixel_attribution", "targets_of"]

_PIXELS = {"cpu": 8 * 224 * 224}  # beyond, a processor is no faster for an image, and who cancels waits longer
_PIXELS_ON_GPU = 32 * 224 * 224


class Logits:
    """Logits of batches. Captum takes it for the network.

    The model's lock is held while the network runs and free between batches, so that others are not made to wait for
    the whole of a dear method. A graph, where one is recorded, no longer needs the lock: nothing of the module is in it
    that another thread could change.
    """

    def __init__(self, loaded: LoadedModel, method: str, images: int, pulse: Pulse) -> None:
        """
        Args:
            method: Who asks, for the errors' texts.
            images: How many will be passed through the network in all.
        """
        self._loaded = loaded
        self._method = method
        self._images = images
        self._pulse = pulse
        self._done = 0

    def __call__(self, batch: Tensor) -> Tensor:
        """(N, K) from (N, C, H, W).

        Raises:
            InvalidInput: A graph is recorded, but the logits do not depend on the image through it.
            Cancelled: Nobody waits any more.
        """
        with self._loaded.lock:
            # A copy, because a network may change its input in place, which belongs to who asks.
            logits: Tensor = self._loaded.module(batch.clone())
        if batch.requires_grad and not logits.requires_grad:
            raise InvalidInput(f"{self._method} cannot work here: the logits have no gradient down to the image")
        self._done += len(batch)
        self._pulse(min(self._done / self._images, 1.0))
        return logits

    def gradients(self, batch: Tensor, targets: Tensor, rules: AbstractContextManager[object] | None = None) -> Tensor:
        """How steeply each image's logit rises with its pixels, (N, C, H, W).

        Args:
            rules: What the network runs within, `inference.explanations.rules` for instance.
        """
        given = batch.detach().requires_grad_()
        with torch.enable_grad(), rules or nullcontext():
            logits = self(given)
        (slopes,) = torch.autograd.grad(logits.gather(1, targets[:, None]).sum(), given)
        return slopes


def batch_size(loaded: LoadedModel) -> int:
    """How many images to pass at once: enough to keep the device busy, few enough for others not to wait long."""
    size = loaded.version.preprocessing.image_size
    pixels = _PIXELS.get(loaded.device.type, _PIXELS_ON_GPU)
    return max(1, min(pixels // (size * size), 256))


def batches(loaded: LoadedModel, question: Question, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Images and targets of the question on the model's device, `size` at a time."""
    for start in range(0, len(question.images), size):
        images = torch.from_numpy(question.images[start : start + size]).to(loaded.device)
        yield images, targets_of(question, loaded.device)[start : start + size]


def targets_of(question: Question, device: torch.device) -> Tensor:
    """The indices of the logits that are asked about, (N,)."""
    return torch.as_tensor(list(question.targets), dtype=torch.int64, device=device)


@contextmanager
def gradients_allowed(method: str) -> Iterator[None]:
    """Says it in one line where a network changes in place what its gradient needs.

    Raises:
        InvalidInput: It does so. Such a network could not be trained either.
    """
    try:
        yield
    except RuntimeError as error:
        if "modified by an inplace operation" not in str(error):
            raise
        raise InvalidInput(
            f"{method} needs gradients, and this network changes in place what its gradients are computed from"
        ) from error


def pixel_attribution(
    loaded: LoadedModel,
    question: Question,
    method: str,
    size: int,
    attribute: Callable[[Tensor, Tensor], Tensor],
) -> Attribution:
    """Maps of a method that works on pixels, from what it gives for each number of each pixel.

    The channels of a pixel are added up: so a signed map keeps what the method promises of its sum, and an unsigned
    one, whose parts are magnitudes, stays a magnitude.

    Args:
        method: Who asks, for the errors' texts.
        size: Images at a time.
        attribute: (N, C, H, W) from a batch of that shape and its targets.
    """
    maps: list[np.ndarray] = []
    for images, targets in batches(loaded, question, size):
        with gradients_allowed(method):
            values = attribute(images, targets)
        maps.append(values.detach().sum(1).float().cpu().numpy())
    return Attribution(np.concatenate(maps), "input")
