"""`timm:NAME`: the networks of timm, with or without the tag of a pretrained configuration (`resnet18.a1_in1k`)."""

import math
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from torch import nn

from data.errors import InvalidInput
from data.types import INTERPOLATIONS, Preprocessing
from inference.adapters.protocol import Pretrained
from inference.vision import torchvision  # noqa: F401  before timm imports it by itself

import timm  # isort: skip
import timm.data  # isort: skip

__all__ = ["TimmAdapter"]

_USUAL_OUTPUTS = 1000


@dataclass(frozen=True, slots=True)
class TimmAdapter:
    """One network of timm and one of its pretrained configurations."""

    name: str
    source: None = None
    source_name: str = ""

    @classmethod
    def open(cls, name: str, kept: Path | None = None) -> "TimmAdapter":
        """Raises `InvalidInput`, naming the nearest names, if timm has no network or configuration `name`."""
        architecture = name.partition(".")[0]
        known = timm.list_models()
        if architecture not in known:
            near = (
                ", ".join(get_close_matches(architecture, known, n=5, cutoff=0.4)) or "resnet18, vit_tiny_patch16_224"
            )
            raise InvalidInput(f"timm has no network {name!r}; near: {near}")
        tagged = timm.list_pretrained(f"{architecture}*")
        if "." in name and name not in tagged:
            near = ", ".join(known for known in tagged if known.partition(".")[0] == architecture) or architecture
            raise InvalidInput(f"timm has no configuration {name!r}; there are: {near}")
        return cls(name)

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"timm": self.name.partition(".")[0]}

    def build(self, outputs: int | None, image_size: int | None) -> nn.Module:
        # Some come without a classifier, to be given one.
        options: dict[str, Any] = {"num_classes": outputs or self._configuration.num_classes or _USUAL_OUTPUTS}
        if image_size is not None and image_size != self._configuration.input_size[-1]:
            try:
                return self._create(**options, img_size=image_size)
            except TypeError as error:
                if "img_size" not in str(error):
                    raise
        return self._create(**options)

    def preset(self, pretrained: bool = True) -> Preprocessing:
        wanted = timm.data.resolve_data_config(pretrained_cfg=self._configuration.to_dict())
        _channels, height, width = wanted["input_size"]
        if height != width:
            raise InvalidInput(f"timm:{self.name} takes {height} × {width} images; only square ones are known")
        interpolation = wanted["interpolation"]
        return Preprocessing(
            height,
            math.floor(height / wanted["crop_pct"]),
            tuple(wanted["mean"]),
            tuple(wanted["std"]),
            interpolation if interpolation in INTERPOLATIONS else INTERPOLATIONS[0],
            squash=wanted["crop_mode"] == "squash",
        )

    def pretrained(self) -> Pretrained:
        configuration = self._configuration
        if not configuration.has_weights:
            raise InvalidInput(f"timm:{self.name} has no weights of its own; give a FILE, or none for random weights")
        if not configuration.num_classes:
            raise InvalidInput(f"The weights of timm:{self.name} have no classifier; give a FILE that has one")
        if not _reachable(configuration.hf_hub_id):
            raise InvalidInput(self._unfetched("the network cannot be reached"))
        try:
            network = timm.create_model(self.name, pretrained=True)
        except Exception as error:  # whatever the libraries below raise for a network that fails
            raise InvalidInput(self._unfetched(" ".join(str(error).split()))) from error
        return Pretrained(network.state_dict(), _class_names(configuration))

    @property
    def _configuration(self) -> Any:
        return timm.get_pretrained_cfg(self.name)

    def _create(self, **options: Any) -> nn.Module:
        try:
            network: nn.Module = timm.create_model(self.name, pretrained=False, **options)
        except (AssertionError, ValueError, RuntimeError) as error:
            line = " ".join(str(error).split()) or type(error).__name__
            raise InvalidInput(
                f"timm:{self.name} cannot be built with {options}: {line}; check --image-size"
            ) from error
        return network

    def _unfetched(self, why: str) -> str:
        return (
            f"The weights of timm:{self.name} cannot be fetched: {why}; "
            "download them elsewhere and give the file to --weights"
        )


def _reachable(repository: str | None) -> bool:
    """False where asking would only mean a minute of retries: no cached file, no proxy, and no name service."""
    if repository is None:
        return True
    from huggingface_hub import constants, try_to_load_from_cache

    cached = try_to_load_from_cache(repository.partition("@")[0], "model.safetensors")
    if isinstance(cached, str) or "https" in getproxies():
        return True
    try:
        socket.getaddrinfo(urlsplit(constants.ENDPOINT).hostname, None)
    except OSError:
        return False
    return True


def _class_names(configuration: Any) -> tuple[str, ...]:
    """Names in the order of the logits, where timm knows them; a name that several classes share gets its number."""
    if configuration.label_names is not None:
        names = list(configuration.label_descriptions or configuration.label_names)
    else:
        subset = timm.data.infer_imagenet_subset(configuration.to_dict())
        names = timm.data.ImageNetInfo(subset).label_descriptions() if subset else []
    if len(names) != configuration.num_classes:
        return ()
    return tuple(name if names.count(name) == 1 else f"{name} ({at})" for at, name in enumerate(names))
