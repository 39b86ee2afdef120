"""Where networks come from: one adapter for each kind of `--arch`.

A kind's module is imported when it is asked for, because some bring a large library.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

from data.errors import InvalidInput
from inference.adapters.protocol import Adapter, Pretrained

__all__ = ["ADAPTERS", "Adapter", "Pretrained", "open_adapter"]

ADAPTERS: Mapping[str, str] = {
    "torchvision": "inference.adapters.torchvision:TorchvisionAdapter",
    "timm": "inference.adapters.timm:TimmAdapter",
    "transformers": "inference.adapters.transformers:TransformersAdapter",
    "factory": "inference.adapters.factory:FactoryAdapter",
}
_FORMS = "torchvision:NAME, timm:NAME, transformers:PATH, factory:FILE.py:CALLABLE, factory:PKG.MOD:CALLABLE"


def open_adapter(arch: str, kept: Path | None = None) -> Adapter:
    """The adapter for the text behind `--arch`.

    Args:
        kept: The file in a version's folder that holds what `Adapter.source` gave, when a version is loaded again;
            None reads what `arch` names.

    Raises:
        InvalidInput: The kind is unknown or what follows it cannot be used.
    """
    kind, _, name = arch.partition(":")
    if kind not in ADAPTERS or not name:
        raise InvalidInput(f"arch {arch!r} is not known; allowed: {_FORMS}")
    module, _, adapter = ADAPTERS[kind].partition(":")
    opener: Callable[[str, Path | None], Adapter] = getattr(import_module(module), adapter).open
    return opener(name, kept)
