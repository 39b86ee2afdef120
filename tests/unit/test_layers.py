import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from data.errors import InvalidInput
from inference.adapters.transformers import Logits
from inference.grids import feature_grid
from inference.layers import input_channels, inspect_network
from inference.networks import digits_cnn, shapes_cnn
from inference.vision import torchvision

import timm  # isort: skip  (after torchvision's one door)
from transformers import (  # isort: skip
    AutoModelForImageClassification,
    ConvNextConfig,
    DeiTConfig,
    PretrainedConfig,
    ResNetConfig,
    SwinConfig,
    ViTConfig,
)

TINY = {"image_size": 32, "patch_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
THIN = {"hidden_size": 16, "intermediate_size": 8}
STAGES = {"depths": [1, 1], "num_heads": [1, 2]}


def randomly(name: str) -> nn.Module:
    torch.manual_seed(0)
    network: nn.Module = torchvision.models.get_model(name, weights=None, num_classes=7)
    return network.eval()


# Small inputs keep this fast; the layers found are those of the usual size, as long as their grids have several cells.
@pytest.mark.parametrize(
    ("name", "size", "embedding", "width", "explained"),
    [
        ("resnet18", 64, "fc", 512, "layer4"),
        ("vgg11", 64, "classifier.6", 4096, "features"),
        ("densenet121", 64, "classifier", 1024, "features"),
        ("mobilenet_v3_small", 64, "classifier.3", 1024, "features"),
        ("efficientnet_b0", 64, "classifier.1", 1280, "features"),
        ("convnext_tiny", 64, "classifier.2", 768, "features"),
        ("squeezenet1_1", 64, "classifier.1", 512, "features"),
        ("swin_t", 64, "head", 768, "norm"),
        ("swin_v2_t", 64, "head", 768, "norm"),
        ("vit_b_16", 224, "heads.head", 768, "encoder.layers.encoder_layer_11.ln_1"),
    ],
)
def test_layers_of_known_architectures(name: str, size: int, embedding: str, width: int, explained: str | None) -> None:
    found = inspect_network(randomly(name), size, 3)
    assert (found.embedding_layer, found.embedding_dim, found.explain_layer) == (embedding, width, explained)
    assert found.outputs == 7


# Made small where timm lets us: what is found depends on how they are built, not on how large they are.
@pytest.mark.parametrize(
    ("name", "options", "size", "embedding", "explained"),
    [
        ("resnet18", {}, 64, "fc", "layer4"),
        ("densenet121", {}, 64, "classifier", "features"),
        ("mobilenetv2_050", {}, 64, "classifier", "bn2"),
        ("mobilenetv3_small_050", {}, 64, "classifier", "blocks"),
        ("efficientnet_b0", {}, 64, "classifier", "bn2"),
        ("convnext_atto", {}, 64, "head.fc", "stages"),
        ("inception_v3", {}, 128, "fc", "Mixed_7c"),
        ("vit_tiny_patch16_224", {"img_size": 64, "depth": 2}, 64, "head", "blocks.1.norm1"),
        ("deit_tiny_patch16_224", {"img_size": 64, "depth": 2}, 64, "head", "blocks.1.norm1"),
        ("deit_tiny_distilled_patch16_224", {"img_size": 64, "depth": 2}, 64, "head_dist", "blocks.1.norm1"),
        ("vit_small_patch14_reg4_dinov2", {"img_size": 56, "depth": 2}, 56, "head", "blocks.1.norm1"),
        (
            "vit_base_patch16_gap_224",
            {"img_size": 64, "depth": 2, "embed_dim": 24, "num_heads": 2},
            64,
            "head",
            "norm",
        ),
        ("swin_tiny_patch4_window7_224", {"img_size": 112, "depths": (1, 1, 1, 1)}, 112, "head.fc", "norm"),
        ("swinv2_tiny_window8_256", {"img_size": 128, "depths": (1, 1, 1, 1)}, 128, "head.fc", "norm"),
    ],
)
def test_layers_of_networks_of_timm(
    name: str, options: dict[str, object], size: int, embedding: str, explained: str
) -> None:
    torch.manual_seed(0)
    network = timm.create_model(name, num_classes=7, **options).eval()
    found = inspect_network(network, size, 3)
    assert (found.embedding_layer, found.explain_layer) == (embedding, explained)
    grid = grid_of(network, explained, size)
    assert grid.shape[2] == grid.shape[3] > 1


@pytest.mark.parametrize(
    ("configuration", "explained", "channels", "side"),
    [
        (ViTConfig(**TINY, **THIN), "vit.layers.1.layernorm_before", 16, 4),
        (DeiTConfig(**TINY, **THIN, architectures=[]), "deit.layers.1.layernorm_before", 16, 4),
        (SwinConfig(image_size=32, embed_dim=8, window_size=2, **STAGES), "swin.layernorm", 16, 4),
        (ResNetConfig(embedding_size=4, hidden_sizes=[4, 8], depths=[1, 1]), "resnet.encoder.stages.1", 8, 4),
        (ConvNextConfig(hidden_sizes=[4, 8], depths=[1, 1], num_stages=2), "convnext.encoder.stages.1", 8, 4),
    ],
)
def test_layers_of_networks_of_transformers(
    configuration: PretrainedConfig, explained: str, channels: int, side: int
) -> None:
    torch.manual_seed(0)
    network = Logits(AutoModelForImageClassification.from_config(configuration)).eval()
    found = inspect_network(network, 32, 3)
    assert found.embedding_layer.startswith("network.classifier")
    assert (found.explain_layer, found.embedding_dim) == (f"network.{explained}", channels)
    assert grid_of(network, f"network.{explained}", 32).shape[1:] == (channels, side, side)


def grid_of(network: nn.Module, layer: str, size: int) -> Tensor:
    kept: list[Tensor] = []
    hook = network.get_submodule(layer).register_forward_hook(lambda _module, _inputs, output: kept.append(output))
    with torch.no_grad():
        network(torch.zeros(1, 3, size, size))
    hook.remove()
    grid = feature_grid(kept[-1])
    assert grid is not None
    return grid


def test_layers_can_be_chosen_by_name() -> None:
    network = randomly("resnet18")
    found = inspect_network(network, 64, 3, "layer4", "layer2.0")
    assert (found.embedding_layer, found.embedding_dim, found.explain_layer) == ("layer4", 256, "layer2.0")
    assert inspect_network(network, 64, 3, explain_layer="layer2").embedding_layer == "fc"


@pytest.mark.parametrize(
    ("chosen", "text"),
    [
        ({"explain_layer": "layer5"}, "--explain-layer 'layer5' is no layer of the network; near: layer"),
        ({"embedding_layer": "conv9"}, "--embedding-layer 'conv9' is no layer of the network; near: .*conv1"),
        ({"explain_layer": "fc"}, r"'fc' gives \(1, 7\); it must give a grid"),
        ({"explain_layer": "avgpool"}, r"'avgpool' gives \(1, 512, 1, 1\); it must give a grid"),
    ],
)
def test_a_chosen_layer_that_does_not_serve_is_refused(chosen: dict[str, str], text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        inspect_network(randomly("resnet18"), 64, 3, **chosen)


def test_an_explain_layer_needs_more_than_one_cell() -> None:
    assert inspect_network(randomly("resnet18"), 32, 3).explain_layer == "layer3"


@pytest.mark.parametrize(("network", "size", "channels"), [(digits_cnn(), 8, 1), (shapes_cnn(), 64, 3)])
def test_layers_of_the_demo_networks(network: nn.Module, size: int, channels: int) -> None:
    found = inspect_network(network.eval(), size, channels)
    assert (found.embedding_layer, found.embedding_dim, found.explain_layer) == ("head", 64, "block3")
    assert input_channels(network) == channels


class Functional(nn.Module):
    """Pools and activates by functions, as many networks for small images do."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.linear = nn.Linear(4, 2, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.linear(F.relu(self.conv(images)).mean((2, 3)))
        return logits


def test_counts_of_parameters_and_operations() -> None:
    found = inspect_network(Functional().eval(), 8, 3)
    assert found.parameters == 3 * 4 * 9 + 4 * 2
    assert found.flops == 2 * (8 * 8 * 4 * 27 + 4 * 2)
    assert (found.embedding_layer, found.explain_layer) == ("linear", "conv")


def test_watching_leaves_no_hook_behind() -> None:
    network = randomly("resnet18")
    inspect_network(network, 32, 3)
    with pytest.raises(InvalidInput):
        inspect_network(network, 32, 1)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


@pytest.mark.parametrize(
    ("network", "channels", "text"),
    [
        (nn.Sequential(nn.Conv2d(3, 2, 3)), 3, r"gives \(1, 2, 6, 6\) for one image"),
        (Functional(), 1, "fails on a 8 × 8 image with 1 channels"),
        (nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), 3, "no linear layer"),
    ],
)
def test_networks_that_cannot_be_used_are_refused_with_the_reason(network: nn.Module, channels: int, text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        inspect_network(network.eval(), 8, channels)


def test_a_strange_number_of_channels_is_refused() -> None:
    with pytest.raises(InvalidInput, match="takes 4 channels"):
        input_channels(nn.Sequential(nn.Conv2d(4, 2, 3)))
