"""The workers' part of what-if: on a network that looks at one corner of the picture, through real preprocessing."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import layouts.changed
from callbacks.services import Services
from data.errors import InvalidInput, NotFound
from data.types import Preprocessing
from inference import models
from inference.preprocessing import to_input_image, to_picture
from inference.tasks import Place, WorkerContext, open_context
from inference.worker.whatif import FILLS, counterfactual, probabilities

NETWORK = """
import torch
from torch import nn

class Corner(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 1, 1, bias=False)
        self.head = nn.Linear(1, 2)

    def forward(self, images):
        return self.head(self.body(images)[:, :, -8:, -8:].mean((2, 3)))

def build(classes=2):
    return Corner()
"""


class Corner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 1, 1, bias=False)
        self.head = nn.Linear(1, 2)
        with torch.no_grad():
            self.body.weight.fill_(1 / 3)
            self.head.weight.copy_(torch.tensor([[20.0], [-20.0]]))
            self.head.bias.copy_(torch.tensor([-16.0, 16.0]))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.body(images)[:, :, -8:, -8:].mean((2, 3)))
        return logits


@pytest.fixture
def context(services: Services, tmp_path: Path) -> Iterator[WorkerContext]:
    """A workspace with `corner@1`: `marked` as long as the lower right corner of its 32 × 32 pixels is bright."""
    (tmp_path / "corner.py").write_text(NETWORK)
    torch.save(Corner().state_dict(), tmp_path / "corner.pt")
    models.register(
        services.workspace,
        services.models,
        "corner",
        f"factory:{tmp_path / 'corner.py'}:build",
        str(tmp_path / "corner.pt"),
        classes=("marked", "plain"),
        image_size=32,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
    )
    place = Place(str(services.workspace.root), str(services.database.engine.url), 2**30)
    opened = open_context(place)
    yield opened
    opened.close()


def upload(context: WorkerContext, pixels: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    context.cache.put("uploads", digest, ".png", buffer.getvalue())
    return digest


def kept(context: WorkerContext, kind: str, key: str) -> Image.Image:
    path = context.cache.get(kind, key, ".png")
    assert path is not None
    with Image.open(path) as picture:
        return picture.copy()


def marked(side: int = 32, wide: int = 32) -> np.ndarray:
    """Grey, with a white square in the corner of the part that the network sees."""
    pixels = np.full((side, wide, 3), 60, dtype=np.uint8)
    mark, edge = side // 4, (wide + side) // 2
    pixels[-mark:, edge - mark : edge] = 255
    return pixels


def asked(digest: str, **more: Any) -> dict[str, Any]:
    return {"upload": digest, "model": "corner", "version": 1, "dataset": None, "fill": "mean", **more}


@pytest.mark.parametrize("fill", FILLS)
def test_hiding_the_mark_is_the_least_that_turns_the_decision(context: WorkerContext, fill: str) -> None:
    digest = upload(context, marked())
    found = counterfactual(context, asked(digest, fill=fill))
    assert found["flipped"]
    assert (found["target"], found["rival"]) == ("marked", "plain")
    mask = np.asarray(kept(context, "counterfactuals", found["key"])) > 0
    assert mask[-8:, -8:].any()
    assert not mask[:20].any()
    assert not mask[:, :20].any()
    assert found["share"] == pytest.approx(mask.mean())
    assert 0 < found["share"] < 0.12
    said = probabilities(context, {**asked(digest), "uploads": [digest, found["edit"]]})
    assert said["classes"] == ["marked", "plain"]
    assert said["probabilities"][0][0] > 0.99
    assert said["probabilities"][1][1] == pytest.approx(found["steps"][-1][2], abs=5e-3)


def test_people_are_offered_exactly_the_fills_there_are() -> None:
    assert set(FILLS) == set(layouts.changed.FILLS)


def test_it_is_computed_once(context: WorkerContext) -> None:
    digest = upload(context, marked())
    first = counterfactual(context, asked(digest))
    assert counterfactual(context, asked(digest)) == first  # its seconds among the rest
    context.cache.path("uploads", first["edit"], ".png").unlink()
    again = counterfactual(context, asked(digest))
    assert again["edit"] == first["edit"]
    assert kept(context, "uploads", again["edit"]).size == (32, 32)


def test_the_edit_of_a_wide_photograph_turns_the_decision_too(context: WorkerContext) -> None:
    digest = upload(context, marked(160, 240))
    found = counterfactual(context, asked(digest))
    assert found["flipped"]
    assert kept(context, "counterfactuals", found["key"]).size == (240, 160)
    said = probabilities(context, {**asked(digest), "uploads": [found["edit"]]})
    assert said["probabilities"][0][1] > 0.5


def test_of_a_picture_coarser_than_the_input_a_part_of_a_pixel_can_be_hidden(context: WorkerContext) -> None:
    digest = upload(context, marked(8, 10))
    found = counterfactual(context, asked(digest))
    assert found["flipped"]
    assert kept(context, "uploads", found["edit"]).size == (40, 32)
    said = probabilities(context, {**asked(digest), "uploads": [digest, found["edit"]]})
    assert said["probabilities"][1][1] == pytest.approx(found["steps"][-1][2], abs=5e-3)


def test_what_is_unknown_is_refused(context: WorkerContext) -> None:
    with pytest.raises(InvalidInput, match="fill 'noise'"):
        counterfactual(context, asked("0" * 64, fill="noise"))
    with pytest.raises(NotFound, match="upload it again"):
        counterfactual(context, asked("0" * 64))


@pytest.mark.parametrize("size", [(40, 40), (50, 40), (40, 51), (300, 90)])
@pytest.mark.parametrize(
    ("resize", "seen", "squash"), [(32, 32, False), (40, 32, False), (24, 32, False), (40, 32, True)]
)
def test_a_part_of_the_input_lies_in_the_picture_where_it_came_from(
    size: tuple[int, int], resize: int, seen: int, squash: bool
) -> None:
    preprocessing = Preprocessing(seen, resize, (0.0,) * 3, (1.0,) * 3, squash=squash, interpolation="nearest")
    mask = np.zeros((seen, seen), dtype=bool)
    mask[12:20, 10:25] = True
    there = to_picture(mask, size, preprocessing)
    assert there.size == size
    back = np.asarray(to_input_image(there.convert("RGB"), preprocessing))[..., 0] > 0
    wrong = (back != mask).sum()
    assert wrong <= 0.2 * mask.sum()
