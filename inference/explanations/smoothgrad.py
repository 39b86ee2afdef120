"""SmoothGrad: the gradient averaged over noisy copies of the image.

Smilkov et al. 2017, "SmoothGrad: removing noise by adding noise", section 3; as Captum's noise tunnel around the
saliency, magnitudes are averaged. The noise is drawn here, because Captum draws from the process's generator, which
several threads share, and the same seed would not always give the same map.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from inference.explanations.asking import Logits, batch_size, pixel_attribution
from inference.explanations.protocol import Attribution, Pulse, Question, unheard
from inference.models import LoadedModel

__all__ = ["SmoothGrad"]


@dataclass(frozen=True, slots=True)
class SmoothGrad:
    """See `ExplanationMethod`. The cost is `samples` forward and backward passes, in batches.

    Attributes:
        spread: Standard deviation of the noise as a share of the range of the image's values.
    """

    name: ClassVar[str] = "smoothgrad"
    samples: int = 40
    spread: float = 0.15
    seed: int = 0

    def unsuited(self, loaded: LoadedModel) -> str | None:
        return None

    def __call__(self, loaded: LoadedModel, question: Question, pulse: Pulse = unheard) -> Attribution:
        network = Logits(loaded, self.name, len(question.images) * self.samples, pulse)
        size = batch_size(loaded)

        def attribute(images: Tensor, targets: Tensor) -> Tensor:
            image = images[0]
            # On the CPU, so that the noise is the same on every device; drawn anew for each image, so that its map
            # does not depend on the others.
            generator = torch.Generator().manual_seed(self.seed)
            noise = torch.randn((self.samples, *image.shape), generator=generator)
            noise *= self.spread * float(image.max() - image.min())
            total = torch.zeros_like(image)
            for part in noise.split(size):  # type: ignore[no-untyped-call]
                noisy = image + part.to(image.device)
                total += network.gradients(noisy, targets.expand(len(noisy))).abs().sum(0)
            return total[None] / self.samples

        return pixel_attribution(loaded, question, self.name, 1, attribute)
