"""A network that learnt a shortcut, fine-tuned from some tens of verdicts: with the explanation loss, and without.

The generated shapes; see `benchmarks.shapes_truth` for what is known of them. Beside each figure stands that of the
network before.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.measure import Figure
from benchmarks.shapes_truth import Pictures
from dashboard.services import build_services
from dashboard.settings import Settings
from data.finetuning import FinetuneSettings
from data.sources import open_source
from inference.demo import FINETUNE, VERDICTS
from inference.demo_verdicts import give_verdicts
from inference.explanations import METHODS, Question
from inference.finetuning.service import finetune
from inference.models import LoadedModel, load
from inference.training import train

__all__ = ["Shown", "run", "shown"]

_TEST = 500
_MAPS = 40
_METHODS = ("integrated_gradients", "gradcam")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a network does on the test pictures, where the mark falls on all classes alike.

    Attributes:
        unmarked: Accuracy on pictures without the mark, in [0, 1].
        marked: Accuracy on pictures with it.
        stars: Share of the stars without the mark that are found.
        on_mark: By method the mean share of a map's absolute attribution for the given class that lies on the mark.
    """

    unmarked: float
    marked: float
    stars: float
    on_mark: dict[str, float]


def shown(loaded: LoadedModel, pictures: Pictures) -> Shown:
    """Measures a network."""
    with torch.inference_mode():
        given = loaded.module(torch.from_numpy(pictures.images)).argmax(1).numpy()
    right, marked = given == pictures.targets, pictures.marks.any((1, 2))
    star = loaded.version.classes.index("star")
    rows = np.flatnonzero(marked)[:_MAPS]
    question = Question(pictures.images[rows], given[rows].tolist())
    on_mark = {}
    for name in _METHODS:
        values = np.abs(METHODS[name](loaded, question).values)
        shares = (values * pictures.marks[rows]).sum((1, 2)) / np.maximum(values.sum((1, 2)), 1e-12)
        on_mark[name] = float(shares.mean())
    return Shown(
        unmarked=float(right[~marked].mean()),
        marked=float(right[marked].mean()),
        stars=float(right[~marked & (pictures.targets == star)].mean()),
        on_mark=on_mark,
    )


def run(folder: Path) -> Iterator[Figure]:
    """Three versions: the demo's first, fine-tuned plainly, and with the explanation loss."""
    services = build_services(Settings(workspace=folder / "workspace"))
    services.datasets.add("shapes", open_source("shapes"))
    dataset = services.datasets.get("shapes")
    first = train(services.datasets, services.models, "shapes-1", "shapes")
    give_verdicts(services.datasets, services.feedback, dataset, first, VERDICTS)
    pictures = Pictures.generate("test", _TEST, first.preprocessing)
    before = shown(load(services.workspace, first), pictures)
    settings = FinetuneSettings.of(FINETUNE)
    for name, chosen in (
        ("plain fine-tuning", replace(settings, must_not_look=0.0, should_look=0.0)),
        ("with explanation loss", settings),
    ):
        made = finetune(services.datasets, services.models, services.feedback, dataset, first, chosen)
        after = shown(load(services.workspace, made.version), pictures)
        for what, now, then in (
            ("accuracy without the mark", after.unmarked, before.unmarked),
            ("accuracy with the mark", after.marked, before.marked),
            ("stars without the mark", after.stars, before.stars),
            *(
                (f"attribution on the mark, {method}", after.on_mark[method], before.on_mark[method])
                for method in _METHODS
            ),
        ):
            yield Figure(f"{name}: {what}", 100 * now, "before", 100 * then, "%")
        seconds = made.version.notes["finetune"]["seconds"]
        yield Figure(f"{name}: time", seconds, "one second", 1.0)
    services.database.dispose()
