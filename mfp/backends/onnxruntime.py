"""ONNX Runtime on a CPU, in float32."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mfp.backends.backend import Backend, not_run_by
from mfp.backends.onnx_model import INPUTS, LOGITS, onnx_model
from mfp.engine_settings import Precision
from mfp.network import Layers, ModulatedNetwork


def _prepare(network: ModulatedNetwork, size: tuple[int, int], precision: Precision) -> Layers:
    model = onnx_model(network, size)
    try:
        return OnnxRuntimeSession(model)
    except Exception as error:  # of its own kinds; ImportError of a damaged installation
        raise not_run_by("onnxruntime", network, error) from error


class OnnxRuntimeSession:
    """An ONNX model in a session of ONNX Runtime; tensors are handed over without copies."""

    def __init__(self, model: bytes) -> None:
        import onnxruntime

        onnxruntime.disable_telemetry_events()  # which some builds send
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.inter_op_num_threads = 1
        # A thread that waits by spinning takes the core that a neighbour could work on.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session: Any = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        # The exporter leaves out an input that the network does not use.
        self._used = [INPUTS.index(one.name) for one in self._session.get_inputs()]

    def __call__(self, image: Tensor, coordinates: Tensor, late: Tensor) -> Tensor:
        """See ModulatedNetwork.forward."""
        inputs = (image, coordinates, late)
        feed = {INPUTS[index]: inputs[index].contiguous().numpy() for index in self._used}
        (logits,) = self._session.run([LOGITS], feed)
        return torch.from_numpy(logits)


ONNXRUNTIME = Backend(
    "onnxruntime",
    _prepare,
    packages=("onnx", "onnxruntime"),
    install="mfp-pipeline",
    precisions=("fp32",),
    is_on_cpu_alone=True,
)
