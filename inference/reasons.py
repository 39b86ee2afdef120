"""What a group of samples has in common in where the model looks, and where two versions look apart.

Everything is read from grids (see `inference.explained`), block by block, so that memory stays bounded for any number
of samples. Without torch: the web process reads the answers that are kept here.
"""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from data.cache import FileCache
from data.explained import FIGURES
from inference.explained import REGIONS
from inference.measuring import pooled

__all__ = [
    "BINS",
    "REASON_CACHE",
    "Differences",
    "Inside",
    "Study",
    "centred",
    "distances",
    "keep",
    "kept",
    "moves_of",
    "rank",
    "ranked_page",
    "study",
]

REASON_CACHE = "reasons"
BINS = 20
"""Bars of a distribution over [0, 1]."""
MOST_UNLIKE = 24
MOST_OF_REST = 16_384
"""Of so many samples, from all over the rest, its mean map is taken."""
_BLOCK = 2048
_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True, slots=True)
class Inside:
    """How much of the attribution lies on the object.

    Attributes:
        median, rest_median: Share inside, in [0, 1]; None where there is no map with a mask.
        covered: Mean share of the picture that the object covers: where attribution would lie by chance.
        bins, rest_bins: Samples by share inside, `BINS` equal steps from 0 to 1.
    """

    median: float | None
    rest_median: float | None
    covered: float
    bins: list[int]
    rest_bins: list[int]


@dataclass(frozen=True, slots=True)
class Study:
    """Where the model looks on the selected samples, held against the rest.

    The array beside it in the cache holds grids: the mean map, the mean of the maps each moved so that its centre of
    mass lies in the middle, both again for the rest, and then those of `unlike`.

    Attributes:
        selected, rest: Samples, the empty maps among them; `rest` is 0 where nothing is known of it.
        empty: Selected samples whose map is zero everywhere; nothing else counts them.
        regions, rest_regions: Samples by peak region, row by row through `REGIONS` × `REGIONS` cells.
        inside: None without masks.
        alike: Mean cosine of the maps to their mean, in [0, 1].
        unlike: [row, distance] of the maps that differ most from the mean: 1 - cosine, in [0, 1], greatest first.
    """

    key: str
    selected: int
    rest: int
    empty: int
    regions: list[int]
    rest_regions: list[int]
    inside: Inside | None
    alike: float
    unlike: list[list[float]]

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Study":
        """From plain values, as `asdict` gives them."""
        inside = stored["inside"]
        return cls(**{**stored, "inside": None if inside is None else Inside(**inside)})


@dataclass(frozen=True, slots=True)
class Differences:
    """Samples on which two versions agree in class, by how far their maps are apart.

    The array beside it in the cache holds three grids for each of `ranked`: A's, B's and B minus A.

    Attributes:
        agreed: Samples of the selection on which both predict the same class.
        compared: Those of them on which neither map is empty.
        median: Distance, 1 - cosine, in [0, 1]; None if nothing could be compared.
        ranked: [row, distance] of one page, the greatest distance first.
        classes: By predicted class: [samples, and the distance's quantiles at 10, 25, 50, 75 and 90 %].
    """

    key: str
    agreed: int
    compared: int
    median: float | None
    ranked: list[list[float]]
    classes: dict[str, list[float]]

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Differences":
        """From plain values, as `asdict` gives them."""
        return cls(**stored)


def study(
    key: str, parts: Sequence[np.ndarray], figures: np.ndarray, rows: np.ndarray, selected: np.ndarray
) -> tuple[Study, np.ndarray]:
    """Reads a group's reasons.

    Args:
        parts: Grids, part after part, (n, side, side).
        figures: (N, len(FIGURES)), see `data.explained.FIGURES`.
        rows: Of the N samples, ascending.
        selected: (N,) bool, at least one true.

    Returns:
        The study and its grids, (4 + unlike, side, side) float32.
    """
    figure = dict(zip(FIGURES, figures.T, strict=True))
    whole = figure["region"] >= 0
    group, rest = selected & whole, ~selected & whole
    chosen, others = np.flatnonzero(group), _spread(np.flatnonzero(rest))
    moves = moves_of(figure["centre_y"], figure["centre_x"], parts[0].shape[1])
    mean, middle = _means(parts, chosen, moves)
    rest_mean, rest_middle = _means(parts, others, moves)
    apart = distances(parts, chosen, mean)
    order = np.argsort(-apart, kind="stable")[:MOST_UNLIKE]
    unlike = [[int(rows[chosen[at]]), round(float(apart[at]), 6)] for at in order]
    shown = _gather(parts, chosen[order])
    found = Study(
        key=key,
        selected=int(selected.sum()),
        rest=int((~selected).sum()),
        empty=int((selected & ~whole).sum()),
        regions=_regions(figure["region"][group]),
        rest_regions=_regions(figure["region"][rest]),
        inside=_inside(figure, group, rest),
        alike=float(1 - apart.mean()) if len(apart) else 0.0,
        unlike=unlike,
    )
    return found, np.concatenate([np.stack([mean, middle, rest_mean, rest_middle]), shown]).astype(np.float32)


def distances(parts: Sequence[np.ndarray], places: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """How far each of the grids is from one grid: 1 - cosine, in [0, 1] for grids without negative cells.

    Args:
        places: Of the grids, ascending.

    Returns:
        (len(places),) float64.
    """
    found = [_apart(block, mean[None]) for _, block in _blocks(parts, places)]
    return np.concatenate(found) if found else np.empty(0)


def rank(parts_a: Sequence[np.ndarray], parts_b: Sequence[np.ndarray]) -> np.ndarray:
    """How far apart two versions' grids of each sample are: 1 - cosine, in [0, 1]; NaN where one of them is empty.

    The cosine asks in which proportions attribution is spread and not how much there is, which differs between
    networks for no reason; a rank correlation would let the many cells near zero decide. Where the grids differ in
    size, the finer one is pooled.

    Args:
        parts_a, parts_b: Grids of the same samples, cut into parts alike.
    """
    total = sum(len(part) for part in parts_a)
    found = np.full(total, np.nan, dtype=np.float32)
    everything = np.arange(total)
    for (places, a), (_, b) in zip(_blocks(parts_a, everything), _blocks(parts_b, everything), strict=True):
        side = min(a.shape[1], b.shape[1])
        apart = _apart(*(grids if grids.shape[1] == side else pooled(grids, side) for grids in (a, b)))
        some = a.any((1, 2)) & b.any((1, 2))
        found[places] = np.where(some, apart, np.nan)
    return found


def ranked_page(
    key: str,
    parts_a: Sequence[np.ndarray],
    parts_b: Sequence[np.ndarray],
    apart: np.ndarray,
    codes: np.ndarray,
    classes: Sequence[str],
    page: slice,
) -> tuple[Differences, np.ndarray]:
    """One page of the samples that differ most, and how the distance is distributed in each class.

    Args:
        apart: (N,), from `rank`.
        codes: (N,) the class on which both agree, by its place in `classes`; -1 where they do not, or where the
            sample is not selected.
        page: Places in the ranking.

    Returns:
        The page and its grids, (3 × ranked, side, side) float32.
    """
    usable = np.flatnonzero((codes >= 0) & ~np.isnan(apart))
    order = usable[np.argsort(-apart[usable], kind="stable")][page]
    a, b = _gather(parts_a, order), _gather(parts_b, order)
    side = min(a.shape[1], b.shape[1])
    a, b = (grids if grids.shape[1] == side else pooled(grids, side) for grids in (a, b))
    found = Differences(
        key=key,
        agreed=int((codes >= 0).sum()),
        compared=len(usable),
        median=float(np.median(apart[usable])) if len(usable) else None,
        ranked=[[int(row), round(float(apart[row]), 6)] for row in order],
        classes=_by_class(apart[usable], codes[usable], classes),
    )
    return found, np.stack([a, b, b - a], axis=1).reshape(-1, side, side).astype(np.float32)


def moves_of(centre_y: np.ndarray, centre_x: np.ndarray, side: int) -> np.ndarray:
    """By how many cells each map moves down and right for its centre of mass to lie in the middle, (N, 2) int."""
    centres = np.nan_to_num(np.stack([centre_y, centre_x], axis=1), nan=0.5)
    moves: np.ndarray = np.rint((0.5 - centres) * side).astype(np.int64)
    return moves


def centred(pictures: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Each picture moved down and right; what comes in from outside is zero.

    Args:
        pictures: (n, H, W, …).
        moves: (n, 2) cells.
    """
    height, width = pictures.shape[1:3]
    down = np.arange(height)[None] - moves[:, :1]
    right = np.arange(width)[None] - moves[:, 1:]
    known = ((down >= 0) & (down < height))[:, :, None] & ((right >= 0) & (right < width))[:, None, :]
    moved = pictures[
        np.arange(len(pictures))[:, None, None],
        np.clip(down, 0, height - 1)[:, :, None],
        np.clip(right, 0, width - 1)[:, None, :],
    ]
    result: np.ndarray = moved * known.reshape(*known.shape, *(1,) * (pictures.ndim - 3))
    return result


def keep(cache: FileCache, found: Study | Differences, grids: np.ndarray) -> None:
    """Puts an answer into the cache; the grids first and what refers to them last."""
    content = io.BytesIO()
    np.save(content, grids.astype(np.float16), allow_pickle=False)
    cache.put(REASON_CACHE, found.key, ".npy", content.getvalue())
    cache.put(REASON_CACHE, found.key, ".json", json.dumps(asdict(found)).encode())


def kept(cache: FileCache, key: str) -> dict[str, Any] | None:
    """The plain values of an answer that is in the cache together with its grids."""
    facts, grids = cache.get(REASON_CACHE, key, ".json"), cache.get(REASON_CACHE, key, ".npy")
    if facts is None or grids is None:
        return None
    try:
        stored: dict[str, Any] = json.loads(facts.read_bytes())
    except (OSError, ValueError):  # evicted in this very moment, or left half-written by a power failure
        return None
    return stored


def _means(parts: Sequence[np.ndarray], places: np.ndarray, moves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean of the grids as they are and of the grids centred, (side, side) each; zero if there is none."""
    side = parts[0].shape[1]
    plain, middle = np.zeros((2, side, side))
    for some, block in _blocks(parts, places):
        plain += block.sum(0)
        middle += centred(block, moves[some]).sum(0)
    return plain / max(len(places), 1), middle / max(len(places), 1)


def _apart(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """1 - cosine of grids, (n,) float64."""
    product = (left * right).sum((1, 2), dtype=np.float64)
    lengths = [np.sqrt((grids * grids).sum((1, 2), dtype=np.float64)) for grids in (left, right)]
    far: np.ndarray = np.clip(1 - product / np.maximum(lengths[0] * lengths[1], 1e-12), 0, 2)
    return far


def _blocks(parts: Sequence[np.ndarray], places: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The grids at ascending places, a block at a time, as float32 with the places that they have."""
    start = 0
    for part in parts:
        inside = places[np.searchsorted(places, start) : np.searchsorted(places, start + len(part))]
        for at in range(0, len(inside), _BLOCK):
            some = inside[at : at + _BLOCK]
            yield some, np.asarray(part[some - start], dtype=np.float32)
        start += len(part)


def _gather(parts: Sequence[np.ndarray], places: np.ndarray) -> np.ndarray:
    """The grids at a few places in any order, (n, side, side) float32."""
    starts = np.cumsum([0, *(len(part) for part in parts)])
    side = parts[0].shape[1]
    found = np.empty((len(places), side, side), dtype=np.float32)
    for at, place in enumerate(places):
        part = int(np.searchsorted(starts, place, side="right")) - 1
        found[at] = parts[part][place - starts[part]]
    return found


def _spread(places: np.ndarray) -> np.ndarray:
    """At most `MOST_OF_REST` of the places, evenly."""
    if len(places) <= MOST_OF_REST:
        return places
    return places[np.linspace(0, len(places) - 1, MOST_OF_REST).astype(np.int64)]


def _by_class(apart: np.ndarray, codes: np.ndarray, classes: Sequence[str]) -> dict[str, list[float]]:
    order = np.argsort(codes, kind="stable")
    present, starts = np.unique(codes[order], return_index=True)
    groups = np.split(apart[order], starts[1:])
    return {
        classes[code]: [float(len(group)), *np.quantile(group, _QUANTILES).round(6).tolist()]
        for code, group in zip(present.tolist(), groups, strict=True)
        if len(group)
    }


def _regions(found: np.ndarray) -> list[int]:
    counts: list[int] = np.bincount(found.astype(np.int64), minlength=REGIONS * REGIONS).tolist()
    return counts


def _inside(figure: Mapping[str, np.ndarray], group: np.ndarray, rest: np.ndarray) -> Inside | None:
    known = ~np.isnan(figure["inside"])
    here, there = figure["inside"][group & known], figure["inside"][rest & known]
    if not len(here):
        return None
    return Inside(
        median=float(np.median(here)),
        rest_median=float(np.median(there)) if len(there) else None,
        covered=float(figure["covered"][group & known].mean()),
        bins=_histogram(here),
        rest_bins=_histogram(there),
    )


def _histogram(values: np.ndarray) -> list[int]:
    counts: list[int] = np.histogram(np.clip(values, 0, 1), bins=BINS, range=(0.0, 1.0))[0].tolist()
    return counts
