from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from data.errors import InvalidInput
from inference.checkpoint import load_state, match, outputs_in
from inference.vision import torchvision


def network(outputs: int = 3) -> nn.Module:
    torch.manual_seed(outputs)
    parts = OrderedDict(conv=nn.Conv2d(3, 2, 3), norm=nn.BatchNorm2d(2), pool=nn.AdaptiveAvgPool2d(1))
    return nn.Sequential(parts | OrderedDict(flat=nn.Flatten(), head=nn.Linear(2, outputs))).eval()


def prefixed(prefix: str) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in network().state_dict().items()}


def same_after_loading(path: Path) -> bool:
    trained, fresh = network(), network(4)
    fresh.head = nn.Linear(2, 3)
    match(fresh, load_state(path).state)
    images = torch.rand(2, 3, 8, 8)
    return torch.equal(trained(images), fresh.eval()(images))


@pytest.mark.parametrize("key", ["state_dict", "model", "model_state_dict", "net"])
@pytest.mark.parametrize("prefix", ["", "module.", "model.", "_orig_mod."])
def test_state_dictionaries_under_the_usual_keys_and_prefixes_load(tmp_path: Path, key: str, prefix: str) -> None:
    torch.save({key: prefixed(prefix), "epoch": 3, "optimizer": {"state": {}}}, tmp_path / "net.pt")
    assert same_after_loading(tmp_path / "net.pt")


@pytest.mark.parametrize("zipped", [True, False])
def test_bare_state_dictionaries_load_in_both_formats_of_torch(tmp_path: Path, zipped: bool) -> None:
    torch.save(prefixed("module."), tmp_path / "net.th", _use_new_zipfile_serialization=zipped)
    assert same_after_loading(tmp_path / "net.th")


@pytest.mark.parametrize("name", ["net.safetensors", "net.bin"])
def test_safetensors_load_whatever_the_file_is_called(tmp_path: Path, name: str) -> None:
    save_file(prefixed("module."), tmp_path / name)
    assert same_after_loading(tmp_path / name)


def test_half_precision_and_missing_batch_counts_are_no_obstacle(tmp_path: Path) -> None:
    state = {name: tensor.half() for name, tensor in prefixed("").items() if "num_batches" not in name}
    torch.save(state, tmp_path / "net.pt")
    fresh = network(3)
    match(fresh, load_state(tmp_path / "net.pt").state)
    assert fresh.state_dict()["head.weight"].dtype == torch.float32


def test_a_part_that_is_really_called_model_keeps_its_name(tmp_path: Path) -> None:
    wrapped = nn.Sequential(OrderedDict(model=network()))
    torch.save(wrapped.state_dict(), tmp_path / "net.pt")
    match(nn.Sequential(OrderedDict(model=network())), load_state(tmp_path / "net.pt").state)


def test_a_lightning_checkpoint_loads_though_its_loss_has_weights_too(tmp_path: Path) -> None:
    state = {**prefixed("backbone.net."), "criterion.weight": torch.ones(3)}
    torch.save({"state_dict": state, "hyper_parameters": {"class_names": ["a", "b", "c"]}}, tmp_path / "net.ckpt")
    assert same_after_loading(tmp_path / "net.ckpt")
    assert load_state(tmp_path / "net.ckpt").classes == ("a", "b", "c")


@pytest.mark.parametrize("key", ["model_ema", "state_dict_ema"])
def test_averaged_weights_are_taken_where_there_are_no_others(tmp_path: Path, key: str) -> None:
    averaged = {**prefixed("module."), "n_averaged": torch.tensor(7)}
    torch.save({key: averaged}, tmp_path / "net.pt")
    assert same_after_loading(tmp_path / "net.pt")
    other = {"module." + name: tensor + 1 for name, tensor in network().state_dict().items()}
    torch.save({key: other, "state_dict": prefixed("")}, tmp_path / "net.pt")
    assert same_after_loading(tmp_path / "net.pt")


def test_a_network_may_be_wrapped_where_its_checkpoint_is_not() -> None:
    wrapped = nn.Sequential(OrderedDict(network=network(3)))
    match(wrapped, {name: tensor + 1 for name, tensor in network(3).state_dict().items()})
    expected = network(3).state_dict()["head.bias"] + 1
    assert torch.equal(wrapped.state_dict()["network.head.bias"], expected)
    assert outputs_in(wrapped, network(7).state_dict()) == 7


@pytest.mark.parametrize(
    "extra",
    [
        {"classes": ["a", "b", "c"]},
        {"class_names": ("a", "b", "c")},
        {"idx_to_class": {0: "a", 1: "b", 2: "c"}},
        {"class_to_idx": {"b": 1, "a": 0, "c": 2}},
    ],
)
def test_class_names_in_the_file_are_found(tmp_path: Path, extra: dict[str, object]) -> None:
    torch.save({"state_dict": prefixed(""), **extra}, tmp_path / "net.pt")
    assert load_state(tmp_path / "net.pt").classes == ("a", "b", "c")


class Unsafe:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.mkdir.__globals__["os"].mkdir, ("must-not-exist",))


def test_a_pickle_that_needs_code_is_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": prefixed(""), "trick": Unsafe()}, tmp_path / "evil.pt")
    torch.save(network(), tmp_path / "whole.pt")
    for name in ("evil.pt", "whole.pt"):
        with pytest.raises(InvalidInput, match=r"loading them would run code; save model.state_dict\(\)"):
            load_state(tmp_path / name)
    assert not (tmp_path / "must-not-exist").exists()


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"PK\x03\x04 broken", b"\x80\x02broken", b"\x10\0\0\0\0\0\0\0{broken"]
)
def test_files_that_are_no_checkpoints_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "net.pt").write_bytes(content)
    with pytest.raises(InvalidInput, match=r"net\.pt are no"):
        load_state(tmp_path / "net.pt")


def test_a_missing_file_and_a_file_without_tensors_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read: No such file"):
        load_state(tmp_path / "absent.pt")
    torch.save({"epoch": 3}, tmp_path / "net.pt")
    with pytest.raises(InvalidInput, match="hold no state dictionary"):
        load_state(tmp_path / "net.pt")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda state: {"x.y": torch.ones(1)}, r"8 missing \(conv.weight, conv.bias, norm.weight, …\); 1 unexpected"),
        (lambda state: {**state, "head.weight": torch.ones(5, 2)}, r"head.weight \(5, 2\) instead of \(3, 2\)"),
        (lambda state: {**state, "extra": torch.ones(1)}, r"1 unexpected \(extra\); probably .* variant"),
        (
            lambda state: state | {"head.weight": torch.ones(5, 2), "head.bias": torch.ones(5)},
            "probably the number of classes differs, 5 in the file and 3 here; check --classes",
        ),
        (
            lambda state: {name: state[name] for name in state if not name.startswith("head")},
            r"2 missing \(head.weight, head.bias\); probably they are of the trunk alone, without a classifier: head",
        ),
        (
            lambda state: state | {"conv.weight": torch.ones(2, 1, 3, 3)},
            "probably they take images of 1 channels, and the network of 3",
        ),
        (
            lambda state: state | {"conv.weight": torch.ones(2, 3, 7, 7)},
            "probably the first convolution was changed, 7 × 7 for 3 × 3",
        ),
        (
            lambda state: {"blocks.0.attn.qkv.weight": torch.ones(1)},
            "another architecture, named as timm names a vision transformer: try --arch timm:NAME",
        ),
        (
            lambda state: {"vit.encoder.layer.0.output.dense.bias": torch.ones(1)},
            "named as transformers names its networks: try --arch transformers:PATH",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused_with_names_and_a_cause(change: object, text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        match(network(), change(dict(network().state_dict())))  # type: ignore[operator]


def test_the_number_of_outputs_is_read_from_the_checkpoint() -> None:
    assert outputs_in(network(3), {"module." + name: tensor for name, tensor in network(7).state_dict().items()}) == 7
    assert outputs_in(network(3), {"other": torch.ones(2)}) is None


def test_a_network_that_asks_for_the_version_of_its_state_loads() -> None:
    trained = torchvision.models.mnasnet0_5(num_classes=3)
    fresh = torchvision.models.mnasnet0_5(num_classes=3)
    match(fresh, dict(trained.state_dict()))
    assert torch.equal(fresh.get_parameter("classifier.1.weight"), trained.get_parameter("classifier.1.weight"))
