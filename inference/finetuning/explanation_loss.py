"""What is asked of a network's reasons while it learns: not to look inside some regions, and to look inside others.

Both are differentiated through the gradient at the input, so a step needs second derivatives of the network.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from data.errors import InvalidInput

__all__ = ["outside_share", "second_derivatives", "squared_gradient", "wrong_reasons"]

_TINY = 1e-12
_NOT_TWICE = ("derivative for", "differentiate")


def wrong_reasons(log_probabilities: Tensor, images: Tensor, masks: Tensor) -> Tensor:
    """How much the network looks inside regions that it must not look at.

    The first term of Ross, Hughes and Doshi-Velez 2017, "Right for the right reasons", equation 2: the squared gradient
    of the summed log probabilities of all classes with respect to the input, summed over the mask. It needs no label.

    Args:
        log_probabilities: (N, K), computed from `images`.
        images: (N, C, H, W), asking for gradients.
        masks: (N, H, W), 1 inside.

    Returns:
        (N,), not negative, to be differentiated again.

    Raises:
        InvalidInput: The network has a layer that cannot be differentiated twice.
    """
    return (squared_gradient(log_probabilities.sum(), images) * masks).sum((1, 2))


def outside_share(log_probabilities: Tensor, targets: Tensor, images: Tensor, masks: Tensor) -> Tensor:
    """How much of what decides for a class lies outside of where the network should look.

    The energy loss of Rao et al. 2023, "Studying how to efficiently and effectively guide models with explanations",
    one minus the share of the attribution inside, with the squared gradient of the class's log probability as the
    attribution. It is bounded and asks nothing of the gradient's size: the squared gradient outside the mask, taken
    alone, is smallest where the network answers nothing at all.

    Args:
        targets: (N,) int64.

    Returns:
        (N,) in [0, 1], to be differentiated again.

    Raises:
        InvalidInput: As `wrong_reasons`.
    """
    energy = squared_gradient(log_probabilities.gather(1, targets[:, None]).sum(), images)
    return 1 - (energy * masks).sum((1, 2)) / energy.sum((1, 2)).clamp_min(_TINY)


def squared_gradient(total: Tensor, images: Tensor) -> Tensor:
    """Squared gradient of `total` with respect to the images, summed over channels, (N, H, W); with its graph.

    Raises:
        InvalidInput: The network has a layer that cannot be differentiated twice.
    """
    with second_derivatives():
        return torch.autograd.grad(total, images, create_graph=True)[0].pow(2).sum(1)


@contextmanager
def second_derivatives() -> Iterator[None]:
    """Says of a network that cannot be differentiated twice what to do about it.

    Raises:
        InvalidInput: In place of torch's own error.
    """
    try:
        yield
    except RuntimeError as error:
        line = " ".join(str(error).split())
        if not any(sign in line for sign in _NOT_TWICE):
            raise
        raise InvalidInput(
            f"The network cannot be differentiated twice ({line[:200]}); "
            "fine-tune without explanation loss: 0 for must-not-look and should-look"
        ) from error
