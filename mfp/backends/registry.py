"""The backends by name, and a network run by one of them."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from mfp.backends.backend import Backend
from mfp.backends.int8 import int8_layers, int8_refusal
from mfp.backends.onnxruntime import ONNXRUNTIME
from mfp.backends.openvino import OPENVINO
from mfp.backends.torch_compile import COMPILE
from mfp.backends.torch_eager import TORCH
from mfp.click_model import ClickModel, CropModel
from mfp.engine_settings import BackendName, Precision
from mfp.errors import BackendError
from mfp.network import ModulatedNetwork

BACKENDS: Mapping[str, Backend] = {
    backend.name: backend for backend in (TORCH, COMPILE, ONNXRUNTIME, OPENVINO)
}


def check_backend(
    backend: BackendName, model: ClickModel, device: torch.device, precision: Precision
) -> None:
    """Raise BackendError if a backend cannot run a model here on the device. `torch` runs everything but int8."""
    if backend == "torch":
        if refusal := BACKENDS["torch"].refusal(device, precision):
            raise BackendError(refusal)
        return
    if not isinstance(model, ModulatedNetwork):
        raise BackendError(
            f"backend {backend}: {model.traits.name} is none of our own networks, and runs itself; take backend auto "
            "or torch"
        )
    refusal = BACKENDS[backend].refusal(device, precision)
    if precision == "int8":
        refusal = refusal or int8_refusal(model)
    if refusal:
        raise BackendError(refusal)


def run_by_backend(model: CropModel, backend: BackendName, precision: Precision, zoom_size: int) -> CropModel:
    """A model in its form for inference, which `check_backend` has let pass, with its layers run by a backend.

    To be called in the arithmetic of the passes (autocast, TF32): that is what `compile` makes kernels for.

    Raises:
        BackendError: the backend cannot run this model.
    """
    if backend == "torch" or not isinstance(model, ModulatedNetwork):
        return model
    if precision == "int8":
        return model.run_by(int8_layers())
    # Not a square if crops vary: kernels that are compiled for one would take its sides for one number.
    size = model.crop_size(3, 4, zoom_size)
    return model.run_by(BACKENDS[backend].prepare(model, size, precision))
