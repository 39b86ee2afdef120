from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from data.database import Database
from data.errors import InvalidInput, WorkspaceDamaged
from data.models import ModelStore
from data.types import ModelVersion, Preprocessing
from data.workspace import Workspace
from inference import models as engine_models
from inference.models import load, read_classes, register, register_module
from inference.networks import digits_cnn
from inference.prediction import predict
from inference.preprocessing import to_array
from inference.vision import torchvision

FACTORY = """
from dataclasses import dataclass
from torch import nn

@dataclass
class Width:
    channels: int = 4

def small(num_classes=3):
    width = Width()
    return nn.Sequential(nn.Conv2d(3, width.channels, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(width.channels, num_classes))

def grey():
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2))

def fixed(num_classes):
    return small(num_classes)

def text():
    return "no network"

def broken():
    raise ValueError("no luck\\ntoday")
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path)


@pytest.fixture
def store(database: Database) -> ModelStore:
    return ModelStore(database)


@pytest.fixture
def factory(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(FACTORY)
    return path


@pytest.fixture(autouse=True)
def _nothing_loaded() -> Iterator[None]:
    engine_models._loaded.clear()
    yield
    engine_models._loaded.clear()


def small(
    workspace: Workspace, store: ModelStore, factory: Path, weights: str = "none", **options: object
) -> ModelVersion:
    arch = f"factory:{factory}:small"
    return register(workspace, store, "net", arch, weights, **{"image_size": 16, **options})  # type: ignore[arg-type]


def test_a_checkpoint_trained_elsewhere_predicts_as_it_does_with_torchvision_alone(
    workspace: Workspace, store: ModelStore, tmp_path: Path
) -> None:
    torch.manual_seed(3)
    plain = torchvision.models.resnet18(num_classes=5).eval()
    torch.save(
        {"state_dict": {"module." + name: value for name, value in plain.state_dict().items()}}, tmp_path / "r.th"
    )
    version = register(workspace, store, "net", "torchvision:resnet18", str(tmp_path / "r.th"))
    assert version.preprocessing == Preprocessing(224, 256, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert (version.outputs, version.embedding_layer, version.explain_layer) == (5, "fc", "layer4")
    transform = torchvision.models.ResNet18_Weights.DEFAULT.transforms()
    generator = np.random.default_rng(0)
    for width, height in ((301, 222), (97, 260), (640, 427)):
        coarse = Image.fromarray(generator.integers(0, 256, (9, 9, 3), dtype=np.uint8))
        photograph = coarse.resize((width, height), Image.Resampling.BICUBIC)
        with torch.no_grad():
            expected = plain(transform(photograph)[None]).numpy()
        found = predict(load(workspace, version), to_array(photograph, version.preprocessing)[None]).logits
        assert np.abs(found - expected).max() < 1e-5


def test_a_version_is_files_and_a_row(workspace: Workspace, store: ModelStore, factory: Path) -> None:
    version = small(workspace, store, factory, classes=["a", "b"], notes={"by": "test"})
    folder = workspace.model("net", 1)
    assert sorted(path.name for path in folder.iterdir()) == ["factory.py", "model.json", "weights.safetensors"]
    assert load_file(folder / "weights.safetensors")["4.weight"].shape == (2, 4)
    assert version.notes == {"by": "test", "weights": "none", "flops": 2 * (4 * 14 * 14 * 27 + 2 * 4)}
    assert store.get("net") == version
    loaded = load(workspace, version)
    assert not loaded.module.training
    assert not any(parameter.requires_grad for parameter in loaded.module.parameters())
    assert load(workspace, version) is loaded


def test_the_same_content_is_the_same_version(workspace: Workspace, store: ModelStore, factory: Path) -> None:
    first = small(workspace, store, factory)
    moved = factory.with_name("moved.py")
    moved.write_text(FACTORY)
    assert small(workspace, store, moved) == first
    assert small(workspace, store, factory, resize=20).version == 2
    assert small(workspace, store, factory, classes="abc", parent=2).version == 3
    assert small(workspace, store, factory, interpolation="bicubic").preprocessing.interpolation == "bicubic"
    assert small(workspace, store, factory, interpolation="bilinear") == first
    assert [version.version for version in store.list()] == [1, 2, 3, 4]
    with pytest.raises(InvalidInput, match="allowed: bilinear, bicubic"):
        small(workspace, store, factory, interpolation="cubic")


def test_layers_chosen_by_name_make_another_version_unless_they_are_those_found(
    workspace: Workspace, store: ModelStore, factory: Path
) -> None:
    first = small(workspace, store, factory)
    assert (first.embedding_layer, first.explain_layer) == ("4", "0")
    assert small(workspace, store, factory, embedding_layer="4", explain_layer="0") == first
    other = small(workspace, store, factory, embedding_layer="1")
    assert (other.version, other.embedding_layer, other.embedding_dim) == (2, "1", 4)
    assert predict(load(workspace, other), np.zeros((1, 3, 16, 16), np.float32)).embeddings.shape == (1, 4)
    assert small(workspace, store, factory, explain_layer="1").explain_layer == "1"


def test_adding_a_damaged_version_again_mends_its_files(workspace: Workspace, store: ModelStore, factory: Path) -> None:
    version = small(workspace, store, factory)
    (workspace.model("net", 1) / "weights.safetensors").write_bytes(b"gone")
    with pytest.raises(WorkspaceDamaged):
        load(workspace, version)
    assert small(workspace, store, factory) == version
    assert load(workspace, version).version == version


def test_a_version_keeps_the_code_it_came_with(workspace: Workspace, store: ModelStore, factory: Path) -> None:
    version = small(workspace, store, factory)
    factory.unlink()
    assert load(workspace, version).module.state_dict()["4.weight"].shape == (3, 4)


@pytest.mark.parametrize("name", ["factory.py", "weights.safetensors", "model.json"])
@pytest.mark.parametrize("change", ["removed", "changed"])
def test_files_that_were_touched_are_noticed_before_they_are_used(
    workspace: Workspace, store: ModelStore, factory: Path, name: str, change: str
) -> None:
    version = small(workspace, store, factory)
    path = workspace.model("net", 1) / name
    if change == "removed":
        path.unlink()
    else:
        content = path.read_bytes()
        path.write_bytes(content.replace(version.digest.encode(), b"0" * 64) + b" ")
    with pytest.raises(WorkspaceDamaged, match=rf"{name} (is missing|was changed|does not belong)"):
        load(workspace, version)


def test_what_a_crash_left_behind_is_replaced(workspace: Workspace, store: ModelStore, factory: Path) -> None:
    for leftover in ("1", ".1.adding"):
        (workspace.root / "models" / "net" / leftover).mkdir(parents=True)
        (workspace.root / "models" / "net" / leftover / "junk").write_text("half")
    version = small(workspace, store, factory)
    assert sorted(path.name for path in workspace.model("net", 1).parent.iterdir()) == [".lock", "1"]
    assert load(workspace, version).version == version


def test_random_weights_are_the_same_each_time_and_disturb_nobody(
    workspace: Workspace, store: ModelStore, factory: Path
) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = small(workspace, store, factory)
    assert torch.equal(torch.rand(3), expected)
    assert small(workspace, store, factory).version == first.version


def test_the_number_of_classes_comes_from_names_or_from_the_checkpoint(
    workspace: Workspace, store: ModelStore, factory: Path, tmp_path: Path
) -> None:
    assert small(workspace, store, factory, classes=list("abcdefg")).outputs == 7
    trained = torchvision.models.squeezenet1_1(num_classes=4)
    torch.save({"model": trained.state_dict(), "classes": list("wxyz")}, tmp_path / "s.pt")
    found = register(workspace, store, "s", "torchvision:squeezenet1_1", str(tmp_path / "s.pt"), image_size=64)
    assert (found.outputs, found.classes, found.embedding_dim) == (4, ("w", "x", "y", "z"), 512)


def test_a_grey_network_is_recognised_by_its_first_layer(
    workspace: Workspace, store: ModelStore, factory: Path
) -> None:
    version = register(workspace, store, "net", f"factory:{factory}:grey", "none", image_size=8)
    assert version.preprocessing == Preprocessing(8, 8, (0.0,), (1.0,))


def test_networks_trained_here_come_back_from_their_module(workspace: Workspace, store: ModelStore) -> None:
    torch.manual_seed(4)
    network = digits_cnn(10)
    preprocessing = Preprocessing(8, 8, (0.3,), (0.4,))
    version = register_module(
        workspace, store, "d", "factory:inference.networks:digits_cnn", network, preprocessing, list("0123456789")
    )
    batch = np.random.default_rng(0).normal(size=(3, 1, 8, 8)).astype(np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(batch)).numpy()
    loaded = load(workspace, version)
    kept = loaded.module.state_dict()
    assert all(torch.equal(kept[name], weights) for name, weights in network.state_dict().items())
    assert np.allclose(predict(loaded, batch).logits, expected, rtol=0, atol=1e-6)  # laid out otherwise in memory


def test_few_models_stay_in_memory(workspace: Workspace, store: ModelStore, factory: Path) -> None:
    versions = [small(workspace, store, factory, resize=16 + more) for more in range(6)]
    first = load(workspace, versions[0])
    for version in versions[1:]:
        load(workspace, version)
    assert len(engine_models._loaded) == 4
    assert load(workspace, versions[0]) is not first


@pytest.mark.parametrize(
    ("function", "options", "text"),
    [
        ("small", {"classes": ["a", "a", "b"]}, "'a' is given more than once"),
        ("grey", {"classes": ["a", "b", "c"]}, "3 class names are given, but the network has 2 outputs"),
        ("small", {"image_size": 0}, "--image-size 0 is not allowed"),
        ("small", {"image_size": 2}, "fails on a 2 × 2 image with 3 channels"),
        ("small", {"mean": (0.5,) * 3, "std": (0.5,) * 2}, "--mean has 3 numbers and --std 2"),
        ("small", {"mean": (0.5,) * 4, "std": (0.5,) * 4}, "have 4 numbers"),
        ("small", {"std": (0.5, 0.5, 0.0)}, "--std numbers above 0"),
        ("fixed", {}, "num_classes"),
        ("text", {}, "returned str; it must return a torch.nn.Module"),
        ("broken", {}, "failed: ValueError: no luck today"),
        ("absent", {}, "has no function 'absent'"),
    ],
)
def test_what_cannot_be_registered_is_refused_and_leaves_nothing(
    workspace: Workspace, store: ModelStore, factory: Path, function: str, options: dict[str, object], text: str
) -> None:
    with pytest.raises(InvalidInput, match=text):
        register(
            workspace,
            store,
            "net",
            f"factory:{factory}:{function}",
            "none",
            **{"image_size": 16, **options},  # type: ignore[arg-type]
        )
    assert store.list() == []
    assert not list(workspace.root.glob("models/*/[0-9]*"))


@pytest.mark.parametrize(
    ("arch", "text"),
    [
        ("resnet18", "arch 'resnet18' is not known; allowed: torchvision:NAME"),
        ("torchvision:resnet19", "no classification network 'resnet19'; near: resnet1"),
        ("factory:absent.py:net", "Factory file absent.py cannot be read"),
        ("factory:absent.py", "names no function"),
        ("factory:vitrine_absent.nets:net", "Module 'vitrine_absent.nets' cannot be imported"),
    ],
)
def test_an_unknown_architecture_is_refused(workspace: Workspace, store: ModelStore, arch: str, text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        register(workspace, store, "net", arch, "none")


def test_class_names_come_from_a_list_or_a_file(tmp_path: Path) -> None:
    assert read_classes("cat, dog ,bird") == ("cat", "dog", "bird")
    for name, content in (("a.txt", "cat\ndog, big\n\nbird\n"), ("b.json", '["cat", "dog, big", "bird"]')):
        (tmp_path / name).write_text(content)
        assert read_classes(str(tmp_path / name)) == ("cat", "dog, big", "bird")
    with pytest.raises(InvalidInput, match="are empty"):
        read_classes(" , ")
