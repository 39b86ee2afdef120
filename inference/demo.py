"""The demo: what it consists of, as jobs that depend on each other. Submitting it again adds what is missing only."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from data.jobs import JobStore
from data.types import TERMINAL_STATES, Job, JobState

__all__ = ["FINETUNE", "PERSON", "VERDICTS", "current_step", "submit_demo"]

PERSON = "demo"
"""Who gives the demo's feedback."""
VERDICTS = 60
"""Of the first marked stars it is said that the mark is not the reason."""
FINETUNE: Mapping[str, Any] = {
    "learning_rate": 6e-3,  # the network has learnt for a few epochs only, and for as many it learns on
    "epochs": 12,
    "batch": 64,
    "replay": 1275,
    "must_not_look": 100.0,
}
"""How the demo's network learns from that, see `data.finetuning.FinetuneSettings`."""
_PROJECTIONS = ("pca", "umap")
_EXPLANATION = "gradcam"
_INSPECTED = "block3"  # the last layer with places of both networks, at which Inside begins


def submit_demo(jobs: JobStore, owner: str) -> list[Job]:
    """Queues every step of the demo that is neither done nor under way.

    The digits come with two versions, the second trained longer; the shapes with one that has learned a shortcut, and
    two that were fine-tuned from verdicts on it: plainly, and with the explanation loss that makes it unlearn. All
    samples are explained under each but the plain one, and the last layer with places inspected, so that Reasons and
    Inside begin with pictures.

    Returns:
        The jobs of all steps, in order, those that are done already among them.
    """
    submitted: dict[str, Job] = {}
    for name, kind, parameters, after in _steps():
        before = submitted[after].id if after else None
        known = jobs.find(kind, parameters)
        reusable = known is not None and (known.state is JobState.DONE or known.state not in TERMINAL_STATES)
        submitted[name] = known if known and reusable else jobs.submit(kind, parameters, owner, after=before)
    return list(submitted.values())


def current_step(jobs: Sequence[Job]) -> str:
    """What is being done right now, for a line of progress; empty while nothing runs."""
    running = [job for job in jobs if job.state is JobState.RUNNING]
    return ", ".join(f"{job.kind} {job.parameters.get('recipe') or _about(job)}" for job in running)


def _about(job: Job) -> str:
    model = str(job.parameters.get("model", job.parameters.get("name", "")))
    return f"{job.parameters.get('method', '')} {model}".strip()


def _steps() -> Iterator[tuple[str, str, Mapping[str, Any], str | None]]:
    """Yields (name, kind of job, parameters, name of the step before)."""
    for dataset in ("digits", "shapes"):
        yield f"add {dataset}", "add", {"name": dataset, "source": dataset}, None
    yield "train digits 1", "train", {"recipe": "digits-1", "dataset": "digits"}, "add digits"
    yield "train shapes 1", "train", {"recipe": "shapes-1", "dataset": "shapes"}, "add shapes"
    yield from _applied("digits", 1)
    yield "train digits 2", "train", {"recipe": "digits-2", "dataset": "digits"}, "train digits 1"
    yield from _applied("shapes", 1)
    yield from _taught()
    yield from _applied("digits", 2)


def _taught() -> Iterator[tuple[str, str, Mapping[str, Any], str | None]]:
    """Verdicts on the version with the shortcut, and what is learnt from them, plainly and with explanation loss."""
    subject = {"dataset": "shapes", "model": "shapes-cnn@1"}
    learnt = {**subject, **FINETUNE, "person": PERSON}
    yield "judge shapes", "verdicts", {**subject, "count": VERDICTS}, "train shapes 1"
    plain = {**learnt, "must_not_look": 0.0, "should_look": 0.0}
    yield "train shapes 2", "finetune", plain, "judge shapes"
    yield "train shapes 3", "finetune", learnt, "train shapes 2"  # after it, for their numbers
    yield "index shapes 2", "index", {**subject, "model": "shapes-cnn@2"}, "train shapes 2"
    yield from _applied("shapes", 3)


def _applied(dataset: str, version: int) -> Iterator[tuple[str, str, Mapping[str, Any], str | None]]:
    run = {"dataset": dataset, "model": f"{dataset}-cnn@{version}"}
    yield f"index {dataset} {version}", "index", run, f"train {dataset} {version}"
    yield f"explain {dataset} {version}", "explain", {**run, "method": _EXPLANATION}, f"index {dataset} {version}"
    yield f"inspect {dataset} {version}", "inspect", {**run, "layer": _INSPECTED}, f"index {dataset} {version}"
    for method in _PROJECTIONS:
        wanted = {**run, "method": method, "parameters": {}}
        yield f"project {method} {dataset} {version}", "project", wanted, f"index {dataset} {version}"
