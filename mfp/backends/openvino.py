"""OpenVINO on a CPU."""

from __future__ import annotations

import functools
import sys
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from mfp.backends.backend import Backend, not_run_by
from mfp.backends.onnx_model import INPUTS, onnx_model
from mfp.engine_settings import Precision
from mfp.network import Layers, ModulatedNetwork


def _prepare(network: ModulatedNetwork, size: tuple[int, int], precision: Precision) -> Layers:
    model = onnx_model(network, size)
    try:
        return OpenVinoRequest(model, precision=precision)
    except Exception as error:  # of its own kinds; ImportError of a damaged installation
        raise not_run_by("openvino", network, error) from error


def has_bf16() -> bool:
    """Whether this processor multiplies bfloat16. On others OpenVINO computes otherwise, and does not say so."""
    return "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _processor_has(precision: Precision) -> bool:
    if precision != "bf16":
        return True
    try:
        return has_bf16()
    except Exception:  # a damaged installation: what prepares a network says so
        return True


def import_openvino() -> Any:
    """Its module, without telemetry."""
    # Its import tells its maker over the network, unless the package that would do so cannot be imported.
    sys.modules.setdefault("openvino_telemetry", _ABSENT)
    import openvino

    return openvino


_ABSENT: ModuleType = None  # type: ignore[assignment]  # what Python's import takes for "there is no such module"


@functools.cache
def _core() -> Any:
    """The one of this process, for as long as it lives.

    Each gives the thread that makes it another stack for signals, takes that away when it goes, and puts back the one
    that it has found. Of two that go in the order they came, the second puts back the stack that went with the first,
    and the next signal ends the process.
    """
    return import_openvino().Core()


class OpenVinoRequest:
    """A model that OpenVINO has compiled; inputs are handed over without copies."""

    def __init__(self, model: bytes, constants: bytes = b"", precision: Precision = "fp32") -> None:
        """Compile an ONNX model, or the graph and the constants of a model in OpenVINO's own form.

        bf16: products are of bfloat16 factors. Any other precision: of factors as the model has them.
        """
        core = _core()
        compiled = core.compile_model(
            core.read_model(model, constants),
            "CPU",
            {
                # said in any case: by default it is bfloat16 if the processor has it
                "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
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
    precisions=("fp32", "bf16", "int8"),
    is_on_cpu_alone=True,
    processor_has=_processor_has,
)
