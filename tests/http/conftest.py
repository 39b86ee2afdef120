"""A small workspace and an application on it, asked over HTTP as a browser would ask."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from callbacks.services import Services
from dashboard.app import create_app
from dashboard.services import build_services
from dashboard.settings import Settings
from data.runs import SHARD_SCHEMA
from data.samples import View
from data.sources import open_source
from data.types import Preprocessing, Projection, Run

CLASSES = ("<b>rose", "iris", "tulip")
PER_CLASS = {"train": 8, "test": 4}
SAMPLES = len(CLASSES) * sum(PER_CLASS.values())
PROJECTION = "ab" * 16


@dataclass(frozen=True)
class Site:
    """An application and what it stands on."""

    services: Services
    client: FlaskClient

    def dependencies(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.get("/_dash-dependencies").get_json()
        return found

    def post(self, output: str, values: Mapping[str, Any], changed: str | None = None) -> TestResponse:
        """Asks the callback that has `output` (`id.property`); inputs and states are taken from `values`."""
        spec = next(spec for spec in self.dependencies() if output in _outputs(spec["output"]))
        body = {
            "output": spec["output"],
            "outputs": _described(spec["output"]),
            "inputs": [_filled(wanted, values) for wanted in spec["inputs"]],
            "state": [_filled(wanted, values) for wanted in spec["state"]],
            "changedPropIds": [changed] if changed else [],
        }
        return self.client.post("/_dash-update-component", json=body)

    def ask(self, output: str, values: Mapping[str, Any], changed: str | None = None) -> dict[str, Any]:
        """What the callback answers, by id and property; empty where it changes nothing."""
        response = self.post(output, values, changed)
        assert response.status_code in {200, 204}, response.get_data(as_text=True)
        return response.get_json()["response"] if response.status_code == 200 else {}

    def page(self, path: str, search: str = "") -> str:
        """The layout that the router gives for an address, as JSON text."""
        values = {"_pages_location.pathname": path, "_pages_location.search": search}
        answer = self.ask("_pages_content.children", values, "_pages_location.search")
        return json.dumps(answer["_pages_content"]["children"], ensure_ascii=False)


def _outputs(text: str) -> list[str]:
    return text.strip(".").split("...") if text.startswith("..") else [text]


def _described(text: str) -> Any:
    found = [dict(zip(("id", "property"), output.rsplit(".", 1), strict=True)) for output in _outputs(text)]
    return found if text.startswith("..") else found[0]


def _filled(wanted: dict[str, str], values: Mapping[str, Any]) -> Any:
    if wanted["id"].startswith("{"):
        pattern = json.loads(wanted["id"])
        return [
            {"id": json.loads(name), "property": wanted["property"], "value": value}
            for name, value in values.items()
            if name.startswith("{") and json.loads(name)["type"] == pattern["type"]
        ]
    value = values.get(f"{wanted['id']}.{wanted['property']}")
    return {"id": wanted["id"], "property": wanted["property"], "value": value}


def _garden(folder: Path) -> None:
    generator = np.random.default_rng(5)
    for split, count in PER_CLASS.items():
        for place, name in enumerate(CLASSES):
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = generator.integers(0, 80, (12, 16, 3), dtype=np.uint8)
                pixels[..., place] += 150
                Image.fromarray(pixels).save(folder / split / name / f"{number}.png")


def _apply(services: Services, version: int, wrong: set[int], projected: bool) -> None:
    """Registers a version and a run that is wrong on the given rows, 90 % sure of everything."""
    dataset = services.datasets.get("garden")
    classes = dataset.classes
    services.models.add(
        "net",
        version,
        digest=f"{version:064x}",
        arch="factory:none",
        classes=classes,
        outputs=3,
        parameters=12,
        preprocessing=Preprocessing(8, 8, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        embedding_dim=2,
        embedding_layer="head",
        explain_layer="body",
        parent=version - 1 or None,
        notes={},
    )
    labels = [row.sample.label for row in services.samples.rows(_bare(services), range(SAMPLES))]
    truth = [classes.index(str(label)) for label in labels]
    given = [(code + 1) % 3 if row in wrong else code for row, code in enumerate(truth)]
    values: dict[str, Any] = {
        "row": range(SAMPLES),
        "sample_id": [row.sample.sample_id for row in services.samples.rows(_bare(services), range(SAMPLES))],
        "prediction": [classes[code] for code in given],
        "confidence": [0.9] * SAMPLES,
        "probabilities": [[0.9 if code == one else 0.05 for code in range(3)] for one in given],
        "margin": [0.85] * SAMPLES,
        "entropy": [0.4] * SAMPLES,
        "loss": [0.1] * SAMPLES,
        "correct": [row not in wrong for row in range(SAMPLES)],
    }
    arrays = [pa.array(values[name], SHARD_SCHEMA.field(name).type) for name in SHARD_SCHEMA.names]
    key = f"{version:032x}"
    services.runs.write_shard(key, 0, pa.table(arrays, SHARD_SCHEMA.names), np.zeros((SAMPLES, 2), np.float32))
    accuracy = 1 - len(wrong) / SAMPLES
    run = Run(
        key, "garden", "net", version, SAMPLES, classes, accuracy, {}, 2, 0.1, datetime(2026, 1, version, tzinfo=UTC)
    )
    services.runs.finish(run, 1)
    if projected:
        plane = np.array([(code, row) for row, code in enumerate(truth)], np.float32)
        made = Projection(PROJECTION, key, "umap", {}, SAMPLES, 0.1, datetime.now(UTC))
        services.runs.add_projection(made, plane)


def _bare(services: Services) -> View:
    return View(services.datasets.get("garden"))


def _close(services: Services) -> None:
    services.samples.close()
    services.engine.close()
    services.database.dispose()


@pytest.fixture
def empty_site(tmp_path: Path) -> Iterator[Site]:
    """An application on a workspace without anything."""
    settings = Settings(workspace=tmp_path / "workspace")
    services = build_services(settings)
    yield Site(services, create_app(settings, services).server.test_client())
    _close(services)


@pytest.fixture
def fresh_site(tmp_path: Path) -> Iterator[Site]:
    """`site` for a test that changes something."""
    yield from _planted(tmp_path)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """`garden`: 36 samples in three classes; net@1 is wrong on rows 0-8; net@2, with a projection, on rows 0-2.

    Shared by the tests of a module, which therefore only look.
    """
    yield from _planted(tmp_path_factory.mktemp("site"))


def _planted(folder: Path) -> Iterator[Site]:
    settings = Settings(workspace=folder / "workspace")
    services = build_services(settings)
    _garden(folder / "garden")
    services.datasets.add("garden", open_source(f"imagefolder:{folder / 'garden'}"))
    _apply(services, 1, set(range(9)), projected=False)
    _apply(services, 2, {0, 1, 2}, projected=True)
    yield Site(services, create_app(settings, services).server.test_client())
    _close(services)
