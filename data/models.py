"""The register of model versions: which exist, under which digest. The weights lie in the workspace's folders."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select

from data.database import Database
from data.errors import InvalidInput, NotFound
from data.schema import VersionRow
from data.types import ModelVersion, Preprocessing, parse_model_reference

__all__ = ["ModelStore"]


class ModelStore:
    """Reads and adds versions. A version never changes once it is added."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def list(self) -> list[ModelVersion]:
        """All versions, by model name, oldest first."""
        with self.database.read() as session:
            rows = session.scalars(select(VersionRow).order_by(VersionRow.model, VersionRow.version))
            return [_version(row) for row in rows]

    def get(self, model: str, version: int | None = None) -> ModelVersion:
        """One version; the newest where no number is given.

        Raises:
            NotFound: There is none; the text names what exists.
        """
        query = select(VersionRow).where(VersionRow.model == model).order_by(VersionRow.version.desc())
        if version is not None:
            query = query.where(VersionRow.version == version)
        with self.database.read() as session:
            row = session.scalars(query.limit(1)).first()
        if row is None:
            wanted = model if version is None else f"{model}@{version}"
            existing = ", ".join(found.reference for found in self.list()) or "none yet; add one with `model add`"
            raise NotFound(f"Model {wanted!r} does not exist; there are: {existing}")
        return _version(row)

    def resolve(self, reference: str) -> ModelVersion:
        """The version that `MODEL` or `MODEL@VERSION` names.

        Raises:
            InvalidInput: The reference is malformed.
            NotFound: No such version.
        """
        try:
            model, version = parse_model_reference(reference)
        except ValueError as error:
            raise InvalidInput(str(error)) from error
        return self.get(model, version)

    def find(self, model: str, digest: str) -> ModelVersion | None:
        """The version of `model` with this content, if it was added before."""
        with self.database.read() as session:
            row = session.scalars(
                select(VersionRow).where(VersionRow.model == model, VersionRow.digest == digest)
            ).first()
        return _version(row) if row else None

    def next_version(self, model: str) -> int:
        """The number that the next version of `model` gets, from 1 up."""
        with self.database.read() as session:
            return _next_version(session.scalar(select(func.max(VersionRow.version)).where(VersionRow.model == model)))

    def add(
        self,
        model: str,
        version: int,
        *,
        digest: str,
        arch: str,
        classes: Sequence[str],
        outputs: int,
        parameters: int,
        preprocessing: Preprocessing,
        embedding_dim: int,
        embedding_layer: str,
        explain_layer: str | None,
        parent: int | None,
        notes: Mapping[str, Any],
    ) -> ModelVersion:
        """Adds a version whose files are already in place under `version`.

        Raises:
            InvalidInput: Somebody else took that number in the meantime; nothing was written.
        """
        with self.database.write() as session:
            newest = session.scalar(select(func.max(VersionRow.version)).where(VersionRow.model == model))
            if _next_version(newest) != version:
                raise InvalidInput(f"{model}@{version} was taken by somebody else just now; add the model again")
            row = VersionRow(
                model=model,
                version=version,
                digest=digest,
                arch=arch,
                classes=list(classes),
                outputs=outputs,
                parameters=parameters,
                preprocessing=asdict(preprocessing),
                embedding_dim=embedding_dim,
                embedding_layer=embedding_layer,
                explain_layer=explain_layer,
                parent=parent,
                notes=dict(notes),
                created_at=datetime.now(UTC),
            )
            session.add(row)
        return _version(row)


def _next_version(newest: int | None) -> int:
    return (newest or 0) + 1


def _version(row: VersionRow) -> ModelVersion:
    stored = row.preprocessing
    return ModelVersion(
        model=row.model,
        version=row.version,
        digest=row.digest,
        arch=row.arch,
        classes=tuple(row.classes),
        outputs=row.outputs,
        parameters=row.parameters,
        preprocessing=Preprocessing(
            image_size=stored["image_size"],
            resize=stored["resize"],
            mean=tuple(stored["mean"]),
            std=tuple(stored["std"]),
            interpolation=stored.get("interpolation", "bilinear"),
            squash=stored.get("squash", False),
        ),
        embedding_dim=row.embedding_dim,
        embedding_layer=row.embedding_layer,
        explain_layer=row.explain_layer,
        parent=row.parent,
        created_at=row.created_at,
        notes=row.notes,
    )
