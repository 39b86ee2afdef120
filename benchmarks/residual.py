"""The residual networks for small images: He et al. 2015, section 4.2, with parameter-free shortcuts.

Stands on its own, since `--arch factory:benchmarks/residual.py:resnet20` keeps a copy of this file.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["resnet20", "resnet32"]


class _Block(nn.Module):
    def __init__(self, channels: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride = stride
        self.more = (outputs - channels) // 2

    def forward(self, given: Tensor) -> Tensor:
        hidden = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(given)))))
        if self.stride > 1:
            given = F.pad(given[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.more, self.more))
        return torch.relu(hidden + given)


class _Residual(nn.Module):
    def __init__(self, blocks: int, num_classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = _stage(16, 16, blocks)
        self.layer2 = _stage(16, 32, blocks)
        self.layer3 = _stage(32, 64, blocks)
        self.linear = nn.Linear(64, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        grid = self.layer3(self.layer2(self.layer1(torch.relu(self.bn1(self.conv1(images))))))
        logits: Tensor = self.linear(grid.mean((2, 3)))
        return logits


def _stage(channels: int, outputs: int, blocks: int) -> nn.Sequential:
    first = _Block(channels, outputs, 1 if channels == outputs else 2)
    return nn.Sequential(first, *(_Block(outputs, outputs, 1) for _ in range(blocks - 1)))


def resnet20(num_classes: int = 10) -> nn.Module:
    """(N, 3, 32, 32) to (N, num_classes) logits; 20 layers."""
    return _Residual(3, num_classes)


def resnet32(num_classes: int = 10) -> nn.Module:
    """As `resnet20`, with 32 layers."""
    return _Residual(5, num_classes)
