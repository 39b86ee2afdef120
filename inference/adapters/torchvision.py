"""`torchvision:NAME`: the classification networks of torchvision."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.error import URLError

from torch import nn

from data.errors import InvalidInput
from data.types import Preprocessing
from inference.adapters.protocol import Pretrained
from inference.vision import torchvision

__all__ = ["TorchvisionAdapter"]

# Both start with an affine change of their input, which depends on the weights asked for. It stays off here, and the
# preprocessing that has the same effect is used instead.
_TRANSFORMS_INPUT = frozenset({"googlenet", "inception_v3"})


@dataclass(frozen=True, slots=True)
class TorchvisionAdapter:
    """One of `torchvision.models`."""

    name: str
    source: None = None
    source_name: str = ""

    @classmethod
    def open(cls, name: str, kept: Path | None = None) -> "TorchvisionAdapter":
        """Raises `InvalidInput`, naming the nearest names, if torchvision has no classification network `name`."""
        known = torchvision.models.list_models(module=torchvision.models)
        if name not in known:
            near = ", ".join(get_close_matches(name, known, n=5, cutoff=0.4)) or "resnet18, vit_b_16"
            raise InvalidInput(f"torchvision has no classification network {name!r}; near: {near}")
        return cls(name)

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"torchvision": self.name}

    def build(self, outputs: int | None, image_size: int | None) -> nn.Module:
        options: dict[str, Any] = {} if outputs is None else {"num_classes": outputs}
        if self.name in _TRANSFORMS_INPUT:
            # The auxiliary heads serve training only, see `inference.checkpoint.match`.
            options |= {"aux_logits": False, "init_weights": False, "transform_input": False}
        if image_size is not None and self.name.startswith("vit_"):
            options["image_size"] = image_size
        if image_size is not None and self.name.startswith("maxvit"):
            options["input_size"] = (image_size, image_size)
        network: nn.Module = torchvision.models.get_model(self.name, weights=None, **options)
        return network

    def preset(self, pretrained: bool = True) -> Preprocessing:
        transforms = self._weights().transforms()
        mean, std = tuple(transforms.mean), tuple(transforms.std)
        if pretrained and self.name in _TRANSFORMS_INPUT:
            mean = std = (0.5, 0.5, 0.5)
        interpolation = transforms.interpolation.value
        return Preprocessing(transforms.crop_size[0], transforms.resize_size[0], mean, std, interpolation)

    def pretrained(self) -> Pretrained:
        weights = self._weights()
        try:
            state = weights.get_state_dict(progress=False, check_hash=True)
        except (URLError, OSError, RuntimeError) as error:
            raise InvalidInput(
                f"The weights of torchvision:{self.name} cannot be fetched from {weights.url}: {error}; "
                "download them elsewhere and give the file to --weights"
            ) from error
        return Pretrained(state, tuple(weights.meta["categories"]))

    def _weights(self) -> Any:
        return torchvision.models.get_model_weights(self.name).DEFAULT
