"""Checkpoints trained elsewhere: reading them without running code, and fitting them to a network."""

import argparse
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PosixPath
from typing import Any

import numpy as np
import torch
from numpy._core.multiarray import scalar
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from data.errors import InvalidInput
from inference.mismatch import describe_mismatch

__all__ = ["Checkpoint", "load_state", "match", "outputs_in"]

# The plain weights before their running averages, where a file has both.
_STATE_KEYS = (
    *("state_dict", "model_state_dict", "model", "net", "network", "weights", "params"),
    *("state_dict_ema", "ema_state_dict", "model_ema", "ema"),
)
_CLASS_KEYS = ("classes", "class_names", "idx_to_class", "class_to_idx")
# Prefixes that wrappers put before every name; the empty one first, for a network that really has a part `model`.
_WRAPPERS = ("", "module.", "_orig_mod.", "model.", "net.", "network.", "module.model.", "_orig_mod.module.")
# Numbers that serve training only or follow from the architecture, and may lack or be left over.
_OPTIONAL = (".num_batches_tracked", ".relative_position_index", ".attn_mask", ".position_ids", "n_averaged")
_AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
# Where trainers keep what they were told, and with it perhaps the class names.
_SETTINGS = ("hyper_parameters", "hparams", "config", "cfg", "args", "meta", "metadata")
# Plain values that trainers put beside the weights; none of them runs code.
_HARMLESS: list[Any] = [
    *(argparse.Namespace, PosixPath, np.dtype, np.dtypes.Float64DType, np.dtypes.Float32DType, np.dtypes.Int64DType),
    *((scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint file holds.

    Attributes:
        state: Tensors by name, as in the file.
        classes: Class names in the order of the logits, if the file carries them.
    """

    state: Mapping[str, Tensor]
    classes: tuple[str, ...] = ()


def load_state(path: Path) -> Checkpoint:
    """Reads a state dictionary, bare or under one of the usual keys, from safetensors or `torch.save`.

    Raises:
        InvalidInput: No such file, another format, a pickle that needs code to be run, or no tensors in it.
    """
    try:
        with path.open("rb") as file:
            head = file.read(9)
    except OSError as error:
        raise InvalidInput(f"Weights {path} cannot be read: {error.strerror}; check the path") from error
    if path.suffix == ".safetensors" or head[8:9] == b"{":
        try:
            return Checkpoint(load_file(path))
        except (SafetensorError, OSError, ValueError) as error:
            raise InvalidInput(f"Weights {path} are not a whole safetensors file: {error}") from error
    content = _load_pickle(path)
    state = _find_state(content)
    if state is None:
        raise InvalidInput(
            f"Weights {path} hold no state dictionary; save model.state_dict(), bare or under 'state_dict' or 'model'"
        )
    return Checkpoint(state, _find_classes(content))


def outputs_in(network: nn.Module, state: Mapping[str, Tensor]) -> int | None:
    """How many logits the checkpoint's head gives, if its head is the last tensor of `network`; else None."""
    own = network.state_dict()
    if not own:
        return None
    tensor = _renamed(own, state).get(next(reversed(own)))
    return int(tensor.shape[0]) if tensor is not None and tensor.ndim else None


def match(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Loads the state into the network, whatever wrapper's prefix stands before its names.

    Raises:
        InvalidInput: Names or shapes differ; the text says how many, names the first, and guesses the cause.
    """
    own = network.state_dict()
    best = _renamed(own, state)
    given = {name: tensor for name, tensor in best.items() if name in own or not name.startswith(_AUXILIARY)}
    missing = [name for name in own if name not in given and not name.endswith(_OPTIONAL)]
    unexpected = [name for name in given if name not in own and not name.endswith(_OPTIONAL)]
    if missing or unexpected or any(given[name].shape != own[name].shape for name in own if name in given):
        raise InvalidInput(describe_mismatch(own, given, missing, unexpected))
    # Into the network's own dictionary, which knows the version of each module: some read old states in another way.
    own.update({name: given[name] for name in own if name in given})
    network.load_state_dict(own)


def _load_pickle(path: Path) -> Any:
    try:
        # Only the newer format, a ZIP archive, can be mapped instead of read.
        with torch.serialization.safe_globals(_HARMLESS):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        if "Unsupported" in str(error) or "not an allowed global" in str(error) or "GLOBAL" in str(error):
            raise InvalidInput(
                f"Weights {path} are refused: loading them would run code; save model.state_dict() instead of the model"
            ) from error
        raise InvalidInput(f"Weights {path} are no PyTorch checkpoint and no safetensors file") from error
    except (RuntimeError, EOFError, ValueError, KeyError, IndexError, AttributeError, TypeError, OSError) as error:
        raise InvalidInput(f"Weights {path} are no PyTorch checkpoint and no safetensors file, or damaged") from error


def _find_state(content: Any) -> Mapping[str, Tensor] | None:
    if not isinstance(content, Mapping):
        return None
    for key in _STATE_KEYS:
        inner = content.get(key)
        if isinstance(inner, Mapping) and (found := _find_state(inner)) is not None:
            return found
    tensors = {name: value for name, value in content.items() if isinstance(name, str) and isinstance(value, Tensor)}
    return tensors or None


def _find_classes(content: Mapping[str, Any]) -> tuple[str, ...]:
    for key in _CLASS_KEYS:
        value = content.get(key)
        if isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value):
            return tuple(value)
        if isinstance(value, Mapping) and value:
            pairs = [(index, name) for name, index in value.items()] if key == "class_to_idx" else list(value.items())
            names = {int(index): str(name) for index, name in pairs if str(index).isdigit()}
            if sorted(names) == list(range(len(pairs))):
                return tuple(names[index] for index in range(len(pairs)))
    settings = (content.get(key) for key in _SETTINGS)
    inner = (vars(one) if isinstance(one, argparse.Namespace) else one for one in settings)
    return next((found for one in inner if isinstance(one, Mapping) and (found := _find_classes(one))), ())


def _renamed(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state under the network's names, whatever stands before them in the file, or before the network's own.

    Of several wrappers under which as much fits, the first of `_WRAPPERS` counts, then that which comes first in the
    file. What lies outside the wrapper (a loss with weights, a count of averages) is left out.
    """
    probes = list(own)[:1] + list(own)[-1:]
    met = [name.removesuffix(probe) for probe in probes for name in state if name.endswith(f".{probe}")]
    whole = next(iter(own), "").partition(".")[0] + "."
    inner = ("", whole) if all(name.startswith(whole) for name in own) else ("",)
    candidates = (
        {add + name.removeprefix(strip): tensor for name, tensor in state.items() if name.startswith(strip)}
        for strip in dict.fromkeys((*_WRAPPERS, *met))
        for add in inner
    )
    return max(candidates, key=lambda candidate: len(candidate.keys() & own.keys()))
