"""`factory:FILE.py:CALLABLE` and `factory:PKG.MOD:CALLABLE`: a function of the operator's that returns the network.

The code of a file is copied into the version's folder, so that the version stays what it is when the file changes.
"""

import hashlib
import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from data.errors import InvalidInput
from inference.adapters.protocol import Pretrained

__all__ = ["FactoryAdapter"]


@dataclass(frozen=True, slots=True)
class FactoryAdapter:
    """A callable that gives an `nn.Module`, called without arguments, or with `num_classes` if it takes that.

    Attributes:
        place: The file's name or the module's name, for messages.
        code: The file's bytes; None for an installed module.
    """

    place: str
    callable: str
    code: bytes | None
    source_name: str = "factory.py"

    @classmethod
    def open(cls, name: str, kept: Path | None = None) -> "FactoryAdapter":
        """Raises `InvalidInput` if the text has no callable or the file cannot be read."""
        place, colon, function = name.rpartition(":")
        if not colon or not function.isidentifier():
            raise InvalidInput(f"arch 'factory:{name}' names no function; write factory:FILE.py:CALLABLE")
        if not place.endswith(".py"):
            return cls(place, function, None)
        file = kept or Path(place)
        try:
            return cls(place, function, file.read_bytes())
        except OSError as error:
            raise InvalidInput(f"Factory file {file} cannot be read: {error.strerror}; check the path") from error

    @property
    def identity(self) -> Mapping[str, Any]:
        where = self.place if self.code is None else hashlib.sha256(self.code).hexdigest()
        return {"factory": where, "callable": self.callable}

    @property
    def source(self) -> bytes | None:
        return self.code

    def build(self, outputs: int | None, image_size: int | None) -> nn.Module:
        factory = self._factory()
        takes_classes = "num_classes" in _parameters(factory)
        try:
            network = factory(num_classes=outputs) if takes_classes and outputs is not None else factory()
        except Exception as error:
            raise InvalidInput(f"{self} failed: {type(error).__name__}: {_line(error)}") from error
        if not isinstance(network, nn.Module):
            raise InvalidInput(f"{self} returned {type(network).__name__}; it must return a torch.nn.Module")
        return network

    def preset(self, pretrained: bool = True) -> None:
        return None

    def pretrained(self) -> Pretrained:
        raise InvalidInput(
            "--weights DEFAULT is for architectures that come with weights; give a FILE, or none for random weights"
        )

    def __str__(self) -> str:
        return f"factory:{self.place}:{self.callable}"

    def _factory(self) -> Callable[..., Any]:
        module = self._import() if self.code is None else self._execute(self.code)
        found = getattr(module, self.callable, None)
        if not callable(found):
            raise InvalidInput(f"{self.place} has no function {self.callable!r}; check the name behind the last colon")
        function: Callable[..., Any] = found
        return function

    def _import(self) -> ModuleType:
        try:
            return importlib.import_module(self.place)
        except Exception as error:
            raise InvalidInput(f"Module {self.place!r} cannot be imported: {_line(error)}; is it installed?") from error

    def _execute(self, code: bytes) -> ModuleType:
        name = f"vitrine_factory_{hashlib.sha256(code).hexdigest()[:16]}"
        if name in sys.modules:
            return sys.modules[name]
        module = ModuleType(name)
        module.__file__ = self.place
        sys.modules[name] = module  # dataclasses, for one, look their module up while it is executed
        try:
            exec(compile(code, self.place, "exec"), module.__dict__)  # noqa: S102  named by the operator himself
        except Exception as error:
            del sys.modules[name]
            raise InvalidInput(
                f"{self.place} cannot be executed: {type(error).__name__}: {_line(error)}; "
                "the file must stand on its own and import installed packages only"
            ) from error
        return module


def _parameters(factory: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(factory).parameters
    except (TypeError, ValueError):
        return {}


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())
