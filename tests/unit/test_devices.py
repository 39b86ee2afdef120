import pytest
import torch

from inference import devices
from inference.tasks import WORKER_NUMBER


def test_each_worker_takes_the_gpu_of_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    chosen = []
    for number in ("0", "1", "2"):
        monkeypatch.setenv(WORKER_NUMBER, number)
        chosen.append(str(devices.best_device()))
    assert chosen == ["cuda:0", "cuda:1", "cuda:0"]


def test_without_a_gpu_it_is_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert devices.best_device() == torch.device("cpu")
    assert 0 < devices.memory_bytes(torch.device("cpu")) < 2**50
