"""Looking at a source and adding it, as tasks."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from data.sources import Source
from data.sources.preview import Preview
from data.sources.preview import preview as preview_of
from data.sources.tables import TableSource
from inference.job_progress import JobProgress
from inference.sources import open_source
from inference.tasks import WorkerContext

__all__ = ["add", "preview"]

_MAX_NAMED = 100


def add(context: WorkerContext, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Adds a dataset and returns what the script contract says of it.

    Payload: name, source (as on the command line), job; confined, see `_opened`.
    """
    progress = JobProgress(context.jobs, payload["job"], "files")
    source = _opened(payload)
    progress.log(f"Reading {source.name}")
    added = context.datasets.add(payload["name"], source, progress.update, progress.check)
    for refused in added.quarantined[:_MAX_NAMED]:
        progress.log(f"Put aside {refused.path}: {refused.reason}")
    if len(added.quarantined) > _MAX_NAMED:
        progress.log(f"Put aside {len(added.quarantined):,} in all; the dataset keeps the reason of each")
    if added.twins:
        progress.log(f"It has the same content as {', '.join(added.twins)}")
    return {
        "dataset": added.dataset.name,
        "samples": added.dataset.samples,
        "classes": list(added.dataset.classes),
        "quarantined": len(added.quarantined),
        "digest": added.dataset.digest,
    }


def preview(context: WorkerContext, payload: Mapping[str, Any]) -> Preview:
    """Looks at a source before it is added. Payload: source (as on the command line);
    confined, see `_opened`.

    Raises:
        InvalidInput: There is no such source, or nothing in it.
    """
    return preview_of(_opened(payload))


def _opened(payload: Mapping[str, Any]) -> Source:
    """The payload's source. Where `confined` is true, a page chose it and no operator did.

    Then a table may name only what lies in its own folder, as folders and archives do anyway.
    """
    source = open_source(payload["source"])
    if payload.get("confined") and isinstance(source, TableSource):
        return replace(source, locator=replace(source.locator, anywhere=False))
    return source
