"""Projections by content: one that is there already is answered at once."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from data.runs import RunStore, projection_file
from data.types import Projection
from data.workspace import content_key
from inference import catalogue
from inference.projections import PROJECTIONS

__all__ = ["project"]

_ALGORITHM = "projection-1"
_STEPS = 3


def project(
    runs: RunStore,
    run_id: str,
    method: str,
    parameters: Mapping[str, Any],
    progress: Callable[[int, int], None] = lambda done, total: None,
    check: Callable[[], None] = lambda: None,
) -> tuple[Projection, bool]:
    """Lays out a run's embeddings and keeps the result with the run.

    Args:
        parameters: Those that shall differ from the method's defaults.
        progress: Is told (steps done, steps in all).
        check: Is called between steps; what it raises ends the work.

    Returns:
        The projection, and whether it was there before.

    Raises:
        InvalidInput: The method or a parameter is not known or not allowed.
        NotFound: There is no such run.
    """
    catalogue.require_method("method", method, catalogue.PROJECTIONS)
    chosen = PROJECTIONS[method]
    complete = chosen.parameters(parameters)
    key = content_key(_ALGORITHM, run_id, method, complete)
    run = runs.get(run_id)
    known = next((projection for projection in runs.projections(run_id) if projection.key == key), None)
    if known is not None and projection_file(runs.workspace, run_id, key).exists():
        return known, True
    started = time.perf_counter()
    progress(0, _STEPS)
    parts = runs.embeddings(run_id)
    check()
    progress(1, _STEPS)
    plane = chosen.project(parts, complete)
    check()
    progress(2, _STEPS)
    projection = Projection(
        key=key,
        run=run_id,
        method=method,
        parameters=complete,
        samples=run.samples,
        seconds=time.perf_counter() - started,
        created_at=datetime.now(UTC),
    )
    runs.add_projection(projection, plane)
    progress(_STEPS, _STEPS)
    return projection, False
