"""Networks for the tests of explanation methods: small, with random weights, of the architectures that teams have."""

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inference.adapters.transformers import Logits
from inference.models import LoadedModel
from inference.vision import torchvision
from tests.unit.networks_in_memory import in_memory

import timm  # isort: skip  # only after torchvision's missing operators are declared
from transformers import ViTConfig, ViTForImageClassification  # isort: skip

__all__ = ["ARCHITECTURES", "Functional", "by_name", "image_batch"]

_CLASSES = 5


def image_batch(count: int, size: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, channels, size, size)).astype(np.float32)


def _densenet() -> nn.Module:
    network: nn.Module = torchvision.models.DenseNet(8, (2, 2), 16, num_classes=_CLASSES)
    return network


def _resnet() -> nn.Module:
    return torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=_CLASSES)  # type: ignore[no-any-return]


def _vgg() -> nn.Module:
    features = torchvision.models.vgg.make_layers([8, "M", 16, "M", 16], batch_norm=True)
    network: nn.Module = torchvision.models.VGG(features, num_classes=_CLASSES)
    network.classifier = nn.Sequential(nn.Linear(16 * 49, 16), nn.ReLU(True), nn.Dropout(), nn.Linear(16, _CLASSES))
    return network


def _convnext() -> nn.Module:
    return timm.create_model("convnext_atto", num_classes=_CLASSES, depths=(1, 1, 1, 1))  # type: ignore[no-any-return]


def _vit() -> nn.Module:
    vit = torchvision.models.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=_CLASSES)
    nn.init.normal_(vit.heads.head.weight)  # torchvision begins with zeros, and nothing depends on anything
    return vit  # type: ignore[no-any-return]


def _swin() -> nn.Module:
    return torchvision.models.SwinTransformer(  # type: ignore[no-any-return]
        [2, 2], 16, [1, 1], [2, 2], [4, 4], num_classes=_CLASSES
    )


def _timm(name: str, **options: object) -> Callable[[], nn.Module]:
    return lambda: timm.create_model(name, num_classes=_CLASSES, **options)


class Encoder(nn.Module):
    """A transformer of torch's own layers, whose logits are read from all patches."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 8, 8)
        layer = nn.TransformerEncoderLayer(16, 2, 32, activation="gelu", batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(16, _CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.encoder(self.patches(images).flatten(2).mT).mean(1))
        return logits


def _transformers() -> nn.Module:
    configuration = ViTConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=32,
        patch_size=8,
        num_labels=_CLASSES,
    )
    return Logits(ViTForImageClassification(configuration))


ARCHITECTURES: Mapping[str, tuple[Callable[[], nn.Module], int]] = {
    "resnet": (_resnet, 40),
    "vgg": (_vgg, 32),
    "densenet": (_densenet, 33),
    "mobilenet_v2": (lambda: torchvision.models.mobilenet_v2(num_classes=_CLASSES, width_mult=0.25), 40),
    "mobilenet_v3": (lambda: torchvision.models.mobilenet_v3_small(num_classes=_CLASSES, width_mult=0.5), 40),
    "convnext": (_convnext, 64),
    "vit": (_vit, 32),
    "swin": (_swin, 32),
    "timm_vit": (_timm("vit_tiny_patch16_224", img_size=64, depth=2, embed_dim=24, num_heads=3), 64),
    "timm_deit": (_timm("deit_tiny_distilled_patch16_224", img_size=64, depth=2, embed_dim=24, num_heads=3), 64),
    "torch_encoder": (Encoder, 32),
    "transformers_vit": (_transformers, 32),
}
"""Of each its maker and a size of images that it takes."""


@cache
def by_name(name: str) -> LoadedModel:
    make, size = ARCHITECTURES[name]
    torch.manual_seed(0)
    return in_memory(make(), size)


class Functional(nn.Module):
    """Calls its activations as functions, in place, and changes its input."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.head = nn.Linear(4, 3)

    def forward(self, images: Tensor) -> Tensor:
        images.mul_(2)
        grid = F.relu(self.conv(images), inplace=True)
        logits: Tensor = self.head(torch.relu_(grid - 0.5).mean((2, 3)))
        return logits
