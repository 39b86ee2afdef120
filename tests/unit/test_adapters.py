"""Networks of timm and of transformers as model versions."""

import argparse
import json
import math
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from data.database import Database
from data.errors import InvalidInput
from data.models import ModelStore
from data.types import ModelVersion, Preprocessing
from data.workspace import Workspace
from inference import models as engine_models
from inference.adapters import open_adapter
from inference.adapters import timm as timm_adapter
from inference.adapters.transformers import Logits
from inference.checkpoint import load_state
from inference.models import load, register
from inference.prediction import predict
from inference.preprocessing import to_array

import timm  # isort: skip  (after torchvision's one door)
import timm.data  # isort: skip
from transformers import AutoModelForImageClassification, ViTConfig, ViTImageProcessor  # isort: skip

ROOT = Path(__file__).parents[2]
NAMES = {0: "cat", 1: "dog", 2: "owl"}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "workspace")


@pytest.fixture
def store(database: Database) -> ModelStore:
    return ModelStore(database)


@pytest.fixture(autouse=True)
def _nothing_loaded() -> Iterator[None]:
    engine_models._loaded.clear()
    yield
    engine_models._loaded.clear()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ViT of two layers as transformers saves it."""
    torch.manual_seed(2)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    network = AutoModelForImageClassification.from_config(
        ViTConfig(**sizes, image_size=32, patch_size=8, id2label=NAMES)
    )
    network.save_pretrained(tmp_path / "vit")
    ViTImageProcessor(size={"height": 32, "width": 32}, resample=3).save_pretrained(tmp_path / "vit")
    return tmp_path / "vit"


def photograph(width: int = 61, height: int = 44) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)


def change(folder: Path, name: str, **facts: object) -> None:
    path = folder / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **facts}))


def test_a_folder_of_transformers_predicts_as_transformers_does(
    workspace: Workspace, store: ModelStore, folder: Path
) -> None:
    version = register(workspace, store, "vit", f"transformers:{folder}", "DEFAULT")
    assert version.classes == ("cat", "dog", "owl")
    assert version.preprocessing == Preprocessing(32, 32, (0.5,) * 3, (0.5,) * 3, "bicubic", squash=True)
    assert (version.embedding_layer, version.embedding_dim) == ("network.classifier", 16)
    assert version.explain_layer == "network.vit.layers.1.layernorm_before"
    plain = AutoModelForImageClassification.from_pretrained(folder).eval()
    squashed = photograph().resize((32, 32), Image.Resampling.BICUBIC)
    pixels = torch.from_numpy(np.asarray(squashed).copy()).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.no_grad():
        expected = plain(pixel_values=pixels).logits.numpy()
    found = predict(load(workspace, version), to_array(photograph(), version.preprocessing)[None]).logits
    assert np.abs(found - expected).max() < 1e-5


def test_such_a_version_loads_again_without_the_folder(workspace: Workspace, store: ModelStore, folder: Path) -> None:
    version = register(workspace, store, "vit", f"transformers:{folder}", "DEFAULT")
    kept = workspace.model("vit", 1)
    assert sorted(path.name for path in kept.iterdir()) == ["config.json", "model.json", "weights.safetensors"]
    shutil.rmtree(folder)
    image = to_array(photograph(), version.preprocessing)[None]
    assert predict(load(workspace, version), image).logits.shape == (1, 3)


def test_the_same_folder_elsewhere_is_the_same_version(workspace: Workspace, store: ModelStore, folder: Path) -> None:
    first = register(workspace, store, "vit", f"transformers:{folder}", "DEFAULT")
    moved = folder.rename(folder.with_name("moved"))
    change(moved, "config.json", transformers_version="4.0.0")
    assert register(workspace, store, "vit", f"transformers:{moved}", "DEFAULT") == first


def test_weights_saved_from_the_model_itself_fit_too(
    workspace: Workspace, store: ModelStore, folder: Path, tmp_path: Path
) -> None:
    first = register(workspace, store, "vit", f"transformers:{folder}", "DEFAULT")
    plain = AutoModelForImageClassification.from_pretrained(folder)
    save_file(plain.state_dict(), tmp_path / "trained.safetensors")
    weights = str(tmp_path / "trained.safetensors")
    assert register(workspace, store, "vit", f"transformers:{folder}", weights, classes=list(NAMES.values())) == first
    fresh = register(workspace, store, "vit", f"transformers:{folder}", "none", classes=["a", "b"], image_size=16)
    assert (fresh.outputs, fresh.preprocessing.image_size) == (2, 16)


def test_placeholders_are_no_class_names(workspace: Workspace, store: ModelStore, folder: Path) -> None:
    change(folder, "config.json", id2label={"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"})
    assert register(workspace, store, "vit", f"transformers:{folder}", "DEFAULT").classes == ()


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"size": 40, "image_mean": [0.4] * 3}, Preprocessing(40, 40, (0.4,) * 3, (0.5,) * 3, "bicubic", squash=True)),
        (
            {"size": {"shortest_edge": 36}, "do_center_crop": True, "crop_size": {"height": 32, "width": 32}},
            Preprocessing(32, 36, (0.5,) * 3, (0.5,) * 3, "bicubic"),
        ),
        (
            {"size": {"shortest_edge": 28}, "image_processor_type": "ConvNextImageProcessor", "crop_pct": 0.875},
            Preprocessing(28, 32, (0.5,) * 3, (0.5,) * 3, "bicubic"),
        ),
        ({"do_normalize": False}, Preprocessing(32, 32, (0.0,) * 3, (1.0,) * 3, "bicubic", squash=True)),
        (
            {"do_rescale": False, "image_mean": [127.5] * 3, "image_std": [255] * 3},
            Preprocessing(32, 32, (0.5,) * 3, (1.0,) * 3, "bicubic", squash=True),
        ),
    ],
)
def test_image_processors_are_followed(folder: Path, facts: dict[str, object], expected: Preprocessing) -> None:
    change(folder, "preprocessor_config.json", **facts)
    assert open_adapter(f"transformers:{folder}").preset() == expected


def test_without_an_image_processor_the_configuration_says_the_size(folder: Path) -> None:
    (folder / "preprocessor_config.json").unlink()
    assert open_adapter(f"transformers:{folder}").preset() == Preprocessing(32, 32, (0.5,) * 3, (0.5,) * 3)


def test_folders_that_cannot_be_used_are_refused_with_the_reason(
    workspace: Workspace, store: ModelStore, folder: Path
) -> None:
    def refused(text: str) -> None:
        with pytest.raises(InvalidInput, match=text):
            register(workspace, store, "vit", f"transformers:{folder}", "DEFAULT")

    change(folder, "preprocessor_config.json", size={"height": 32, "width": 48})
    refused("size .* is not square")
    change(folder, "preprocessor_config.json", size=32)
    change(folder, "config.json", num_hidden_layers=3)
    refused("lack 16 tensors")
    change(folder, "config.json", num_hidden_layers=2, num_attention_heads=3)
    refused("cannot be (built|read)")
    (folder / "model.safetensors").unlink()
    refused("has no model.safetensors")
    change(folder, "config.json", model_type="bert")
    refused("of which transformers has no image classifier")
    change(folder, "config.json", model_type="wit")
    refused("model_type 'wit', which transformers does not know")
    shutil.rmtree(folder)
    refused("names a local folder with config.json and model.safetensors")


def test_a_pickle_is_read_only_if_it_holds_nothing_but_tensors(
    workspace: Workspace, store: ModelStore, folder: Path
) -> None:
    plain = AutoModelForImageClassification.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    torch.save(plain.state_dict(), folder / "pytorch_model.bin")
    assert register(workspace, store, "vit", f"transformers:{folder}", "DEFAULT").outputs == 3
    torch.save(Logits(plain), folder / "pytorch_model.bin")
    with pytest.raises(InvalidInput, match="loading them would run code"):
        register(workspace, store, "vit", f"transformers:{folder}", "DEFAULT")


def tiny(workspace: Workspace, store: ModelStore, weights: str = "none", **options: object) -> ModelVersion:
    return register(workspace, store, "net", "timm:test_vit", weights, **options)  # type: ignore[arg-type]


def test_a_checkpoint_of_timm_predicts_as_it_does_with_timm_alone(
    workspace: Workspace, store: ModelStore, tmp_path: Path
) -> None:
    torch.manual_seed(3)
    plain = timm.create_model("test_vit", num_classes=5).eval()
    torch.save({"state_dict": plain.state_dict()}, tmp_path / "net.pth.tar")
    version = tiny(workspace, store, str(tmp_path / "net.pth.tar"))
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(plain), is_training=False)
    with torch.no_grad():
        expected = plain(transform(photograph(301, 222))[None]).numpy()
    found = predict(load(workspace, version), to_array(photograph(301, 222), version.preprocessing)[None]).logits
    assert np.abs(found - expected).max() < 1e-5
    assert (version.outputs, version.explain_layer) == (5, "blocks.5.norm1")


def test_the_pretrained_configuration_gives_the_preprocessing() -> None:
    for name in ("vit_tiny_patch16_224", "resnet18.tv_in1k", "convnext_tiny", "swinv2_tiny_window8_256"):
        wanted = timm.data.resolve_data_config(pretrained_cfg=timm.get_pretrained_cfg(name).to_dict())
        size = wanted["input_size"][-1]
        resize = math.floor(size / wanted["crop_pct"])
        expected = Preprocessing(size, resize, wanted["mean"], wanted["std"], wanted["interpolation"])
        assert open_adapter(f"timm:{name}").preset() == expected


def test_a_network_made_for_one_size_is_built_for_the_size_asked_for(workspace: Workspace, store: ModelStore) -> None:
    version = tiny(workspace, store, image_size=96, classes=list("abcd"))
    assert (version.preprocessing.image_size, version.outputs) == (96, 4)
    assert load(workspace, version).version == version
    with pytest.raises(InvalidInput, match=r"timm:test_vit|check --image-size"):
        tiny(workspace, store, image_size=100)


@pytest.mark.parametrize(
    ("arch", "text"),
    [
        ("timm:vit_tiny_patch16_225", "timm has no network 'vit_tiny_patch16_225'; near: vit_tiny_patch16_224"),
        ("timm:resnet18.a9_in1k", "timm has no configuration 'resnet18.a9_in1k'; there are: .*resnet18.a1_in1k"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(arch: str, text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        open_adapter(arch)


def test_without_a_network_the_weights_of_timm_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_arguments: object) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.setattr(timm_adapter, "getproxies", dict)
    with pytest.raises(InvalidInput, match="cannot be fetched: the network cannot be reached; download them elsewhere"):
        open_adapter("timm:resnet18").pretrained()
    with pytest.raises(InvalidInput, match="has no weights of its own"):
        open_adapter("timm:coatnet_0_224").pretrained()


def test_names_of_imagenet_are_unique() -> None:
    names = timm_adapter._class_names(timm.get_pretrained_cfg("resnet18"))
    assert len(set(names)) == len(names) == 1000
    assert names[1].startswith("goldfish")


def test_large_libraries_are_imported_for_their_own_kind_only() -> None:
    program = "import sys; from inference.adapters import open_adapter; open_adapter('torchvision:resnet18'); "
    program += "print(sorted({'timm', 'transformers'} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout.strip()) == (0, "[]")


def test_a_checkpoint_with_what_trainers_of_timm_keep_is_read(tmp_path: Path) -> None:
    state = timm.create_model("test_vit", num_classes=2).state_dict()
    arguments = argparse.Namespace(model="test_vit", lr=0.1, class_names=["cat", "dog"])
    torch.save({"state_dict": state, "args": arguments, "metric": np.float64(81.5)}, tmp_path / "last.pth.tar")
    found = load_state(tmp_path / "last.pth.tar")
    assert found.classes == ("cat", "dog")
    assert found.state.keys() == state.keys()
