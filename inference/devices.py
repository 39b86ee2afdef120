"""Where networks run: an NVIDIA or Apple GPU where there is one, else the processor.

Several GPUs are shared by one worker each: every worker carries its number, and takes the GPU of that number.
"""

import os

import torch

from inference.tasks import WORKER_NUMBER

__all__ = ["best_device", "memory_bytes"]


def best_device() -> torch.device:
    """The fastest device that this process may use; `CUDA_VISIBLE_DEVICES` bounds the choice."""
    if torch.cuda.is_available():
        return torch.device("cuda", _number() % torch.cuda.device_count())
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def _number() -> int:
    name = os.environ.get(WORKER_NUMBER, "")
    return int(name) if name.isdigit() else 0  # workers of a scheduler elsewhere may have other names


def memory_bytes(device: torch.device) -> int:
    """All memory of a device, whatever of it is in use; of the processor, its share for this worker."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cores = os.cpu_count() or 1
    return total * min(torch.get_num_threads(), cores) // cores
