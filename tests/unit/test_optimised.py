"""A network made faster answers the same; what could not be folded in stays."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from inference.optimised import fold_batch_norm, lay_channels_last
from inference.passes import activation_bytes, forward
from inference.vision import torchvision


class Net(nn.Module):
    """Convolution, batch norm, head; how they are put together differs."""

    def __init__(self, body: Callable[["Net", Tensor], Tensor]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.again = nn.Conv2d(4, 4, 1)
        self.head = nn.Linear(4, 2)
        self.body = body

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.body(self, images).mean((2, 3)))
        return logits


def trained(network: nn.Module) -> nn.Module:
    """With statistics that folding must not lose."""
    generator = torch.Generator().manual_seed(3)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.copy_(torch.randn(module.num_features, generator=generator) * 0.1)
            module.running_var.copy_(torch.rand(module.num_features, generator=generator) + 0.5)
            with torch.no_grad():
                module.weight.copy_(torch.rand(module.num_features, generator=generator) + 0.5)
                module.bias.copy_(torch.randn(module.num_features, generator=generator) * 0.1)
    return network.eval().requires_grad_(False)


def compared(network: nn.Module, layer: str = "head", size: int = 12) -> nn.Module:
    """The network made faster, after its answers were held against those from before."""
    batch = torch.randn(3, 3, size, size, generator=torch.Generator().manual_seed(1))
    logits, embeddings = forward(network, layer, batch)
    fold_batch_norm(network, layer, size, 3)
    lay_channels_last(network, layer, size, 3)
    found, pooled = forward(network, layer, batch.to(memory_format=torch.channels_last))
    assert torch.allclose(found, logits, rtol=1e-5, atol=1e-5)
    assert torch.allclose(pooled, embeddings, rtol=1e-5, atol=1e-5)
    return network


def norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def test_batch_norm_is_folded_into_its_convolution() -> None:
    fast = compared(trained(Net(lambda net, images: net.norm(net.conv(images)))))
    assert norms(fast) == 0


@pytest.mark.parametrize(
    "body",
    [
        lambda net, images: net.norm(net.conv(images)) + net.conv(images),
        lambda net, images: net.norm(net.norm(net.conv(images))),
        lambda net, images: net.norm(net.again(net.again(net.conv(images)))),
        lambda net, images: net.norm(net.conv(images).relu()),
    ],
    ids=["convolution used twice", "norm used twice", "shared convolution", "something between"],
)
def test_what_does_not_belong_together_stays(body: Callable[[Net, Tensor], Tensor]) -> None:
    assert norms(compared(trained(Net(body)))) == 1


def test_a_convolution_that_feeds_others_too_is_put_back() -> None:
    def body(net: Net, images: Tensor) -> Tensor:
        given = net.conv(images)
        normed: Tensor = net.norm(given)
        both: Tensor = normed + given
        return both

    network = trained(Net(body))
    weight = network.get_parameter("conv.weight").clone()
    fast = compared(network)
    assert norms(fast) == 1
    assert torch.equal(fast.get_parameter("conv.weight"), weight)


def test_the_embedding_layer_stays() -> None:
    network = trained(Net(lambda net, images: net.norm(net.conv(images))))
    assert norms(compared(network, layer="conv")) == 1


@pytest.mark.parametrize(("name", "layer"), [("resnet18", "fc"), ("densenet121", "classifier")])
def test_networks_that_people_have(name: str, layer: str) -> None:
    torch.manual_seed(0)
    network = trained(torchvision.models.get_model(name, weights=None, num_classes=7))
    before = norms(network)
    fast = compared(network, layer, 64)
    assert norms(fast) < before
    assert next(fast.parameters()).is_contiguous(memory_format=torch.channels_last)


def test_a_network_that_reads_its_activations_by_their_place_keeps_its_layout() -> None:
    def body(net: Net, images: Tensor) -> Tensor:
        given: Tensor = net.conv(images)
        return given.view(len(given), 400).view(len(given), 4, 10, 10)  # not allowed with channels last

    network = trained(Net(body))
    lay_channels_last(network, "head", 12, 3)
    assert network.get_parameter("conv.weight").is_contiguous()


def test_activation_bytes_are_those_of_the_widest_layer() -> None:
    network = trained(Net(lambda net, images: net.norm(net.conv(images))))
    # The batch norm takes and gives 4 maps of 10 × 10; the convolution takes 3 of 12 × 12 and gives as many.
    assert activation_bytes(network, 12, 3) == 4 * max(2 * 4 * 100, 3 * 144 + 4 * 100)
