"""A network whose units are known by hand, and a dataset of plain colours that it looks at."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from callbacks.services import Services
from data.sources import open_source
from data.types import Dataset, ModelVersion, Run
from inference import index, models
from inference.tasks import Place, WorkerContext, open_context

FACTORY = """
import torch
from torch import nn

def units():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                            nn.Linear(4, 2, bias=False))
    with torch.no_grad():
        # Red, green minus blue, nothing ever, and a constant.
        network[0].weight.copy_(torch.tensor([[1., 0, 0], [0, 1, -1], [0, 0, 0], [0, 0, 0]])[..., None, None])
        network[0].bias.copy_(torch.tensor([0, 0, -1., 1.]))
        network[4].weight.copy_(torch.tensor([[1., 0, 5, 0], [0, 20, 5, 0.01]]))
    return network
"""
SIDE = 6
SAMPLES = 40
CLASSES = ("red", "green")
RED, GREEN, DEAD, ALWAYS = range(4)


@dataclass(frozen=True)
class World:
    """40 pictures by turns red and green, each with one bright cell; `units@1` is applied to them."""

    context: WorkerContext
    dataset: Dataset
    version: ModelVersion
    run: Run

    @property
    def subject(self) -> dict[str, str]:
        return {"dataset": self.dataset.name, "model": self.version.reference, "layer": "1"}


def build(services: Services, folder: Path) -> Iterator[World]:
    for number in range(SAMPLES):
        label = CLASSES[number % 2]
        pixels = np.full((SIDE, SIDE, 3), 20, np.uint8)
        pixels[number % SIDE, 1, number % 2] = 100 + number
        path = folder / "pictures" / label / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    (folder / "nets.py").write_text(FACTORY)
    dataset = services.datasets.add("pictures", open_source(f"imagefolder:{folder / 'pictures'}")).dataset
    arch = f"factory:{folder / 'nets.py'}:units"
    version = models.register(
        services.workspace,
        services.models,
        "units",
        arch,
        "none",
        classes=CLASSES,
        image_size=SIDE,
        mean=(0, 0, 0),
        std=(1, 1, 1),
    )
    for shard in index.shards_of(version, dataset):
        index.index_shard(services.datasets, services.runs, dataset, version, shard)
    run = index.merge(services.datasets, services.runs, dataset, version, 1.0)
    place = Place(str(services.workspace.root), services.database.url, 1 << 28)
    context = open_context(place)
    yield World(context, dataset, version, run)
    context.close()
    models._loaded.clear()
