"""What a worker says of a version: which explanations suit it, and how its tokens attend."""

import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from callbacks.services import Services
from data.errors import InvalidInput, NotFound
from data.explanations import ExplanationChoices
from inference.catalogue import cached_choices
from inference.models import register
from inference.tasks import TASKS, Place, WorkerContext, open_context
from inference.worker.describing import explanation_choices
from inference.worker.interactive import attention


@pytest.fixture
def context(services: Services) -> Iterator[WorkerContext]:
    opened = open_context(Place(str(services.workspace.root), services.database.url, 10**7))
    yield opened
    opened.close()


def test_choices_are_kept_and_attention_is_read_at_one_of_them(services: Services, context: WorkerContext) -> None:
    version = register(
        services.workspace, services.models, "vit", "timm:vit_tiny_patch16_224", "none", classes="ab", image_size=32
    )
    asked = {"model": version.model, "version": version.version}
    assert cached_choices(services.cache, version) is None
    found = explanation_choices(context, asked)
    kept = cached_choices(services.cache, version)
    assert kept == ExplanationChoices.of(found)
    assert kept.heads == 3
    assert len(kept.attention) == 12
    assert not kept.unsuited["gradient_rollout"]
    assert kept.unsuited["deeplift"] == "has no rule for LayerNorm, which the network has at blocks.0.norm1"

    picture = io.BytesIO()
    Image.new("RGB", (32, 32), (200, 10, 10)).save(picture, "PNG")
    context.cache.put("uploads", "ab" * 16, ".png", picture.getvalue())
    asked |= {"upload": "ab" * 16, "layer": kept.attention[-1], "head": 2, "patch": [0, 1]}
    grid = np.array(attention(context, asked))
    assert grid.shape == (2, 2)
    assert 0 < grid.sum() < 1  # the class token has the rest
    with pytest.raises(InvalidInput, match="head 3 is not known"):
        attention(context, {**asked, "head": 3})
    with pytest.raises(NotFound, match="no longer kept"):
        attention(context, {**asked, "upload": "cd" * 16})


def test_the_tasks_are_known_by_name() -> None:
    assert TASKS["attention"].endswith(":attention")
    assert TASKS["explanation_choices"].endswith(":explanation_choices")
