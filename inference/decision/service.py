"""Decision paths by content: computed once, then read from the cache by whoever asks."""

import io
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from data.cache import FileCache
from data.errors import InvalidInput
from data.images import decode
from data.paths import Ablation, DecisionPath, PathEdge, PathRequest, PathStage, PathUnit
from data.types import ModelVersion
from data.workspace import Workspace
from inference.decision import ablation
from inference.decision.flow import Flow, by_region, flows, strongest
from inference.decision.keys import PATH_CACHE, ablation_key, cached_ablation, cached_path, path_key
from inference.decision.relevance import Way, by_unit, walk
from inference.decision.stages import Site, chosen, named, sites
from inference.explanations.protocol import Pulse, unheard
from inference.grids import feature_grid
from inference.models import LoadedModel, load
from inference.prediction import decided
from inference.preprocessing import to_array

__all__ = ["Decision", "ablate", "follow", "ranking", "stages_of", "trace"]

_STRONGEST = 6  # units of a stage that are shown for their activation alone
_MOST_SIDE = 64  # cells of a map; more tell an eye nothing
_WALKED = 0.5  # how much of the work is done by then


@dataclass(frozen=True, slots=True)
class Decision:
    """Whose decision about which image is followed, and what is asked of it.

    Attributes:
        classes: Names in the order of the logits, see `inference.class_names`.
        content: The image file's bytes, `image_digest` their SHA-256.
    """

    workspace: Workspace
    version: ModelVersion
    classes: Sequence[str]
    content: bytes
    image_digest: str
    request: PathRequest

    def key(self, target: str | None) -> str:
        """Under which the path to a class is cached."""
        return path_key(self.version, self.classes, self.image_digest, replace(self.request, target=target))

    def load(self) -> tuple[LoadedModel, Tensor]:
        """The network and its input, (C, H, W)."""
        loaded = load(self.workspace, self.version)
        image = to_array(decode(self.content), self.version.preprocessing)
        return loaded, torch.from_numpy(image).to(loaded.device)


def follow(cache: FileCache, decision: Decision, pulse: Pulse = unheard) -> DecisionPath:
    """Follows a decision through a version; arrays lie in the cache under the answer's key.

    Raises:
        InvalidInput: There is no such class or layer, or the network cannot be followed.
        Cancelled: Nobody waits any more.
    """
    target, classes = decision.request.target, decision.classes
    asked = decision.key(target)
    known = cached_path(cache, asked)
    if known is not None:
        return known
    if target is not None and target not in classes:
        raise InvalidInput.choice("target", target, classes)
    traced, arrays = trace(*decision.load(), classes, decision.request, pulse)
    key = decision.key(traced.target)
    found = replace(traced, key=key)
    packed = io.BytesIO()
    np.savez(packed, **arrays)  # type: ignore[arg-type]
    cache.put(PATH_CACHE, key, ".npz", packed.getvalue())  # first, and what refers to it last
    for name in dict.fromkeys((key, asked)):
        cache.put(PATH_CACHE, name, ".json", json.dumps(asdict(found)).encode())
    return found


def trace(
    loaded: LoadedModel, image: Tensor, classes: Sequence[str], request: PathRequest, pulse: Pulse = unheard
) -> tuple[DecisionPath, dict[str, np.ndarray]]:
    """The path, with an empty key, and its arrays as `inference.decision.keys.cached_arrays` names them.

    Args:
        image: (C, H, W), the network's input.
    """
    started = time.perf_counter()
    found = stages_of(loaded, request)
    asked = None if request.target is None else list(classes).index(request.target)
    target, way = walk(loaded, image, asked, found, request.steps, lambda share: pulse(_WALKED * share))
    drawn = strongest(way.contributions, request.units)
    flow = flows(way, drawn, lambda share: pulse(_WALKED + (1 - _WALKED) * share))
    peaks = [by_unit(answers, torch.amax)[0] for answers in way.answers]
    logits = way.logits.double()
    path = DecisionPath(
        key="",
        target=classes[target],
        prediction=classes[decided(loaded, logits[-1])],
        probability=float(logits[-1].softmax(0)[target]),
        logit=float(logits[-1, target]),
        plain=float(logits[0, target]),
        stages=_stages(loaded, image, found, way, drawn, peaks),
        edges=_edges(flow, drawn),
        through=flow.through,
        seconds=time.perf_counter() - started,
    )
    picture = (_seen(loaded, image) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    return path, {"picture": picture, **_arrays(path, way)}


def ablate(cache: FileCache, decision: Decision, pulse: Pulse = unheard) -> Ablation:
    """What becomes of the decision without the units of its path; see `inference.decision.ablation`.

    Those of its units that speak for the class are taken away, the strongest first; without those that speak against
    it the logit would rise again. Where all speak against it, all are taken.

    Raises:
        InvalidInput: As `follow`, or the network has no units between image and logits.
        Cancelled: Nobody waits any more.
    """
    path = follow(cache, decision)
    known = cached_ablation(cache, path.key)
    if known is not None:
        return known
    ranked = ranking(path)
    if not ranked:
        raise InvalidInput("This network has no units between the image and its logits, so there are none to take away")
    loaded, image = decision.load()
    target = list(decision.classes).index(path.target), path.target
    found = ablation.ablate(loaded, image, target, stages_of(loaded, decision.request), ranked, pulse)
    cache.put(PATH_CACHE, ablation_key(path.key), ".json", json.dumps(asdict(found)).encode())
    return found


def ranking(path: DecisionPath) -> list[ablation.Unit]:
    """The drawn units that speak for the class, the strongest first; where there is none, all, in the same way."""
    units = [(place, unit) for place, stage in enumerate(path.stages[1:]) for unit in stage.units]
    units.sort(key=lambda one: -abs(one[1].contribution))
    return [(place, unit.number) for place, unit in units if unit.contribution > 0] or [
        (place, unit.number) for place, unit in units
    ]


def stages_of(loaded: LoadedModel, request: PathRequest) -> list[Site]:
    """The stages that a request asks for, in order, without the image."""
    layers = request.layers
    if request.lenient:
        known = {name for name, _module in loaded.module.named_modules()}
        layers = tuple(layer for layer in layers if layer in known)
    return named(loaded, layers) if layers else chosen(sites(loaded), request.stages)


def _stages(
    loaded: LoadedModel,
    image: Tensor,
    found: Sequence[Site],
    way: Way,
    drawn: Sequence[Sequence[int]],
    peaks: Sequence[Tensor],
) -> tuple[PathStage, ...]:
    def units(values: Tensor, answers: Tensor, listed: Sequence[int]) -> tuple[PathUnit, ...]:
        return tuple(PathUnit(unit, float(values[unit]), float(answers[unit])) for unit in listed)

    regions = by_region(way.contributions[0][None])[0]
    pixels = _seen(loaded, image).mean(0)
    sizes = by_region(torch.ones_like(pixels)[None])[0]
    brightness = by_region(pixels[None])[0] / sizes
    first = PathStage(
        layer="",
        call=1,
        calls=1,
        kind="",
        shape=tuple(image.shape),
        count=len(regions),
        whole=True,
        total=float(regions.sum()),
        units=units(regions, brightness, drawn[0]),
        strongest=(),
    )
    stages = [first]
    for place, site in enumerate(found):
        values = way.contributions[place + 1]
        most = peaks[place].sort(descending=True, stable=True).indices[:_STRONGEST].tolist()
        stages.append(
            PathStage(
                layer=site.layer,
                call=site.call,
                calls=site.calls,
                kind=site.kind,
                shape=site.shape,
                count=len(values),
                whole=site.whole,
                total=float(values.sum()),
                units=units(values, peaks[place], drawn[place + 1]),
                strongest=tuple((unit, float(peaks[place][unit])) for unit in most),
            )
        )
    return tuple(stages)


def _seen(loaded: LoadedModel, image: Tensor) -> Tensor:
    """(C, H, W) in [0, 1]: what was normalised to make the image."""
    preprocessing = loaded.version.preprocessing
    mean, std = (
        torch.tensor(values, device=image.device)[:, None, None] for values in (preprocessing.mean, preprocessing.std)
    )
    return (image * std + mean).clamp(0, 1)


def _edges(flow: Flow, drawn: Sequence[Sequence[int]]) -> tuple[PathEdge, ...]:
    return tuple(
        PathEdge(stage, source, target, float(matrix[row, column]))
        for stage, matrix in enumerate(flow.between)
        for row, target in enumerate(drawn[stage + 1])
        for column, source in enumerate(drawn[stage])
    )


def _arrays(path: DecisionPath, way: Way) -> dict[str, np.ndarray]:
    arrays = {"pixels": way.contributions[0].float().cpu().numpy()}
    for place, stage in enumerate(path.stages[1:], start=1):
        arrays[f"contributions_{place}"] = way.contributions[place].float().cpu().numpy()
        grid = feature_grid(way.answers[place - 1])
        if grid is None or grid.shape[2] * grid.shape[3] < 2:
            continue
        listed = list(dict.fromkeys([*(unit.number for unit in stage.units), *(unit for unit, _v in stage.strongest)]))
        maps = grid[0, listed]
        if max(maps.shape[1:]) > _MOST_SIDE:
            maps = F.adaptive_avg_pool2d(maps, (min(maps.shape[1], _MOST_SIDE), min(maps.shape[2], _MOST_SIDE)))
        arrays[f"units_{place}"] = np.asarray(listed, np.int64)
        arrays[f"maps_{place}"] = maps.float().cpu().numpy()
    return arrays
