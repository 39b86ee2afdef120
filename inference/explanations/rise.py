"""RISE: the mean of many random masks, each counted by the class's probability when only what it lets through is seen.

Petsiuk, Das and Saenko 2018, "RISE: Randomized Input Sampling for Explanation of Black-box Models", equation 6 and
section 3.2: small random grids, enlarged smoothly and shifted by less than a cell. Hidden pixels are zero at the
network's input.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from inference.explanations.asking import Logits, batch_size, pixel_attribution
from inference.explanations.protocol import Attribution, Pulse, Question, unheard
from inference.models import LoadedModel

__all__ = ["Rise"]


@dataclass(frozen=True, slots=True)
class Rise:
    """See `ExplanationMethod`. The cost is `masks` forward passes, in batches.

    Attributes:
        cells: A side of the random grids.
        shown: Which share of the cells lets the image through.
    """

    name: ClassVar[str] = "rise"
    masks: int = 1000
    cells: int = 7
    shown: float = 0.5
    seed: int = 0

    def unsuited(self, loaded: LoadedModel) -> str | None:
        return None

    def __call__(self, loaded: LoadedModel, question: Question, pulse: Pulse = unheard) -> Attribution:
        network = Logits(loaded, self.name, len(question.images) * self.masks, pulse)
        size = batch_size(loaded)

        def attribute(images: Tensor, targets: Tensor) -> Tensor:
            generator = torch.Generator().manual_seed(self.seed)
            total = torch.zeros_like(images[:, :1])
            for start in range(0, self.masks, size):
                masks = self._drawn(min(size, self.masks - start), images.shape[2:], generator).to(images.device)
                with torch.no_grad():
                    chances = network(images * masks).softmax(1)[:, targets[0]]
                total += (chances[:, None, None, None] * masks).sum(0)
            return total / (self.masks * self.shown)

        return pixel_attribution(loaded, question, self.name, 1, attribute)

    def _drawn(self, count: int, sides: torch.Size, generator: torch.Generator) -> Tensor:
        """Masks in [0, 1], (count, 1, H, W)."""
        cells = (torch.rand((count, 1, self.cells, self.cells), generator=generator) < self.shown).float()
        steps = [-(-side // self.cells) for side in sides]
        wide = [side + step for side, step in zip(sides, steps, strict=True)]
        large = F.interpolate(cells, size=wide, mode="bilinear", align_corners=False)
        shifts = torch.stack([torch.randint(step, (count,), generator=generator) for step in steps], dim=1).tolist()
        height, width = sides
        return torch.stack([mask[:, y : y + height, x : x + width] for mask, (y, x) in zip(large, shifts, strict=True)])
