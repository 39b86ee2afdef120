"""Networks as loaded versions that nobody registered, and one with known weights."""

from datetime import UTC, datetime

import torch
from torch import Tensor, nn

from data.types import ModelVersion, Preprocessing
from inference.layers import inspect_network
from inference.models import LoadedModel

__all__ = ["LooksAtCorner", "in_memory"]


def in_memory(network: nn.Module, size: int = 16, channels: int = 3) -> LoadedModel:
    """The network as if it had been registered as `net@1`."""
    network = network.eval().requires_grad_(False)
    layers = inspect_network(network, size, channels)
    version = ModelVersion(
        model="net",
        version=1,
        digest="0" * 64,
        arch="",
        classes=(),
        outputs=layers.outputs,
        parameters=layers.parameters,
        preprocessing=Preprocessing(size, size, (0.0,) * channels, (1.0,) * channels),
        embedding_dim=layers.embedding_dim,
        embedding_layer=layers.embedding_layer,
        explain_layer=layers.explain_layer,
        parent=None,
        created_at=datetime.now(UTC),
    )
    return LoadedModel(version, network, torch.device("cpu"))


class LooksAtCorner(nn.Module):
    """For class 0 as long as the upper left corner of a grey image is bright, whatever the rest shows.

    Logit 0 is `steepness` times the mean of the corner, logit 1 the contrary.
    """

    def __init__(self, corner: int, steepness: float) -> None:
        super().__init__()
        self.corner = corner
        self.conv = nn.Conv2d(1, 1, 1, bias=False)
        self.head = nn.Linear(1, 2, bias=False)
        nn.init.ones_(self.conv.weight)
        with torch.no_grad():
            self.head.weight.copy_(torch.tensor([[steepness], [-steepness]]))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.conv(images)[:, :, : self.corner, : self.corner].mean((2, 3)))
        return logits
