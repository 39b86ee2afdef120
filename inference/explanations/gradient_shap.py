"""GradientSHAP: the expected gradient between plain images of random brightness and noisy copies of the image.

Lundberg and Lee 2017, "A Unified Approach to Interpreting Model Predictions", and Erion et al. 2021, "Improving
performance of deep learning models with axiomatic attribution priors and expected gradients", equation 3: gradients at
random points of the way from a baseline to the image, times their difference. As in Captum, but with random numbers of
its own, for the reason that `smoothgrad` gives.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from inference.explanations.asking import Logits, batch_size, pixel_attribution
from inference.explanations.protocol import Attribution, Pulse, Question, unheard
from inference.models import LoadedModel

__all__ = ["GradientShap"]

_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class GradientShap:
    """See `ExplanationMethod`. The cost is `samples` forward and backward passes, in batches.

    Baselines are plain images between the image's darkest and brightest value. The fact `completeness_error` is by
    which share the map's sum misses the mean difference of the logit.

    Attributes:
        spread: Standard deviation of the noise as a share of the range of the image's values.
    """

    name: ClassVar[str] = "gradient_shap"
    samples: int = 40
    spread: float = 0.05
    seed: int = 0

    def unsuited(self, loaded: LoadedModel) -> str | None:
        return None

    def __call__(self, loaded: LoadedModel, question: Question, pulse: Pulse = unheard) -> Attribution:
        network = Logits(loaded, self.name, len(question.images) * 3 * self.samples, pulse)
        size = batch_size(loaded)
        errors: list[float] = []

        def attribute(images: Tensor, targets: Tensor) -> Tensor:
            starts, ends, points = self._drawn(images[0])
            total, rise = torch.zeros_like(images[0]), 0.0
            for at in range(0, self.samples, size):
                start, end, point = (values[at : at + size] for values in (starts, ends, points))
                asked = targets.expand(len(start))
                slopes = network.gradients(start + point * (end - start), asked)
                total += (slopes * (end - start)).sum(0)
                with torch.no_grad():
                    above, below = network(end), network(start)
                rise += float((above - below).gather(1, asked[:, None]).sum())
            errors.append(abs(float(total.sum()) - rise) / max(abs(rise), _TINY))
            return total[None] / self.samples

        maps = pixel_attribution(loaded, question, self.name, 1, attribute)
        return replace(maps, facts={"completeness_error": errors})

    def _drawn(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Baselines and noisy images, (samples, C, H, W), and which share of the way between them is asked."""
        generator = torch.Generator().manual_seed(self.seed)
        low, high = float(image.min()), float(image.max())
        ways = (self.samples, 1, 1, 1)
        plain = low + (high - low) * torch.rand(ways, generator=generator)
        noise = self.spread * (high - low) * torch.randn((self.samples, *image.shape), generator=generator)
        share = torch.rand(ways, generator=generator)
        starts, noise, share = (values.to(image.device) for values in (plain, noise, share))
        return starts.expand(self.samples, *image.shape), image + noise, share
