"""A full disk as each library reports it, and the little room that is kept for it."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from data.database import Database
from data.disk import Reserve, disk_full_is_clear, is_disk_full
from data.errors import DiskFull, InvalidInput
from data.workspace import atomic_path

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    "error",
    [
        FULL,
        OSError(errno.EDQUOT, "quota"),
        OSError(errno.EFBIG, "limit"),
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
        DiskFull("full"),
    ],
)
def test_a_full_disk_is_recognised(error: Exception) -> None:
    assert is_disk_full(error)


@pytest.mark.parametrize(
    "error", [None, OSError(errno.EACCES, "denied"), ValueError("1"), InvalidInput("No space left on device")]
)
def test_other_troubles_are_none(error: Exception | None) -> None:
    assert not is_disk_full(error)


def test_a_full_disk_behind_another_error_is_recognised() -> None:
    with (
        pytest.raises(DiskFull, match="^The disk of /somewhere is full; free some space there"),
        disk_full_is_clear("/somewhere"),
    ):
        raise RuntimeError("cannot write") from FULL


def test_a_file_without_room_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(DiskFull, match=str(tmp_path)), atomic_path(tmp_path / "file") as temporary:
        temporary.write_bytes(b"a part of it")
        raise FULL
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_room_says_so_and_stays_as_it_was(database: Database) -> None:
    with database.read() as session:
        pages = session.scalar(text("PRAGMA page_count"))
    with pytest.raises(DiskFull, match="The disk of the database is full"), database.write() as session:
        session.execute(text(f"PRAGMA max_page_count = {pages}"))
        session.execute(text("CREATE TABLE large AS SELECT hex(randomblob(100000)) AS content"))
    database.dispose()
    with database.read() as session:
        assert session.scalar(text("PRAGMA integrity_check")) == "ok"
        assert session.scalar(text("SELECT count(*) FROM sqlite_master WHERE name = 'large'")) == 0


def test_the_reserve_is_taken_once_and_given_back_once(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path)
    assert reserve.spend() is False
    reserve.fill()
    (file,) = tmp_path.iterdir()
    assert len(np.unique(np.frombuffer(file.read_bytes(), np.uint8))) == 256  # nothing that could be made smaller
    reserve.fill()
    assert reserve.spend() is True
    assert reserve.spend() is False


def test_a_reserve_that_finds_no_room_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_bytes: int) -> bytes:
        raise FULL

    monkeypatch.setattr("data.disk.os.urandom", refuse)
    Reserve(tmp_path).fill()
    assert list(tmp_path.iterdir()) == []
