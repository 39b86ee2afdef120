"""The trust score on maps whose truth is known: how well it separates good from bad, and how often high was right.

The score's weights were fitted here on one half of the networks; what is reported is measured on the other half, on
other networks. `python -m benchmarks.trust` also fits the weights anew and prints what each kind of map scores.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from captum.attr import InputXGradient, NoiseTunnel, Saliency
from scipy.ndimage import gaussian_filter
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from benchmarks.measure import Figure
from benchmarks.shapes_truth import Case, Pictures, cases, oracle, points_right, trained
from data.explanations import ExplanationRequest
from inference.calibration import CALIBRATION
from inference.explanations.evidence.examining import Parts, Subject, examine
from inference.explanations.evidence.pictures import centre_blob, edges
from inference.explanations.evidence.trust import features, trust_score
from inference.explanations.service import attribute
from inference.models import LoadedModel
from inference.recipes import RECIPES
from inference.seeding import seeded

__all__ = ["run"]

# Names and seeds. Those called "fit" are what the weights were fitted on; `shortcut-demo` is the demo's own network.
SHORTCUT = {"shortcut-fit": 11, "shortcut-demo": 3}
FAIR = {"fair-fit": 21, "fair": 3}
_RIGHT, _MISLED = 14, 8
_PICTURES = 500

Method = Callable[[LoadedModel, np.ndarray, int], np.ndarray]


@dataclass(frozen=True, slots=True)
class Judged:
    """A map with what was found out about it.

    Attributes:
        kind: How it was made.
        good: Whether it is right: made from the decision, and pointing at what the decision rests on.
    """

    case: Case
    kind: str
    good: bool
    parts: Parts


def run(folder: Path) -> Iterator[Figure]:
    """Separation and calibration on the networks that the weights were not fitted on."""
    yield from _figures([found for found in judged(folder) if "fit" not in found.case.network])


def judged(folder: Path) -> Iterator[Judged]:
    """Judges every kind of map for decisions of every network."""
    pictures = Pictures.generate("test", _PICTURES, RECIPES["shapes-1"].preprocessing)
    for name, loaded in trained(folder, SHORTCUT, FAIR).items():
        for case in cases(name, loaded, name in SHORTCUT, pictures, _RIGHT, _MISLED):
            yield from _judged(case, pictures)
        print(f"judged maps of {name}", file=sys.stderr, flush=True)


def _judged(case: Case, pictures: Pictures) -> Iterator[Judged]:
    def examined(values: np.ndarray, method: str = "") -> Parts:
        subject = Subject(case.image, case.target, None, method)
        again = partial(_again, METHODS[method], case) if method else None
        return examine(case.loaded, subject, values.astype(np.float32), again)

    for kind, make in METHODS.items():
        values = make(case.loaded, case.image, case.target)
        yield Judged(case, kind, points_right(values, case.region), examined(values, kind))
    yield Judged(case, "truth", True, examined(oracle(case.region)))
    for kind, values in without_network(case).items():
        parts = examined(values)
        yield Judged(case, kind, False, parts)
        # What such a method gives is the same for every network, so that all of it survives.
        yield Judged(case, f"{kind}, by a method", False, replace(parts, sanity=None if parts.empty else 1.0))
    for kind, values in misplaced(case, pictures).items():
        if not points_right(values, case.region):  # else by luck; such a map is neither good nor bad
            yield Judged(case, kind, False, examined(values))


def _again(make: Method, case: Case, other: LoadedModel) -> np.ndarray:
    return make(other, case.image, case.target)


def without_network(case: Case) -> dict[str, np.ndarray]:
    """Maps that no network had a part in."""
    generator = np.random.default_rng((case.number, case.target))
    height, width = case.image.shape[1:]
    noise = [generator.normal(size=(height, width)) for _ in range(3)]
    steep = edges(case.image)
    return {
        "noise": noise[0],
        "fine blobs": gaussian_filter(noise[1], 5),
        "coarse blobs": gaussian_filter(noise[2], 10),
        "edges": steep,
        "soft edges": gaussian_filter(steep, 3),
        "centre": centre_blob(height, width),
        "constant": np.ones((height, width)),
    }


def misplaced(case: Case, pictures: Pictures) -> dict[str, np.ndarray]:
    """Maps of another image, of another class, and of the contrary."""
    generator = np.random.default_rng((case.number, case.target, 1))
    image = pictures.images[generator.integers(len(pictures.images))]
    other = (case.target + int(generator.integers(1, 5))) % 5
    with torch.inference_mode():
        theirs = int(case.loaded.module(torch.from_numpy(image[None])).argmax())
    cam = METHODS["gradcam"]
    here = cam(case.loaded, case.image, case.target)
    return {
        "gradcam of another image": cam(case.loaded, image, theirs),
        "saliency of another image": METHODS["saliency"](case.loaded, image, theirs),
        "gradcam of another class": cam(case.loaded, case.image, other),
        "occlusion of another class": METHODS["occlusion"](case.loaded, case.image, other),
        "gradcam upside down": here.max() - here,
    }


def _by_name(name: str, loaded: LoadedModel, image: np.ndarray, target: int) -> np.ndarray:
    values: np.ndarray = attribute(loaded, image, ExplanationRequest(name), target, None).values[0]
    return values


def _by_captum(
    make: Callable[[torch.nn.Module], object], loaded: LoadedModel, image: np.ndarray, target: int, **options: object
) -> np.ndarray:
    method = make(loaded.module)
    with seeded(0):
        found = method.attribute(torch.from_numpy(image[None]).requires_grad_(), target=target, **options)  # type: ignore[attr-defined]
    values: np.ndarray = found.detach()[0].sum(0).numpy()
    return values


def _smoothed_saliency(network: torch.nn.Module) -> NoiseTunnel:
    return NoiseTunnel(Saliency(network))


# A list of its own, so that the figures do not change when the project learns another method.
METHODS: Mapping[str, Method] = {
    **{
        name: partial(_by_name, name)
        for name in ("gradcam", "layercam", "saliency", "integrated_gradients", "occlusion")
    },
    "smoothed saliency": partial(_by_captum, _smoothed_saliency, nt_samples=16, stdevs=0.4),
    "input x gradient": partial(_by_captum, InputXGradient),
}


def _figures(found: Sequence[Judged]) -> Iterator[Figure]:
    good = np.array([one.good for one in found])
    scores = np.array([trust_score(one.parts) for one in found])
    high, low = scores >= CALIBRATION.high_from, scores < CALIBRATION.low_below
    all_maps = "all maps", 100 * float(good.mean())
    yield Figure(f"AUC over {len(found)} maps", 100 * float(roc_auc_score(good, scores)), "chance", 50.0, "%")
    for name, those in ((f"{CALIBRATION.high_from} or more", high), (f"less than {CALIBRATION.low_below}", low)):
        right = 100 * float(good[those].mean())
        yield Figure(f"{good[those].sum()} of {those.sum()} maps that score {name} are right", right, *all_maps, "%")
    reached = 100 * float(high[good].mean())
    yield Figure(f"{good.sum()} right maps: score high", reached, "all maps", 100 * float(high.mean()), "%")


def _report(found: Sequence[Judged]) -> None:
    fitted = [one for one in found if "fit" in one.case.network]
    rows = np.array([features(one.parts) for one in fitted])
    good = np.array([one.good for one in fitted])
    for names, columns in (("faithful, agreed, drawn", [0, 1, 2]), ("faithful, drawn", [0, 2])):
        model = LogisticRegression(C=10).fit(rows[:, columns], good)
        print(f"bias, {names}:", model.intercept_.round(2), model.coef_.round(2))
    held = [one for one in found if "fit" not in one.case.network]
    for title, part in (
        ("all", held),
        ("shortcut", [one for one in held if one.case.network in SHORTCUT]),
        ("fair", [one for one in held if one.case.network in FAIR]),
        ("method unknown", [one for one in held if one.parts.sanity is None]),
    ):
        for figure in _figures(part):
            print(f"{title:16} {figure}")
    for kind in dict.fromkeys(one.kind for one in held):
        some = [one for one in held if one.kind == kind]
        scores = np.quantile([trust_score(one.parts) for one in some], (0.1, 0.5, 0.9)).round(2)
        print(f"{kind:28} {len(some):4} maps, {np.mean([one.good for one in some]):.0%} good, scores {scores}")
    scores = np.array([trust_score(one.parts) for one in held])
    truth = np.array([one.good for one in held])
    for least in np.arange(0, 1, 0.1):
        bin_ = (scores >= least) & (scores < least + 0.1)
        print(f"score {least:.1f} to {least + 0.1:.1f}: {bin_.sum():4} maps, {truth[bin_].mean():.0%} right")


if __name__ == "__main__":
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        _report(list(judged(Path(place))))
