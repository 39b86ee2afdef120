"""Networks whose activations pass attribution back by another rule than the gradient's.

Guided backpropagation, DeepLIFT and LRP differ from the gradient in what happens at activations alone (Ancona et al.
2018, "Towards better understanding of gradient-based attribution methods for Deep Neural Networks", section 2). Captum
puts such rules on modules by hooks, and so fails on a module that is used twice, as the ReLU in every block of
torchvision's ResNets, and passes over activations that are no modules, as DenseNet's last. Here the rule is put on the
functions while they are called, in this thread alone: nothing of the module is changed, and whatever a network calls is
either known or refused.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from data.errors import InvalidInput
from inference.models import LoadedModel

__all__ = ["ActivationRules", "elementwise", "replaced", "without_rules"]

Rule = Callable[[Tensor, Callable[[Tensor], Any]], Tensor]
"""From an activation's input, which is part of a graph, and the activation: its output with a backward pass."""

_POOLS = frozenset({"max_pool2d", "max_pool2d_with_indices", "_max_pool2d"})
_LINEAR = frozenset(
    {"adaptive_avg_pool2d", "add", "alpha_dropout", "avg_pool2d", "batch_norm", "cat", "chunk", "clone", "concat"}
    | {"concatenate", "constant_pad_nd", "contiguous", "conv1d", "conv2d", "cpu", "cumsum", "double", "dropout"}
    | {"dropout2d", "expand", "expand_as", "feature_dropout", "flatten", "flip", "float", "getitem", "interpolate"}
    | {"linear", "mean", "movedim", "narrow", "neg", "pad", "permute", "pixel_shuffle", "pixel_unshuffle", "radd"}
    | {"repeat", "reshape", "reshape_as", "roll", "rsub", "select", "split", "squeeze", "stack", "sub", "subtract"}
    | {"sum", "swapaxes", "t", "to", "transpose", "type", "unbind", "unflatten", "unsqueeze", "upsample", "view"}
    | {"view_as", "iadd", "isub", "type_as", "detach", "requires_grad", "channel_shuffle", "zero", "zeros_like"}
)
_PRODUCTS = frozenset({"mul", "multiply", "rmul", "imul", "matmul", "rmatmul", "bmm", "mm", "einsum", "baddbmm"})
_QUOTIENTS = frozenset({"div", "divide", "truediv", "itruediv", "true_divide"})
_RULELESS = (
    nn.LayerNorm,
    nn.GroupNorm,
    nn.LocalResponseNorm,
    nn.MultiheadAttention,
    nn.RMSNorm,
    nn.modules.instancenorm._InstanceNorm,
)
"""Modules of the kinds that compute with statistics or products of what passes through them."""
_MULTIPLYING = ("attention", "attn", "squeezeexcit", "semodule", "ecamodule", "layernorm")
_FUNCTIONS = {
    "CELU": "celu",
    "ELU": "elu",
    "GELU": "gelu",
    "GLU": "glu",
    "Hardsigmoid": "hardsigmoid",
    "Hardswish": "hardswish",
    "Hardtanh": "hardtanh",
    "LeakyReLU": "leaky_relu",
    "LogSoftmax": "log_softmax",
    "Mish": "mish",
    "PReLU": "prelu",
    "ReLU": "relu",
    "ReLU6": "relu6",
    "SELU": "selu",
    "SiLU": "silu",
    "Sigmoid": "sigmoid",
    "Softmax": "softmax",
    "Softplus": "softplus",
    "Tanh": "tanh",
}


class ActivationRules(TorchFunctionMode):
    """Inside the block, activations on the way of the graph follow rules; see `replaced`."""

    def __init__(self, method: str, activations: Mapping[str, Rule], pool: Rule | None, strict: bool) -> None:
        """
        Args:
            method: Who asks, for the errors' texts.
            activations: Rules by the name of the activation's function, `relu` for instance.
            pool: The rule of max pooling, whose function gives (values, indices); None for the gradient's.
            strict: Whether all that is neither linear nor has a rule is refused; otherwise it keeps its gradient.
        """
        super().__init__()
        self.met = 0
        self._method = method
        self._activations = activations
        self._pool = pool
        self._strict = strict

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        options = dict(kwargs or {})
        own = getattr(func, "__name__", "")
        name = own.strip("_")
        given = args[0] if args else options.get("input")
        if not torch.is_grad_enabled() or not isinstance(given, (Tensor, list, tuple)):
            return func(*args, **options)
        if isinstance(given, Tensor) and given.requires_grad:
            if name in self._activations:
                return self._activation(func, own, given, args[1:], {k: v for k, v in options.items() if k != "input"})
            if self._pool is not None and own in _POOLS:
                return self._pooling(given, args[1:], options, own)
        found = func(*args, **options)
        if self._strict and _has_gradient(found) and not self._linear(name, own, args, options):
            raise InvalidInput(f"{self._method} has no rule for {name}, which this network computes with")
        return found

    def _activation(self, func: Any, own: str, given: Tensor, rest: Any, options: Mapping[str, Any]) -> Tensor:
        self.met += 1
        rule = self._activations[own.strip("_")]
        found = rule(given, lambda values: func(values.clone(), *rest, **options))
        in_place = options.get("inplace", False) or (own.endswith("_") and not own.endswith("__"))
        return given.copy_(found) if in_place else found

    def _pooling(self, given: Tensor, rest: Any, options: dict[str, Any], own: str) -> Any:
        wants_indices = options.pop("return_indices", False) or own == "max_pool2d_with_indices"
        if wants_indices:
            raise InvalidInput(f"{self._method} has no rule for max pooling whose indices are used")
        assert self._pool is not None  # for the type checker, see above
        plain = {key: value for key, value in options.items() if key != "input"}
        return self._pool(given, lambda values: torch.nn.functional.max_pool2d_with_indices(values, *rest, **plain))

    def _linear(self, name: str, own: str, args: tuple[Any, ...], options: Mapping[str, Any]) -> bool:
        if name in _PRODUCTS:
            return sum(_has_gradient(one) for one in (*args, *options.values())) < 2
        if name in _QUOTIENTS:
            return len(args) > 1 and not _has_gradient(args[1])
        return name in _LINEAR or own in _POOLS or own == "__get__"


def replaced(given: Tensor, value: Tensor, backward: Callable[[Tensor], Tensor]) -> Tensor:
    """`value` as a function of `given` whose backward pass is `backward`."""
    found: Tensor = _Replaced.apply(given, value, backward)  # type: ignore[no-untyped-call]
    return found


def elementwise(slope: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Rule:
    """The rule that passes attribution back through an activation by a slope of its own.

    Args:
        slope: From the activation's input, its output and its gradient.
    """

    def rule(given: Tensor, function: Callable[[Tensor], Any]) -> Tensor:
        inside = given.detach().requires_grad_()
        with torch.enable_grad():
            value: Tensor = function(inside)
        (gradient,) = torch.autograd.grad(value.sum(), inside)
        chosen = slope(given.detach(), value.detach(), gradient)
        return replaced(given, value.detach(), lambda passed: passed * chosen)

    return rule


def without_rules(loaded: LoadedModel, allowed: frozenset[str]) -> str | None:
    """Which module of a network has no rule, in one line; None if none is seen.

    Args:
        allowed: Names of the activations' functions that have one.
    """
    for name, module in loaded.module.named_modules():
        kind = type(module).__name__
        activation = _FUNCTIONS.get(kind)
        multiplies = isinstance(module, _RULELESS) or any(part in kind.lower() for part in _MULTIPLYING)
        if multiplies or (activation is not None and activation not in allowed):
            return f"has no rule for {kind}, which the network has at {name}"
    return None


class _Replaced(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, given: Tensor, value: Tensor, backward: Callable[[Tensor], Tensor]) -> Tensor:
        ctx.passes_back = backward
        return value.clone()

    @staticmethod
    def backward(ctx: Any, passed: Tensor) -> tuple[Tensor, None, None]:
        return ctx.passes_back(passed), None, None


def _has_gradient(found: Any) -> bool:
    if isinstance(found, (list, tuple)):
        return any(map(_has_gradient, found))
    return isinstance(found, Tensor) and found.requires_grad
