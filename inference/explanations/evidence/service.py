"""How far a map deserves belief: measured once, then read from the cache by whoever asks."""

import json
import time
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np

from data.cache import FileCache
from data.explanations import ExplanationRequest, Trust
from inference.catalogue import EXPLANATIONS, TRUST_CACHE, cached_trust, trust_key
from inference.explanations.evidence.examining import Subject, examine
from inference.explanations.evidence.trust import trust_score
from inference.explanations.protocol import Pulse, unheard
from inference.explanations.service import attribute
from inference.models import LoadedModel

__all__ = ["judge"]

_EXAMINED = 0.5  # how much of a thorough judgement is done when the quick one would be, for the pulse


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes the map again, of another network or of another image."""

    subject: Subject
    request: ExplanationRequest

    def of_network(self, loaded: LoadedModel) -> np.ndarray:
        return self.of_image(loaded, self.subject.image)

    def of_image(self, loaded: LoadedModel, image: np.ndarray) -> np.ndarray:
        target, contrast = self.subject.target, self.subject.contrast
        values: np.ndarray = attribute(loaded, image, self.request, target, contrast).values[0]
        return values


def judge(
    cache: FileCache,
    loaded: LoadedModel,
    subject: Subject,
    values: np.ndarray,
    key: str,
    request: ExplanationRequest | None = None,
    thorough: bool = False,
    pulse: Pulse = unheard,
) -> Trust:
    """Judges a map.

    Args:
        values: (H, W), the map.
        key: Names the map and what it explains, see `inference.catalogue.trust_key`.
        request: How it was made; None for a map from elsewhere.
        thorough: Whether the sanity check of a dear method and Captum's metrics are wanted too.

    Raises:
        Cancelled: Nobody waits any more.
    """
    known = cached_trust(cache, key, thorough)
    if known is not None:
        return known
    started = time.perf_counter()
    maker = None if request is None else _Maker(subject, request)
    skipped = "elsewhere" if request is None else "dear" if EXPLANATIONS[request.method].dear and not thorough else ""
    share = _EXAMINED if thorough else 1.0
    again = maker.of_network if maker and not skipped else None
    parts = examine(loaded, subject, values, again, lambda done: pulse(share * done))
    infidelity = sensitivity = None
    if thorough:
        infidelity, sensitivity = _by_captum(loaded, subject, values, maker)
    trust = Trust(
        score=trust_score(parts),
        curves=parts.curves.by_name,
        areas=parts.curves.areas,
        odds_raised=parts.curves.odds_raised,
        sanity=parts.sanity,
        sanity_skipped=skipped or ("impossible" if parts.sanity is None else ""),
        agreement=parts.agreement,
        edges=parts.edges,
        empty=parts.empty,
        infidelity=infidelity,
        sensitivity=sensitivity,
        seconds=time.perf_counter() - started,
    )
    cache.put(TRUST_CACHE, trust_key(key, thorough), ".json", json.dumps(asdict(trust)).encode())
    return trust


def _by_captum(
    loaded: LoadedModel, subject: Subject, values: np.ndarray, maker: _Maker | None
) -> tuple[float, float | None]:
    """Infidelity, and sensitivity where the map can be made again."""
    from inference.explanations.evidence.robustness import infidelity, sensitivity  # Captum is slow to import

    faithless = infidelity(loaded, subject.image, values, subject.target, subject.contrast)
    if maker is None:
        return faithless, None
    of_image = partial(maker.of_image, loaded)
    return faithless, sensitivity(lambda images: np.stack([of_image(image) for image in images]), subject.image)
