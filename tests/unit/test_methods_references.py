"""Maps against those of Captum and pytorch-grad-cam, called directly on the same networks."""

import copy
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import captum.attr
import numpy as np
import pytest
import torch
from captum.attr._utils.custom_modules import Addition_Module
from torch import Tensor, nn

from inference.explanations import METHODS, Question
from inference.explanations.deeplift import DeepLift
from inference.explanations.gradient_shap import GradientShap
from inference.explanations.guided_backprop import GuidedBackprop
from inference.explanations.integrated_gradients import IntegratedGradients
from inference.explanations.kernel_shap import KernelShap, patches
from inference.explanations.lrp import Lrp
from inference.explanations.occlusion import Occlusion
from inference.explanations.smoothgrad import SmoothGrad
from inference.grids import feature_grid
from inference.models import LoadedModel
from inference.vision import torchvision
from tests.unit.explained_networks import ARCHITECTURES, by_name, image_batch
from tests.unit.networks_in_memory import in_memory

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the libraries that it brings along
    import pytorch_grad_cam

ALIKE = 0.999
TARGETS = [1, 2]
REFERENCED = ("resnet", "vgg", "densenet", "mobilenet_v2", "mobilenet_v3", "convnext", "vit", "swin")


def cosine(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Of each pair of maps; the least of them."""
    one, other = (values.reshape(len(values), -1).astype(np.float64) for values in (ours, theirs))
    return float(((one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)).min())


def question(loaded: LoadedModel) -> Question:
    return Question(image_batch(2, loaded.version.preprocessing.image_size), TARGETS)


def given(asked: Question) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(asked.images.copy()).requires_grad_(), torch.tensor(asked.targets)


def added_up(attribution: Tensor) -> np.ndarray:
    values: np.ndarray = attribution.detach().sum(1).numpy()
    return values


@pytest.fixture
def captum_may_warn() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"(?s)\s*Setting (forward|backward).*hooks")
        yield


@pytest.mark.parametrize("name", REFERENCED)
def test_gradients_are_those_of_captum(name: str) -> None:
    loaded = by_name(name)
    asked = question(loaded)
    images, targets = given(asked)
    ours = {method: METHODS[method](loaded, asked).values for method in ("saliency", "input_x_gradient")}
    theirs = captum.attr.Saliency(loaded.module).attribute(images, targets)
    assert cosine(ours["saliency"], added_up(theirs)) > ALIKE
    theirs = captum.attr.InputXGradient(loaded.module).attribute(images, targets)
    assert cosine(ours["input_x_gradient"], added_up(theirs)) > ALIKE
    found = IntegratedGradients(steps=6)(loaded, asked)
    theirs, delta = captum.attr.IntegratedGradients(loaded.module).attribute(
        images, target=targets, n_steps=6, return_convergence_delta=True
    )
    assert cosine(found.values, added_up(theirs)) > ALIKE
    with torch.no_grad():
        rise = (loaded.module(images) - loaded.module(torch.zeros_like(images))).gather(1, targets[:, None])[:, 0]
    expected = (delta / rise).abs().detach().numpy()
    assert np.allclose(found.facts["completeness_error"], expected, rtol=0.05, atol=1e-4)


@pytest.mark.parametrize("name", REFERENCED)
def test_covering_and_noise_are_as_in_captum(name: str) -> None:
    loaded = by_name(name)
    asked = Question(question(loaded).images[:1], TARGETS[:1])
    images, targets = given(asked)
    size = loaded.version.preprocessing.image_size
    window = round(size / 2)
    theirs = captum.attr.Occlusion(loaded.module).attribute(
        images, (3, window, window), (3, window // 2, window // 2), target=targets
    )
    assert cosine(Occlusion(share=0.5)(loaded, asked).values, added_up(theirs)) > ALIKE
    spread = float(np.ptp(asked.images)) * 0.15
    torch.manual_seed(5)
    theirs = captum.attr.NoiseTunnel(captum.attr.Saliency(loaded.module)).attribute(
        images, nt_samples=3, stdevs=spread, target=int(targets)
    )
    assert cosine(SmoothGrad(samples=3, seed=5)(loaded, asked).values, added_up(theirs)) > ALIKE


def test_gradient_shap_comes_to_what_captum_comes_to() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 3))
    loaded = in_memory(network, 2)
    asked = Question(image_batch(1, 2), [1])
    image = torch.from_numpy(asked.images)
    plain = torch.linspace(float(image.min()), float(image.max()), 500)[:, None, None, None].expand(-1, 3, 2, 2)
    with torch.random.fork_rng(devices=[]):
        theirs = captum.attr.GradientShap(network).attribute(
            image, plain, n_samples=4000, stdevs=0.05 * float(image.max() - image.min()), target=1
        )
    found = GradientShap(samples=4000)(loaded, asked)
    assert cosine(found.values, added_up(theirs)) > ALIKE
    assert found.facts["completeness_error"][0] < 0.1


def test_shapley_values_are_those_of_captum() -> None:
    loaded = by_name("resnet")
    asked = Question(image_batch(1, 40), [1])
    method = KernelShap(patches=4, samples=100)
    places = torch.from_numpy(patches(asked.images[0], method.patches))
    assert 2 <= int(places.max()) + 1 <= 4
    exact = captum.attr.ShapleyValues(loaded.module).attribute(
        torch.from_numpy(asked.images), target=1, feature_mask=places[None, None], perturbations_per_eval=1
    )
    exact = exact[:, 0].detach().numpy()
    assert np.allclose(method(loaded, asked).values, exact, atol=1e-5 * np.abs(exact).max() + 1e-7)


@pytest.mark.usefixtures("captum_may_warn")
@pytest.mark.parametrize("name", ["resnet", "vgg", "densenet", "mobilenet_v3"])
def test_guided_backpropagation_is_that_of_captum(name: str) -> None:
    loaded = by_name(name)
    asked = question(loaded)
    theirs = captum.attr.GuidedBackprop(copy.deepcopy(_as_modules(loaded.module))).attribute(*given(asked))
    assert cosine(GuidedBackprop()(loaded, asked).values, added_up(theirs)) > ALIKE


@pytest.mark.usefixtures("captum_may_warn")
@pytest.mark.parametrize("name", ["resnet", "vgg", "densenet"])
def test_deeplift_is_that_of_captum(name: str) -> None:
    loaded = by_name(name)
    asked = question(loaded)
    images, targets = given(asked)
    theirs = captum.attr.DeepLift(_as_modules(loaded.module)).attribute(images, target=targets)
    found = DeepLift()(loaded, asked)
    assert cosine(found.values, added_up(theirs)) > ALIKE
    assert max(found.facts["completeness_error"]) < 1e-3


@pytest.mark.usefixtures("captum_may_warn")
@pytest.mark.parametrize("name", ["resnet", "vgg"])
def test_lrp_is_that_of_captum(name: str) -> None:
    loaded = by_name(name)
    asked = question(loaded)
    theirs = captum.attr.LRP(_as_modules(loaded.module)).attribute(*given(asked))
    assert cosine(Lrp()(loaded, asked).values, added_up(theirs)) > ALIKE


def _as_modules(network: nn.Module) -> nn.Module:
    """A copy as Captum needs it: every activation and addition a module of its own."""
    twin = copy.deepcopy(network)
    for module in list(twin.modules()):
        if isinstance(module, torchvision.models.resnet.BasicBlock):
            module.relu, module.relu2, module.plus = nn.ReLU(), nn.ReLU(), Addition_Module()
            module.forward = _block_of_modules.__get__(module)
    if isinstance(twin, torchvision.models.DenseNet):
        twin.last = nn.ReLU()
        twin.forward = _densenet_of_modules.__get__(twin)
    return twin


def _densenet_of_modules(network: Any, images: Tensor) -> Tensor:
    logits: Tensor = network.classifier(network.last(network.features(images)).mean((2, 3)))
    return logits


def _block_of_modules(block: Any, features: Tensor) -> Tensor:
    inside = block.bn2(block.conv2(block.relu(block.bn1(block.conv1(features)))))
    past = features if block.downsample is None else block.downsample(features)
    found: Tensor = block.relu2(block.plus(inside, past))
    return found


CAMS = {
    "gradcam": pytorch_grad_cam.GradCAM,
    "gradcam_plus_plus": pytorch_grad_cam.GradCAMPlusPlus,
    "layercam": pytorch_grad_cam.LayerCAM,
    "hirescam": pytorch_grad_cam.HiResCAM,
    "eigencam": pytorch_grad_cam.EigenCAM,
    "scorecam": pytorch_grad_cam.ScoreCAM,
}


@pytest.mark.parametrize("name", REFERENCED)
@pytest.mark.parametrize("method", CAMS)
def test_class_activation_maps_are_those_of_pytorch_grad_cam(name: str, method: str) -> None:
    loaded = by_name(name)
    asked = question(loaded)
    twin = copy.deepcopy(loaded.module).requires_grad_(True)
    layer = twin.get_submodule(str(loaded.version.explain_layer))
    aimed = [pytorch_grad_cam.utils.model_targets.ClassifierOutputTarget(target) for target in TARGETS]
    with CAMS[method](twin, [layer], reshape_transform=feature_grid) as cam:
        # What follows may change the layer's output in place, which theirs would take for what the layer gave.
        layer.register_forward_hook(lambda _module, _inputs, output: output.clone())
        theirs = cam(torch.from_numpy(asked.images.copy()), aimed)
    ours = METHODS[method](loaded, asked).values
    if not ours.any():
        assert not theirs.any()
        return
    shown = [at for at, values in enumerate(ours) if values.any()]
    # Theirs are stretched to [0, 1] each, before they are enlarged and after.
    lifted = [_stretched(loaded, method, asked, at) for at in shown]
    assert cosine(np.stack(lifted), theirs[shown]) > ALIKE


def _stretched(loaded: LoadedModel, method: str, asked: Question, at: int) -> np.ndarray:
    alone = replace(asked, images=asked.images[at : at + 1], targets=asked.targets[at : at + 1])
    values = METHODS[method](loaded, alone).values[0]
    stretched: np.ndarray = values - values.min()
    return stretched


def test_every_architecture_is_held_against_another_hand() -> None:
    assert set(REFERENCED) <= set(ARCHITECTURES)
