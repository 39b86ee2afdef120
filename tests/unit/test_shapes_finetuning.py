"""The demo's promise, kept by measuring: a network that learnt a shortcut unlearns it from some tens of verdicts."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.finetuning import shown
from benchmarks.shapes_truth import Pictures
from data.database import Database
from data.datasets import DatasetStore
from data.feedback import FeedbackLog, FeedbackQuery
from data.finetuning import FinetuneSettings
from data.models import ModelStore
from data.sources import open_source
from data.workspace import Workspace
from inference.demo import FINETUNE, VERDICTS
from inference.demo_verdicts import give_verdicts
from inference.finetuning.service import finetune
from inference.models import load
from inference.training import train


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_the_explanation_loss_unlearns_the_mark_and_plain_fine_tuning_does_not(
    tmp_path: Path, database: Database
) -> None:
    workspace = Workspace.create(tmp_path / "workspace")
    datasets, models, log = DatasetStore(workspace, database), ModelStore(database), FeedbackLog(database)
    datasets.add("shapes", open_source("shapes"))
    dataset = datasets.get("shapes")
    first = train(datasets, models, "shapes-1", "shapes")
    assert give_verdicts(datasets, log, dataset, first, VERDICTS) == VERDICTS
    assert give_verdicts(datasets, log, dataset, first, VERDICTS) == VERDICTS
    assert log.count(FeedbackQuery(dataset="shapes")) == VERDICTS  # asked twice, said once
    pictures = Pictures.generate("test", 500, first.preprocessing)
    before = shown(load(workspace, first), pictures)
    settings = FinetuneSettings.of(FINETUNE)
    versions = [
        finetune(datasets, models, log, dataset, first, chosen).version
        for chosen in (replace(settings, must_not_look=0.0, should_look=0.0), settings)
    ]
    plain, taught = (shown(load(workspace, version), pictures) for version in versions)
    assert taught.unmarked >= before.unmarked + 0.20
    assert taught.marked >= before.marked + 0.20
    for method, share in before.on_mark.items():
        assert taught.on_mark[method] <= 0.2 * share  # falls by 80 % at least
        assert taught.on_mark[method] <= 0.4 * plain.on_mark[method]
    assert taught.marked >= plain.marked + 0.15
    assert taught.stars >= plain.stars + 0.05
    assert taught.unmarked >= plain.unmarked
    inside = [version.notes["finetune"]["metrics"]["after"]["must_not_look"] for version in versions]
    assert inside[1] < 0.05 * inside[0]
