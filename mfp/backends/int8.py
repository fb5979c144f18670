"""The shipped lite0 in 8-bit integers, by OpenVINO on a CPU.

`python -m tests.measure_precision quantise` makes the archive. docs/backends.md tells what it gains and costs.
"""

from __future__ import annotations

import io
import zipfile
from importlib import resources

from mfp.backends.openvino import OpenVinoRequest
from mfp.click_model import ClickModel

ARCHIVE = "lite0_int8.zip"
"""In mfp.weights: a model in OpenVINO's own form, whose two files are GRAPH and CONSTANTS."""
GRAPH, CONSTANTS = "model.xml", "model.bin"
MODEL_ID = "a386da9ae4a9ee6f"
"""Of the weights that were quantised."""


def int8_refusal(model: ClickModel) -> str:
    """Why a model cannot run in int8, and what to do; empty if it can."""
    if model.traits.identity == MODEL_ID:
        return ""
    return (
        f"precision int8 with {model.traits.name} {model.traits.identity}: only the shipped lite0, {MODEL_ID}, has "
        "been quantised; take precision fp32, or model lite0"
    )


def int8_layers() -> OpenVinoRequest:
    """The layers of the shipped lite0, for any number of rows and any crop size."""
    data = resources.files("mfp.weights").joinpath(ARCHIVE).read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return OpenVinoRequest(archive.read(GRAPH), archive.read(CONSTANTS))
