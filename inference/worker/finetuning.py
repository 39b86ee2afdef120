"""Fine-tuning from feedback, and the demo's feedback, as tasks."""

from collections.abc import Mapping
from typing import Any

from data.feedback import FeedbackLog
from data.finetuning import FinetuneSettings
from inference import demo_verdicts
from inference.finetuning import service
from inference.job_progress import JobProgress
from inference.tasks import WorkerContext

__all__ = ["finetune", "give_verdicts"]


def finetune(context: WorkerContext, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Trains a version on from feedback and registers what comes out.

    Payload: dataset, model (`NAME@VERSION`), job, the fields of `data.finetuning.FinetuneSettings` that are not as by
    default, and optionally person and until, see `data.lessons.lessons`.

    Raises:
        InvalidInput: Nothing is taught, or the network cannot be trained so.
        NotFound: The dataset or the version does not exist.
    """
    progress = JobProgress(context.jobs, payload["job"], "steps")
    made = service.finetune(
        context.datasets,
        context.models,
        FeedbackLog(context.database),
        context.datasets.get(payload["dataset"]),
        context.models.resolve(payload["model"]),
        FinetuneSettings.of(payload),
        payload.get("person"),
        payload.get("until"),
        progress.update,
        progress.check,
    )
    version = made.version
    facts = version.notes["finetune"]
    progress.log(f"{'Trained before' if made.cached else 'Trained'}: {version.reference}, epoch {facts['epoch']}")
    return {
        "model": version.model,
        "version": version.version,
        "parent": version.parent,
        "digest": version.digest,
        "events": len(facts["events"]),
        "samples": facts["samples"],
        "metrics": facts["metrics"],
        "cached": made.cached,
    }


def give_verdicts(context: WorkerContext, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Gives the demo's verdicts. Payload: dataset, model (`NAME@VERSION`), count, job."""
    told = demo_verdicts.give_verdicts(
        context.datasets,
        FeedbackLog(context.database),
        context.datasets.get(payload["dataset"]),
        context.models.resolve(payload["model"]),
        payload["count"],
    )
    return {"samples": told}
