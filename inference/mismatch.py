"""Why weights do not fit a network, told from their names and shapes."""

import re
from collections.abc import Mapping, Sequence

from torch import Tensor

__all__ = ["describe_mismatch"]

_NAMED = 3
_NAMINGS = (
    (r"(^|\.)blocks\.\d+\.attn\.qkv\.", "as timm names a vision transformer: try --arch timm:NAME"),
    (r"(^|\.)layers\.\d+\.blocks\.\d+\.attn\.qkv\.", "as timm names a Swin transformer: try --arch timm:NAME"),
    (r"(^|\.)encoder_layer_\d+\.", "as torchvision names a vision transformer: try --arch torchvision:NAME"),
    (r"(^|\.)encoder\.layers?\.\d+\.", "as transformers names its networks: try --arch transformers:PATH"),
    (r"(^|\.)layer1\.0\.conv1\.", "as a ResNet is named: try --arch torchvision:resnet18 or another of them"),
    (r"(^|\.)denseblock1\.", "as a DenseNet is named: try --arch torchvision:densenet121 or another of them"),
)
_POSITIONS = re.compile(r"pos_embed|position_embed|pos_embedding|relative_position")


def describe_mismatch(
    own: Mapping[str, Tensor], given: Mapping[str, Tensor], missing: Sequence[str], unexpected: Sequence[str]
) -> str:
    """How many tensors are missing, unexpected or of another shape, the first of each, and the likely cause.

    Args:
        own: The network's tensors by name.
        given: The checkpoint's, under the network's names as far as they could be told.
        missing, unexpected: Names in `own` only and in `given` only.
    """
    shapes = [name for name in own if name in given and given[name].shape != own[name].shape]
    told = [f"{name} {tuple(given[name].shape)} instead of {tuple(own[name].shape)}" for name in shapes]
    parts = [
        f"{len(names)} {what} ({', '.join(names[:_NAMED])}{', …' if len(names) > _NAMED else ''})"
        for what, names in (("missing", missing), ("unexpected", unexpected), ("of another shape", told))
        if names
    ]
    cause = _cause(own, given, missing, unexpected, shapes)
    return f"The weights do not fit the network: {'; '.join(parts)}; probably {cause}"


def _cause(
    own: Mapping[str, Tensor],
    given: Mapping[str, Tensor],
    missing: Sequence[str],
    unexpected: Sequence[str],
    shapes: Sequence[str],
) -> str:
    head = list(own)[-1].rpartition(".")[0] + "."
    if missing and len(missing) > len(own) / 2 and unexpected:
        for pattern, words in _NAMINGS:
            if any(re.search(pattern, name) for name in unexpected) and not any(
                re.search(pattern, name) for name in own
            ):
                return f"they are of another architecture, named {words}"
        return "they are of another architecture"
    if missing and not shapes and all(name.startswith(head) for name in missing):
        return f"they are of the trunk alone, without a classifier: {head.rstrip('.')} must be trained first"
    if missing or unexpected:
        more, fewer = len(unexpected) > len(missing), len(missing) > len(unexpected)
        depth = "a deeper" if more and not shapes else "a shallower" if fewer and not shapes else "another"
        return f"they are of {depth} variant of the architecture"
    return _cause_of_shapes(own, given, head, shapes)


def _cause_of_shapes(own: Mapping[str, Tensor], given: Mapping[str, Tensor], head: str, shapes: Sequence[str]) -> str:
    if all(_POSITIONS.search(name) for name in shapes):
        return "they were trained on images of another size; check --image-size"
    if all(name.startswith(head) for name in shapes):
        theirs, ours = (tensors[shapes[0]].shape[0] for tensors in (given, own))
        return f"the number of classes differs, {theirs} in the file and {ours} here; check --classes"
    first = next((name for name, tensor in own.items() if tensor.ndim == 4), None)
    if first is not None and list(shapes) == [first]:
        (_, takes, *size), (_, expected, *usual) = (tensors[first].shape for tensors in (given, own))
        if takes != expected:
            return f"they take images of {takes} channels, and the network of {expected}"
        kernels = " for ".join(" × ".join(map(str, sides)) for sides in (size, usual))
        return f"the first convolution was changed, {kernels}, as is done for small images"
    if len(shapes) <= 2:
        return "the number of classes differs; check --classes"
    return "they are of a wider or narrower variant of the architecture"
