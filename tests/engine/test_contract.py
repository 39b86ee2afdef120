"""The script contract, as scripts meet it: the real command line in processes of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from data.masks import Mask

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine")]

# What a network's code prints must never get into a command's result.
FACTORY = """
import torch
from torch import nn

print("a careless line at import")

def colours():
    print("a careless line when built")
    network = nn.Sequential(nn.Conv2d(3, 3, 1, bias=False), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                            nn.Linear(3, 3, bias=False))
    with torch.no_grad():
        network[0].weight.copy_(torch.eye(3).view(3, 3, 1, 1))
        network[4].weight.copy_(torch.eye(3) * 9)
    return network

def four():
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 4))
"""
CLASSES = ("red", "green", "blue")
EVENT = {
    "id", "at", "person", "kind", "dataset", "sample_id", "row", "model", "version", "label", "comment",
    "shown_label", "shown_prediction", "undoes", "undone", "choice", "regions", "shown_explanation",
}  # fmt: skip
JOB = {
    "id", "kind", "key", "parameters", "state", "owner", "after", "done", "total", "unit", "rate", "message", "error",
    "result", "cancel_requested", "created_at", "started_at", "finished_at",
}  # fmt: skip


class CommandLine:
    """`python -m dashboard --workspace …` in a folder with pictures, red, green and blue, one of them wrong."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        settings = {name: value for name, value in os.environ.items() if not name.startswith("VITRINE_")}
        self.environment = settings | {"VITRINE_WORKERS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
        for number in range(9):
            pixels = np.full((8, 8, 3), 20, dtype=np.uint8)
            pixels[2:6, 2:6, 0 if number == 1 else number % 3] = 220
            path = folder / "pictures" / CLASSES[number % 3] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
        (folder / "pictures" / "red" / "broken.png").write_bytes(b"no image")
        (folder / "net.py").write_text(FACTORY)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "dashboard", "--workspace", "w", *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=300, check=False
        )

    def result(self, *arguments: str, status: int = 0) -> dict[str, Any]:
        """The one JSON object that the command prints, and nothing besides."""
        done = self.run(*arguments, "--json")
        assert done.returncode == status, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        assert len(done.stdout.splitlines()) == 1
        assert "Traceback" not in done.stderr
        return found

    def refused(self, *arguments: str) -> str:
        """The one line that says why the command failed."""
        done = self.run(*arguments, "--json")
        assert (done.returncode, done.stdout) == (1, ""), done.stdout
        (line,) = done.stderr.splitlines()
        assert line.startswith("Error: ")
        return line


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    return CommandLine(tmp_path_factory.mktemp("contract"))


@pytest.fixture(scope="module")
def indexed(cli: CommandLine) -> CommandLine:
    """The same after a dataset, a model and a run were made; each answer is looked at on the way."""
    added = cli.result("dataset", "add", "pictures", "--source", "imagefolder:pictures")
    assert added.keys() == {"dataset", "samples", "classes", "quarantined", "digest", "seconds"}
    assert (added["dataset"], added["samples"], added["classes"]) == ("pictures", 9, sorted(CLASSES))
    (bad,) = added["quarantined"]
    assert bad.keys() == {"path", "reason"}
    assert bad["path"] == "red/broken.png"

    options = ("--image-size", "8", "--mean", "0,0,0", "--std", "1,1,1", "--classes", ",".join(CLASSES))
    model = cli.result("model", "add", "net", "--arch", "factory:net.py:colours", "--weights", "none", *options)
    assert model.keys() == {
        "model", "version", "digest", "parameters", "classes", "image_size", "embedding_dim", "embedding_layer",
        "explain_layer",
    }  # fmt: skip
    assert (model["model"], model["version"], model["parameters"], model["classes"]) == ("net", 1, 18, list(CLASSES))
    assert (model["image_size"], model["embedding_dim"], model["explain_layer"]) == (8, 3, "0")

    run = cli.result("index", "pictures", "net")
    assert run.keys() == {"run", "samples", "accuracy", "seconds", "images_per_second", "cached"}
    assert (run["samples"], run["accuracy"], run["cached"]) == (9, pytest.approx(8 / 9), False)
    again = cli.result("index", "pictures", "net@1")
    assert (again["run"], again["accuracy"], again["cached"]) == (run["run"], run["accuracy"], True)
    return cli


def test_lists_name_what_there_is(indexed: CommandLine) -> None:
    (dataset,) = indexed.result("dataset", "list")["datasets"]
    assert dataset.keys() >= {"dataset", "samples", "classes", "digest", "source", "quarantined"}
    (model,) = indexed.result("model", "list")["models"]
    assert (model["model"], model["version"]) == ("net", 1)


def test_a_projection_is_made_once_and_goes_along_with_the_predictions(indexed: CommandLine) -> None:
    made = indexed.result("project", "pictures", "net", "--method", "pca")
    assert made.keys() == {"projection", "samples", "seconds", "cached"}
    assert (made["samples"], made["cached"]) == (9, False)
    assert indexed.result("project", "pictures", "net", "--method", "pca")["cached"] is True
    indexed.result("predictions", "pictures", "net", "--out", "out.parquet")
    table = pq.read_table(indexed.folder / "out.parquet")
    assert table.column_names == ["sample_id", "label", "prediction", "confidence", "x", "y"]
    wrong = [row["sample_id"] for row in table.to_pylist() if row["label"] != row["prediction"]]
    assert wrong == ["green/1.png"]
    assert not any(table[name].null_count for name in ("x", "y"))


def test_an_explanation_is_an_array_or_a_picture(indexed: CommandLine) -> None:
    asked = ("explain", "pictures", "net", "green/4.png", "--method", "gradcam")
    first = indexed.result(*asked, "--out", "map.npy")
    assert first.keys() == {
        "method", "target", "prediction", "confidence", "layer", "shape", "trust", "seconds", "cached",
    }  # fmt: skip
    assert (first["target"], first["prediction"], first["shape"], first["cached"]) == ("green", "green", [8, 8], False)
    values = np.load(indexed.folder / "map.npy", allow_pickle=False)
    assert (values.dtype, values.shape) == (np.float32, (8, 8))
    assert np.unravel_index(values.argmax(), values.shape) in [(row, at) for row in range(2, 6) for at in range(2, 6)]
    second = indexed.result(*asked, "--target", "green", "--out", "map.png")
    assert second["cached"] is True
    against = indexed.result(*asked, "--contrast", "red", "--method", "integrated_gradients", "--out", "against.npy")
    assert (against["contrast"], against["layer"]) == ("red", "input")
    assert against["trust"].keys() > first["trust"].keys()
    with Image.open(indexed.folder / "map.png") as picture:
        assert picture.size == (8, 8)


def test_a_map_is_judged_whoever_made_it(indexed: CommandLine) -> None:
    sample = ("pictures", "net", "green/4.png")
    ours = indexed.result("explain", *sample, "--method", "gradcam", "--out", "map.npy")["trust"]
    assert ours.keys() == {
        "score", "deletion_auc", "insertion_auc", "random_deletion_auc", "random_insertion_auc", "sanity", "agreement",
        "edges", "odds_raised", "infidelity", "sensitivity",
    }  # fmt: skip
    assert 0 <= ours["score"] <= 1
    assert (ours["infidelity"], ours["sensitivity"]) == (None, None)
    brought = indexed.result("trust", *sample, "map.npy")
    assert (brought["target"], brought["prediction"], brought["trust"]["sanity"]) == ("green", "green", None)
    assert brought["trust"]["insertion_auc"] == ours["insertion_auc"]
    np.save(indexed.folder / "constant.npy", np.ones((8, 8)))
    assert indexed.result("trust", *sample, "constant.npy", "--target", "red")["trust"]["score"] == 0
    np.save(indexed.folder / "small.npy", np.ones((4, 4)))
    assert "(4, 4)" in indexed.refused("trust", *sample, "small.npy")
    assert "'cat'" in indexed.refused("trust", *sample, "constant.npy", "--target", "cat")


def test_a_comparison_with_itself_changes_nothing(indexed: CommandLine) -> None:
    found = indexed.result("compare", "pictures", "net@1", "net@1")
    assert found.keys() == {
        "samples", "accuracy_a", "accuracy_b", "fixed", "broken", "both_right", "both_wrong", "mcnemar_p", "per_class",
    }  # fmt: skip
    figures = {name: value for name, value in found.items() if name not in ("per_class", "accuracy_a", "accuracy_b")}
    assert figures == {"samples": 9, "fixed": 0, "broken": 0, "both_right": 8, "both_wrong": 1, "mcnemar_p": 1.0}
    assert found["accuracy_a"] == found["accuracy_b"] == pytest.approx(8 / 9)
    assert found["per_class"].keys() == set(CLASSES)


def test_feedback_is_given_listed_taken_back_and_exported(indexed: CommandLine) -> None:
    given = ("feedback", "add", "pictures", "green/1.png", "--kind", "relabel", "--label", "red", "--model", "net")
    event = indexed.result(*given, "--person", "ada")["feedback"]
    assert event.keys() == EVENT
    assert (event["person"], event["label"], event["shown_prediction"]) == ("ada", "red", "red")
    (listed,) = indexed.result("feedback", "list")["feedback"]
    assert listed == event
    assert indexed.result("feedback", "undo", str(event["id"]))["feedback"]["undoes"] == event["id"]
    assert "taken back already" in indexed.refused("feedback", "undo", str(event["id"]))
    judged = ("feedback", "add", "pictures", "green/1.png", "--kind", "verdict", "--model", "net")
    verdict = indexed.result(*judged, "--choice", "right_for_the_wrong_reason")["feedback"]
    assert (verdict["kind"], verdict["choice"]) == ("verdict", "right_for_the_wrong_reason")
    assert "allowed: " in indexed.refused(*judged, "--choice", "splendid")
    marked = np.zeros((8, 8), np.uint8)
    marked[6:, 5:] = 255
    Image.fromarray(marked).save(indexed.folder / "corner.png")
    regions = ("--choice", "artefact", "--must-not-look", "corner.png")
    (region,) = indexed.result(*judged, *regions)["feedback"]["regions"]
    assert (region["role"], region["mask"]["height"], region["mask"]["width"]) == ("must_not_look", 8, 8)
    assert np.array_equal(Mask(**region["mask"]).pixels(), marked > 0)
    assert "none.png cannot be read" in indexed.refused(*judged, *regions[:3], "none.png")
    Image.fromarray(marked[:5]).save(indexed.folder / "other.png")
    assert "has 8 × 5 pixels, and green/1.png 8 × 8" in indexed.refused(*judged, *regions[:3], "other.png")
    for ending in ("csv", "jsonl", "parquet"):
        exported = indexed.result("feedback", "export", "--out", f"events.{ending}")
        assert exported == {"out": f"events.{ending}", "events": 4}
    lines = (indexed.folder / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["kind"] for line in lines] == ["relabel", "undo", "verdict", "verdict"]


def test_jobs_tell_what_was_done(indexed: CommandLine) -> None:
    jobs = indexed.result("jobs", "list")["jobs"]
    assert all(job.keys() == JOB for job in jobs)
    first = jobs[-1]
    assert (first["kind"], first["state"]) == ("index", "done")
    assert indexed.result("jobs", "show", str(first["id"])).keys() == JOB | {"log"}
    assert "cannot be cancelled: it is done" in indexed.refused("jobs", "cancel", str(first["id"]))
    assert "cannot be resumed: it is done" in indexed.refused("jobs", "resume", str(first["id"]))


def test_a_workspace_is_checked_and_a_fault_is_status_1(indexed: CommandLine) -> None:
    assert indexed.result("check") == {"ok": True, "findings": []}
    stray = indexed.folder / "w" / "runs" / ("ab" * 16)
    stray.mkdir()
    try:
        found = indexed.result("check", "--quick", status=1)
        assert [finding.keys() for finding in found["findings"]] == [{"where", "problem", "remedy"}]
        assert found["findings"][0]["where"] == str(stray)
    finally:
        stray.rmdir()


def test_failures_are_one_line_and_misunderstandings_status_2(indexed: CommandLine) -> None:
    assert "green/99.png" in indexed.refused(
        "explain", "pictures", "net", "green/99.png", "--method", "gradcam", "--out", "x.npy"
    )
    assert "allowed: umap, pca" in indexed.refused("project", "pictures", "net", "--method", "tsne")
    assert "net@7" in indexed.refused("index", "pictures", "net@7")
    assert "larger than" in indexed.refused("index", "pictures", "net@99999999999999999999")
    assert "exists with other content" in indexed.refused("dataset", "add", "pictures", "--source", "digits")
    done = indexed.run("index", "pictures", "--json")
    assert (done.returncode, done.stdout) == (2, "")


def test_a_model_without_class_names_that_fit_is_indexed_and_the_reason_told(indexed: CommandLine) -> None:
    arguments = ("--arch", "factory:net.py:four", "--weights", "none", "--image-size", "8")
    indexed.result("model", "add", "four", *arguments)
    for cached in (False, True):
        done = indexed.run("index", "pictures", "four", "--json")
        found = json.loads(done.stdout)
        assert (found["samples"], found["accuracy"], found["cached"]) == (9, None, cached)
        told = [line for line in done.stderr.splitlines() if line.startswith("Accuracy is unknown")]
        assert told == [
            "Accuracy is unknown because the model names none of its 4 outputs and the dataset has 3 classes: "
            "predictions read “class 0” and so on. Add the model with --classes to name them."
        ]
    newest = indexed.result("jobs", "list")["jobs"][0]
    assert newest["result"]["unscored"] == {"outputs": 4, "named": False, "classes": 3}
