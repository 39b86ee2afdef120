"""Methods of our own on cases computed by hand, and attention against what the networks themselves say."""

import math
import threading

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from data.errors import InvalidInput
from inference.explanations import METHODS, Question
from inference.explanations.attention import attention_from
from inference.explanations.kernel_shap import _coalitions, patches, shapley_values
from inference.explanations.rise import Rise
from inference.explanations.tokens import attend
from tests.unit.explained_networks import by_name, image_batch
from tests.unit.networks_in_memory import in_memory

import timm  # isort: skip


class Dot(nn.Module):
    """Logits are sums of pixels with weights, passed through a function that a test names."""

    def __init__(self, weights: list[list[float]], function: nn.Module) -> None:
        super().__init__()
        self.first = nn.Linear(4, 2, bias=False)
        self.function = function
        self.head = nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            self.first.weight.copy_(torch.tensor(weights))
            self.head.weight.copy_(torch.tensor([[1.0, -1.0], [0.0, 1.0]]))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.function(self.first(images.flatten(1))))
        return logits


IMAGE = np.array([[[[1, 2], [3, 4]]]], dtype=np.float32)
WEIGHTS = [[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0]]  # sums 3 and -1


def test_guided_backpropagation_stops_what_is_negative_on_either_way() -> None:
    loaded = in_memory(Dot([[1.0, 1, 0, 0], [0, 0, 1, 1]], nn.ReLU()), 2, 1)
    # Both gates are open; the second unit's slope is -1, which does not pass.
    assert METHODS["guided_backprop"](loaded, Question(IMAGE, [0])).values[0].tolist() == [[1, 1], [0, 0]]
    assert METHODS["saliency"](loaded, Question(IMAGE, [0])).values[0].tolist() == [[1, 1], [1, 1]]


def test_deeplift_and_lrp_share_out_by_differences_and_by_values() -> None:
    loaded = in_memory(Dot(WEIGHTS, nn.Tanh()), 2, 1)
    first, second = math.tanh(3) / 3, math.tanh(-1) / -1  # slope of the chord from 0
    expected = [[1 * first, 2 * first], [-3 * second, 4 * second]]
    for method in ("deeplift", "lrp"):
        found = METHODS[method](loaded, Question(IMAGE, [0]))
        assert np.allclose(found.values[0], expected, atol=1e-6)
    rise = math.tanh(3) - math.tanh(-1)
    assert found.values.sum() == pytest.approx(rise, abs=1e-6)


def test_shapley_values_of_a_game_with_a_pact() -> None:
    # 1 and 2 gain 6 together and nothing alone, 0 gains 1 always: values 1, 3, 3.
    for samples in (100, 4):
        sets, weights = _coalitions(3, samples, seed=0)
        gains = np.array([float(one[0]) + 6.0 * (one[1] and one[2]) for one in sets])
        found = shapley_values(sets, weights, gains, 7.0)
        assert found.sum() == pytest.approx(7)
        if samples == 100:
            assert len(sets) == 6
            assert np.allclose(found, [1, 3, 3])


def test_drawn_sets_find_the_values_of_a_sum() -> None:
    worth = np.arange(20.0)
    sets, weights = _coalitions(20, 200, seed=0)
    assert len(sets) == 200
    assert {sum(one) for one in sets.tolist()} <= set(range(1, 20))
    assert np.allclose(shapley_values(sets, weights, sets @ worth, worth.sum()), worth, atol=1e-8)


def test_patches_keep_to_colours_whatever_the_input_is_scaled_to() -> None:
    image = np.zeros((3, 20, 20), dtype=np.float32)
    image[:, :, 11:] = 4
    places = patches(image, 9)
    assert sorted(np.unique(places)) == list(range(places.max() + 1))
    assert not set(np.unique(places[:, :11])) & set(np.unique(places[:, 11:]))
    assert np.array_equal(patches(image * 0.01 - 3, 9), places)
    assert patches(np.zeros((1, 1, 1), dtype=np.float32), 50).tolist() == [[0]]


class Corner(nn.Module):
    """Sees the upper left quarter alone."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(1, 2)
        with torch.no_grad():
            self.head.weight.copy_(torch.tensor([[6.0], [-6.0]]))
            self.head.bias.copy_(torch.tensor([-3.0, 3.0]))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(images[:, :1, :8, :8].mean((1, 2, 3))[:, None])
        return logits


@pytest.mark.parametrize("method", ["rise", "kernel_shap", "occlusion"])
def test_perturbation_finds_the_corner_that_is_seen(method: str) -> None:
    loaded = in_memory(Corner(), 16, 1)
    image = np.ones((1, 1, 16, 16), dtype=np.float32)
    chosen = Rise(masks=300) if method == "rise" else METHODS[method]
    values = chosen(loaded, Question(image, [0])).values[0]
    assert values[:8, :8].mean() > 1.1 * values[8:, 8:].mean()
    assert values[:6, :6].mean() > 1.1 * values[:6, 10:].mean()


@pytest.mark.parametrize("name", ["vit", "timm_vit", "timm_deit", "torch_encoder", "transformers_vit"])
def test_watching_attention_changes_nothing(name: str) -> None:
    loaded = by_name(name)
    batch = torch.from_numpy(image_batch(2, loaded.version.preprocessing.image_size))
    found = attend(loaded, batch, "attention")
    with torch.no_grad():
        assert torch.allclose(found.logits, loaded.module(batch), atol=1e-5)
    assert len(found.weights) == 2
    for weights in found.weights:
        assert torch.allclose(weights.sum(-1), torch.ones(()), atol=1e-5)


def test_attention_is_what_transformers_itself_gives() -> None:
    loaded = by_name("transformers_vit")
    batch = torch.from_numpy(image_batch(1, 32))
    network = loaded.module.network
    assert isinstance(network, nn.Module)
    network.set_attn_implementation("eager")  # type: ignore[operator]
    with torch.no_grad():
        theirs = network(pixel_values=batch, output_attentions=True).attentions
    stepwise = attend(loaded, batch, "attention").weights
    network.set_attn_implementation("sdpa")  # type: ignore[operator]
    fused = attend(loaded, batch, "attention").weights
    for one, two, three in zip(theirs, stepwise, fused, strict=True):
        assert torch.allclose(one, two, atol=1e-6)
        assert torch.allclose(one, three, atol=1e-6)


def test_rollouts_are_those_computed_step_by_step() -> None:
    loaded = by_name("vit")
    images = image_batch(1, 32)
    found = attend(loaded, torch.from_numpy(images), "attention", graph=True)
    first, second = (weights[0].mean(0).detach().numpy() for weights in found.weights)
    identity = np.eye(17)
    flow = (second + identity) / 2 @ (first + identity) / 2
    ours = METHODS["attention_rollout"](loaded, Question(images, [0])).values[0]
    assert np.allclose(ours[3::8, 3::8], _enlarged(flow[0, 1:].reshape(4, 4))[3::8, 3::8], atol=1e-6)
    slopes = torch.autograd.grad(found.logits[0, 2], found.weights)
    relevance = identity
    for weights, slope in zip(found.weights, slopes, strict=True):
        relevance = relevance + (weights * slope)[0].clamp_min(0).mean(0).detach().numpy() @ relevance
    ours = METHODS["gradient_rollout"](loaded, Question(images, [2])).values[0]
    assert np.allclose(ours, _enlarged(relevance[0, 1:].reshape(4, 4)), atol=1e-6)


def _enlarged(grid: np.ndarray) -> np.ndarray:
    given = torch.from_numpy(grid[None, None]).float()
    return nn.functional.interpolate(given, size=(32, 32), mode="bilinear", align_corners=False)[0, 0].numpy()


def test_attention_from_any_patch_head_and_layer() -> None:
    loaded = by_name("timm_vit")
    image = image_batch(1, 64)[0]
    weights = attend(loaded, torch.from_numpy(image[None]), "attention").weights[0][0]
    found = attention_from(loaded, image, "blocks.0.attn", 1, (2, 3))
    assert np.allclose(found, weights[1, 1 + 2 * 4 + 3, 1:].reshape(4, 4), atol=1e-6)
    found = attention_from(loaded, image, "blocks.0.attn", None, None)
    assert np.allclose(found, weights.mean(0)[0, 1:].reshape(4, 4), atol=1e-6)
    for layer, head, patch, line in (
        ("blocks.9.attn", 0, None, "attention layer 'blocks.9.attn' is not known; allowed: blocks.0.attn, blocks.1"),
        ("blocks.0.attn", 3, None, "head 3 is not known; blocks.0.attn has 0 to 2"),
        ("blocks.0.attn", 0, (0, 4), r"patch \(0, 4\) is not on the grid; rows and columns are 0 to 3"),
    ):
        with pytest.raises(InvalidInput, match=line):
            attention_from(loaded, image, layer, head, patch)


def test_windows_of_other_makers_are_recognised() -> None:
    swin = timm.create_model("swin_tiny_patch4_window7_224", img_size=56, depths=(1, 1), embed_dim=12, num_heads=(1, 1))
    loaded = in_memory(swin, 56)
    assert "attend within windows" in str(METHODS["attention_rollout"].unsuited(loaded))


def test_two_threads_watch_their_own_network_only() -> None:
    vit, resnet = by_name("vit"), by_name("resnet")
    questions = Question(image_batch(1, 32), [0]), Question(image_batch(1, 40), [0])
    alone = METHODS["gradient_rollout"](vit, questions[0]).values, METHODS["deeplift"](resnet, questions[1]).values
    wrong: list[str] = []

    def again(name: str, at: int) -> None:
        loaded = (vit, resnet)[at]
        found = [METHODS[name](loaded, questions[at]).values for _ in range(5)]
        wrong.extend(name for values in found if not np.array_equal(values, alone[at]))

    threads = [threading.Thread(target=again, args=pair) for pair in (("gradient_rollout", 0), ("deeplift", 1)) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
