"""The explanation loss: its penalties by hand, on networks of every kind, and on one without second derivatives."""

from copy import deepcopy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from data.errors import InvalidInput
from inference.finetuning.explanation_loss import outside_share, second_derivatives, wrong_reasons
from inference.finetuning.parts import learning, make_smooth, twice_differentiable
from tests.unit.explained_networks import ARCHITECTURES, by_name


def test_the_penalty_is_what_one_computes_by_hand() -> None:
    # Two pixels, two classes, logits (a·x, b·x): the gradient of Σ log p is a + b - 2 (p₁ a + p₂ b) at each pixel.
    weights = torch.tensor([[1.0, 2.0], [3.0, -1.0]])
    images = torch.tensor([[[[0.5, 0.25]]]], requires_grad=True)
    logs = F.log_softmax(images.flatten(1) @ weights.T, 1)
    p = np.exp([1.0, 1.25]) / np.exp([1.0, 1.25]).sum()
    gradient = np.array([4.0, 1.0]) - 2 * (p[0] * np.array([1.0, 2.0]) + p[1] * np.array([3.0, -1.0]))
    found = wrong_reasons(logs, images, torch.tensor([[[1.0, 0.0]]]))
    assert found.tolist() == pytest.approx([gradient[0] ** 2], rel=1e-5)
    both = wrong_reasons(logs, images, torch.ones(1, 1, 2))
    assert both.tolist() == pytest.approx([(gradient**2).sum()], rel=1e-5)
    # Of log p₁ alone: a - (p₁ a + p₂ b).
    of_one = np.array([1.0, 2.0]) - (p[0] * np.array([1.0, 2.0]) + p[1] * np.array([3.0, -1.0]))
    outside = outside_share(logs, torch.tensor([0]), images, torch.tensor([[[1.0, 0.0]]]))
    assert outside.tolist() == pytest.approx([of_one[1] ** 2 / (of_one**2).sum()], rel=1e-5)


def test_the_penalty_itself_can_be_made_small() -> None:
    # One weight a pixel: following the penalty's own gradient makes the network blind to the first pixel alone.
    network = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[1.0, 1.0], [-1.0, -1.0]]))
    for _ in range(200):
        images = torch.tensor([[[[0.3, 0.3]]]], requires_grad=True)
        penalty = wrong_reasons(F.log_softmax(network(images.flatten(1)), 1), images, torch.tensor([[[1.0, 0.0]]]))
        (gradient,) = torch.autograd.grad(penalty.sum(), network.weight)
        with torch.no_grad():
            network.weight -= 0.05 * gradient
    difference = (network.weight[0] - network.weight[1]).tolist()
    assert abs(difference[0]) < 0.1 < 1.0 < difference[1]


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_networks_of_every_kind_are_differentiated_twice(name: str) -> None:
    loaded = by_name(name)
    network = make_smooth(deepcopy(loaded.module))
    size, channels = loaded.version.preprocessing.image_size, len(loaded.version.preprocessing.mean)
    images = torch.randn(1, channels, size, size, generator=torch.Generator().manual_seed(0), requires_grad=True)
    with twice_differentiable():
        parameters = learning(network, loaded.version, "all")
        logs = F.log_softmax(network(images.clone()), 1)
        penalty = wrong_reasons(logs, images, torch.ones(1, size, size))
        found = torch.autograd.grad(penalty.sum(), list(parameters.values()), allow_unused=True)
    assert penalty.item() > 0
    assert any(gradient is not None and gradient.abs().max() > 0 for gradient in found)
    assert torch.allclose(network(images), loaded.module(images), atol=1e-6)
    assert list(network.state_dict()) == list(loaded.module.state_dict())


class _Once(torch.autograd.Function):
    @staticmethod
    def forward(given: Tensor) -> Tensor:
        return given * 2

    @staticmethod
    def setup_context(_context: object, _inputs: object, _output: object) -> None:
        return

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(_context: object, gradient: Tensor) -> Tensor:
        return gradient * 2


def test_a_network_that_has_no_second_derivative_is_refused_with_the_remedy() -> None:
    images = torch.ones(1, 1, 1, 2, requires_grad=True)
    logs = F.log_softmax(_Once.apply(images).flatten(1), 1)
    penalty = wrong_reasons(logs, images, torch.ones(1, 1, 2))
    with (
        pytest.raises(InvalidInput, match="cannot be differentiated twice .* 0 for must-not-look"),
        second_derivatives(),
    ):
        penalty.sum().backward()
