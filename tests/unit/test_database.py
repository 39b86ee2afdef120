"""The migrations and the schema say the same, and a database of another time is refused or upgraded."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from data.database import REVISION, Database
from data.errors import InvalidInput, WorkspaceDamaged
from data.schema import Base


def test_the_migrations_lead_to_the_schema(database: Database) -> None:
    with database.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    assert differences == []
    assert database.revision() == REVISION


def test_upgrading_twice_changes_nothing(database: Database) -> None:
    database.upgrade()
    assert database.revision() == REVISION


def test_a_database_of_a_newer_program_is_refused(database: Database) -> None:
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(WorkspaceDamaged, match="newer Vitrine"):
        database.upgrade()


def test_foreign_keys_hold_and_readers_do_not_wait_for_a_writer(database: Database) -> None:
    with database.read() as session:
        assert session.scalar(text("PRAGMA foreign_keys")) == 1
        assert session.scalar(text("PRAGMA journal_mode")) == "wal"
    with database.write() as writing, database.read() as reading:
        writing.execute(text("UPDATE jobs SET done = 1"))
        assert reading.scalar(text("SELECT count(*) FROM jobs")) == 0


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError, match="in the middle"), database.write() as session:
        session.execute(text("INSERT INTO job_log (job, at, line) SELECT 1, '2026-01-01', 'x' WHERE 0"))
        session.execute(text("UPDATE alembic_version SET version_num = 'x'"))
        raise RuntimeError("in the middle")
    assert database.revision() == REVISION


def test_an_address_that_cannot_be_used_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="VITRINE_DATABASE_URL"):
        Database("nonsense://")


def test_a_file_that_is_no_database_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "vitrine.db").write_bytes(b"a letter to somebody" * 100)
    opened = Database(f"sqlite:///{tmp_path / 'vitrine.db'}")
    with pytest.raises(WorkspaceDamaged, match="file is not a database$"):
        opened.upgrade()
    opened.dispose()


def test_an_address_with_a_password_is_never_repeated() -> None:
    with pytest.raises(InvalidInput, match="VITRINE_DATABASE_URL") as refused:
        Database("nonsense://ada:secret@host/vitrine")
    assert "secret" not in str(refused.value)
