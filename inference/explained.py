"""Under which keys explained samples and what is read from them are kept. Without torch, for the web.

A map is kept as a grid of at most 32 × 32 cells: each pixel's magnitude goes to the cells that it overlaps, in
proportion, so that sums are preserved; then the whole is divided by its sum. A grid thus tells where attribution
lies, not how much there is nor its sign, and grids of different versions can be held against each other.
"""

import hashlib
from collections.abc import Sequence

import numpy as np

from data.types import Run
from data.workspace import content_key

__all__ = [
    "AT_ONCE",
    "MAX_ROWS",
    "MEAN_IMAGE_CACHE",
    "PAGE",
    "REGIONS",
    "differences_key",
    "explained_key",
    "mean_image_key",
    "rows_digest",
    "study_key",
]

REGIONS = 5
"""Cells along each side of the coarse grid in which a map's peak region is looked for."""
AT_ONCE = 64
"""So many samples are explained while a person waits; for more there is a job."""
MAX_ROWS = 4096
"""So many rows can be named in a job; whoever wants more explains the whole run."""
PAGE = 12
"""Samples on one page of the ranking of differences."""
MEAN_IMAGE_CACHE = "meanimages"
_ALGORITHM = "explained-1"
_STUDY_ALGORITHM = "study-1"
_DIFFERENCES_ALGORITHM = "differences-1"


def explained_key(run: Run, method: str, rows: Sequence[int] | None = None) -> str:
    """Content key of a run's samples explained by a method, each for its predicted class.

    Args:
        rows: Ascending; None for all.
    """
    return content_key(_ALGORITHM, run.id, method, None if rows is None else list(rows))


def rows_digest(rows: Sequence[int] | np.ndarray) -> str:
    """A key for a set of rows that are in order, without the cost of writing them all out in JSON."""
    return hashlib.sha256(np.ascontiguousarray(rows, dtype="<i4").tobytes()).hexdigest()[:32]


def study_key(explained: str, rows: str) -> str:
    """Under which key the study of a group is cached.

    Args:
        explained: Key of the explained samples that the group is held against.
        rows: Digest of the group's rows.
    """
    return content_key(_STUDY_ALGORITHM, explained, rows)


def mean_image_key(study: str, name: str) -> str:
    """Under which key a mean image of a study is cached: `plain` or `centred`, with `rest-` before for the others."""
    return content_key(_STUDY_ALGORITHM, study, name)


def differences_key(explained_a: str, explained_b: str, rows: str | None = None, page: int = 1) -> str:
    """Under which key a page of the samples that two versions explain differently is cached.

    Args:
        explained_a, explained_b: Keys of their explained samples.
        rows: Digest of the selected rows; None for the distances of all, from which every page is made.
    """
    return content_key(_DIFFERENCES_ALGORITHM, explained_a, explained_b, rows, page)
