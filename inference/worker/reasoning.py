"""Reading what explained samples say together, as tasks for which a person waits."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image

from data.errors import InvalidInput, NotFound
from data.explained import FIGURES, Explained, ExplainedStore
from data.images import decode
from data.runs import part_files
from data.samples import View
from data.selections import Selection
from data.types import ModelVersion, Run
from inference import explaining, reasons
from inference.explained import (
    AT_ONCE,
    MAX_ROWS,
    MEAN_IMAGE_CACHE,
    PAGE,
    differences_key,
    explained_key,
    mean_image_key,
    rows_digest,
    study_key,
)
from inference.preprocessing import to_input_image
from inference.reading import decode_sample, samples_at
from inference.tasks import WorkerContext
from inference.worker.explaining import subject
from inference.worker.pulse import task_pulse

__all__ = ["rank_differences", "study_reasons"]

_PICTURED = 64
_RANKED_CACHE = "rankings"
_FINEST = 128  # pixels of the mean image's side: of blurs, more would show nothing


def study_reasons(context: WorkerContext, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Where the model looks on a selection; returns the fields of `inference.reasons.Study`.

    Payload: dataset, model (`NAME@VERSION`), method, selection (its URL parameters), projection and other (as in a
    URL, may be None).

    Raises:
        InvalidInput: Nothing is selected, or the method cannot explain this network.
        NotFound: These samples are not explained and too many to do so while somebody waits.
    """
    version, run = subject(context, payload["dataset"], payload["model"])
    method = payload["method"]
    rows = _selected(context, payload, run)
    if not len(rows):
        raise InvalidInput("No sample is selected; take a filter off")
    whole = _find(context, run, method, None)
    known = whole or _find(context, run, method, rows)
    key = study_key(known.key if known else explained_key(run, method, rows.tolist()), rows_digest(rows))
    stored = reasons.kept(context.cache, key)
    if stored is not None:
        return stored
    if known is not None:
        store = ExplainedStore(context.workspace)
        parts, figures = store.grids(known), np.concatenate(store.figures_parts(known))
        explained = np.arange(known.samples) if known.rows is None else np.asarray(known.rows)
    elif len(rows) <= AT_ONCE:
        explaining.suited(context.datasets, version, method)
        pulse, samples = task_pulse(), samples_at(context.datasets, context.datasets.get(run.dataset), rows.tolist())
        grids, figures = explaining.maps_of(context.datasets, context.runs, run, version, method, samples, pulse=pulse)
        parts, explained = [grids], rows
    else:
        raise NotFound(f"These {len(rows):,} samples are not explained yet; start the job that does it")
    selected = np.isin(explained, rows)
    found, grids = reasons.study(key, parts, figures, explained, selected)
    for prefix, group in (("", selected), ("rest-", ~selected)):
        places = np.flatnonzero(group)
        if len(places):
            some = places[_evenly(len(places))]
            _keep_pictures(context, version, run, explained[some], figures[some], key, prefix)
    reasons.keep(context.cache, found, grids)
    return asdict(found)


def rank_differences(context: WorkerContext, payload: Mapping[str, Any]) -> dict[str, Any]:
    """The samples that two versions put into the same class for the most different reasons.

    Payload: as `study_reasons`, with `other` the second version, and page, from 1 up.

    Returns:
        The fields of `inference.reasons.Differences`.

    Raises:
        NotFound: One of the versions is not explained on the whole dataset.
    """
    _, run = subject(context, payload["dataset"], payload["model"])
    _, other = subject(context, payload["dataset"], payload["other"])
    method = payload["method"]
    a, b = (_find(context, one, method, None) for one in (run, other))
    if a is None or b is None:
        missing = run if a is None else other
        raise NotFound(f"{missing.reference} is not explained on {run.dataset} yet; start the job that does it")
    rows = _selected(context, payload, run)
    key = differences_key(a.key, b.key, rows_digest(rows), payload["page"])
    stored = reasons.kept(context.cache, key)
    if stored is not None:
        return stored
    store = ExplainedStore(context.workspace)
    parts_a, parts_b = store.grids(a), store.grids(b)
    apart = _ranking(context, differences_key(a.key, b.key), parts_a, parts_b)
    codes_a, codes_b = (_predicted(context, one, run.classes) for one in (run, other))
    agreed = (codes_a == codes_b) & (codes_a >= 0) & np.isin(np.arange(run.samples), rows)
    place = (payload["page"] - 1) * PAGE
    codes = np.where(agreed, codes_a, -1)
    found, grids = reasons.ranked_page(key, parts_a, parts_b, apart, codes, run.classes, slice(place, place + PAGE))
    reasons.keep(context.cache, found, grids)
    return asdict(found)


def _selected(context: WorkerContext, payload: Mapping[str, Any], run: Run) -> np.ndarray:
    """The selection's rows, ascending."""
    other = subject(context, run.dataset, payload["other"])[1] if payload.get("other") else None
    projection = context.runs.projection(payload["projection"]) if payload.get("projection") else None
    view = View(context.datasets.get(run.dataset), run, projection, other)
    return np.sort(context.samples.order(view, Selection.from_parameters(payload["selection"])))


def _find(context: WorkerContext, run: Run, method: str, rows: np.ndarray | None) -> Explained | None:
    if rows is not None and len(rows) > MAX_ROWS:
        return None
    key = explained_key(run, method, None if rows is None else rows.tolist())
    return ExplainedStore(context.workspace).find(run.id, key)


def _evenly(total: int) -> np.ndarray:
    return np.unique(np.linspace(0, total - 1, min(total, _PICTURED)).round().astype(np.int64))


def _keep_pictures(
    context: WorkerContext,
    version: ModelVersion,
    run: Run,
    rows: np.ndarray,
    figures: np.ndarray,
    key: str,
    prefix: str,
) -> None:
    """Keeps the mean of what the network sees of a few samples: as it is, and moved as the centred maps are."""
    dataset = context.datasets.get(run.dataset)
    seen = []
    for sample in samples_at(context.datasets, dataset, rows.tolist()):
        picture = to_input_image(decode_sample(context.datasets, dataset.name, sample, decode), version.preprocessing)
        picture.thumbnail((_FINEST, _FINEST))
        seen.append(np.asarray(picture.convert("RGB"), dtype=np.float32))
    pictures = np.stack(seen)
    figure = dict(zip(FIGURES, figures.T, strict=True))
    moves = reasons.moves_of(figure["centre_y"], figure["centre_x"], pictures.shape[1])
    weights = reasons.centred(np.ones(pictures.shape[:3], np.float32), moves).sum(0)
    middle = reasons.centred(pictures, moves).sum(0) / np.maximum(weights, 1)[..., None]
    for name, mean in (("plain", pictures.mean(0)), ("centred", middle)):
        content = io.BytesIO()
        Image.fromarray(np.rint(mean).astype(np.uint8)).save(content, "PNG")
        context.cache.put(MEAN_IMAGE_CACHE, mean_image_key(key, prefix + name), ".png", content.getvalue())


def _ranking(
    context: WorkerContext, key: str, parts_a: Sequence[np.ndarray], parts_b: Sequence[np.ndarray]
) -> np.ndarray:
    """The distance of every sample's two maps, (N,) float32, computed once for a pair of versions."""
    path = context.cache.get(_RANKED_CACHE, key, ".npy")
    if path is not None:
        try:
            return np.asarray(np.load(path, allow_pickle=False))
        except (OSError, ValueError):  # evicted in this very moment, or left half-written by a power failure
            pass
    apart = reasons.rank(parts_a, parts_b)
    content = io.BytesIO()
    np.save(content, apart, allow_pickle=False)
    context.cache.put(_RANKED_CACHE, key, ".npy", content.getvalue())
    return apart


def _predicted(context: WorkerContext, run: Run, classes: Sequence[str]) -> np.ndarray:
    """The predicted class of every row by its place in `classes`, (N,) int32; -1 for one that is not among them."""
    tables = [pq.read_table(path, columns=["row", "prediction"]) for path in part_files(context.workspace, run.id)]
    names = pa.concat_tables(tables).sort_by("row")["prediction"].combine_chunks()
    found = pc.index_in(names, value_set=pa.array(classes)).fill_null(-1)
    return np.asarray(found.to_numpy(zero_copy_only=False))
