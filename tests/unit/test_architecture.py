"""The layers of a network as a tree."""

from datetime import UTC, datetime

import torch
from torch import Tensor, nn

from data.types import ModelVersion, Preprocessing
from inference.architecture import describe


class Unused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Sequential(nn.ReLU(), nn.Identity()))
        self.spare = nn.Linear(2, 2)
        self.head = nn.Linear(4, 2)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.trunk(images).mean((2, 3)))
        return logits


def version(explain_layer: str | None = "trunk.2.0") -> ModelVersion:
    return ModelVersion(
        model="net",
        version=1,
        digest="0" * 64,
        arch="",
        classes=(),
        outputs=2,
        parameters=0,
        preprocessing=Preprocessing(8, 8, (0.0,) * 3, (1.0,) * 3),
        embedding_dim=4,
        embedding_layer="head",
        explain_layer=explain_layer,
        parent=None,
        created_at=datetime.now(UTC),
    )


def test_layers_tell_type_shape_and_parameters() -> None:
    torch.manual_seed(0)
    network = Unused().eval()
    found = describe(network, version())
    assert found.total == 8
    assert [(layer.name, layer.kind, layer.shape, layer.parameters, layer.inside) for layer in found.layers] == [
        ("trunk", "Sequential", (4, 6, 6), 3 * 4 * 9 + 4 + 8, 5),
        ("trunk.0", "Conv2d", (4, 6, 6), 3 * 4 * 9 + 4, 0),
        ("trunk.1", "BatchNorm2d", (4, 6, 6), 8, 0),
        ("trunk.2", "Sequential", (4, 6, 6), 0, 2),
        ("trunk.2.0", "ReLU", (4, 6, 6), 0, 0),
        ("trunk.2.1", "Identity", (4, 6, 6), 0, 0),
        ("spare", "Linear", (), 6, 0),
        ("head", "Linear", (2,), 10, 0),
    ]
    assert not any(module._forward_hooks for module in network.modules())


def test_a_large_network_is_cut_and_the_layers_that_matter_are_kept() -> None:
    found = describe(Unused().eval(), version(), most=3)
    assert [layer.name for layer in found.layers] == ["trunk", "trunk.2", "trunk.2.0", "spare", "head"]
    assert found.total == 8
    wide = nn.Sequential(*(nn.Identity() for _ in range(50)), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    cut = describe(wide, version(None), most=10)
    assert [layer.name for layer in cut.layers] == [str(number) for number in range(10)]
    assert cut.total == 53
