"""Every method on every kind of network: a map, or a reason beforehand; and nothing left behind."""

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from data.errors import Cancelled, InvalidInput
from data.explanations import ExplanationChoices
from inference.catalogue import EXPLANATIONS, FAMILIES
from inference.explanations import METHODS, Attribution, ExplanationMethod, Question
from inference.explanations.choices import choices
from inference.explanations.gradient_shap import GradientShap
from inference.explanations.integrated_gradients import IntegratedGradients
from inference.explanations.kernel_shap import KernelShap
from inference.explanations.occlusion import Occlusion
from inference.explanations.rise import Rise
from inference.explanations.smoothgrad import SmoothGrad
from inference.models import LoadedModel
from tests.unit.explained_networks import Functional, by_name, image_batch
from tests.unit.networks_in_memory import in_memory

QUICK: tuple[ExplanationMethod, ...] = (
    IntegratedGradients(steps=3),
    SmoothGrad(samples=3),
    GradientShap(samples=3),
    Occlusion(share=0.5),
    Rise(masks=8),
    KernelShap(patches=4, samples=20),
)
SHORT = {**METHODS, **{method.name: method for method in QUICK}}
ATTENTION = {"attention", "attention_rollout", "gradient_rollout"}
CAMS = {name for name, method in EXPLANATIONS.items() if method.family == "cam"}
UNSUITED = {
    "resnet": ATTENTION,
    "densenet": ATTENTION,
    "mobilenet_v2": ATTENTION | {"guided_backprop", "deeplift"},
    "mobilenet_v3": ATTENTION | {"deeplift", "lrp"},
    "convnext": ATTENTION | {"guided_backprop", "deeplift", "lrp"},
    "vit": {"guided_backprop", "deeplift", "lrp"},
    "swin": ATTENTION | {"guided_backprop", "deeplift", "lrp"},
    "timm_vit": {"guided_backprop", "deeplift", "lrp"},
    "timm_deit": {"guided_backprop", "deeplift", "lrp"},
    "torch_encoder": {"guided_backprop", "deeplift", "lrp"},
    "transformers_vit": {"guided_backprop", "deeplift", "lrp"},
}


def state(network: nn.Module) -> list[object]:
    """What a method could leave behind."""
    return [
        (
            name,
            module.training,
            sorted(vars(module)),
            len(module._forward_hooks) + len(module._forward_pre_hooks) + len(module._backward_hooks),
            [
                (parameter.requires_grad, parameter.grad is None, parameter._version)
                for parameter in module.parameters(recurse=False)
            ],
        )
        for name, module in network.named_modules()
    ]


def explained(loaded: LoadedModel, method: ExplanationMethod) -> Attribution | str:
    preprocessing = loaded.version.preprocessing
    size, channels = preprocessing.image_size, len(preprocessing.mean)
    images = image_batch(2, size, channels)
    before = state(loaded.module)
    try:
        found: Attribution | str = method(loaded, Question(images, [0, 1]))
    except InvalidInput as error:
        found = str(error)
    assert state(loaded.module) == before
    assert not loaded.lock.locked()
    assert np.array_equal(images, image_batch(2, size, channels))
    if isinstance(found, Attribution):
        assert found.values.shape == (2, size, size)
        assert found.values.dtype == np.float32
        assert np.isfinite(found.values).all()
        assert EXPLANATIONS[method.name].signed or found.values.min() >= 0
        assert all(len(values) == 2 for values in found.facts.values())
    return found


@pytest.mark.parametrize("name", UNSUITED)
def test_each_method_gives_a_map_or_says_beforehand_why_not(name: str) -> None:
    loaded = by_name(name)
    refused = {name for name, method in METHODS.items() if method.unsuited(loaded)}
    assert refused == UNSUITED[name]
    for method in SHORT.values():
        found = explained(loaded, method)
        assert isinstance(found, str) == (method.name in refused), found
        assert not isinstance(found, str) or str(method.unsuited(loaded)) in found


def test_activations_that_are_functions_and_change_things_in_place_are_no_hindrance() -> None:
    torch.manual_seed(0)
    loaded = in_memory(Functional(), 9, 1)
    for name in METHODS.keys() - ATTENTION:
        assert isinstance(explained(loaded, SHORT[name]), Attribution), name


def test_a_network_without_convolutions_is_explained_by_its_pixels() -> None:
    loaded = in_memory(nn.Sequential(nn.Flatten(), nn.Linear(3 * 49, 4), nn.ReLU(), nn.Linear(4, 2)), 7)
    for name in METHODS.keys() - ATTENTION - CAMS:
        assert isinstance(explained(loaded, SHORT[name]), Attribution), name
    for name in CAMS:
        assert "needs a layer with a grid of features" in str(explained(loaded, SHORT[name]))


class Strange(nn.Module):
    """Computes with the given function between its convolution and its head."""

    def __init__(self, inside: str) -> None:
        super().__init__()
        self.conv, self.head, self.inside = nn.Conv2d(3, 4, 3), nn.Linear(4, 2), inside

    def forward(self, images: Tensor) -> Tensor:
        grid = self.conv(images)
        if self.inside == "spoilt":
            grid = grid.sigmoid()
            grid += 1
        elif self.inside == "gate":
            grid = grid * grid.mean((2, 3), keepdim=True)
        else:
            grid = grid.sin()
        logits: Tensor = self.head(grid.mean((2, 3)))
        return logits


@pytest.mark.parametrize("method", ["lrp", "deeplift"])
@pytest.mark.parametrize(("inside", "function"), [("gate", "mul"), ("sine", "sin")])
def test_what_has_no_rule_is_refused_by_name(method: str, inside: str, function: str) -> None:
    found = explained(in_memory(Strange(inside), 8), METHODS[method])
    assert found == f"{method} has no rule for {function}, which this network computes with"


def test_a_network_that_spoils_its_gradients_is_refused_in_one_line() -> None:
    loaded = in_memory(Strange("spoilt"), 8)
    for name in ("saliency", "integrated_gradients", "gradcam"):
        assert "changes in place what its gradients" in str(explained(loaded, SHORT[name])) or name == "gradcam"
    assert isinstance(explained(loaded, SHORT["occlusion"]), Attribution)


def test_the_map_of_an_image_does_not_depend_on_the_others_and_the_seed_decides() -> None:
    loaded = by_name("densenet")
    images = image_batch(2, 33)
    for method in SHORT.values():
        if method.unsuited(loaded):
            continue
        together = method(loaded, Question(images, [0, 1])).values
        alone = method(loaded, Question(images[1:], [1])).values
        assert np.allclose(together[1:], alone, atol=1e-5 * np.abs(alone).max()), method.name
        assert np.array_equal(alone, method(loaded, Question(images[1:], [1])).values), method.name
    for method in (SmoothGrad(samples=3), Rise(masks=8)):
        other = replace(method, seed=1)(loaded, Question(images, [0, 1])).values
        assert not np.array_equal(other, method(loaded, Question(images, [0, 1])).values)


def test_dear_methods_tell_how_far_they_are_and_stop_when_nobody_waits() -> None:
    loaded = by_name("densenet")
    question = Question(image_batch(2, 33), [0, 1])

    def nobody(_share: float) -> None:
        assert not loaded.lock.locked()
        raise Cancelled("Nobody waits")

    for name, method in EXPLANATIONS.items():
        if not method.dear:
            continue
        shares: list[float] = []
        SHORT[name](loaded, question, shares.append)
        assert shares == sorted(shares), name
        assert shares[-1] == pytest.approx(1.0, abs=0.4), name
        assert all(0 < share <= 1 for share in shares), name
        with pytest.raises(Cancelled):
            SHORT[name](loaded, question, nobody)


def test_what_can_be_chosen() -> None:
    found = choices(by_name("resnet"))
    assert found.layers[:4] == ("conv1", "bn1", "relu", "maxpool")
    assert found.layers[-1] == "layer4"
    assert found.attention == ()
    assert {name for name, reason in found.unsuited.items() if reason} == ATTENTION
    found = choices(by_name("timm_vit"))
    assert (found.attention, found.heads) == (("blocks.0.attn", "blocks.1.attn"), 3)
    assert str(by_name("timm_vit").version.explain_layer) in found.layers
    assert ExplanationChoices.of(asdict(found)) == found


def test_the_choices_know_what_only_a_pass_can_show() -> None:
    loaded = in_memory(Strange("gate"), 8)
    assert METHODS["lrp"].unsuited(loaded) is None
    assert choices(loaded).unsuited["lrp"] == "has no rule for mul, which this network computes with"


def test_every_method_says_in_words_what_it_shows_and_when_it_misleads() -> None:
    assert next(iter(EXPLANATIONS)) == "gradcam"
    for method in EXPLANATIONS.values():
        assert method.family in FAMILIES
        assert all(text.endswith(".") for text in (method.note, method.limits, method.misleads))
        assert method.paper
