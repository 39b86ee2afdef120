"""What a person would say of the demo's network that decides by the mark, said by the generator, which knows the truth.

Each verdict is that of somebody who looks at the explanation of a marked picture and marks the corner as a place that
must not be looked at. No verdict gives a class: what the pictures are called stays as it is.
"""

import numpy as np

from data.datasets import DatasetStore
from data.feedback import FeedbackLog, FeedbackQuery
from data.images import decode
from data.masks import Mask, Region, Role
from data.sources.shapes import MARKED, mark_in
from data.types import Dataset, FeedbackKind, ModelVersion, Verdict
from inference.demo import PERSON
from inference.reading import decode_sample, samples_between

__all__ = ["give_verdicts"]

_SHOWN = {"method": "gradcam", "target": MARKED}


def give_verdicts(datasets: DatasetStore, log: FeedbackLog, dataset: Dataset, version: ModelVersion, count: int) -> int:
    """Says of the first marked pictures of the training split that the mark is no reason; returns how many those are.

    Samples of which it was said before are left alone, so that it may be asked for again.
    """
    query = FeedbackQuery(dataset=dataset.name, person=PERSON, kind=FeedbackKind.VERDICT)
    said = {event.row for event in log.stream(query)}
    told = 0
    for sample in samples_between(datasets, dataset, 0, dataset.samples):
        if told == count:
            break
        if sample.split != "train":
            continue
        mark = mark_in(np.asarray(decode_sample(datasets, dataset.name, sample, decode)))
        if not mark.any():
            continue
        told += 1
        if sample.row not in said:
            log.add(
                FeedbackKind.VERDICT,
                PERSON,
                dataset.name,
                sample.sample_id,
                sample.row,
                model=version.model,
                version=version.version,
                shown_label=sample.label,
                shown_prediction=MARKED,
                choice=Verdict.WRONG_REASON,
                regions=[Region(Role.MUST_NOT_LOOK, Mask.of(mark))],
                shown_explanation=_SHOWN,
            )
    return told
