"""The small networks of the demo. Their names are kept with every version trained from them: do not change a layer."""

from collections import OrderedDict

from torch import nn

__all__ = ["digits_cnn", "shapes_cnn"]


def digits_cnn(num_classes: int = 10) -> nn.Module:
    """For grey 8 × 8 digits: (N, 1, 8, 8) to (N, num_classes) logits; the embedding has 64 numbers."""
    return nn.Sequential(
        OrderedDict(
            block1=_block(1, 16),
            pool1=nn.MaxPool2d(2),
            block2=_block(16, 32),
            block3=_block(32, 64),
            pool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            head=nn.Linear(64, num_classes),
        )
    )


def shapes_cnn(num_classes: int = 5) -> nn.Module:
    """For RGB 64 × 64 shapes: (N, 3, 64, 64) to (N, num_classes) logits; the embedding has 64 numbers."""
    return nn.Sequential(
        OrderedDict(
            stem=_block(3, 16, stride=2),
            block1=_block(16, 32, stride=2),
            pool1=nn.MaxPool2d(2),
            block2=_block(32, 64),
            block3=_block(64, 64),
            pool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            head=nn.Linear(64, num_classes),
        )
    )


def _block(channels: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )
