"""What a model version says about images: logits, probabilities, embeddings, and the table that a run keeps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from data.runs import SHARD_SCHEMA
from data.types import PRECISIONS, Preprocessing
from inference.models import LoadedModel
from inference.passes import forward

__all__ = ["Output", "decided", "normalised", "predict", "predict_pixels", "softmax", "table"]


@dataclass(frozen=True, slots=True)
class Output:
    """What a network gives for N images.

    Attributes:
        logits: (N, K) float32.
        probabilities: (N, K) float32 in [0, 1], rows summing to 1.
        embeddings: (N, D) float32.
        decisions: (N,) indices of the classes that are decided for: of the largest logits, where the version has no
            decision thresholds.
    """

    logits: np.ndarray
    probabilities: np.ndarray
    embeddings: np.ndarray
    decisions: np.ndarray


def predict(loaded: LoadedModel, batch: np.ndarray) -> Output:
    """Passes a batch through the network.

    Args:
        batch: (N, C, H, W) float32, from `inference.preprocessing.to_array`. A network that changes its input in
            place is given a copy.
    """
    return _output(loaded, torch.tensor(batch, device=loaded.device))


def predict_pixels(loaded: LoadedModel, pixels: np.ndarray, precision: str = PRECISIONS[0]) -> Output:
    """As `predict`, from what the network's input is made of: less to carry about, and normalised where it is used.

    Args:
        pixels: (N, H, W, C) uint8, from `inference.preprocessing.to_pixels`.
        precision: One of `data.types.PRECISIONS`.
    """
    return _output(loaded, normalised(pixels, loaded.version.preprocessing, loaded.device), precision)


def normalised(pixels: np.ndarray, preprocessing: Preprocessing, device: torch.device) -> Tensor:
    """The network's input, (N, C, H, W) float32 with its channels last in memory, from (N, H, W, C) uint8."""
    batch = torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).float().div_(255)
    mean, std = (
        torch.tensor(values, dtype=torch.float32, device=device)[:, None, None]
        for values in (preprocessing.mean, preprocessing.std)
    )
    return batch.sub_(mean).div_(std)


def _output(loaded: LoadedModel, batch: Tensor, precision: str = PRECISIONS[0]) -> Output:
    with loaded.lock:
        logits, embeddings = forward(loaded.module, loaded.version.embedding_layer, batch, precision)
    found = logits.numpy()
    return Output(found, softmax(found), embeddings.numpy(), loaded.adjustment.decisions(found))


def decided(loaded: LoadedModel, logits: Tensor) -> int:
    """The class that a version decides for, from its logits of one image, (K,)."""
    return int(loaded.adjustment.decisions(logits.detach().cpu().numpy()[None])[0])


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities from logits, (N, K) float32 both."""
    powers = np.exp(_shifted(logits))
    probabilities: np.ndarray = (powers / powers.sum(1, keepdims=True)).astype(np.float32)
    return probabilities


def table(
    rows: Sequence[int],
    sample_ids: Sequence[str],
    labels: Sequence[str | None],
    classes: Sequence[str],
    labelled: bool,
    output: Output,
) -> pa.Table:
    """What a run keeps of these samples, with the columns of `data.runs.SHARD_SCHEMA`.

    A label that the model has no class for counts as wrong, and its loss is unknown.

    Args:
        labelled: Whether classes and labels are the same things, so that a prediction can be right at all.
    """
    index = {name: at for at, name in enumerate(classes)}
    best = output.decisions
    names = [classes[at] for at in best]
    ordered = np.sort(output.probabilities, axis=1)[:, ::-1]
    runner_up = ordered[:, 1] if ordered.shape[1] > 1 else np.zeros(len(ordered), np.float32)
    logs = _log_softmax(output.logits)

    def right(name: str, label: str | None) -> bool | None:
        return name == label if label is not None and labelled else None

    targets = [index.get(label) if label is not None and labelled else None for label in labels]
    columns: dict[str, Any] = {
        "row": pa.array(rows, pa.int32()),
        "sample_id": pa.array(sample_ids, pa.string()),
        "prediction": pa.array(names, pa.string()),
        "confidence": output.probabilities[np.arange(len(best)), best],
        "probabilities": pa.FixedSizeListArray.from_arrays(output.probabilities.reshape(-1), len(classes)),
        "margin": ordered[:, 0] - runner_up,
        "entropy": -(np.exp(logs) * logs).sum(1),
        "loss": [None if target is None else float(-logs[at, target]) for at, target in enumerate(targets)],
        "correct": pa.array([right(*pair) for pair in zip(names, labels, strict=True)], pa.bool_()),
    }
    return pa.table({name: pa.array(columns[name]).cast(SHARD_SCHEMA.field(name).type) for name in SHARD_SCHEMA.names})


def _shifted(logits: np.ndarray) -> np.ndarray:
    wide = logits.astype(np.float64)
    shifted: np.ndarray = wide - wide.max(1, keepdims=True)
    return shifted


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = _shifted(logits)
    logs: np.ndarray = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return logs
