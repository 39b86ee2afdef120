"""The database's tables. What a column means for people stands in `data.types`; migrations follow this file."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, DateTime, ForeignKey, Index, MetaData, String, Text, TypeDecorator, UniqueConstraint
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = ["Base", "DatasetRow", "FeedbackRow", "JobLogRow", "JobRow", "ProjectionRow", "RunRow", "VersionRow"]


class UtcDateTime(TypeDecorator[datetime]):
    """A time with its zone, also on databases that keep none."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {datetime: UtcDateTime, dict[str, Any]: JSON, list[str]: JSON}


class DatasetRow(Base):
    __tablename__ = "datasets"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), index=True)
    source: Mapped[str] = mapped_column(Text)
    samples: Mapped[int]
    classes: Mapped[list[str]]
    splits: Mapped[dict[str, Any]]
    quarantined: Mapped[int]
    has_masks: Mapped[bool]
    created_at: Mapped[datetime]


class VersionRow(Base):
    __tablename__ = "versions"

    model: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), index=True)
    arch: Mapped[str] = mapped_column(Text)
    classes: Mapped[list[str]]
    outputs: Mapped[int]
    parameters: Mapped[int]
    preprocessing: Mapped[dict[str, Any]]
    embedding_dim: Mapped[int]
    embedding_layer: Mapped[str] = mapped_column(Text)
    explain_layer: Mapped[str | None] = mapped_column(Text)
    parent: Mapped[int | None]
    notes: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("model", "digest"),)


class RunRow(Base):
    __tablename__ = "runs"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    dataset: Mapped[str] = mapped_column(ForeignKey("datasets.name", ondelete="CASCADE"), index=True)
    model: Mapped[str] = mapped_column(String(64))
    version: Mapped[int]
    samples: Mapped[int]
    classes: Mapped[list[str]]
    accuracy: Mapped[float | None]
    split_accuracy: Mapped[dict[str, Any]]
    embedding_dim: Mapped[int]
    seconds: Mapped[float]
    created_at: Mapped[datetime]
    precision: Mapped[str] = mapped_column(String(16), default="fp32", server_default="fp32")
    drift: Mapped[dict[str, Any] | None] = mapped_column(JSON)


class ProjectionRow(Base):
    __tablename__ = "projections"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    run: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    method: Mapped[str] = mapped_column(String(32))
    parameters: Mapped[dict[str, Any]]
    samples: Mapped[int]
    seconds: Mapped[float]
    created_at: Mapped[datetime]


class JobRow(Base):
    __tablename__ = "jobs"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(32))
    key: Mapped[str] = mapped_column(String(64), index=True)
    parameters: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(16), index=True)
    owner: Mapped[str] = mapped_column(String(64))
    after: Mapped[int | None] = mapped_column(ForeignKey("jobs.id"))
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    unit: Mapped[str] = mapped_column(String(32), default="")
    rate: Mapped[float] = mapped_column(default=0.0)
    message: Mapped[str] = mapped_column(Text, default="")
    error: Mapped[str | None] = mapped_column(Text)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    heartbeat: Mapped[datetime | None]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class JobLogRow(Base):
    __tablename__ = "job_log"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    job: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime]
    line: Mapped[str] = mapped_column(Text)


class FeedbackRow(Base):
    __tablename__ = "feedback"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at: Mapped[datetime]
    person: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))
    dataset: Mapped[str] = mapped_column(String(64))
    sample_id: Mapped[str] = mapped_column(Text)
    row: Mapped[int]
    model: Mapped[str | None] = mapped_column(String(64))
    version: Mapped[int | None]
    label: Mapped[str | None] = mapped_column(Text)
    comment: Mapped[str] = mapped_column(Text, default="")
    shown_label: Mapped[str | None] = mapped_column(Text)
    shown_prediction: Mapped[str | None] = mapped_column(Text)
    undoes: Mapped[int | None] = mapped_column(ForeignKey("feedback.id"), unique=True)
    choice: Mapped[str | None] = mapped_column(String(64))
    regions: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    shown_explanation: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))

    __table_args__ = (Index("ix_feedback_dataset_sample", "dataset", "sample_id"),)
