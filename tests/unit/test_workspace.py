"""Files appear whole or not at all, and names from outside never become paths."""

import os
from pathlib import Path

import pytest

from data.errors import InvalidInput, NotFound
from data.workspace import Workspace, atomic_path, content_key, write_bytes, write_json


def test_a_write_that_breaks_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    write_bytes(target, b"old")
    with pytest.raises(RuntimeError, match="power"), atomic_path(target) as temporary:
        temporary.write_bytes(b"half of the ne")
        raise RuntimeError("power")
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", ".hidden", "a\0", "x" * 65, "é", "a b"])
def test_a_name_that_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    workspace = Workspace(tmp_path)
    with pytest.raises(InvalidInput, match="not allowed"):
        workspace.dataset(name)
    with pytest.raises(InvalidInput, match="not allowed"):
        workspace.model(name, 1)
    with pytest.raises(InvalidInput, match="not the key"):
        workspace.run(name)


def test_a_workspace_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInput, match="--workspace"):
        Workspace.create(tmp_path / "file" / "workspace")
    with pytest.raises(NotFound, match="dataset add"):
        Workspace.open(tmp_path / "nowhere")


def test_a_content_key_depends_on_content_alone() -> None:
    assert content_key("a", {"x": 1, "y": 2}) == content_key("a", {"y": 2, "x": 1})
    assert content_key("a", {"x": 1}) != content_key("b", {"x": 1})
    assert content_key("a", "b") != content_key("ab")


def test_files_are_readable_by_the_team_unless_they_are_private(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_json(tmp_path / "shared.json", {})
        write_json(tmp_path / "key.json", {}, private=True)
    finally:
        os.umask(before)
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("shared.json", "key.json")]
    assert modes == [0o640, 0o600]
