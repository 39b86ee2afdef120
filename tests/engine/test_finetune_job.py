"""Fine-tuning as a job: killed in the middle of an epoch it ends with the weights of one that nobody disturbed."""

import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from data.feedback import FeedbackLog
from data.finetuning import read_progress
from data.masks import Mask, Region, Role
from data.types import TERMINAL_STATES, FeedbackKind, JobState, Verdict
from inference.tasks import WorkerContext
from tests.engine.engine_world import patient_workspace
from tests.serving import Server, until

pytestmark = [
    pytest.mark.engine,
    pytest.mark.xdist_group("engine"),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]
_SETTINGS = {"dataset": "digits", "epochs": 3, "replay": 64, "batch": 32}


def teach(context: WorkerContext) -> None:
    """Ten samples with a class and a corner that must not be looked at."""
    log, corner = FeedbackLog(context.database), np.zeros((8, 8), bool)
    corner[:3, :3] = True
    region = Region(Role.MUST_NOT_LOOK, Mask.of(corner))
    for row in range(10):
        said = ("ada", "digits", f"{row:04d}.png", row)
        log.add(FeedbackKind.RELABEL, *said, label=str(row % 10))
        log.add(FeedbackKind.VERDICT, *said, choice=Verdict.WRONG_REASON, regions=[region])


def weights(context: WorkerContext, model: str, version: int) -> bytes:
    return (context.workspace.model(model, version) / "weights.safetensors").read_bytes()


def test_a_fine_tune_that_is_killed_ends_with_the_same_weights(tmp_path: Path) -> None:
    gate = tmp_path / "slowly"
    context = patient_workspace(tmp_path / "workspace", gate, seconds=0.3)
    teach(context)
    server = Server(context.workspace.root, tmp_path / "serve-1.log", workers=1)
    try:
        gate.touch()
        job = context.jobs.submit("finetune", {**_SETTINGS, "model": "patient@1"}, "ada").id
        finetunes = context.workspace.root / "finetunes"

        def learnt() -> int:
            """Epochs that are over."""
            keys = [path.name for path in finetunes.glob("*")] if finetunes.is_dir() else []
            return max(
                (len((read_progress(context.workspace, key) or {"curve": []})["curve"]) for key in keys), default=0
            )

        until(lambda: learnt() == 1, 120)
        until(lambda: context.jobs.get(job).done > 4, 60)  # of four steps an epoch: in the middle of the second
        for pid in [pid for pid, words in server.family().items() if "spawn_main" in words]:
            os.kill(pid, signal.SIGKILL)
        until(lambda: learnt() == 2, 120)
        server.kill()
        server = Server(context.workspace.root, tmp_path / "serve-2.log", workers=1)
        gate.unlink()
        until(lambda: context.jobs.get(job).state in TERMINAL_STATES, 120)
        ended = context.jobs.get(job)
        assert (ended.state, ended.error) == (JobState.DONE, None)
        assert ended.result is not None
        assert (ended.result["version"], ended.result["parent"], ended.result["events"]) == (2, 1, 20)
        assert not list(finetunes.iterdir())
        killed = weights(context, "patient", 2)
        curve = context.models.get("patient", 2).notes["finetune"]["curve"]

        again = context.jobs.submit("finetune", {**_SETTINGS, "model": "patient@1"}, "ada").id
        until(lambda: context.jobs.get(again).state is JobState.DONE, 60)
        assert (context.jobs.get(again).result or {})["cached"] is True

        # The same from nothing, under another name: its key is another, what it learns from is the same.
        twin = _twin(context)
        undisturbed = context.jobs.submit("finetune", {**_SETTINGS, "model": twin}, "ada").id
        until(lambda: context.jobs.get(undisturbed).state is JobState.DONE, 120)
        assert weights(context, "twin", 2) == killed
        assert context.models.get("twin", 2).notes["finetune"]["curve"] == curve
        server.stop()
    finally:
        server.kill()
        context.close()


def _twin(context: WorkerContext) -> str:
    from inference.models import read_network, register_module

    version = context.models.get("patient", 1)
    network = read_network(context.workspace, version)
    return register_module(
        context.workspace,
        context.models,
        "twin",
        version.arch,
        network,
        version.preprocessing,
        version.classes,
    ).reference
