"""From foreign weights to a model file's content: released networks of the family, and backbones to start from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from mfp.checkpoint_reader import read_checkpoint
from mfp.errors import WeightsError
from mfp.model_file import read_header
from mfp.models.backbone_weights import BackboneWeights, backbone_weights
from mfp.models.registry import NetworkConfig, build_network
from mfp.models.released_keys import BATCH_COUNTER, RenamedWeights, groups_of, rename_released
from mfp.models.released_networks import ReleasedNetwork, released_network
from mfp.models.vit import ViTConfig

FRESH_LAYERS_SEED = 0
_WRAPPERS = ("state_dict", "model", "model_state", "model_state_dict")
_PREFIXES = ("module.", "_orig_mod.", "model.")
_MAX_WRAPPERS = 4  # a pickle may hold itself, and a name may repeat a prefix without end
_RELEASED_VIT_LICENCE = (
    "these weights descend from MAE weights, whose licence (CC BY-NC 4.0) allows no commercial use"
)
_VIT_BACKBONE_LICENCE = "if these are MAE weights, their licence (CC BY-NC 4.0) allows no commercial use"


@dataclass(frozen=True)
class Conversion:
    """A network made of foreign weights.

    Attributes:
        title: what the weights are.
        config: of the network.
        tensors: its whole state dict, float32.
        facts: what the model file is to record of its origin: JSON values.
        summary: counts of tensors, in one line.
        notes: what a person should know, each in one line.
    """

    title: str
    config: NetworkConfig
    tensors: dict[str, Tensor]
    facts: dict[str, Any]
    summary: str
    notes: tuple[str, ...]


def convert_weights(data: bytes) -> Conversion:
    """Convert a checkpoint as torch.save writes it, or foreign safetensors. Nothing of the file is run.

    Raises:
        WeightsError: what the file is instead, which of its tensors do not fit, or what it would have run.
    """
    content = _content(data)
    state, params = _state_dict(content)
    try:
        released = released_network(state, params)
        backbone = None if released is not None else backbone_weights(state)
    except (ValueError, IndexError, ArithmeticError, RecursionError):
        raise WeightsError(
            "tensors with the names of a network known here, but not with its shapes or settings"
        ) from None
    if released is not None:
        return _convert_released(state, released)
    if backbone is not None:
        return _convert_backbone(state, backbone)
    raise WeightsError(
        f"{len(state)} tensors of no network known here{groups_of(state)}; known are MFP ViT, HRNet-18 and ResNet-34, "
        "SimpleClick ViT, RITM HRNet-18, and the backbones MAE ViT, HRNet-W18 and ResNet-34"
    )


def _convert_released(state: Mapping[str, Tensor], released: ReleasedNetwork) -> Conversion:
    with torch.device(
        "meta"
    ):  # the file says how large: no memory is taken before it is known to hold as much
        shapes = build_network(released.config).state_dict()
    renamed = rename_released(state, released.rules, shapes)
    tensors = _complete(released.title, renamed)
    network = build_network(released.config)
    network.load_state_dict(tensors)
    notes: list[str] = []
    facts: dict[str, Any] = {}
    if released.unsaid:
        notes.append(f"the file does not say: {', '.join(released.unsaid)} (published values taken)")
    if isinstance(released.config, ViTConfig):
        notes.append(_RELEASED_VIT_LICENCE)
        facts["licence"] = _RELEASED_VIT_LICENCE
    return _conversion(released, network, renamed, notes, facts)


def _convert_backbone(state: Mapping[str, Tensor], backbone: BackboneWeights) -> Conversion:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(FRESH_LAYERS_SEED)
        network = build_network(backbone.config)
    own = network.state_dict()
    renamed = rename_released(
        state, backbone.rules, {name: own[name] for name in own if name.startswith("backbone.")}
    )
    network.load_state_dict(own | _complete(backbone.title, renamed))
    fresh = len(own) - len(renamed.tensors)
    notes = [
        f"{fresh} other tensors start fresh: a starting point for `mfp train --init`, not a model to click with"
    ]
    facts: dict[str, Any] = {"backbone_only": True, "fresh_layers_seed": FRESH_LAYERS_SEED}
    if isinstance(backbone.config, ViTConfig):
        notes.append(_VIT_BACKBONE_LICENCE)
        facts["licence"] = _VIT_BACKBONE_LICENCE
    return _conversion(backbone, network, renamed, notes, facts)


def _conversion(
    source: ReleasedNetwork | BackboneWeights,
    network: torch.nn.Module,
    renamed: RenamedWeights,
    notes: list[str],
    facts: dict[str, Any],
) -> Conversion:
    return Conversion(
        title=source.title,
        config=source.config,
        tensors=network.state_dict(),
        facts={"converted_from": source.title} | facts,
        summary=renamed.summary(),
        notes=tuple(notes),
    )


def _complete(title: str, renamed: RenamedWeights) -> dict[str, Tensor]:
    if not renamed.is_complete:
        raise WeightsError(
            f"{title}: {renamed.summary()}; the file is cut, or of a network that this release does not build"
        )
    broken = [
        name
        for name, tensor in renamed.tensors.items()
        if not name.endswith(BATCH_COUNTER)
        and not (tensor.is_floating_point() and tensor.float().isfinite().all())
    ]
    if broken:
        raise WeightsError(
            f"{title}: {len(broken)} tensors are not of finite floating-point numbers{groups_of(broken)}; get the file "
            "anew, before it was quantised or spoilt"
        )
    return renamed.tensors


def _content(data: bytes) -> object:
    if data[8:9] != b"{":
        return read_checkpoint(data)
    try:
        tensors: dict[str, Tensor] = safetensors.torch.load(data)
    except (safetensors.SafetensorError, ValueError, KeyError):
        raise WeightsError("safetensors file that is damaged; get it anew") from None
    try:
        read_header(data)
    except WeightsError:
        return tensors
    raise WeightsError("a model file of this project already: give it to --model or --init as it is")


def _state_dict(content: object) -> tuple[dict[str, Tensor], object]:
    """The tensors of a checkpoint by name, and `config.params` where it has them; WeightsError if there are none."""
    params: object = None
    for _ in range(_MAX_WRAPPERS):
        if not isinstance(content, Mapping):
            break
        config = content.get("config")
        params = config.get("params", params) if isinstance(config, Mapping) else params
        wrapper = next((name for name in _WRAPPERS if isinstance(content.get(name), Mapping | list)), None)
        if wrapper is None:
            break
        content = content[wrapper]
    if (
        isinstance(content, Mapping)
        and content
        and all(isinstance(value, Tensor) for value in content.values())
    ):
        return _without_prefix({str(name): value for name, value in content.items()}), params
    raise WeightsError(f"no weights, but {_kind_of(content)}")


def _without_prefix(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Names as they were before wrappers (DistributedDataParallel, torch.compile) put theirs before all of them."""
    for _ in range(_MAX_WRAPPERS):
        prefix = next((p for p in _PREFIXES if all(name.startswith(p) for name in state)), "")
        state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state


def _kind_of(content: object) -> str:
    if isinstance(content, list | tuple):
        return f"a list of {len(content)} parts, as models of several stages are saved; save the stage you want alone"
    if isinstance(content, Mapping):
        if {"state", "param_groups"} <= content.keys() or "optimizer" in content:
            return "the state of an optimizer; the weights lie in another file of the same training"
        names = ", ".join(json.dumps(str(name)[:40]) for name in list(content)[:6])
        return f"a dictionary with the entries {names or '(none)'}"
    if isinstance(content, Tensor):
        return f"a single tensor {tuple(content.shape)}"
    return f"an object of type {type(content).__name__}"
