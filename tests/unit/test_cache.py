"""The file cache: bounded, shared, and closed to keys that are none."""

import os
import time
from pathlib import Path

import pytest

from data.cache import FileCache
from data.errors import DiskFull, InvalidInput
from data.workspace import write_bytes


def key(number: int) -> str:
    return f"{number:032x}"


def aged(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_what_is_put_is_found(tmp_path):
    cache = FileCache(tmp_path, 1000)
    assert cache.get("maps", key(1), ".npy") is None
    path = cache.put("maps", key(1), ".npy", b"abc")
    assert cache.get("maps", key(1), ".npy") == path == cache.path("maps", key(1), ".npy")
    assert path.read_bytes() == b"abc"
    assert cache.get("maps", key(1), ".json") is None
    assert cache.put("maps", key(1), ".npy", b"new").read_bytes() == b"new"
    assert cache.size() == 3


def test_the_least_recently_used_go_first(tmp_path):
    cache = FileCache(tmp_path, 10_000)
    for number in range(10):
        aged(cache.put("maps", key(number), ".npy", b"x" * 100), 5000 - number)
    assert cache.get("maps", key(0), ".npy") is not None  # used just now
    small = FileCache(tmp_path, 500)
    assert small.trim() == 600
    left = [number for number in range(10) if small.get("maps", key(number), ".npy")]
    assert left == [0, 7, 8, 9]
    assert small.trim() == 0


def test_the_limit_holds_while_files_are_put(tmp_path):
    cache = FileCache(tmp_path, 2000)
    for number in range(200):
        cache.put("maps", key(number), ".npy", b"x" * 100)
        assert cache.size() <= 2000 + 100
    assert cache.get("maps", key(199), ".npy")


@pytest.fixture
def small_disk(tmp_path, monkeypatch):
    """A cache without a bound on a disk for three files of 100 bytes."""
    cache = FileCache(tmp_path, 10**9)

    def write_if_there_is_room(path, content, **options):
        if cache.size() + len(content) > 300:
            raise DiskFull("full")
        write_bytes(path, content, **options)

    monkeypatch.setattr("data.cache.write_bytes", write_if_there_is_room)
    monkeypatch.setattr("data.cache._ROOM", 100)
    return cache


def test_on_a_full_disk_the_oldest_make_room(small_disk):
    for number in range(3):
        aged(small_disk.put("maps", key(number), ".npy", b"x" * 100), 500 - number)
    small_disk.put("maps", key(3), ".npy", b"x" * 150)
    assert [number for number in range(4) if small_disk.get("maps", key(number), ".npy")] == [2, 3]


def test_a_file_that_nothing_can_make_room_for_is_refused(small_disk):
    with pytest.raises(DiskFull):
        small_disk.put("maps", key(0), ".npy", b"x" * 400)


def test_leftovers_of_a_crash(tmp_path):
    cache = FileCache(tmp_path, 100)
    path = cache.put("maps", key(1), ".npy", b"x")
    old, young = path.with_name(".old.tmp"), path.with_name(".young.tmp")
    for leftover in (old, young):
        leftover.write_bytes(b"x" * 500)
    aged(old, 7200)
    cache.trim()
    assert (old.exists(), young.exists(), path.exists()) == (False, True, True)
    path.write_bytes(b"")
    assert cache.get("maps", key(1), ".npy") is None


def test_files_of_others_are_left_alone(tmp_path):
    other = tmp_path / "duckdb" / "00" / "spill.tmp2"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"x" * 5000)
    assert FileCache(tmp_path, 100).trim() == 0
    assert other.exists()


@pytest.mark.parametrize(
    ("kind", "name", "suffix"),
    [
        ("..", key(1), ".npy"),
        ("maps", "../../etc/passwd", ".npy"),
        ("maps", key(1).upper() + "A", ".npy"),
        ("maps", "", ".npy"),
        ("maps", key(1), "/../x"),
        ("maps", key(1) + "\n", ".npy"),
    ],
)
def test_other_keys_are_refused(tmp_path, kind, name, suffix):
    with pytest.raises(InvalidInput):
        FileCache(tmp_path, 100).path(kind, name, suffix)


def test_many_short_lived_processes_keep_the_limit_too(tmp_path):
    for number in range(600):  # each writes a hundredth of what makes one process trim
        FileCache(tmp_path, 20_000).put("maps", key(number), ".npy", b"x" * 100)
    assert FileCache(tmp_path, 20_000).size() < 40_000
