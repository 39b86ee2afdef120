"""The training loop: seeded, cut into steps that know their number, so that it can go on from any checkpoint.

Whatever a step draws follows from the seed and the number of the step, and a checkpoint holds every tensor exactly.
So a training that was killed anywhere ends with the same bytes as one that nobody disturbed.

The network stays in evaluation mode. A handful of samples gives no statistics worth having: batch norm keeps those of
the training before and learns only its scale and shift, and nothing is dropped out, so that what is explained while it
learns is what answers later.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from data.errors import InvalidInput
from data.finetuning import FinetuneSettings
from data.types import ModelVersion
from inference.devices import best_device, memory_bytes
from inference.finetuning.checkpoint import Checkpoints
from inference.finetuning.explanation_loss import outside_share, second_derivatives, squared_gradient, wrong_reasons
from inference.finetuning.material import NO_CLASS, Examples, Material
from inference.finetuning.parts import graph_bytes, learning, make_smooth, twice_differentiable
from inference.prediction import normalised

__all__ = ["Tuned", "tune"]

_WEIGHT_DECAY = 1e-4
_WARM_UP = 10  # steps
_REPEATS = 24  # how often a taught sample is shown in an epoch, at most
_COUNTED = 8  # how often its class counts
_LARGEST_GRADIENT = 1.0
_SAVE_EVERY = 20.0  # seconds; a checkpoint changes nothing of what comes out
_MEMORY_SHARE = 8
_MOST_AT_ONCE = 128
_TINY = 1e-12
_TAUGHT, _UNCHANGED = 1, 2  # streams of random numbers


@dataclass(frozen=True, slots=True)
class Tuned:
    """How a training went; the network has the weights of its best epoch.

    Attributes:
        before, after: Figures of the network as it was and as it is, as `curve` has them.
        tested: Accuracy on the tests before and after, by split.
        curve: After each epoch `epoch`, `loss` of its steps, `validation_loss` and `validation_accuracy` on the samples
            held out, `taught_accuracy`, the shares of the squared gradient inside the regions, `must_not_look` and
            `should_look`, and `score`, by which the best epoch is told.
        best: The epoch that was kept.
        rate: The highest learning rate.
    """

    before: dict[str, float | None]
    after: dict[str, float | None]
    tested: dict[str, tuple[float | None, float | None]]
    curve: list[dict[str, float | None]]
    best: int
    rate: float


def tune(
    network: nn.Module,
    version: ModelVersion,
    material: Material,
    settings: FinetuneSettings,
    checkpoints: Checkpoints,
    progress: Callable[[int, int], None] = lambda done, total: None,
    check: Callable[[], None] = lambda: None,
) -> Tuned:
    """Trains a network on in place, from the last checkpoint where there is one.

    Args:
        network: The version's own, as `inference.models.read_network` gives it: nothing folded.
        progress: Is told (steps done, steps in all).
        check: Is called before each part of a step; what it raises ends the work at the last checkpoint.

    Raises:
        InvalidInput: The network cannot be differentiated twice, or the training diverges.
    """
    with twice_differentiable():
        return _Training(network, version, material, settings, check).run(checkpoints, progress)


class _Training:
    """One training under way."""

    def __init__(
        self,
        network: nn.Module,
        version: ModelVersion,
        material: Material,
        settings: FinetuneSettings,
        check: Callable[[], None],
    ) -> None:
        needed = graph_bytes(network, version.preprocessing.image_size, len(version.preprocessing.mean))
        self._device = best_device()
        self._at_once = max(1, min(memory_bytes(self._device) // _MEMORY_SHARE // max(needed, 1), _MOST_AT_ONCE))
        self._network = make_smooth(network.to(self._device).eval())
        self._learning = learning(network, version, settings.depth)
        self._version, self._material, self._settings, self._check = version, material, settings, check
        taught, unchanged = len(material.taught), len(material.unchanged)
        self._unchanged_at_once = settings.batch // 2 if unchanged else 0
        most = settings.batch - self._unchanged_at_once
        self._steps_an_epoch = max(-(-unchanged // self._unchanged_at_once) if unchanged else 0, -(-taught // most))
        self._taught_at_once = min(most, -(-taught * _REPEATS // self._steps_an_epoch))
        # Classes of few samples that are shown again and again would be learnt by heart, and all else forgotten.
        shown = self._taught_at_once * self._steps_an_epoch / max(taught, 1)
        self._taught_weight = min(1.0, _COUNTED / shown)
        self._steps = self._steps_an_epoch * settings.epochs
        marked = (settings.must_not_look > 0 and material.taught.must_not_look.any()) or (
            settings.should_look > 0 and material.taught.should_look.any()
        )
        self._rate = settings.rate(bool(marked))
        self._weights = _class_weights(material, version.outputs) if settings.class_weights else None
        self._optimiser = torch.optim.AdamW(self._learning.values(), lr=self._rate, weight_decay=_WEIGHT_DECAY)
        # Without a label the reason is asked of the class that the network gave before it learnt.
        given = self._logits(material.taught).argmax(1).cpu().numpy()
        self._explained = np.where(material.taught.targets == NO_CLASS, given, material.taught.targets)
        # The penalty's unit is all that the network looks at before: so its weight means the same for every network.
        self._unit = max(self._reasons(np.arange(taught))["everywhere"] or 0.0, _TINY)

    def run(self, checkpoints: Checkpoints, progress: Callable[[int, int], None]) -> Tuned:
        settings = self._settings
        found = checkpoints.read()
        best: dict[str, Tensor] = {}
        if found is None:
            step, losses, curve = 0, [], []
            before, tested = self._measured(), self._tested()
        else:
            facts, tensors = found
            step, losses, curve = facts["step"], facts["losses"], facts["curve"]
            before, tested = facts["before"], facts["tested"]
            best = self._restore(tensors, step)
        facts = {"before": before, "tested": tested, "curve": curve, "losses": losses}  # the lists grow
        self._save(checkpoints, step, facts, best)
        saved = time.monotonic()
        while step < self._steps and not _gets_no_better(curve, settings.patience):
            losses.append(self._step(step))
            step += 1
            if step % self._steps_an_epoch == 0:
                figures = self._measured()
                curve.append({"epoch": float(len(curve) + 1), "loss": math.fsum(losses) / len(losses), **figures})
                losses.clear()
                if _best(curve) == len(curve):
                    best = {name: value.detach().clone() for name, value in self._learning.items()}
                self._save(checkpoints, step, facts, best)
                saved = time.monotonic()
            elif time.monotonic() - saved > _SAVE_EVERY:
                self._save(checkpoints, step, facts, best)
                saved = time.monotonic()
            progress(step, self._steps)
        kept = _best(curve)
        with torch.no_grad():
            for name, value in best.items():
                self._learning[name].copy_(value)
        after = {name: curve[kept - 1][name] for name in before}
        now = self._tested()
        return Tuned(before, after, {split: (tested[split], now[split]) for split in now}, curve, kept, self._rate)

    def _save(self, checkpoints: Checkpoints, step: int, facts: Mapping[str, Any], best: Mapping[str, Tensor]) -> None:
        tensors: dict[str, Tensor] = {f"now/{name}": value for name, value in self._learning.items()}
        tensors |= {f"best/{name}": value for name, value in best.items()}
        for name, parameter in self._learning.items():
            state = self._optimiser.state.get(parameter, {})
            tensors |= {f"{part}/{name}": state[part] for part in ("exp_avg", "exp_avg_sq") if part in state}
        checkpoints.write(step, tensors, {**facts, "steps": self._steps, "epochs": self._settings.epochs})

    def _restore(self, tensors: Mapping[str, Tensor], step: int) -> dict[str, Tensor]:
        """Puts weights and the optimiser's moments back; returns the best weights so far."""
        best = {}
        with torch.no_grad():
            for name, parameter in self._learning.items():
                parameter.copy_(tensors[f"now/{name}"])
                if f"exp_avg/{name}" in tensors:
                    # In the parameter's own layout, as the optimiser had made them.
                    self._optimiser.state[parameter] = {
                        "step": torch.tensor(float(step)),
                        **{
                            part: torch.zeros_like(parameter).copy_(tensors[f"{part}/{name}"])
                            for part in ("exp_avg", "exp_avg_sq")
                        },
                    }
                if f"best/{name}" in tensors:
                    best[name] = tensors[f"best/{name}"].to(self._device)
        return best

    def _step(self, step: int) -> float:
        """One step of the optimiser; returns the loss before it."""
        for group in self._optimiser.param_groups:
            group["lr"] = self._rate * _schedule(step, self._steps)
        self._optimiser.zero_grad(set_to_none=True)
        material = self._material
        taught = self._drawn(_TAUGHT, len(material.taught), step, self._taught_at_once)
        unchanged = self._drawn(_UNCHANGED, len(material.unchanged), step, self._unchanged_at_once)
        taught_classes = self._taught_weight * int((material.taught.targets[taught] != NO_CLASS).sum())
        labelled = max(taught_classes + len(unchanged), self._taught_weight)
        loss = self._learn_taught(taught, labelled) + self._learn_unchanged(unchanged, labelled)
        if not math.isfinite(loss):
            raise self._diverged()
        nn.utils.clip_grad_norm_(self._learning.values(), _LARGEST_GRADIENT)
        self._optimiser.step()
        return loss

    def _learn_taught(self, rows: np.ndarray, labelled: float) -> float:
        """Adds the gradients of classes and reasons that were taught; returns their loss.

        Args:
            labelled: Weight of all samples of the step that have a class: over these is the mean of the cross-entropy.
        """
        examples = self._material.taught
        forbidden = max(int(examples.must_not_look[rows].any((1, 2)).sum()), 1)
        wanted = max(int(examples.should_look[rows].any((1, 2)).sum()), 1)
        total = 0.0
        for part in self._parts(rows):
            logits, penalties = self._asked(part)
            loss = self._taught_weight * self._cross_entropy(logits, examples.targets[part]) / labelled
            if "wrong_reasons" in penalties:
                loss = loss + self._settings.must_not_look * penalties["wrong_reasons"].sum() / self._unit / forbidden
            if "outside_share" in penalties:
                loss = loss + self._settings.should_look * penalties["outside_share"].sum() / wanted
            with second_derivatives():
                loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        return total

    def _learn_unchanged(self, rows: np.ndarray, labelled: float) -> float:
        examples = self._material.unchanged
        total = 0.0
        for part in self._parts(rows):
            logits = self._network(self._input(examples, part))
            loss = self._cross_entropy(logits, examples.targets[part]) / labelled
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        return total

    def _asked(self, rows: np.ndarray) -> tuple[Tensor, dict[str, Tensor]]:
        """Logits of taught samples in the order of `rows`, and the penalties of those that have regions."""
        examples, settings = self._material.taught, self._settings
        forbidden = examples.must_not_look[rows].any((1, 2)) & (settings.must_not_look > 0)
        wanted = examples.should_look[rows].any((1, 2)) & (settings.should_look > 0)
        images = self._input(examples, rows)
        if not (forbidden | wanted).any():
            return self._network(images), {}
        images.requires_grad_()
        # A copy, because a network may change its input in place, which is not allowed on a leaf of the graph.
        logits = self._network(images.clone())
        logs = F.log_softmax(logits, 1)
        penalties = {}
        if forbidden.any():
            masks = self._tensor(examples.must_not_look[rows] & forbidden[:, None, None])
            penalties["wrong_reasons"] = wrong_reasons(logs, images, masks)
        if wanted.any():
            masks, targets = self._tensor(examples.should_look[rows]), self._tensor(self._explained[rows])
            penalties["outside_share"] = outside_share(logs, targets, images, masks) * self._tensor(wanted)
        return logits, penalties

    def _cross_entropy(self, logits: Tensor, targets: np.ndarray) -> Tensor:
        """Summed over the samples that have a class, each with the weight of it."""
        weights = None if self._weights is None else self._weights.to(logits)
        return F.cross_entropy(logits, self._tensor(targets), weights, reduction="sum", ignore_index=NO_CLASS)

    def _measured(self) -> dict[str, float | None]:
        """Figures of the network as it is now; a figure for which there is no sample is None.

        `score` is what is wrong still, on the samples held out and of what was taught: by the former alone one could
        not tell that a reason was unlearnt, since they may have the same flaw as the data it came from. It counts
        errors and not their cross-entropy, which grows with a network's confidence while it gets more right.
        """
        material, settings = self._material, self._settings
        held, taught = self._classified(material.held_out), self._classified(material.taught)
        reasons = self._reasons(np.arange(len(material.taught)))
        score = sum(1 - found["accuracy"] for found in (held, taught) if found["accuracy"] is not None)
        score += (reasons["inside_forbidden"] or 0.0) * (settings.must_not_look > 0)
        score += (reasons["outside_share"] or 0.0) * (settings.should_look > 0)
        if not math.isfinite(score):
            raise self._diverged()
        return {
            "validation_loss": held["loss"],
            "validation_accuracy": held["accuracy"],
            "taught_accuracy": taught["accuracy"],
            "must_not_look": reasons["inside_forbidden"],
            "should_look": None if reasons["outside_share"] is None else 1 - reasons["outside_share"],
            "score": score,
        }

    def _classified(self, examples: Examples) -> dict[str, float | None]:
        """Mean loss and share of right classes."""
        known = np.flatnonzero(examples.targets != NO_CLASS)
        if not len(known):
            return {"loss": None, "accuracy": None}
        logits = self._logits(examples)[known]
        targets = torch.from_numpy(examples.targets[known])
        return {
            "loss": float(F.cross_entropy(logits, targets)),
            "accuracy": int((logits.argmax(1) == targets).sum()) / len(known),
        }

    def _reasons(self, rows: np.ndarray) -> dict[str, float | None]:
        """Means over the taught samples that have regions.

        `everywhere` is the whole squared gradient of all log probabilities. `inside_forbidden` is the share of it that
        lies inside "must not look": unlike the penalty itself it does not depend on how steep the network is.
        """
        examples = self._material.taught
        found: dict[str, list[float]] = {"everywhere": [], "inside_forbidden": [], "outside_share": []}
        marked = rows[(examples.must_not_look | examples.should_look)[rows].any((1, 2))]
        for part in self._parts(marked):
            images = self._input(examples, part).requires_grad_()
            logs = F.log_softmax(self._network(images.clone()), 1)
            forbidden, wanted = (masks[part].any((1, 2)) for masks in (examples.must_not_look, examples.should_look))
            energy = squared_gradient(logs.sum(), images).detach()
            everywhere = energy.sum((1, 2))
            found["everywhere"] += everywhere.tolist()
            if forbidden.any():
                inside = (energy * self._tensor(examples.must_not_look[part])).sum((1, 2))
                share = inside / everywhere.clamp_min(_TINY)
                found["inside_forbidden"] += share[self._tensor(forbidden) > 0].tolist()
            if wanted.any():
                targets = self._tensor(self._explained[part])
                outside = outside_share(logs, targets, images, self._tensor(examples.should_look[part])).detach()
                found["outside_share"] += outside[self._tensor(wanted) > 0].tolist()
        return {name: math.fsum(values) / len(values) if values else None for name, values in found.items()}

    def _logits(self, examples: Examples) -> Tensor:
        """(N, K) on the CPU."""
        found = [torch.empty(0, self._version.outputs)]
        for part in self._parts(np.arange(len(examples))):
            with torch.no_grad():
                found.append(self._network(self._input(examples, part)).float().cpu())
        return torch.cat(found)

    def _diverged(self) -> InvalidInput:
        return InvalidInput(f"The training diverges at learning-rate {self._rate:g}; give a smaller one")

    def _tested(self) -> dict[str, float | None]:
        return {split: self._classified(examples)["accuracy"] for split, examples in self._material.tests.items()}

    def _parts(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """As many at a time as there is memory for."""
        for start in range(0, len(rows), self._at_once):
            self._check()
            yield rows[start : start + self._at_once]

    def _input(self, examples: Examples, rows: np.ndarray) -> Tensor:
        return normalised(examples.pixels[rows], self._version.preprocessing, self._device)

    def _tensor(self, values: np.ndarray) -> Tensor:
        found = torch.from_numpy(values).to(self._device)
        return found.float() if found.dtype is torch.bool else found

    def _drawn(self, stream: int, count: int, step: int, many: int) -> np.ndarray:
        """The rows of one step: all samples in a new order, again and again."""
        if not many:
            return np.empty(0, np.int64)
        places = np.arange(step * many, (step + 1) * many)
        orders = {
            turn: np.random.default_rng((self._settings.seed, stream, turn)).permutation(count)
            for turn in np.unique(places // count).tolist()
        }
        return np.array([orders[place // count][place % count] for place in places.tolist()])


def _schedule(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / _WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / steps))


def _best(curve: Sequence[Mapping[str, float | None]]) -> int:
    """The epoch with the smallest score, from 1; of equals the first."""
    scores = [epoch["score"] for epoch in curve]
    return scores.index(min(score for score in scores if score is not None)) + 1


def _gets_no_better(curve: Sequence[Mapping[str, float | None]], patience: int) -> bool:
    return bool(curve) and len(curve) - _best(curve) >= patience


def _class_weights(material: Material, outputs: int) -> Tensor:
    """Inversely proportional to how often a class is learnt; a sample's is 1 on average."""
    targets = np.concatenate([material.taught.targets, material.unchanged.targets])
    counts = np.bincount(targets[targets != NO_CLASS], minlength=outputs)
    present = max(int((counts > 0).sum()), 1)
    weights = np.where(counts > 0, counts.sum() / (present * np.maximum(counts, 1)), 1.0)
    return torch.from_numpy(weights).float()
