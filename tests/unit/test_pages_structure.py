"""Ids, pages and callbacks fit together, and two applications live in one process."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dash
import pytest
from dash.development.base_component import Component

from callbacks.services import Services
from dashboard import vendor
from dashboard.app import create_app
from dashboard.pages import PAGES, Page, menu
from dashboard.services import build_services
from dashboard.settings import Settings
from layouts import ids, parts, shell

ROOT = Path(__file__).parents[2]
IDS = {name: value for name, value in vars(ids).items() if name.isupper()}


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    built = build_services(Settings(workspace=tmp_path))
    yield built
    built.samples.close()
    built.engine.close()
    built.database.dispose()


def drawn() -> dict[str, Component]:
    return {"shell": shell.layout("Vitrine", menu()), **{page.name: page.layout() for page in PAGES}}


def ids_in(component: Component) -> set[str]:
    found = [part.id for part in [component, *component._traverse()] if getattr(part, "id", None) is not None]
    return {part if isinstance(part, str) else part["type"] for part in found}


def test_every_id_that_a_callback_names_exists(services: Services, tmp_path: Path) -> None:
    app = create_app(Settings(workspace=tmp_path), services)
    existing = set().union(*(ids_in(component) for component in drawn().values())) | {"_pages_dummy"}
    for spec in json.loads(app.server.test_client().get("/_dash-dependencies").data):
        outputs = spec["output"].strip(".").split("...")
        named = [output.rsplit(".", 1)[0].split("@")[0] for output in outputs]
        named += [wanted["id"] for wanted in spec["inputs"] + spec["state"]]
        for one in named:
            if one.startswith("{"):  # made while the page is used
                assert json.loads(one)["type"] in IDS.values()
            else:
                assert one in existing, f"{one} is named by a callback and stands in no layout"


def literal_ids(path: Path) -> list[str]:
    """The ids that a module writes as text: in `id=…` and as the first argument of a dependency."""
    found: list[ast.expr] = []
    for call in [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]:
        found += [keyword.value for keyword in call.keywords if keyword.arg == "id"]
        if isinstance(call.func, ast.Name) and call.func.id in {"Input", "Output", "State"}:
            found += call.args[:1]
    return [ast.unparse(node) for node in found if isinstance(node, (ast.Constant, ast.JoinedStr))]


def test_ids_are_written_in_one_place_only() -> None:
    assert len(set(IDS.values())) == len(IDS)
    for folder in ("layouts", "callbacks", "dashboard"):
        for path in (ROOT / folder).rglob("*.py"):
            assert literal_ids(path) == [], path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_ids_of_a_page_begin_with_its_address(page: Page) -> None:
    begin = page.path.strip("/") or page.name
    assert [one for one in ids_in(page.layout()) if not one.startswith(f"{begin}-")] == []


def test_ids_do_not_occur_twice() -> None:
    seen: dict[str, str] = {}
    for name, component in drawn().items():
        for one in [part.id for part in component._traverse() if isinstance(getattr(part, "id", None), str)]:
            assert one not in seen, f"{one} stands in {seen.get(one)} and in {name}"
            seen[one] = name


def test_pages_are_listed_explicitly_each_with_its_modules() -> None:
    assert len({page.path for page in PAGES}) == len({page.name for page in PAGES}) == len(PAGES)
    for page in PAGES:
        assert page.icon in parts.ICONS
        assert page.layout.__module__.startswith("layouts.")
        assert page.register.__module__ == page.layout.__module__.replace("layouts.", "callbacks.")


def test_two_applications_live_in_one_process(tmp_path: Path) -> None:
    for name in ("one", "two"):
        settings = Settings(workspace=tmp_path / name)
        built = build_services(settings)
        app = create_app(settings, built)
        client = app.server.test_client()
        assert client.get("/").status_code == 200
        assert client.get("/_dash-layout").status_code == 200
        assert len(client.get("/_dash-dependencies").get_json()) > len(PAGES)
        built.samples.close()
        built.engine.close()
        built.database.dispose()
    assert {page["module"] for page in dash.page_registry.values()} >= {f"vitrine.{page.name}" for page in PAGES}


def test_each_application_answers_from_its_own_workspace(tmp_path: Path) -> None:
    from data.sources import open_source

    apps: list[Any] = []
    for name in ("full", "empty"):
        settings = Settings(workspace=tmp_path / name)
        built = build_services(settings)
        if name == "full":
            from PIL import Image

            (tmp_path / "images" / "a").mkdir(parents=True)
            Image.new("RGB", (4, 4)).save(tmp_path / "images" / "a" / "0.png")
            built.datasets.add("mine", open_source(f"imagefolder:{tmp_path / 'images'}"))
        apps.append((built, create_app(settings, built).server.test_client()))
    body = {
        "output": ".._pages_content.children..._pages_store.data..",
        "outputs": [{"id": "_pages_content", "property": "children"}, {"id": "_pages_store", "property": "data"}],
        "inputs": [
            {"id": "_pages_location", "property": "pathname", "value": "/browse"},
            {"id": "_pages_location", "property": "search", "value": ""},
        ],
        "changedPropIds": [],
    }
    full, empty = (client.post("/_dash-update-component", json=body).get_data(as_text=True) for _, client in apps)
    assert '"dataset":"mine"' in full
    assert "This workspace is empty" in empty
    for built, _ in apps:
        built.samples.close()
        built.engine.close()
        built.database.dispose()


def test_every_icon_has_its_shape() -> None:
    styles = vendor.icon_styles()
    assert all(f".icon-{name}{{" in styles for name in parts.ICONS)
    with pytest.raises(ValueError, match="unicorn"):
        parts.icon("unicorn")


def test_links_leave_out_what_is_empty_and_escape_the_rest() -> None:
    address = parts.link("/sample", {"sample": "a&b/ü.png", "label": ["x", "y"], "text": "", "lasso": None})
    assert address == "/sample?label=x&label=y&sample=a%26b/%C3%BC.png"
