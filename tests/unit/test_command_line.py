"""The command line's own rules: options that stand anywhere, exit statuses, one line for an error."""

import json
from pathlib import Path

import pytest
from PIL import Image

from dashboard.cli import main


def run(capsys: pytest.CaptureFixture[str], workspace: Path, *arguments: str) -> tuple[int, str, str]:
    status = main([*arguments, "--workspace", str(workspace)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_json_is_one_object_wherever_the_option_stands(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for arguments in (("--json", "dataset", "list"), ("dataset", "list", "--json"), ("dataset", "--json", "list")):
        status, out, err = run(capsys, tmp_path / "w", *arguments)
        assert (status, json.loads(out), err) == (0, {"datasets": []}, "")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("dataset", "add", "x", "--source", "nonsense:1"), "nonsense"),
        (("dataset", "add", "x", "--source", "imagefolder:/nowhere/at/all"), "/nowhere/at/all"),
        (("index", "nowhere", "net"), "nowhere"),
        (("jobs", "show", "9"), "Job 9"),
        (("feedback", "undo", "9"), "Feedback 9"),
        (("feedback", "export", "--out", "x.docx"), ".docx"),
        (("compare", "a", "b", "c"), "'b'"),
    ],
)
def test_a_failure_is_one_line_and_status_1(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: tuple[str, ...], reason: str
) -> None:
    status, out, err = run(capsys, tmp_path / "w", *arguments)
    assert (status, out) == (1, "")
    assert err.startswith("Error: ")
    assert reason in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("arguments", [("nonsense",), ("index",), ("dataset", "add"), ("jobs", "show", "x")])
def test_a_command_that_is_not_understood_is_status_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    status, out, err = run(capsys, tmp_path / "w", *arguments)
    assert (status, out) == (2, "")
    assert "Usage" in err


def test_serving_to_the_network_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, _, err = run(capsys, tmp_path / "w", "serve", "--host", "0.0.0.0")
    assert status == 1
    assert "127.0.0.1" in err


def test_a_setting_that_is_not_allowed_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITRINE_PORT", "70000")
    status, _, err = run(capsys, tmp_path / "w", "dataset", "list")
    assert status == 1
    assert "VITRINE_PORT='70000'" in err


def test_a_dataset_is_added_and_removed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "list.csv").write_text("path,label,weight\na.png,cat,1.5\ngone.png,cat,2\n")
    source = f"csv:{tmp_path / 'list.csv'}"
    for name, note in (("pets", ""), ("again", "again has the same content as pets")):
        status, out, err = run(capsys, tmp_path / "w", "dataset", "add", name, "--source", source, "--json")
        added = json.loads(out)
        assert (status, added["samples"], added["classes"]) == (0, 1, ["cat"])
        assert added["quarantined"] == [{"path": "gone.png", "reason": "cannot be read: No such file or directory"}]
        assert note in err
    status, out, _ = run(capsys, tmp_path / "w", "dataset", "remove", "again", "--json")
    removed = json.loads(out)
    assert (status, removed["dataset"], removed["runs"], removed["freed_bytes"] > 0) == (0, "again", 0, True)
    status, out, err = run(capsys, tmp_path / "w", "dataset", "remove", "again")
    assert (status, out) == (1, "")
    assert err == "Error: Dataset 'again' does not exist; there are: pets\n"
