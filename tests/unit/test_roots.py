"""Only what lies below the operator's folders can be reached, however a request asks."""

import os
from pathlib import Path

import pytest

from data.errors import InvalidInput
from data.roots import MAX_ENTRIES, SourceRoots

KINDS = ("imagefolder", "csv", "zip", "tar")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """`open`, with folders, files and links; beside it `open-not` and `secret`, which nobody may reach."""
    for name in ("open/photos/cats", "open-not", "secret/cats", "open/Ärzte & co", "open/.hidden"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("open/table.csv", "open/photos.ZIP", "open/set.tar.gz", "open/notes.txt", "secret/all.csv"):
        (tmp_path / name).write_text("x")
    (tmp_path / "open" / "out").symlink_to(tmp_path / "secret")
    (tmp_path / "open" / "out.csv").symlink_to(tmp_path / "secret" / "all.csv")
    (tmp_path / "open" / "in").symlink_to(tmp_path / "open" / "photos")
    (tmp_path / "open" / "broken").symlink_to(tmp_path / "nowhere")
    (tmp_path / "open" / "round").symlink_to(tmp_path / "open" / "round")
    return tmp_path


@pytest.fixture
def roots(folder: Path) -> SourceRoots:
    return SourceRoots([folder / "open"], KINDS)


def test_a_folder_lists_what_can_become_a_dataset(roots: SourceRoots) -> None:
    listing = roots.list(0, "")
    assert [(entry.name, entry.kind) for entry in listing.entries] == [
        ("in", "imagefolder"),
        ("photos", "imagefolder"),
        ("Ärzte & co", "imagefolder"),
        ("photos.ZIP", "zip"),
        ("set.tar.gz", "tar"),
        ("table.csv", "csv"),
    ]
    assert (listing.others, listing.whole) == (1, True)
    assert [entry.path for entry in roots.list(0, "photos").entries] == ["photos/cats"]


def test_a_place_becomes_a_source(roots: SourceRoots, folder: Path) -> None:
    assert roots.source(0, "") == f"imagefolder:{folder}/open"
    assert roots.source(0, "photos/cats") == f"imagefolder:{folder}/open/photos/cats"
    assert roots.source(0, "in/cats") == f"imagefolder:{folder}/open/photos/cats"
    assert roots.source(0, "table.csv") == f"csv:{folder}/open/table.csv"


@pytest.mark.parametrize(
    "path",
    [
        "..",
        "../secret",
        "photos/../../secret",
        "photos/..",
        "./photos",
        "photos//cats",
        "/etc/passwd",
        "/",
        "out",
        "out/cats",
        "out.csv",
        "broken",
        "round",
        "photos\0",
        "\0",
        "a" * 300,
        "a/" * 2000 + "b",
        "\ud800",
        "~",
        "..\\secret",
        "../open-not",
    ],
)
def test_nothing_else_can_be_reached(roots: SourceRoots, path: str) -> None:
    for ask in (roots.place, roots.source, roots.list):
        with pytest.raises(InvalidInput, match="is not in the source folder 'open'; choose from the list"):
            ask(0, path)


@pytest.mark.parametrize("root", [-1, 1, 10**30])
def test_a_root_is_one_of_those_named(roots: SourceRoots, root: int) -> None:
    with pytest.raises(InvalidInput, match="no source folder"):
        roots.place(root, "")


def test_a_file_that_is_no_source_is_refused(roots: SourceRoots, folder: Path) -> None:
    with pytest.raises(InvalidInput, match=r"'notes.txt' is no source; choose a folder or a file \(.csv, .zip"):
        roots.source(0, "notes.txt")
    with pytest.raises(InvalidInput, match="cannot be read"):
        roots.list(0, "notes.txt")
    os.mkfifo(folder / "open" / "pipe.csv")
    with pytest.raises(InvalidInput, match="is no source"):
        roots.source(0, "pipe.csv")


def test_a_root_that_is_away_is_told_when_it_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="choose from the list"):
        SourceRoots([tmp_path / "unmounted"]).list(0, "")


def test_a_long_list_is_cut(tmp_path: Path) -> None:
    for number in range(MAX_ENTRIES + 1):
        (tmp_path / f"{number:04d}").mkdir()
    listing = SourceRoots([tmp_path]).list(0, "")
    assert (len(listing.entries), listing.whole) == (MAX_ENTRIES, False)
