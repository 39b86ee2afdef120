import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from data.errors import InvalidInput
from inference.layers import input_channels, inspect_network
from inference.networks import digits_cnn, shapes_cnn
from inference.vision import torchvision


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
        ("swin_t", 64, "head", 768, "permute"),
        ("vit_b_16", 224, "heads.head", 768, None),
    ],
)
def test_layers_of_known_architectures(name: str, size: int, embedding: str, width: int, explained: str | None) -> None:
    found = inspect_network(randomly(name), size, 3)
    assert (found.embedding_layer, found.embedding_dim, found.explain_layer) == (embedding, width, explained)
    assert found.outputs == 7


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
