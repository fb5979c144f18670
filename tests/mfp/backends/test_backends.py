"""A network gives torch's logits and clicks whatever runs it, and what cannot run it says so in one line."""

from __future__ import annotations

import functools
import pickle
import subprocess
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch._dynamo.utils import counters

from mfp.backends import openvino
from mfp.backends.backend import Backend
from mfp.backends.example import example_inputs
from mfp.backends.onnx_model import onnx_model
from mfp.backends.onnxruntime import OnnxRuntimeSession
from mfp.backends.registry import BACKENDS, check_backend
from mfp.click_model import ClickModel
from mfp.clicks import Click
from mfp.engine import Engine
from mfp.engine_settings import BackendName, EngineSettings, Precision
from mfp.errors import BackendError, DeviceError
from mfp.model_file import model_from_bytes
from mfp.models.analytic import AnalyticClickModel
from mfp.models.registry import NetworkConfig
from mfp.models.vit import ViTConfig
from mfp.network import ModulatedNetwork
from mfp.session import Session, SimulatedClicks
from tests.mfp.click_models import GrowingModel
from tests.mfp.network_factories import SMALL_CONFIGS, create_network, noise, with_switches
from tests.mfp.session_factories import (
    NO_TARGET,
    RedChannelModel,
    TinyNetwork,
    create_image,
    create_sessions,
    create_truth,
    outcomes,
)

CPU = torch.device("cpu")
ON_CPU: tuple[BackendName, ...] = ("onnxruntime", "openvino")
CONFIGS: dict[str, NetworkConfig] = SMALL_CONFIGS | {
    "vit with windows": ViTConfig(
        width=16, depth=8, num_heads=2, input_size=224, pyramid_widths=(4, 4, 8, 8), head_width=8
    ),
    "lite0 without late fusion": with_switches(SMALL_CONFIGS["lite0"], modulated_map=True, late_fusion=False),
    "resnet34 without modulated map": with_switches(
        SMALL_CONFIGS["resnet34"], modulated_map=False, late_fusion=True
    ),
}
SIZES = {
    "lite0": [(64, 96), (96, 32), (224, 320)],
    "hrnet18": [(64, 96), (97, 61), (33, 180)],
    "resnet34": [(64, 96), (97, 61), (33, 180)],
    "vit": [(64, 64)],
}
TOLERANCE = 1e-4  # of the logits' range


@pytest.fixture(params=ON_CPU)
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    found = BACKENDS[request.param]
    if not found.is_installed:
        pytest.skip(f"{request.param} is not installed")
    yield found


def in_form(config: NetworkConfig) -> ModulatedNetwork:
    return create_network(config).for_inference(CPU)


def inputs(network: ModulatedNetwork, num_rows: int, size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    clicks = network.click_settings
    channels = (3, clicks.num_coordinate_channels, clicks.num_late_channels)
    image, coordinates, late = (noise(num_rows, number, *size, seed=number) for number in channels)
    return image * 4 - 2, coordinates, late


def shipped_lite0() -> ModulatedNetwork:
    return model_from_bytes(resources.files("mfp.weights").joinpath("lite0.safetensors").read_bytes()).network


@pytest.mark.parametrize("name", CONFIGS)
def test_logits_are_those_of_torch_for_every_number_of_rows_and_every_size(
    backend: Backend, name: str
) -> None:
    network = in_form(CONFIGS[name])
    sizes = [(224, 224)] if name == "vit with windows" else SIZES[name.split(maxsplit=1)[0]]
    with torch.inference_mode():
        layers = backend.prepare(network, sizes[0], "fp32")
        for size in sizes:
            for num_rows in (1, 2, 3):
                given = inputs(network, num_rows, size)
                logits, expected = layers(*given), network(*given)
                assert logits.shape == expected.shape == (num_rows, 1, *size)
                assert logits.dtype is torch.float32
                extent = float(expected.max() - expected.min())
                assert extent > 1e-3, "an answer that says nothing would agree with anything"
                assert float((logits - expected).abs().max()) <= TOLERANCE * extent


def test_openvino_gives_logits_near_those_of_float32_in_bf16_if_the_processor_has_it() -> None:
    backend = BACKENDS["openvino"]
    if not backend.is_installed:
        pytest.skip("openvino is not installed")
    network = shipped_lite0().for_inference(CPU)
    given = inputs(network, 2, (96, 128))
    with torch.inference_mode():
        expected = network(*given)
        extent = float(expected.max() - expected.min())
        if not openvino.has_bf16():
            with pytest.raises(BackendError, match="this processor has no bf16 arithmetic"):
                check_backend("openvino", network, CPU, "bf16")
            return
        check_backend("openvino", network, CPU, "bf16")
        logits = backend.prepare(network, (96, 128), "bf16")(*given)
        with torch.autocast("cpu", torch.bfloat16):  # as an engine does
            in_autocast = backend.prepare(network, (96, 128), "bf16")
        assert torch.equal(in_autocast(*given), logits), "no cast of the passes is in the graph"
    difference = float((logits - expected).abs().max()) / extent
    assert 1e-3 < difference < 0.2, "as far off as products of bfloat16 are, and no further"


def test_openvino_refuses_bf16_on_a_processor_that_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    if not BACKENDS["openvino"].is_installed:
        pytest.skip("openvino is not installed")
    monkeypatch.setattr(openvino, "has_bf16", lambda: False)
    network = in_form(SMALL_CONFIGS["lite0"])
    with pytest.raises(
        BackendError,
        match=r"^backend openvino with precision bf16: this processor has no bf16 arithmetic; take precision fp32, or "
        r"backend torch$",
    ):
        check_backend("openvino", network, CPU, "bf16")
    check_backend("openvino", network, CPU, "fp32")


class Elementwise(TinyNetwork):
    """A network that compiles within seconds."""

    def forward(self, image: Tensor, coordinates: Tensor, late: Tensor) -> Tensor:
        return torch.tanh(image.sum(dim=1, keepdim=True) + coordinates[:, :1] * late[:, 3:4])


@pytest.mark.slow
def test_a_compiled_network_gives_the_logits_of_torch() -> None:
    network = Elementwise().for_inference(CPU)
    layers = BACKENDS["compile"].prepare(network, (64, 96), "fp32")
    with torch.inference_mode():
        for num_rows, size in ((2, (64, 96)), (1, (96, 32))):
            given = inputs(network, num_rows, size)
            expected = network(*given)
            extent = float(expected.max() - expected.min())
            assert float((layers(*given) - expected).abs().max()) <= TOLERANCE * extent


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_what_is_compiled_at_the_start_serves_crops_of_all_sizes(precision: Precision) -> None:
    torch._dynamo.reset()
    engine = Engine(Elementwise(), EngineSettings(backend="compile", precision=precision))
    graphs = counters["stats"]
    at_start = graphs["unique_graphs"]
    assert at_start > 0
    square = Session("square", create_image(1, 96, 96), create_truth(1, 96, 96), SimulatedClicks(), NO_TARGET)
    finished = list(engine.run([*create_sessions(5), square]))
    assert len({record.region for session in finished for record in session.clicks}) >= 6
    assert graphs["unique_graphs"] == at_start


def test_an_answer_depends_neither_on_the_sizes_before_nor_on_the_session(backend: Backend) -> None:
    network = in_form(SMALL_CONFIGS["resnet34"])
    first, second = inputs(network, 2, (64, 96)), inputs(network, 1, (97, 61))
    with torch.inference_mode():
        one, other = (backend.prepare(network, (64, 96), "fp32") for _ in range(2))
        alone = one(*second)
        other(*first)
        assert torch.equal(other(*second), alone)
        kept = other(*first)
        before = kept.clone()
        other(*(one.flip(3) for one in first))
        assert torch.equal(kept, before), "an answer is not written over by the next"


def test_a_row_is_the_same_beside_another(backend: Backend) -> None:
    network = shipped_lite0().for_inference(CPU)
    with torch.inference_mode():
        layers = backend.prepare(network, (96, 96), "fp32")
        both = inputs(network, 2, (96, 96))
        pair = layers(*both)
        for row in range(2):
            alone = layers(*(one[row : row + 1] for one in both))
            torch.testing.assert_close(alone[0], pair[row], rtol=0, atol=1e-4)


def test_objects_get_the_clicks_that_they_get_by_torch(backend: Backend) -> None:
    network, sessions = shipped_lite0(), create_sessions(6)
    by_torch, by_backend = (
        {
            finished.key: [(record.click, record.region) for record in finished.clicks]
            for finished in Engine(network, EngineSettings(backend=name, zoom_size=128)).run(sessions)
        }
        for name in ("torch", backend.name)
    )
    assert by_backend == by_torch
    assert sum(map(len, by_torch.values())) > len(sessions)


def test_an_engine_by_itself_takes_torch_for_auto() -> None:
    network, sessions = create_network(SMALL_CONFIGS["lite0"]), create_sessions(2)
    by_torch, by_auto = (
        outcomes(Engine(network, EngineSettings(backend=name, zoom_size=64)).run(sessions))
        for name in ("torch", "auto")
    )
    assert by_auto == by_torch


def test_two_sessions_of_onnxruntime_from_one_network_have_the_same_model_and_its_threads() -> None:
    network = in_form(SMALL_CONFIGS["resnet34"])
    model = onnx_model(network, (64, 64))
    assert model == onnx_model(network, (400, 96)), "the size that is traced does not stay in it"
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        options = OnnxRuntimeSession(model)._session.get_session_options()
    finally:
        torch.set_num_threads(before)
    assert options.intra_op_num_threads == 3


def test_a_network_travels_to_another_process_and_back() -> None:
    network = create_network(SMALL_CONFIGS["lite0"]).for_inference(CPU)
    given = example_inputs(network, (64, 64))
    with torch.inference_mode():
        assert torch.equal(pickle.loads(pickle.dumps(network))(*given), network(*given))


def test_the_layers_of_a_network_are_replaced_in_a_copy_alone() -> None:
    network = TinyNetwork()
    empty = network.run_by(lambda image, coordinates, late: torch.zeros_like(image[:, :1]))
    image, prob, clicks = noise(1, 3, 32, 32), noise(1, 1, 32, 32), [[Click(5, 5, True)]]
    assert not empty.forward_map(image, prob, clicks).any()
    assert not empty.first_map(image, clicks).sub(0.5).any()
    assert network.forward_map(image, prob, clicks).any()


class Unexportable(TinyNetwork):
    """A network with a function that ONNX does not have."""

    def forward(self, image: Tensor, coordinates: Tensor, late: Tensor) -> Tensor:
        logits: Tensor = torch.special.bessel_j0(super().forward(image, coordinates, late))
        return logits


def damage(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a package of this name that cannot be imported before the one that is installed."""
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text(
        "raise ImportError('libtbb.so.12: cannot open shared object file')"
    )
    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(folder))
    # as in a process that has not used it yet
    monkeypatch.setattr(openvino, "_core", functools.cache(openvino._core.__wrapped__))


def test_a_damaged_installation_is_refused_in_one_line(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(backend.name, tmp_path, monkeypatch)
    with pytest.raises(BackendError) as refused:
        Engine(TinyNetwork(), EngineSettings(backend=backend.name))
    assert str(refused.value) == (
        f"backend {backend.name}: TinyNetwork cannot be run here: libtbb.so.12: cannot open shared object file; take "
        "backend torch"
    )


class InFloat64(TinyNetwork):
    """A network with a function that ONNX Runtime has in float32 alone."""

    def forward(self, image: Tensor, coordinates: Tensor, late: Tensor) -> Tensor:
        return torch.erf(super().forward(image, coordinates, late).double()).float()


def test_a_model_that_onnxruntime_does_not_take_is_refused_in_one_line() -> None:
    with pytest.raises(
        BackendError,
        match=r"^backend onnxruntime: InFloat64 cannot be run here: .*Erf.*; take backend torch$",
    ):
        Engine(InFloat64(), EngineSettings(backend="onnxruntime"))


def test_a_network_that_cannot_be_exported_is_refused_in_one_line(backend: Backend) -> None:
    with pytest.raises(
        BackendError, match=r"^Unexportable cannot be exported to ONNX: .*; take backend torch$"
    ):
        Engine(Unexportable(), EngineSettings(backend=backend.name))


@pytest.mark.parametrize(
    ("settings", "device", "message"),
    [
        (
            EngineSettings(backend="onnxruntime"),
            "cuda",
            "backend onnxruntime with precision fp32 on cuda: it runs fp32 on cpu alone; take device cpu and precision "
            "fp32, or backend torch",
        ),
        (
            EngineSettings(backend="onnxruntime", precision="bf16"),
            "cpu",
            "backend onnxruntime with precision bf16 on cpu: it runs fp32 on cpu alone; take device cpu and precision "
            "fp32, or backend torch",
        ),
    ],
)
def test_a_device_or_precision_that_a_backend_has_not_is_refused(
    settings: EngineSettings, device: str, message: str
) -> None:
    with pytest.raises(BackendError) as refused:
        Engine(TinyNetwork(), settings, device)
    assert str(refused.value) == message


@pytest.mark.parametrize("model", [AnalyticClickModel(), RedChannelModel(), GrowingModel()])
def test_models_of_others_run_by_auto_and_torch_and_no_other_backend(model: ClickModel) -> None:
    check_backend("torch", model, CPU, "fp32")
    for choice in ("auto", "torch"):
        Engine(model, EngineSettings(backend=choice))
    for other in ("compile", "onnxruntime", "openvino"):
        with pytest.raises(BackendError, match=rf"^backend {other}: .* is none of our own networks"):
            Engine(model, EngineSettings(backend=other))


def test_a_package_that_is_not_here_is_named_with_what_installs_it() -> None:
    absent = Backend(
        "openvino", lambda network, size, precision: network, ("torch", "no_such_package"), "mfp[it]"
    )
    assert not absent.is_installed
    assert absent.refusal(CPU, "fp32") == (
        f"backend openvino: package no_such_package is not installed in {sys.prefix}: pip install 'mfp[it]', or take "
        "backend torch"
    )


def test_compile_without_a_compiler_is_refused_before_it_compiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CXX", raising=False)
    compiled = BACKENDS["compile"]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert compiled.refusal(CPU, "fp32") == (
        "backend compile: program g++ is not here: install it, name another by the variable CXX, or take backend torch"
    )
    assert compiled.refusal(torch.device("cuda"), "fp32") == ""
    (tmp_path / "my-compiler").touch(mode=0o755)
    monkeypatch.setenv("CXX", "my-compiler")
    assert compiled.refusal(CPU, "fp32") == ""


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("model", [TinyNetwork(), AnalyticClickModel(), GrowingModel()])
def test_a_gpu_that_is_not_there_is_refused_in_one_line(model: ClickModel) -> None:
    with pytest.raises(DeviceError) as refused:
        Engine(model, EngineSettings(), "cuda")
    assert str(refused.value) == (
        f"device cuda: PyTorch {torch.__version__} finds no CUDA GPU here; take device cpu"
    )


def test_openvino_is_imported_without_what_reports_to_its_maker() -> None:
    if not BACKENDS["openvino"].is_installed:
        pytest.skip("openvino is not installed")
    code = (
        "import socket, sys\n"
        "def refuse(*args): raise AssertionError(args)\n"
        "socket.socket.connect = refuse\n"
        "from mfp.backends.openvino import import_openvino\n"
        "import_openvino()\n"
        "print([name for name in sys.modules if name.startswith('openvino_telemetry') and sys.modules[name]])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
