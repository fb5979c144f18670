"""int8 is the shipped lite0 by OpenVINO: nearly its masks, the same every time, refused in one line elsewhere."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from importlib import resources

import numpy as np
import pytest
import torch

from mfp.backends.example import example_inputs
from mfp.backends.int8 import MODEL_ID, int8_layers
from mfp.backends.registry import BACKENDS, check_backend
from mfp.click_model import ClickModel
from mfp.engine import Engine
from mfp.engine_settings import BackendChoice, EngineSettings
from mfp.errors import BackendError
from mfp.model_file import model_from_bytes
from mfp.models.analytic import AnalyticClickModel
from mfp.network import ModulatedNetwork
from mfp.session import SessionLimits
from tests.mfp.network_factories import SMALL_CONFIGS, create_network
from tests.mfp.session_factories import create_sessions

CPU = torch.device("cpu")
IN_INT8 = EngineSettings(backend="openvino", precision="int8")
needs_openvino = pytest.mark.skipif(
    not BACKENDS["openvino"].is_installed, reason="openvino, an extra, is not installed"
)


def shipped_lite0() -> ModulatedNetwork:
    return model_from_bytes(resources.files("mfp.weights").joinpath("lite0.safetensors").read_bytes()).network


def test_the_weights_that_are_shipped_are_those_that_were_quantised() -> None:
    assert shipped_lite0().traits.identity == MODEL_ID


@needs_openvino
def test_logits_are_nearly_those_of_float32() -> None:
    network = shipped_lite0().for_inference(CPU)
    inputs = example_inputs(network, (224, 320))
    with torch.inference_mode():
        expected, logits = network(*inputs), int8_layers()(*inputs)
    assert logits.shape == expected.shape
    assert logits.dtype is torch.float32
    extent = float(expected.max() - expected.min())
    assert 0 < float((logits - expected).abs().mean()) < 0.05 * extent


@needs_openvino
def test_an_engine_in_int8_runs_those_layers_and_gives_the_same_masks_again() -> None:
    (session,) = create_sessions(1)
    session = replace(session, limits=SessionLimits(max_clicks=2))
    (first,), (again,) = (Engine(shipped_lite0(), IN_INT8).run([session]) for _ in range(2))
    (in_float32,) = Engine(shipped_lite0(), EngineSettings(backend="openvino")).run([session])
    assert np.array_equal(first.prob, again.prob)
    assert not np.array_equal(first.prob, in_float32.prob)


@needs_openvino
def test_an_answer_depends_neither_on_the_rows_beside_it_nor_on_the_sizes_before() -> None:
    network, layers = shipped_lite0(), int8_layers()
    small, large = (example_inputs(network, size) for size in ((64, 96), (96, 64)))
    first = layers(*small)
    layers(*large)
    assert torch.equal(layers(*small), first)
    alone = layers(*(one[:1] for one in small))
    assert torch.equal(alone, first[:1])


@pytest.mark.parametrize("choice", ["auto", "torch", "compile", "onnxruntime"])
def test_another_backend_does_not_run_int8(choice: BackendChoice) -> None:
    name = "torch" if choice == "auto" else choice
    with pytest.raises(BackendError) as refused:
        Engine(shipped_lite0(), EngineSettings(backend=choice, precision="int8"))
    assert str(refused.value) == (
        f"backend {name} with precision int8: backend openvino alone runs int8; take it, or precision fp32"
    )


@needs_openvino
def test_another_network_or_device_is_refused() -> None:
    other = create_network(SMALL_CONFIGS["lite0"])
    with pytest.raises(
        BackendError, match=rf"^precision int8 with Lite0 unsaved: only .*{MODEL_ID}.* fp32, or"
    ):
        Engine(other, IN_INT8)
    with pytest.raises(
        BackendError, match=r"on cuda: it runs fp32, bf16 and int8 on cpu alone; take device cpu"
    ):
        check_backend("openvino", shipped_lite0(), torch.device("cuda"), "int8")


@pytest.mark.parametrize("choice", ["auto", "torch"])
def test_a_model_that_is_no_network_does_not_run_in_int8(choice: BackendChoice) -> None:
    model: ClickModel = AnalyticClickModel()
    with pytest.raises(BackendError, match="backend openvino alone runs int8"):
        Engine(model, EngineSettings(backend=choice, precision="int8"))


@needs_openvino
def test_a_signal_after_two_models_are_gone_ends_no_process() -> None:
    code = (
        "import gc, os, signal\n"
        "from mfp.backends.int8 import int8_layers\n"
        "signal.signal(signal.SIGUSR1, lambda *_: print('heard'))\n"
        "first, second = int8_layers(), int8_layers()\n"
        "del first\n"
        "gc.collect()\n"
        "del second\n"
        "gc.collect()\n"
        "os.kill(os.getpid(), signal.SIGUSR1)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "heard\n")
