"""The one door to torchvision.

PyPI's torchvision wheel for Linux is built against CUDA. Beside a CPU-only torch its compiled operators cannot load,
and `import torchvision` ends in `operator torchvision::nms does not exist`, although models, transforms and datasets
need none of them. Declaring the schemas of the missing operators first makes the import work; where the compiled
operators do load, nothing is declared.
"""

import importlib.util
from pathlib import Path

import torch

__all__ = ["torchvision"]

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def _load_compiled_operators() -> None:
    spec = importlib.util.find_spec("torchvision")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        for library in sorted(Path(folder).glob("_C*.so")):
            try:
                torch.ops.load_library(library)  # type: ignore[no-untyped-call]
            except OSError:
                continue


def _declare_missing_operators() -> "torch.library.Library":
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for name, schema in _SCHEMAS.items():
        if not hasattr(torch.ops.torchvision, name):
            library.define(schema)  # type: ignore[no-untyped-call]
    return library


_load_compiled_operators()
_library = _declare_missing_operators()  # an operator lives as long as the library object that declared it

import torchvision  # noqa: E402  (only now can it be imported)
import torchvision.models  # noqa: E402
