"""A layer's features and how steeply a logit rises with them, at the price of the passes through what lies behind."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from data.errors import InvalidInput
from inference.explanations.asking import gradients_allowed
from inference.explanations.protocol import Question
from inference.grids import feature_grid
from inference.models import LoadedModel

__all__ = ["LayerFeatures", "layer_features", "without_grid"]


@dataclass(frozen=True, slots=True)
class LayerFeatures:
    """What one layer gives for N images.

    Attributes:
        activations: (N, C, h, w), the grid of features; tokens lie where their patches do.
        gradients: (N, C, h, w), of each image's logit.
    """

    layer: str
    activations: Tensor
    gradients: Tensor


def without_grid(loaded: LoadedModel) -> str | None:
    """Why a network has no layer to take features from; None if it has one."""
    if loaded.version.explain_layer is None:
        return f"needs a layer with a grid of features; {loaded.version.reference} has none"
    return None


def layer_features(loaded: LoadedModel, question: Question, method: str) -> list[LayerFeatures]:
    """Features and gradients at the asked layers, the version's explain layer if none is named.

    What lies before the first of the layers runs without gradients: the graph begins at its output.

    Args:
        method: Who asks, for the error's text.

    Raises:
        InvalidInput: The network has no such layer or none with a grid, or the logits do not depend on it.
    """
    reason = without_grid(loaded)
    if reason is not None and not question.layers:
        raise InvalidInput(f"{method} {reason}")
    names = question.layers or (str(loaded.version.explain_layer),)
    batch = torch.from_numpy(question.images).to(loaded.device)
    with loaded.lock, torch.no_grad(), _graph_from([_layer(loaded.module, name) for name in names]) as captured:
        logits = loaded.module(batch.clone())  # the network may change its input in place
        missing = [name for at, name in enumerate(names) if at not in captured]
        if missing:
            raise InvalidInput(f"{method} cannot work at {missing[0]}: no image passes through it")
        if not logits.requires_grad:
            raise InvalidInput(f"{method} cannot work at {names[0]}: the logits do not depend on it")
        asked = logits[torch.arange(len(logits)), torch.as_tensor(question.targets)].sum()
        outputs = [captured[at] for at in range(len(names))]
        with gradients_allowed(method):
            gradients = torch.autograd.grad(asked, outputs, allow_unused=True)
    return [_grids(method, *found) for found in zip(names, outputs, gradients, strict=True)]


def _layer(network: nn.Module, name: str) -> nn.Module:
    try:
        return network.get_submodule(name)
    except AttributeError as error:
        raise InvalidInput(f"layer {name!r} is no layer of the network; the Models page lists them") from error


def _grids(method: str, layer: str, output: Tensor, gradient: Tensor | None) -> LayerFeatures:
    if gradient is None:
        raise InvalidInput(f"{method} cannot work at {layer}: the logits do not depend on it")
    slopes, features = feature_grid(gradient), feature_grid(output.detach())
    if slopes is None or features is None:
        raise InvalidInput(f"{method} cannot work at {layer}: its output {tuple(output.shape)} is no grid")
    return LayerFeatures(layer, features, slopes)


@contextmanager
def _graph_from(layers: Sequence[nn.Module]) -> Iterator[dict[int, Tensor]]:
    """Inside the block, a pass that runs without gradients records a graph from the first of the layers on.

    Gives what receives each layer's output, by its number. To be used inside of `torch.no_grad`, whose end also takes
    back the gradient mode that the hook switches on.
    """
    captured: dict[int, Tensor] = {}
    with ExitStack() as hooks:
        for number, layer in enumerate(layers):

            def begin(_module: nn.Module, _inputs: tuple[Any, ...], output: Tensor, number: int = number) -> Tensor:
                captured[number] = output if output.requires_grad else output.detach().requires_grad_()
                torch.set_grad_enabled(True)
                # A copy goes on, because the next layer may change it in place, which the graph does not allow.
                return captured[number].clone()

            hooks.callback(layer.register_forward_hook(begin).remove)
        yield captured
