"""Checkpoints as the original projects release them, with the stand-in weights of the recorded networks."""

from __future__ import annotations

import io
import sys
import types
from collections.abc import Mapping

import torch
from torch import Tensor

from tests.golden_networks import golden_weights

_LOSS_MODULE = "isegm.model.modeling.transformer_helper.cross_entropy_loss"
PARAMS: Mapping[str, object] = {"N": 7, "R_max": 100, "norm_radius": 5}


def saved(content: object, *, legacy: bool = False) -> bytes:
    """What torch.save writes."""
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


def released_content(name: str, params: Mapping[str, object] = PARAMS) -> dict[str, object]:
    """The content of a released checkpoint of a recorded network, without the loss object."""
    return released_of(golden_weights(name), params)


def released_of(state: Mapping[str, Tensor], params: Mapping[str, object] = PARAMS) -> dict[str, object]:
    """The content of a released checkpoint with those weights."""
    described = {
        key: {"type": type(value).__name__, "value": value, "specified": True}
        for key, value in params.items()
    }
    return {"state_dict": dict(state), "config": {"class": "isegm.model.Net", "params": described}}


def with_loss(content: dict[str, object], *, legacy: bool = False) -> bytes:
    """The file, with an instance of the original package's loss inside, which is importable only meanwhile."""
    module = types.ModuleType(_LOSS_MODULE)
    packages = [_LOSS_MODULE.rsplit(".", depth)[0] for depth in range(_LOSS_MODULE.count(".") + 1)]

    def cross_entropy() -> None:
        raise AssertionError("a checkpoint's function was called")

    class CrossEntropyLoss(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.criterion = cross_entropy

        def __setstate__(self, state: object) -> None:
            raise AssertionError("a checkpoint's class was used")

    for item in (cross_entropy, CrossEntropyLoss):
        item.__module__, item.__qualname__ = _LOSS_MODULE, item.__name__
        setattr(module, item.__name__, item)
    sys.modules.update({package: types.ModuleType(package) for package in packages[1:]})
    sys.modules[_LOSS_MODULE] = module
    try:
        return saved(content | {"loss": CrossEntropyLoss()}, legacy=legacy)
    finally:
        for package in packages:
            del sys.modules[package]
