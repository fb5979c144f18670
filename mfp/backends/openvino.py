"""OpenVINO on a CPU, in float32."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from mfp.backends.backend import Backend, not_run_by
from mfp.backends.onnx_model import INPUTS, onnx_model
from mfp.network import Layers, ModulatedNetwork


def _prepare(network: ModulatedNetwork, size: tuple[int, int]) -> Layers:
    model = onnx_model(network, size)
    try:
        return OpenVinoRequest(model)
    except Exception as error:  # of its own kinds; ImportError of a damaged installation
        raise not_run_by("openvino", network, error) from error


def _openvino() -> Any:
    # Its import tells its maker over the network, unless the package that would do so cannot be imported.
    sys.modules.setdefault("openvino_telemetry", _ABSENT)
    import openvino

    return openvino


_ABSENT: ModuleType = None  # type: ignore[assignment]  # what Python's import takes for "there is no such module"


class OpenVinoRequest:
    """An ONNX model that OpenVINO has compiled; inputs are handed over without copies."""

    def __init__(self, model: bytes) -> None:
        core = _openvino().Core()
        compiled = core.compile_model(
            core.read_model(model),
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": "f32",  # else bfloat16 if the processor has it
                "INFERENCE_NUM_THREADS": torch.get_num_threads(),
                "NUM_STREAMS": 1,
                "ENABLE_CPU_PINNING": False,  # every worker would pin its threads to the same cores
            },
        )
        self._used = [INPUTS.index(one.get_any_name()) for one in compiled.inputs]
        self._request: Any = compiled.create_infer_request()

    def __call__(self, image: Tensor, coordinates: Tensor, late: Tensor) -> Tensor:
        """See ModulatedNetwork.forward."""
        inputs = (image, coordinates, late)
        arrays = [inputs[index].contiguous().numpy() for index in self._used]
        # The answer is copied: the next one is written over it.
        results = self._request.infer(arrays, share_inputs=True, share_outputs=False)
        return torch.from_numpy(results[0])


OPENVINO = Backend(
    "openvino",
    _prepare,
    packages=("onnx", "openvino"),
    install="mfp-pipeline[openvino]",
    is_float32_on_cpu=True,
)
