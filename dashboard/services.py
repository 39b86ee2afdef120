"""Builds the services that pages and commands work with, in one place."""

from callbacks.services import Services
from dashboard.settings import Settings
from data.cache import FileCache
from data.database import Database
from data.datasets import DatasetStore
from data.feedback import FeedbackLog
from data.jobs import JobStore
from data.models import ModelStore
from data.roots import SourceRoots
from data.runs import RunStore
from data.samples import SampleTables
from data.sources import SOURCES
from data.thumbnails import Thumbnails
from data.workspace import Workspace
from inference.client import EngineClient

__all__ = ["build_services"]


def build_services(settings: Settings) -> Services:
    """Opens the workspace, making it where it is missing, and brings its database to the newest revision.

    Raises:
        InvalidInput: The workspace or the database cannot be used.
    """
    workspace = Workspace.create(settings.workspace)
    database = Database(settings.database_address)
    database.upgrade()
    datasets = DatasetStore(workspace, database)
    feedback = FeedbackLog(database)
    cache = FileCache(workspace.cache, settings.cache_megabytes * 2**20)
    return Services(
        workspace=workspace,
        database=database,
        datasets=datasets,
        models=ModelStore(database),
        runs=RunStore(workspace, database),
        samples=SampleTables(workspace, feedback),
        feedback=feedback,
        jobs=JobStore(database),
        cache=cache,
        thumbnails=Thumbnails(workspace, cache, datasets),
        engine=EngineClient(workspace),
        roots=SourceRoots(settings.source_folders, tuple(SOURCES)),
    )
