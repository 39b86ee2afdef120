"""What a model adapter offers. A new kind of `--arch` is one file with a class of this shape, listed in `ADAPTERS`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn

from data.types import Preprocessing

__all__ = ["Adapter", "Pretrained"]


@dataclass(frozen=True, slots=True)
class Pretrained:
    """Weights that come with an architecture, and the classes that they were trained for."""

    state: Mapping[str, Tensor]
    classes: tuple[str, ...]


class Adapter(Protocol):
    """One architecture, opened from the text behind `--arch KIND:`. Opening validates the text and runs no network.

    Attributes:
        identity: What decides the computation, apart from the weights; part of the version's digest. Never a path.
        source: What must be kept with the version to build its network again, or None.
        source_name: The file that keeps it.
    """

    @property
    def identity(self) -> Mapping[str, Any]: ...
    @property
    def source(self) -> bytes | None: ...
    @property
    def source_name(self) -> str: ...

    def build(self, outputs: int | None, image_size: int | None) -> nn.Module:
        """The network with whatever numbers its initialisation gives.

        Args:
            outputs: How many logits are wanted; None for the architecture's own number. An architecture that cannot
                choose ignores it.
            image_size: Pixels a side of its input, for networks whose weights depend on that; None for their own.
        """
        ...

    def preset(self, pretrained: bool = True) -> Preprocessing | None:
        """The preprocessing that the architecture is made for; None if it has none.

        Args:
            pretrained: Whether the weights will be those of `pretrained`, rather than somebody's own.
        """
        ...

    def pretrained(self) -> Pretrained:
        """The weights meant by `--weights DEFAULT`, which take the input that `preset` makes.

        Raises:
            InvalidInput: There are none, or they cannot be fetched.
        """
        ...
