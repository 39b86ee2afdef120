"""`transformers:PATH`: an image classifier in a local folder, as `save_pretrained` of transformers leaves it.

The configuration is kept with the version, so that it loads again without the folder. Nothing is fetched, no code of
the folder is run, and weights are read from safetensors, or from a pickle of tensors only.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import Tensor, nn

from data.errors import InvalidInput
from data.types import Preprocessing
from inference.adapters.protocol import Pretrained
from inference.checkpoint import load_state, match
from inference.seeding import seeded
from inference.vision import torchvision  # noqa: F401  before transformers imports it by itself

from transformers import CONFIG_MAPPING, AutoModelForImageClassification, logging  # isort: skip

__all__ = ["Logits", "TransformersAdapter"]

_CONFIGURATION = "config.json"
_PROCESSOR = "preprocessor_config.json"
_WEIGHTS = "model.safetensors"
_SHARDED = "model.safetensors.index.json"
_PICKLED = "pytorch_model.bin"
_HALF = (0.5, 0.5, 0.5)
_IMAGENET_SIZE = 224
_RESAMPLING = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}  # Pillow's numbers
_WARPED_FROM = 384  # where ConvNeXt's processor resizes without cutting
# What says nothing about the computation, or stands elsewhere in a version's identity.
_PASSING_FACTS = (
    "_name_or_path",
    "architectures",
    "dtype",
    "id2label",
    "label2id",
    "torch_dtype",
    "transformers_version",
)

logging.set_verbosity_error()
logging.disable_progress_bar()


class Logits(nn.Module):
    """A classifier of transformers that gives its logits alone, (N, K)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(pixel_values=images).logits
        return logits


@dataclass(frozen=True, slots=True)
class TransformersAdapter:
    """One folder's network; of a version that is loaded again, its configuration alone.

    Attributes:
        configuration: The bytes of `config.json`.
    """

    folder: Path
    configuration: bytes
    source_name: str = "config.json"

    @classmethod
    def open(cls, name: str, kept: Path | None = None) -> "TransformersAdapter":
        """Raises `InvalidInput` if the folder has no configuration of an image classifier."""
        file = kept or Path(name) / _CONFIGURATION
        try:
            content = file.read_bytes()
        except OSError as error:
            raise InvalidInput(
                f"{file} cannot be read: {error.strerror}; transformers:PATH names a local folder with "
                f"{_CONFIGURATION} and {_WEIGHTS}, as save_pretrained writes it"
            ) from error
        adapter = cls(Path(name), content)
        kind = adapter._facts().get("model_type")
        if not isinstance(kind, str) or kind not in CONFIG_MAPPING:
            raise InvalidInput(
                f"{file} is of model_type {kind!r}, which transformers does not know; it must say vit, swin …"
            )
        if CONFIG_MAPPING[kind] not in AutoModelForImageClassification._model_mapping:
            raise InvalidInput(f"{file} is of model_type {kind!r}, of which transformers has no image classifier")
        return adapter

    @property
    def identity(self) -> Mapping[str, Any]:
        facts = {name: value for name, value in self._facts().items() if name not in _PASSING_FACTS}
        return {"transformers": hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()}

    @property
    def source(self) -> bytes:
        return self.configuration

    def build(self, outputs: int | None, image_size: int | None) -> nn.Module:
        facts = dict(self._facts())
        if image_size is not None and isinstance(facts.get("image_size"), int):
            facts["image_size"] = image_size
        if outputs is not None and outputs != len(facts.get("id2label") or {}):
            facts = {name: value for name, value in facts.items() if name not in ("id2label", "label2id")}
            facts["num_labels"] = outputs
        facts.setdefault("architectures", [])  # which transformers looks through, where a kind has two classifiers
        try:
            configuration = CONFIG_MAPPING[facts.pop("model_type")].from_dict(facts)
            network = AutoModelForImageClassification.from_config(configuration, trust_remote_code=False)
        except (TypeError, ValueError, AttributeError, AssertionError, KeyError, RuntimeError, ImportError) as error:
            line = " ".join(str(error).split())
            raise InvalidInput(
                f"{self} cannot be built: {type(error).__name__}: {line}; check {_CONFIGURATION}"
            ) from error
        return Logits(network)

    def preset(self, pretrained: bool = True) -> Preprocessing | None:
        try:
            content = (self.folder / _PROCESSOR).read_text(encoding="utf-8")
        except FileNotFoundError:
            size = self._facts().get("image_size")
            return Preprocessing(size, size, _HALF, _HALF) if isinstance(size, int) else None
        except (OSError, ValueError) as error:
            raise InvalidInput(f"{self.folder / _PROCESSOR} cannot be read: {error}") from error
        try:
            return _preprocessing(json.loads(content))
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise InvalidInput(
                f"{self.folder / _PROCESSOR} cannot be followed: {error}; see what image processors write"
            ) from error

    def pretrained(self) -> Pretrained:
        names = self._facts().get("id2label") or {}
        network = self._trained()
        return Pretrained(network.state_dict(), _class_names(names))

    def __str__(self) -> str:
        return f"transformers:{self.folder}"

    def _trained(self) -> nn.Module:
        if not ((self.folder / _WEIGHTS).is_file() or (self.folder / _SHARDED).is_file()):
            if not (self.folder / _PICKLED).is_file():
                raise InvalidInput(f"{self.folder} has no {_WEIGHTS}; save the model there with save_pretrained")
            with seeded(0):
                network = self.build(None, None)
            match(network, load_state(self.folder / _PICKLED).state)
            return network
        try:
            loaded, report = AutoModelForImageClassification.from_pretrained(
                self.folder,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                output_loading_info=True,
            )
        except (OSError, ValueError, RuntimeError, TypeError, AttributeError, SafetensorError) as error:
            line = " ".join(str(error).split())
            raise InvalidInput(f"The weights in {self.folder} cannot be read: {line}") from error
        missing = sorted(map(str, (*report["missing_keys"], *report["mismatched_keys"])))
        if missing:
            raise InvalidInput(
                f"The weights in {self.folder} lack {len(missing)} tensors ({', '.join(missing[:3])}); "
                "probably they are of a network without this classifier: fine-tune it first"
            )
        return Logits(loaded)

    def _facts(self) -> Mapping[str, Any]:
        try:
            facts: Any = json.loads(self.configuration)
        except ValueError as error:
            raise InvalidInput(f"{self.folder / _CONFIGURATION} is no JSON: {error}") from error
        if not isinstance(facts, dict):
            raise InvalidInput(f"{self.folder / _CONFIGURATION} is no JSON object, so it describes no network")
        return facts


def _class_names(names: Mapping[str, str]) -> tuple[str, ...]:
    """The names of `id2label` in order; none where they are the placeholders that transformers makes up."""
    ordered = tuple(str(names[at]) for at in sorted(names, key=int))
    return () if all(name == f"LABEL_{at}" for at, name in enumerate(ordered)) else ordered


def _preprocessing(facts: Mapping[str, Any]) -> Preprocessing:
    """What an image processor of transformers does, from its configuration."""
    resize, squash = _resizing(facts.get("size", _IMAGENET_SIZE))
    size = resize
    if facts.get("do_center_crop"):
        size = _side(facts.get("crop_size", resize))
    elif facts.get("image_processor_type", facts.get("feature_extractor_type", "")).startswith("ConvNext"):
        squash = resize >= _WARPED_FROM
        resize = resize if squash else int(resize / facts.get("crop_pct", 224 / 256))
    if facts.get("do_resize") is False:
        raise ValueError("do_resize is false, but networks are given images of one size")
    # Pixels are scaled by 1/255 here, and whatever else the processor multiplies them by goes into mean and std.
    scale = 255 * facts.get("rescale_factor", 1 / 255) if facts.get("do_rescale", True) else 255.0
    mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    if facts.get("do_normalize", True):
        mean, std = tuple(facts.get("image_mean") or _HALF), tuple(facts.get("image_std") or _HALF)
    return Preprocessing(
        size,
        resize,
        tuple(float(value / scale) for value in mean),
        tuple(float(value / scale) for value in std),
        _RESAMPLING.get(facts.get("resample", 2), "bilinear"),
        squash=squash,
    )


def _resizing(size: Any) -> tuple[int, bool]:
    """(pixels, whether both sides become that) from `size`: a number is a square for most processors."""
    if isinstance(size, Mapping) and "shortest_edge" in size:
        return int(size["shortest_edge"]), False
    return _side(size), True


def _side(size: Any) -> int:
    if isinstance(size, Mapping):
        sides = {int(size[name]) for name in ("height", "width") if name in size} or {int(size["shortest_edge"])}
    else:
        sides = {int(one) for one in size} if isinstance(size, (list, tuple)) else {int(size)}
    if len(sides) != 1:
        raise ValueError(f"size {size} is not square")
    return sides.pop()
