"""The Models page over HTTP."""

import json
from dataclasses import asdict, replace
from typing import Any

from plotly.utils import PlotlyJSONEncoder

from callbacks.models import measured
from data.types import Architecture, LayerSummary, Unscored
from inference.catalogue import ARCHITECTURE_CACHE, architecture_key
from layouts.models import version_card


def show(site: Any, **parameters: str) -> dict[str, Any]:
    answer: dict[str, Any] = site.ask("models-version.children", {"models-state.data": parameters})
    return answer


def layers(site: Any, hidden: bool = False, **parameters: str) -> dict[str, Any]:
    values = {"models-state.data": parameters, "models-architecture-box.hidden": hidden}
    answer: dict[str, Any] = site.ask("models-architecture.children", values)
    return answer


def test_a_version_tells_what_it_is_and_how_good(site: Any) -> None:
    shown = show(site, model="net@2")
    card = json.dumps(shown["models-version"], ensure_ascii=False)
    for words in ("net@2", "factory:none", "8 × 8 px, RGB", f"{2:064x}"[:16], "91.7 %", "<b>rose"):
        assert words in card
    assert '"href": "/models?model=net@1"' in card  # its parent
    assert '"href": "/browse?dataset=garden&model=net@2"' in card
    assert '"href": "/compare?dataset=garden&model=net@1&other=net@2"' in card
    assert shown["models-architecture-box"]["hidden"] is False


def test_a_run_without_accuracy_says_why(site: Any) -> None:
    services = site.services
    nameless = replace(services.models.get("net", 2), classes=(), outputs=1000)
    run = replace(services.runs.find("garden", "net", 2), accuracy=None)
    found = measured(nameless, {"net@2": [run]}, {"garden": services.datasets.get("garden")})
    assert [one.unscored for one in found] == [Unscored(1000, False, 3)]
    card = json.dumps(version_card(nameless, found), cls=PlotlyJSONEncoder)
    assert "names none of its 1,000 outputs and the dataset has 3 classes" in card


def test_the_list_leads_to_every_version_and_marks_the_one_shown(site: Any) -> None:
    shown = show(site, model="net@1", dataset="garden")
    listed = json.dumps(shown["models-list"], ensure_ascii=False)
    assert listed.index("model=net@2") < listed.index("model=net@1")
    assert listed.count('"aria-current": "page"') == 1
    assert "/models?dataset=garden&model=net@2" in listed


def test_without_a_version_in_the_address_the_newest_is_shown(site: Any) -> None:
    assert "net@2" in str(show(site)["models-version"]["children"]["props"]["children"][0])


def test_an_address_that_names_no_version_is_answered_in_words(site: Any) -> None:
    assert "net@9" in str(show(site, model="net@9")["models-version"])
    assert "is not a model version" in str(show(site, model="net@x")["models-version"])


def test_the_layers_come_from_the_cache_as_a_tree_with_marks(fresh_site: Any) -> None:
    version = fresh_site.services.models.get("net", 2)
    tree = Architecture(
        (
            LayerSummary("body", "Sequential", (4, 6, 6), 9, 3),
            LayerSummary("body.conv", "Conv2d", (4, 6, 6), 9, 0),
            LayerSummary("head", "<b>Linear", (3,), 3, 0),
        ),
        total=5,
    )
    content = json.dumps(asdict(tree)).encode()
    fresh_site.services.cache.put(ARCHITECTURE_CACHE, architecture_key(version), ".json", content)
    shown = layers(fresh_site, model="net@2")
    head = json.dumps(shown["models-architecture"], ensure_ascii=False)
    assert "5 layers" in head
    assert "the outer 3 are listed" in head
    body, last = shown["models-layers"]["data"]
    assert [body[name] for name in ("name", "shape", "share")] == ["body", "4 × 6 × 6", "75.0 %"]
    assert (body["marks"], [inner["path"] for inner in body["inner"]]) == (["explained here"], ["body.conv"])
    assert (last["kind"], last["marks"], last["note"]) == ("<b>Linear", ["embedding: its input"], "")
    assert shown["models-retry"]["hidden"] is True


def test_without_an_engine_the_page_says_so_and_offers_to_try_again(site: Any) -> None:
    shown = layers(site, model="net@1")
    assert "The engine is not running" in str(shown["models-architecture"])
    assert shown["models-retry"]["hidden"] is False
    assert layers(site, hidden=True, model="net@1") == {}


def test_an_empty_workspace_says_how_to_add_a_model(empty_site: Any) -> None:
    shown = show(empty_site)
    assert "model add net" in str(shown["models-version"])
    assert shown["models-architecture-box"]["hidden"] is True
    assert "models-state" in empty_site.page("/models")


def test_a_model_without_any_dataset_is_shown_by_its_address(empty_site: Any) -> None:
    assert '"model": "net@1"' in empty_site.page("/models", "?model=net@1")
