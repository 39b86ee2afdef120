"""What gradient ascent changes: pixels, or the image's Fourier coefficients, each with the colours' correlation.

Olah et al. 2017, "Feature Visualization", section "Preconditioning and parameterization": steepest ascent depends on
what is called a step. With spatial frequencies scaled to equal energy and colours made independent, it moves less in
the high frequencies that make plain pixel ascent look like noise.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Canvas", "Colours"]

_EDGE = 0.02  # a start from a sample stays this far from black and white, where the sigmoid has no slope
_DARKEST = 0.25  # an ascent that begins darker climbs where it is bright already, and is stuck elsewhere
_SPREAD = {"fourier": 0.01, "pixels": 0.05}


@dataclass(frozen=True, slots=True)
class Colours:
    """How colours vary.

    Attributes:
        mean: (C,) in [0.25, 0.75]: the mean colour, or the nearest from which one can climb either way.
        mixing: (C, C), from independent numbers to the colours' deviations from the mean: a root of their covariance,
            scaled so that its longest row is 1; the identity where colours are independent.
    """

    mean: Tensor
    mixing: Tensor

    @classmethod
    def independent(cls, channels: int) -> "Colours":
        """Grey in the mean, and every channel for itself."""
        return cls(torch.full((channels,), 0.5), torch.eye(channels))

    @classmethod
    def of(cls, pixels: Tensor, decorrelate: bool = True) -> "Colours":
        """The statistics of images, (N, C, H, W) in [0, 1]."""
        channels = pixels.shape[1]
        values = pixels.transpose(0, 1).reshape(channels, -1).double()
        mean = values.mean(1).clamp(_DARKEST, 1 - _DARKEST).float()
        if not decorrelate or channels == 1 or values.shape[1] < 2:
            return cls(mean, torch.eye(channels))
        variance, axes = torch.linalg.eigh(torch.cov(values))
        # A colour that never occurs keeps a little room, else nothing could be started from another image.
        root = axes @ torch.diag(variance.clamp_min(1e-4).sqrt())
        # The sign of an axis is the solver's whim; it must not change what a seed draws.
        root = root * torch.where(root.sum(0) < 0, -1.0, 1.0)
        return cls(mean, (root / root.norm(dim=1).max()).float())


class Canvas:
    """Images in [0, 1] as a function of free parameters.

    Args:
        shape: (N, C, H, W).
        parametrisation: `fourier` or `pixels`.
        start: (C, H, W) in [0, 1] that all images begin with, up to the noise; None for noise alone.

    Attributes:
        mean: The mean colour, (C, 1, 1).
    """

    def __init__(
        self,
        shape: tuple[int, int, int, int],
        parametrisation: str,
        colours: Colours,
        generator: torch.Generator,
        start: Tensor | None = None,
        device: torch.device | None = None,
    ) -> None:
        self._size = shape[2:]
        self._fourier = parametrisation == "fourier"
        self._mixing = colours.mixing.to(device)
        self.mean = colours.mean[:, None, None].to(device)
        self._centre = torch.logit(colours.mean)[:, None, None].to(device)
        drawn = (*shape[:2], *_spectrum(self._size), 2) if self._fourier else shape
        # Drawn on the processor, so that a seed means the same on every device.
        values = torch.randn(drawn, generator=generator) * _SPREAD[parametrisation]
        if self._fourier:
            self._weights = _weights(self._size)[..., None]
        if start is not None:
            values = values + self._inverse(start, colours)
        self.values = values.to(device).requires_grad_()
        if self._fourier:
            self._weights = self._weights.to(device)

    def __call__(self) -> Tensor:
        """The images, (N, C, H, W) in (0, 1), differentiable in `values`."""
        plane = self.values
        if self._fourier:
            plane = torch.fft.irfft2(torch.view_as_complex(plane * self._weights), s=self._size, norm="ortho")
        mixed = torch.einsum("cd,ndhw->nchw", self._mixing, plane)
        return torch.sigmoid(mixed + self._centre)

    def _inverse(self, start: Tensor, colours: Colours) -> Tensor:
        """The parameters that give an image."""
        deviation = torch.logit(start.cpu().clamp(_EDGE, 1 - _EDGE)) - torch.logit(colours.mean)[:, None, None]
        plane = torch.einsum("cd,dhw->chw", torch.linalg.inv(colours.mixing), deviation)
        if not self._fourier:
            return plane
        return torch.view_as_real(torch.fft.rfft2(plane, norm="ortho")) / self._weights


def _spectrum(size: tuple[int, int]) -> tuple[int, int]:
    return size[0], size[1] // 2 + 1


def _weights(size: tuple[int, int]) -> Tensor:
    """(H, W // 2 + 1): one over the frequency, as natural images have it, times the root of the number of pixels."""
    height, width = size
    down = torch.fft.fftfreq(height)[:, None]
    right = torch.fft.rfftfreq(width)[None]
    frequency = torch.sqrt(down**2 + right**2).clamp_min(1 / max(size))
    weights: Tensor = (height * width) ** 0.5 / (frequency * max(size))
    return weights
