"""The database: SQLite in the workspace, or any address that SQLAlchemy takes, kept at the newest revision."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DataError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from data.disk import disk_full_is_clear
from data.errors import InvalidInput, WorkspaceDamaged

__all__ = ["REVISION", "Database"]

REVISION = "0003"
_MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """Gives sessions. One object a process; safe to share between threads.

    A session is one transaction: it commits at the end of the `with` block and rolls back on an error. A writing
    session takes SQLite's write lock at its start, so that two writers wait for each other instead of failing.
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = make_url(url)
            self.engine = create_engine(parsed, pool_pre_ping=not parsed.drivername.startswith("sqlite"))
        except (SQLAlchemyError, ImportError, ValueError) as error:
            # The address itself is not repeated: a password may stand in it.
            raise InvalidInput(f"VITRINE_DATABASE_URL cannot be used: {_line(error)}") from error
        self.url = url
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", _configure_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for queries.

        Raises:
            InvalidInput: A number asked for is larger than the database can hold.
        """
        with _numbers_in_range(), self._sessions() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session for changes, serialised among writers.

        Raises:
            DiskFull: The database's disk has no room for them; nothing was changed.
        """
        with _numbers_in_range(), disk_full_is_clear("the database"), self._sessions() as session:
            session.connection(execution_options={"vitrine_write": True})
            with _committing(session):
                yield session

    def revision(self) -> str | None:
        """The revision that the database is at; None for an empty one."""
        if not inspect(self.engine).has_table("alembic_version"):
            return None
        with self.engine.connect() as connection:
            found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
            return found

    def upgrade(self) -> None:
        """Brings the tables to `REVISION`; answers at once where they are there already.

        Raises:
            WorkspaceDamaged: The database was written by a newer Vitrine, or cannot be read.
        """
        try:
            found = self.revision()
        except SQLAlchemyError as error:
            raise WorkspaceDamaged(f"The database does not answer or is none: {_line(error)}") from error
        if found == REVISION:
            return
        if found is not None and found > REVISION:
            raise WorkspaceDamaged(
                f"The database is at revision {found}, newer than {REVISION}; use a newer Vitrine or another workspace"
            )
        from alembic import command  # here: half a second that only a changed database needs
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        with self.engine.connect() as connection:
            connection = connection.execution_options(vitrine_write=True)
            with connection.begin():
                config.attributes["connection"] = connection
                command.upgrade(config, "head")

    def dispose(self) -> None:
        """Closes all connections."""
        self.engine.dispose()


@contextmanager
def _numbers_in_range() -> Iterator[None]:
    try:
        yield
    except (OverflowError, DataError) as error:  # the former from SQLite's driver
        raise InvalidInput("A number or text is larger than the database can hold") from error


def _line(error: Exception) -> str:
    """What the driver says, without the statement and the link that SQLAlchemy adds."""
    return " ".join(str(getattr(error, "orig", None) or error).split())


@contextmanager
def _committing(session: Session) -> Iterator[None]:
    try:
        yield
        session.commit()
    except BaseException:
        session.rollback()
        raise


def _configure_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own transaction handling begins too late for a lock at the start; _begin_sqlite begins instead.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout=30000")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    writing = connection.get_execution_options().get("vitrine_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
