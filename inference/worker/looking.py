"""Looking into a network, as tasks: images that excite it, and how its units answer to a dataset."""

import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from data.errors import InvalidInput, NotFound
from data.images import decode
from data.inspections import Inspection, open_inspection
from data.samples import View
from data.types import Dataset, ModelVersion, Run
from data.visualisations import VisualisationRequest
from inference import index
from inference.catalogue import EXPLANATION_CACHE
from inference.class_names import class_names
from inference.index import Shard, batch_size
from inference.job_progress import JobProgress
from inference.models import load
from inference.preprocessing import to_pixels
from inference.reading import pixel_batches, spread_rows
from inference.tasks import WorkerContext
from inference.visualisation import effects, inspection, service
from inference.visualisation.keys import EVIDENCE_CACHE, ablation_key, evidence_key, map_key
from inference.visualisation.probing import Probe, probe
from inference.visualisation.summary import inspection_key, read_units
from inference.worker.pulse import task_pulse

__all__ = ["ablate_unit", "inspect_shard", "merge_inspection", "plan_inspection", "unit_evidence", "visualise"]

_SHOWN = 12  # samples at either end
_PUSHED_ON = 16  # of the strongest samples
_ABLATED_ON = 1000


def visualise(context: WorkerContext, payload: Mapping[str, Any]) -> list[str]:
    """Makes images that excite a part of a network; returns the keys under which they lie in the cache.

    Payload: model, version, dataset (may be None), requests (fields of `VisualisationRequest`, several of them).
    """
    version = context.models.get(payload["model"], payload["version"])
    dataset = context.datasets.get(payload["dataset"]) if payload.get("dataset") else None
    source = service.Source(context.datasets, context.samples, dataset) if dataset else None
    classes = class_names(version, dataset)
    pulse = task_pulse()
    keys = []
    for place, given in enumerate(payload["requests"]):

        def heard(share: float, place: int = place) -> None:
            pulse((place + share) / len(payload["requests"]))

        request = VisualisationRequest.of(given)
        keys.append(service.visualise(context.workspace, context.cache, version, classes, request, source, heard))
    return keys


def plan_inspection(context: WorkerContext, payload: Mapping[str, Any]) -> dict[str, Any]:
    """What there is to do to inspect a layer. Payload: dataset, model (`NAME@VERSION`), layer.

    Returns:
        {"shards": [[start, stop], …], "finished": numbers of those that are there, "done": whether all is}

    Raises:
        NotFound: The version was not applied to the dataset yet.
    """
    dataset, version = _subject(context, payload)
    opened = _inspection(context, _run(context, dataset, version), version, payload["layer"])
    shards = index.shards_of(version, dataset)
    return {
        "shards": [[shard.start, shard.stop] for shard in shards],
        "finished": sorted(opened.finished_shards()),
        "done": opened.done,
    }


def inspect_shard(context: WorkerContext, payload: Mapping[str, Any]) -> int:
    """Inspects one shard; returns how many samples it has. Payload: dataset, model, layer, shard, start, stop, job."""
    dataset, version = _subject(context, payload)
    opened = _inspection(context, _run(context, dataset, version), version, payload["layer"])
    shard = Shard(payload["shard"], payload["start"], payload["stop"])
    check = JobProgress(context.jobs, payload["job"], "images").check
    return inspection.inspect_shard(context.datasets, opened, dataset, version, payload["layer"], shard, check)


def merge_inspection(context: WorkerContext, payload: Mapping[str, Any]) -> dict[str, int]:
    """Makes the inspection from its shards; see `inspection.merge`. Payload: dataset, model, layer."""
    dataset, version = _subject(context, payload)
    opened = _inspection(context, _run(context, dataset, version), version, payload["layer"])
    return inspection.merge(context.datasets, opened, dataset, version, payload["layer"])


def unit_evidence(context: WorkerContext, payload: Mapping[str, Any]) -> str:
    """Where a unit answers in the samples at either end, and which classes it pushes; returns the key in the cache.

    Payload: dataset, model, layer, unit.

    Cached is {"maps": {row: key of its map among the explanations}, "pushes": [[class, mean change of its logit], …]
    or None where the logits do not depend on the layer}.

    Raises:
        NotFound: The layer was not inspected yet.
    """
    dataset, version = _subject(context, payload)
    run, layer, unit = _run(context, dataset, version), payload["layer"], payload["unit"]
    opened = _inspection(context, run, version, layer)
    if not opened.done:
        raise NotFound(f"layer {layer!r} of {version.reference} was not inspected on {dataset.name} yet; inspect it")
    found, units = _unit(context, version, layer, unit), read_units(opened)
    strongest = [int(row) for row in units.arrays["top"][unit][:_PUSHED_ON]]
    weakest = [int(row) for row in units.arrays["bottom"][unit][:_SHOWN]]
    loaded, pulse = load(context.workspace, version), task_pulse()
    maps: dict[int, str] = {}
    size = batch_size(loaded)
    rows = list(dict.fromkeys([*strongest[:_SHOWN], *weakest]))
    for start in range(0, len(rows), size):
        pulse(start / (2 * len(rows)))
        some = rows[start : start + size]
        answers = effects.answer_maps(loaded, found, unit, _pixels(context, dataset, version, some))
        for row, values in zip(some, answers, strict=True):
            maps[row] = _keep_map(context, version, layer, unit, dataset, row, values)
    raised: list[np.ndarray] = []
    for start in range(0, len(strongest), size):
        pulse(0.5 + start / (2 * len(strongest)))
        some = strongest[start : start + size]
        part = effects.pushes(loaded, found, unit, _pixels(context, dataset, version, some))
        raised += [] if part is None else [part]
    mean = np.concatenate(raised).mean(0) if raised else None
    names = class_names(version, dataset)
    listed = None if mean is None else [[name, float(value)] for name, value in zip(names, mean, strict=True)]
    key = evidence_key(version, run.id, layer, unit)
    context.cache.put(EVIDENCE_CACHE, key, ".json", json.dumps({"maps": maps, "pushes": listed}).encode())
    return key


def ablate_unit(context: WorkerContext, payload: Mapping[str, Any]) -> str:
    """What becomes of the predictions when a unit is set to 0; returns the key in the cache.

    Payload: dataset, model, layer, unit.

    Cached is {"samples", "labelled", "changed": predictions that become another class, "right", "right_without": of
    the labelled ones, "classes": {label: [samples, right, right without]}}, on samples from all over the dataset.
    """
    dataset, version = _subject(context, payload)
    run, layer, unit = _run(context, dataset, version), payload["layer"], payload["unit"]
    found, loaded, pulse = _unit(context, version, layer, unit), load(context.workspace, version), task_pulse()
    rows = spread_rows(dataset.samples, _ABLATED_ON)
    samples = [row.sample for row in context.samples.rows(View(dataset), rows)]
    names = class_names(version, dataset)
    batches = pixel_batches(context.datasets, dataset.name, version.preprocessing, samples, batch_size(loaded))
    changed, done = 0, 0
    classes: dict[str, list[int]] = {}
    for before, after in effects.ablated(loaded, found, unit, batches):
        for sample, first, second in zip(samples[done : done + len(before)], before, after, strict=True):
            changed += int(first != second)
            if sample.label is not None:
                tally = classes.setdefault(sample.label, [0, 0, 0])
                tally[0] += 1
                tally[1] += names[first] == sample.label
                tally[2] += names[second] == sample.label
        done += len(before)
        pulse(done / len(samples))
    totals = [sum(tally[at] for tally in classes.values()) for at in range(3)]
    facts = {
        "samples": len(samples),
        "changed": changed,
        "labelled": totals[0],
        "right": totals[1],
        "right_without": totals[2],
        "classes": dict(sorted(classes.items())),
    }
    key = ablation_key(version, run.id, layer, unit)
    context.cache.put(EVIDENCE_CACHE, key, ".json", json.dumps(facts).encode())
    return key


def _subject(context: WorkerContext, payload: Mapping[str, Any]) -> tuple[Dataset, ModelVersion]:
    return context.datasets.get(payload["dataset"]), context.models.resolve(payload["model"])


def _run(context: WorkerContext, dataset: Dataset, version: ModelVersion) -> Run:
    run = context.runs.find(dataset.name, version.model, version.version)
    if run is None:
        raise NotFound(f"{version.reference} was not applied to {dataset.name} yet; index it first")
    return run


def _inspection(context: WorkerContext, run: Run, version: ModelVersion, layer: str) -> Inspection:
    return open_inspection(context.workspace, run.id, inspection_key(version, layer))


def _unit(context: WorkerContext, version: ModelVersion, layer: str, unit: int) -> Probe:
    found = probe(load(context.workspace, version), layer)
    if not 0 <= unit < found.units:
        raise InvalidInput(f"unit {unit} is not in layer {layer!r}; it has units 0 to {found.units - 1}")
    return found


def _pixels(context: WorkerContext, dataset: Dataset, version: ModelVersion, rows: list[int]) -> np.ndarray:
    """(N, H, W, C) uint8, as the version sees the samples."""
    samples = [row.sample for row in context.samples.rows(View(dataset), rows)]
    images = (decode(context.datasets.read(dataset.name, sample)) for sample in samples)
    return np.stack([to_pixels(image, version.preprocessing) for image in images])


def _keep_map(
    context: WorkerContext, version: ModelVersion, layer: str, unit: int, dataset: Dataset, row: int, values: np.ndarray
) -> str:
    sample = context.samples.row(View(dataset), row).sample
    key = map_key(version, layer, unit, sample.digest)
    array = io.BytesIO()
    np.save(array, values.astype(np.float32), allow_pickle=False)
    context.cache.put(EXPLANATION_CACHE, key, ".npy", array.getvalue())
    return key
