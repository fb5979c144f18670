"""A network as an ONNX model in memory, for the backends that read one."""

from __future__ import annotations

import io
import warnings

import torch

from mfp.backends.example import example_inputs
from mfp.errors import BackendError, first_line
from mfp.network import ModulatedNetwork

INPUTS = ("image", "coordinates", "late")
LOGITS = "logits"
_OPSET = 18
_TRACED_SIDE = 128  # pixels; tracing runs the network once


def onnx_model(network: ModulatedNetwork, size: tuple[int, int]) -> bytes:
    """The layers of a network with its weights, for any number of rows, and any crop size if its crops vary.

    By the exporter that traces. The newer one, of `torch.export`, reasons about every size as a symbol: of lite0 with
    free axes it had made no model after six minutes of processor time, where tracing takes half a second.

    Args:
        network: in its form for inference.
        size: (height, width) of the crops, if they do not vary.

    Raises:
        BackendError: it cannot be exported.
    """
    axes = {0: "rows"}
    if network.crops_vary:
        axes |= {2: "height", 3: "width"}
        size = network.crop_size(1, 1, _TRACED_SIDE)
    stream = io.BytesIO()
    try:
        # in float32, whatever the passes are in: rounding is up to what reads the model
        with warnings.catch_warnings(), torch.no_grad(), torch.autocast("cpu", enabled=False):
            # of the exporter's age, and of sizes that become constants: networks with such sizes say so
            warnings.simplefilter("ignore")
            torch.onnx.export(
                network,
                example_inputs(network, size),
                stream,  # type: ignore[arg-type]  # a file, to the exporter that traces
                dynamo=False,
                opset_version=_OPSET,
                input_names=list(INPUTS),
                output_names=[LOGITS],
                dynamic_axes=dict.fromkeys((*INPUTS, LOGITS), axes),
            )
    except Exception as error:  # of many kinds, protobuf's limit of 2 GB among them
        raise BackendError(
            f"{type(network).__name__} cannot be exported to ONNX: {first_line(error)}; take backend torch"
        ) from error
    return stream.getvalue()
