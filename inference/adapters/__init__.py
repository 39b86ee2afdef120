"""Where networks come from: one adapter for each kind of `--arch`."""

from collections.abc import Callable, Mapping
from pathlib import Path

from data.errors import InvalidInput
from inference.adapters.factory import FactoryAdapter
from inference.adapters.protocol import Adapter, Pretrained
from inference.adapters.torchvision import TorchvisionAdapter

__all__ = ["ADAPTERS", "Adapter", "Pretrained", "open_adapter"]

ADAPTERS: Mapping[str, Callable[[str, Path | None], Adapter]] = {
    "torchvision": TorchvisionAdapter.open,
    "factory": FactoryAdapter.open,
}
_FORMS = "torchvision:NAME, factory:FILE.py:CALLABLE, factory:PKG.MOD:CALLABLE"


def open_adapter(arch: str, kept: Path | None = None) -> Adapter:
    """The adapter for the text behind `--arch`.

    Args:
        kept: The file in a version's folder that holds the code of a `factory:FILE.py`, when a version is loaded
            again; None reads the file that `arch` names.

    Raises:
        InvalidInput: The kind is unknown or what follows it cannot be used.
    """
    kind, _, name = arch.partition(":")
    if kind not in ADAPTERS or not name:
        raise InvalidInput(f"arch {arch!r} is not known; allowed: {_FORMS}")
    return ADAPTERS[kind](name, kept)
