"""Model versions: registering one from a checkpoint or a training, and loading one to use it."""

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from data.adjustments import Adjustment
from data.errors import InvalidInput
from data.models import ModelStore
from data.types import INTERPOLATIONS, ModelVersion, Preprocessing
from data.workspace import Workspace, check_name, content_key
from inference.adapters import Adapter, open_adapter
from inference.checkpoint import load_state, match, outputs_in
from inference.devices import best_device
from inference.layers import inspect_network
from inference.model_files import VersionFiles, alone, state_digest
from inference.model_options import sizes_of, statistics_of
from inference.optimised import fold_batch_norm, lay_channels_last
from inference.passes import activation_bytes
from inference.seeding import seeded

__all__ = ["LoadedModel", "load", "read_classes", "read_network", "register", "register_module", "register_tuned"]

_ALGORITHM = "model-1"
_MAX_LOADED = 4
_loaded: "OrderedDict[tuple[Path, str, bool], LoadedModel]" = OrderedDict()
_loading = threading.Lock()


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A version in memory, ready to be used by one thread at a time.

    Attributes:
        module: In evaluation mode; no parameter asks for a gradient.
        activation_bytes: See `inference.passes.activation_bytes`; 0 where no batches will be made, for one image.
        adjustment: What the version's answers are changed by; the module gives adjusted logits already.
        lock: To be held while the module runs, because hooks and gradients of two threads must not meet.
    """

    version: ModelVersion
    module: nn.Module
    device: torch.device
    activation_bytes: int = 0
    adjustment: Adjustment = Adjustment()  # noqa: RUF009  it is frozen
    lock: threading.Lock = field(default_factory=threading.Lock)


def register(
    workspace: Workspace,
    models: ModelStore,
    name: str,
    arch: str,
    weights: str,
    *,
    classes: Sequence[str] | None = None,
    image_size: int | None = None,
    resize: int | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    interpolation: str | None = None,
    embedding_layer: str | None = None,
    explain_layer: str | None = None,
    parent: int | None = None,
    notes: Mapping[str, Any] | None = None,
) -> ModelVersion:
    """Adds a version; the same content under the same name is the version that was added before.

    Args:
        arch: One of the forms that `inference.adapters` knows, `torchvision:resnet18` for instance.
        weights: A checkpoint file, `DEFAULT` for those of the architecture, `none` for random ones (seed 0).
        classes: Names in the order of the logits; None for those in the checkpoint, if any.
        image_size, resize: Pixels; an `image_size` alone means that `resize` equals it. None, here as for
            `interpolation`, for what the architecture's own weights were trained with.
        mean, std: One number a channel; None for the architecture's, else ImageNet's (RGB) or 0 and 1 (grey).
        embedding_layer, explain_layer: Names of layers; None for those that `inference.layers` finds.

    Raises:
        InvalidInput: Something given is not allowed, or the weights do not fit; the text says what and why.
    """
    check_name("model", name)
    adapter = open_adapter(arch)
    state: Mapping[str, Tensor] | None = None
    found: tuple[str, ...] = ()
    if weights == "DEFAULT":
        pretrained = adapter.pretrained()
        state, found = pretrained.state, pretrained.classes
    elif weights != "none":
        checkpoint = load_state(Path(weights))
        state, found = checkpoint.state, checkpoint.classes
    names = tuple(classes) if classes else found
    preset = adapter.preset(weights == "DEFAULT")
    sizes = sizes_of(preset, image_size, resize)
    network, built_with = _build(adapter, state, len(names) or None, sizes[0])
    statistics = statistics_of(network, preset, mean, std)
    chosen = interpolation or (preset.interpolation if preset else INTERPOLATIONS[0])
    if chosen not in INTERPOLATIONS:
        raise InvalidInput.choice("--interpolation", chosen, INTERPOLATIONS)
    return _store(
        workspace,
        models,
        name,
        arch,
        network,
        Preprocessing(*sizes, *statistics, chosen, squash=preset is not None and preset.squash),
        names,
        built_with,
        adapter=adapter,
        chosen_layers=(embedding_layer, explain_layer),
        parent=parent,
        notes={"weights": Path(weights).name, **(notes or {})},
    )


def register_module(
    workspace: Workspace,
    models: ModelStore,
    name: str,
    arch: str,
    network: nn.Module,
    preprocessing: Preprocessing,
    classes: Sequence[str],
    *,
    parent: int | None = None,
    notes: Mapping[str, Any] | None = None,
) -> ModelVersion:
    """Adds a network that was trained here as a version.

    Args:
        arch: How to build the network again; its callable is given the number of `classes`.

    Raises:
        InvalidInput: As `register`.
    """
    check_name("model", name)
    return _store(
        workspace,
        models,
        name,
        arch,
        network,
        preprocessing,
        tuple(classes),
        len(classes),
        adapter=open_adapter(arch),
        parent=parent,
        notes=notes or {},
    )


def register_tuned(
    workspace: Workspace, models: ModelStore, parent: ModelVersion, network: nn.Module, notes: Mapping[str, Any]
) -> ModelVersion:
    """Adds a network that was trained on from a version as the next version of the same model.

    Its architecture, code, preprocessing, classes and layers are the parent's, whatever has become of the files that
    the parent came from.

    Raises:
        WorkspaceDamaged: A file of the parent is missing or was changed.
    """
    adapter, description = _opened(workspace, parent)
    return _store(
        workspace,
        models,
        parent.model,
        parent.arch,
        network,
        parent.preprocessing,
        parent.classes,
        description["built_with"],
        adapter=adapter,
        parent=parent.version,
        notes=notes,
        chosen_layers=(parent.embedding_layer, parent.explain_layer),
    )


def register_adjusted(
    workspace: Workspace, models: ModelStore, parent: ModelVersion, adjustment: Adjustment, notes: Mapping[str, Any]
) -> ModelVersion:
    """Adds a version that is the parent with its answers adjusted further, see `data.adjustments`.

    Raises:
        WorkspaceDamaged: A file of the parent is missing or was changed.
    """
    adapter, description = _opened(workspace, parent)
    whole = _adjustment(workspace, parent).then(adjustment)
    return _store(
        workspace,
        models,
        parent.model,
        parent.arch,
        read_network(workspace, parent),
        parent.preprocessing,
        parent.classes,
        description["built_with"],
        adapter=adapter,
        parent=parent.version,
        notes={**notes, "adjustment": whole.facts()},
        chosen_layers=(parent.embedding_layer, parent.explain_layer),
        adjustment=whole,
    )


def read_network(workspace: Workspace, version: ModelVersion) -> nn.Module:
    """The version's network as it was registered, of the caller's own: nothing is folded or adjusted, nobody shares it.

    Raises:
        WorkspaceDamaged, InvalidInput: As `load`.
    """
    adapter, description = _opened(workspace, version)
    with seeded(0):
        network = adapter.build(description["built_with"], version.preprocessing.image_size)
    match(network, VersionFiles(workspace.model(version.model, version.version)).read_state(description))
    return _frozen(network)


def load(workspace: Workspace, version: ModelVersion, *, fast: bool = False) -> LoadedModel:
    """The version's network; the few that were used last stay in memory.

    Args:
        fast: Whether to fold batch norm into convolutions. The network answers the same, but has other layers within:
            for bulk work, not for looking inside.

    Raises:
        WorkspaceDamaged: A file of the version is missing or was changed.
        InvalidInput: Its code does not run any more.
    """
    key = (workspace.root, version.digest, fast)
    with _loading:
        if key not in _loaded:
            network = read_network(workspace, version)
            needed = 0
            size, channels = version.preprocessing.image_size, len(version.preprocessing.mean)
            if fast:
                fold_batch_norm(network, version.embedding_layer, size, channels)
            lay_channels_last(network, version.embedding_layer, size, channels)
            if fast:
                needed = activation_bytes(network, size, channels)
            device = best_device()
            adjustment = _adjustment(workspace, version)
            _loaded[key] = LoadedModel(version, _adjusted(network.to(device), adjustment), device, needed, adjustment)
        _loaded.move_to_end(key)
        while len(_loaded) > _MAX_LOADED:
            _loaded.popitem(last=False)
        return _loaded[key]


def read_classes(text: str) -> tuple[str, ...]:
    """Class names in the order of the logits from `a,b,c` or from a file: a JSON list, or one name a line.

    Raises:
        InvalidInput: The file is neither, or there is no name in it.
    """
    path = Path(text)
    if "," in text or not path.is_file():
        names = [name.strip() for name in text.split(",")]
    else:
        try:
            content = path.read_text(encoding="utf-8-sig")
            names = json.loads(content) if content.lstrip().startswith("[") else content.splitlines()
        except (OSError, ValueError) as error:
            raise InvalidInput(f"Class names {text} cannot be read: {error}; give a name a line") from error
    kept = tuple(str(name).strip() for name in names if str(name).strip())
    if not kept:
        raise InvalidInput(f"Class names {text!r} are empty; give a,b,c or a file with a name a line")
    return kept


def _build(
    adapter: Adapter, state: Mapping[str, Tensor] | None, wanted: int | None, image_size: int
) -> tuple[nn.Module, int | None]:
    """The network with the state in it, and the number of outputs that the adapter was asked for."""
    with seeded(0):
        network = adapter.build(wanted, image_size)
    if state is not None:
        outputs = outputs_in(network, state)
        if outputs is not None and outputs != outputs_in(network, network.state_dict()):
            wanted = outputs
            with seeded(0):
                network = adapter.build(wanted, image_size)
        match(network, state)
    return _frozen(network), wanted


def _frozen(network: nn.Module) -> nn.Module:
    return network.cpu().float().eval().requires_grad_(False)


def _store(
    workspace: Workspace,
    models: ModelStore,
    name: str,
    arch: str,
    network: nn.Module,
    preprocessing: Preprocessing,
    classes: tuple[str, ...],
    built_with: int | None,
    *,
    adapter: Adapter,
    parent: int | None,
    notes: Mapping[str, Any],
    chosen_layers: tuple[str | None, str | None] = (None, None),
    adjustment: Adjustment | None = None,
) -> ModelVersion:
    """Writes the version's folder, then the register; or finds the version that has the same content.

    Files of such a version that are missing or were changed are written again.
    """
    shape = preprocessing.image_size, len(preprocessing.mean)
    layers = inspect_network(_frozen(network), *shape, *chosen_layers)
    _check_classes(classes, layers.outputs)
    state = network.state_dict()
    identity: list[Any] = [dict(adapter.identity), _identity(preprocessing), classes, state_digest(state)]
    if any(chosen_layers):
        found = inspect_network(network, *shape)
        if (found.embedding_layer, found.explain_layer) != (layers.embedding_layer, layers.explain_layer):
            identity.append([layers.embedding_layer, layers.explain_layer])
    changed = {} if adjustment is None or adjustment.plain else {"adjustment": adjustment.facts()}
    identity += [changed] if changed else []
    digest = content_key(_ALGORITHM, *identity, length=64)
    folder = workspace.model(name, 1).parent
    with alone(folder):
        facts = {"arch": arch, "digest": digest, "classes": classes, "preprocessing": asdict(preprocessing)}
        facts |= changed
        known = models.find(name, digest)
        number = known.version if known else models.next_version(name)
        files = VersionFiles(folder / str(number))
        if known is None or not files.whole(known):
            files.write(state, adapter.source, facts, built_with, adapter.source_name)
        return known or models.add(
            name,
            number,
            digest=digest,
            arch=arch,
            classes=classes,
            outputs=layers.outputs,
            parameters=layers.parameters,
            preprocessing=preprocessing,
            embedding_dim=layers.embedding_dim,
            embedding_layer=layers.embedding_layer,
            explain_layer=layers.explain_layer,
            parent=parent,
            notes={**notes, "flops": layers.flops},
        )


def _identity(preprocessing: Preprocessing) -> dict[str, Any]:
    """What of the preprocessing is part of the digest: all but what is as it always was before there was a choice.

    So versions keep the digest that they had before other interpolations and squashing were known.
    """
    identity = asdict(preprocessing)
    if preprocessing.interpolation == INTERPOLATIONS[0]:
        del identity["interpolation"]
    if not preprocessing.squash:
        del identity["squash"]
    return identity


def _check_classes(classes: Sequence[str], outputs: int) -> None:
    if classes and len(classes) != outputs:
        raise InvalidInput(f"{len(classes)} class names are given, but the network has {outputs} outputs")
    if len(set(classes)) != len(classes):
        twice = next(name for name in classes if list(classes).count(name) > 1)
        raise InvalidInput(f"The class name {twice!r} is given more than once; each must be unique")


def _opened(workspace: Workspace, version: ModelVersion) -> tuple[Adapter, Mapping[str, Any]]:
    """The adapter of a version, with the code that was kept with it, and what its folder says."""
    files = VersionFiles(workspace.model(version.model, version.version))
    description = files.read_description(version)
    return open_adapter(version.arch, files.code_to_run(description)), description


def _adjustment(workspace: Workspace, version: ModelVersion) -> Adjustment:
    """What `model.json` says of how the version's answers are changed; nothing where it says nothing."""
    description = VersionFiles(workspace.model(version.model, version.version)).read_description(version)
    return Adjustment.of(description.get("adjustment", {}), version.outputs)


def _adjusted(network: nn.Module, adjustment: Adjustment) -> nn.Module:
    """The network, its logits adjusted; what lies within it stays as it is."""
    if adjustment.temperature == 1 and not adjustment.shift:
        return network

    def change(_module: nn.Module, _inputs: tuple[Any, ...], logits: Tensor) -> Tensor:
        shift = logits.new_tensor(adjustment.shift) if adjustment.shift else 0.0
        return logits / adjustment.temperature + shift

    network.register_forward_hook(change)
    return network
