"""What pages and commands work with: one object, built in one place, handed down as an argument."""

from dataclasses import dataclass, field

from data.cache import FileCache
from data.database import Database
from data.datasets import DatasetStore
from data.feedback import FeedbackLog
from data.jobs import JobStore
from data.models import ModelStore
from data.roots import SourceRoots
from data.runs import RunStore
from data.samples import SampleTables
from data.thumbnails import Thumbnails
from data.workspace import Workspace
from inference.client import EngineClient

__all__ = ["Services"]


@dataclass(frozen=True, slots=True)
class Services:
    """The stores, and the one door to the engine. Every member is safe to share between threads."""

    workspace: Workspace
    database: Database
    datasets: DatasetStore
    models: ModelStore
    runs: RunStore
    samples: SampleTables
    feedback: FeedbackLog
    jobs: JobStore
    cache: FileCache
    thumbnails: Thumbnails
    engine: EngineClient
    roots: SourceRoots = field(default_factory=lambda: SourceRoots(()))
    title: str = "Vitrine"
