from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from data.errors import InvalidInput
from inference import catalogue
from inference.explanations import METHODS, Attribution, Question
from inference.models import LoadedModel
from inference.vision import torchvision  # noqa: F401  before timm imports it by itself
from tests.unit.networks_in_memory import in_memory

import timm  # isort: skip


def trunk_and_head(inplace: bool) -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(
        OrderedDict(
            first=nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(inplace=inplace), nn.MaxPool2d(2)),
            last=nn.Conv2d(8, 6, 3, padding=1),
            relu=nn.ReLU(inplace=inplace),
            pool=nn.AdaptiveAvgPool2d(1),
            flat=nn.Flatten(),
            head=nn.Linear(6, 4),
        )
    )


def by_full_gradient(network: nn.Module, layer: str, image: np.ndarray, target: int) -> np.ndarray:
    """Equations 1 and 2 of the paper with a graph through the whole network."""
    kept: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        kept.append(output.clone())
        return kept[-1]

    copy = network.requires_grad_(True)
    hook = copy.get_submodule(layer).register_forward_hook(keep)
    logit = copy(torch.from_numpy(image[None]))[0, target]
    hook.remove()
    (gradient,) = torch.autograd.grad(logit, kept[0])
    network.requires_grad_(False)
    grid = F.relu((gradient.mean((2, 3), keepdim=True) * kept[0]).sum(1, keepdim=True))
    scaled = F.interpolate(grid, size=image.shape[1:], mode="bilinear", align_corners=False)
    return scaled[0, 0].detach().numpy()


def gradcam(model: LoadedModel, image: np.ndarray, target: int) -> Attribution:
    found = METHODS["gradcam"](model, Question(image[None], [target]))
    return replace(found, values=found.values[0])


def noise(size: int = 16, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(channels, size, size)).astype(np.float32)


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("target", range(4))
def test_the_map_is_that_of_the_full_gradient(inplace: bool, target: int) -> None:
    model = in_memory(trunk_and_head(inplace))
    assert model.version.explain_layer == "last"
    found = gradcam(model, noise(), target)
    assert found.values.shape == (16, 16)
    assert found.values.dtype == np.float32
    expected = by_full_gradient(trunk_and_head(inplace=False).eval(), "last", noise(), target)
    assert np.allclose(found.values, expected, atol=1e-7)
    assert found.layer == "last"


def test_a_map_computed_by_hand() -> None:
    conv, head = nn.Conv2d(1, 2, 1, bias=False), nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        conv.weight.copy_(torch.tensor([1.0, -1.0]).view(2, 1, 1, 1))
        head.weight.copy_(torch.tensor([[2.0, 0.0], [0.0, 4.0]]))
    network = nn.Sequential(conv, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
    image = np.array([[[1, -3], [0, 2]]], dtype=np.float32)
    model = in_memory(network, 2, 1)
    # Logit 0 is 2 · mean(x), so each cell's weight is 2 / 4; logit 1 is 4 · mean(-x).
    assert np.allclose(gradcam(model, image, 0).values, [[0.5, 0.0], [0.0, 1.0]])
    assert np.allclose(gradcam(model, image, 1).values, [[0.0, 3.0], [0.0, 0.0]])


@pytest.mark.parametrize(
    ("name", "layer", "prefix"),
    [
        ("vit_tiny_patch16_224", "blocks.1.norm1", 1),
        ("deit_tiny_distilled_patch16_224", "blocks.1.norm1", 2),
        ("swin_tiny_patch4_window7_224", "norm", 0),
    ],
)
def test_maps_of_transformers_are_those_computed_step_by_step(name: str, layer: str, prefix: int) -> None:
    torch.manual_seed(0)
    swin = name.startswith("swin")
    size = 112 if swin else 64
    depth = {"depths": (1, 1, 1, 1)} if swin else {"depth": 2}
    network = timm.create_model(name, num_classes=4, img_size=size, **depth)
    model = in_memory(network, size)
    assert model.version.explain_layer == layer
    found = gradcam(model, noise(size), 2).values
    # Equations 1 and 2 on the patches alone, each in the place that its number says.
    kept: list[Tensor] = []
    hook = network.get_submodule(layer).register_forward_hook(lambda _module, _inputs, output: kept.append(output))
    logit = network.requires_grad_(True)(torch.from_numpy(noise(size)[None]))[0, 2]
    hook.remove()
    (gradient,) = torch.autograd.grad(logit, kept[0])
    places, slopes = (tensor.detach().reshape(1, -1, tensor.shape[-1])[0, prefix:] for tensor in (kept[0], gradient))
    side = round(len(places) ** 0.5)
    assert side**2 == len(places)
    cam = torch.zeros(side, side)
    for number, features in enumerate(places):
        cam[divmod(number, side)] = torch.clamp(features @ slopes.mean(0), min=0)
    expected = F.interpolate(cam[None, None], size=(size, size), mode="bilinear", align_corners=False)[0, 0].numpy()
    assert np.allclose(found, expected, atol=1e-6 * expected.max())
    assert expected.max() > 0


def test_nothing_is_left_behind() -> None:
    model = in_memory(trunk_and_head(inplace=True))
    gradcam(model, noise(), 0)
    with pytest.raises(IndexError):
        gradcam(model, noise(), 99)
    with pytest.raises(RuntimeError):
        gradcam(model, noise(channels=1), 0)
    assert torch.is_grad_enabled()
    assert not model.lock.locked()
    assert not any(module._forward_hooks for module in model.module.modules())
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in model.module.parameters())


def test_gradient_mode_stays_off_for_a_caller_who_switched_it_off() -> None:
    with torch.no_grad():
        gradcam(in_memory(trunk_and_head(inplace=True)), noise(), 0)
        assert not torch.is_grad_enabled()


class Detour(nn.Module):
    """The last grid leads nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3)
        self.head = nn.Linear(3, 2)

    def forward(self, images: Tensor) -> Tensor:
        self.conv(images)
        logits: Tensor = self.head(images.mean((2, 3)))
        return logits


def test_networks_for_which_it_has_no_meaning_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"needs a layer with a grid of features; net@1 has none"):
        gradcam(in_memory(nn.Sequential(nn.Flatten(), nn.Linear(48, 2)), 4), noise(4), 0)
    with pytest.raises(InvalidInput, match="do not depend"):
        gradcam(in_memory(Detour()), noise(), 0)


def test_people_are_offered_exactly_the_methods_there_are() -> None:
    assert set(METHODS) == set(catalogue.EXPLANATIONS)
