"""The fastest backend is taken if it is clearly faster than torch and gives torch's logits."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import mfp.backends.trial
from mfp.backends.registry import BACKENDS
from mfp.backends.trial import LEAST_GAIN, ROUNDINGS, TOLERANCE, Trial, fastest, try_backends
from mfp.engine_settings import BackendName
from tests.mfp.backends.test_backends import InFloat64, Unexportable, damage
from tests.mfp.network_factories import SMALL_CONFIGS, create_network

CPU = torch.device("cpu")
OTHERS: tuple[BackendName, ...] = ("compile", "onnxruntime", "openvino")
DIFFERENCES = st.floats(0, 1) | st.just(math.nan) | st.just(math.inf)


@given(
    by_torch=st.floats(0.001, 10),
    others=st.lists(st.tuples(st.floats(0.001, 10), DIFFERENCES), max_size=3),
)
def test_another_than_torch_is_taken_only_if_it_is_clearly_faster_and_alike(
    by_torch: float, others: list[tuple[float, float]]
) -> None:
    of_torch = Trial("torch", by_torch, 0.0)
    trials = [Trial(name, *other) for name, other in zip(OTHERS, others, strict=False)]
    best = fastest((*trials, of_torch))
    usable = [one for one in trials if one.difference <= TOLERANCE and one.seconds * LEAST_GAIN <= by_torch]
    assert best in (usable or [of_torch])
    assert all(best.seconds <= one.seconds for one in usable)


def test_in_bf16_another_may_be_as_far_again_from_float32_as_torch_is() -> None:
    by_torch = Trial("torch", 2.0, 0.05)
    for difference, name in ((0.05 * ROUNDINGS, "openvino"), (0.05 * ROUNDINGS + 0.01, "torch")):
        assert fastest((by_torch, Trial("openvino", 1.0, difference))).name == name


def test_torch_is_kept_if_another_gains_less_than_a_tenth() -> None:
    by_torch = Trial("torch", 1.09, 0.0)
    assert fastest((by_torch, Trial("onnxruntime", 1.0, 0.0))) == by_torch
    slower = replace(by_torch, seconds=1.11)
    assert fastest((slower, Trial("onnxruntime", 1.0, 0.0))).name == "onnxruntime"


def test_every_backend_that_is_here_is_timed_and_compared() -> None:
    network = create_network(SMALL_CONFIGS["lite0"]).for_inference(CPU)
    names: list[BackendName] = [one for one in OTHERS[1:] if BACKENDS[one].is_installed]
    trials = try_backends(network, names, 64, "fp32")
    assert [trial.name for trial in trials] == ["torch", *names]
    assert all(0 < trial.seconds < 10 for trial in trials)
    assert trials[0].difference == 0
    assert all(0 <= trial.difference <= TOLERANCE for trial in trials)


def test_a_network_that_takes_long_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mfp.backends.trial, "LONGEST_PASS_SECONDS", 0.0)
    network = create_network(SMALL_CONFIGS["lite0"]).for_inference(CPU)
    (trial,) = try_backends(network, ["onnxruntime"], 64, "fp32")
    assert trial.name == "torch"


def test_a_backend_that_cannot_run_a_network_is_left_out_and_said(caplog: pytest.LogCaptureFixture) -> None:
    trials = try_backends(Unexportable().for_inference(CPU), ["onnxruntime"], 64, "fp32")
    assert [trial.name for trial in trials] == ["torch"]
    assert "Unexportable cannot be exported to ONNX" in caplog.text


def test_a_backend_that_fails_is_left_out_whatever_it_raises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    trials = try_backends(InFloat64().for_inference(CPU), ["onnxruntime"], 64, "fp32")
    assert [trial.name for trial in trials] == ["torch"]
    assert "backend onnxruntime is left out: backend onnxruntime: InFloat64 cannot be run here" in caplog.text
    damage("onnxruntime", tmp_path, monkeypatch)
    trials = try_backends(
        create_network(SMALL_CONFIGS["lite0"]).for_inference(CPU), ["onnxruntime"], 64, "fp32"
    )
    assert [trial.name for trial in trials] == ["torch"]
    assert "libtbb.so.12" in caplog.text


def test_a_backend_whose_difference_is_no_number_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    network = create_network(SMALL_CONFIGS["lite0"])
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(math.nan)
    trials = try_backends(network.for_inference(CPU), ["onnxruntime"], 64, "fp32")
    assert [trial.name for trial in trials] == ["torch"]
    assert "its logits are not comparable with torch's" in caplog.text
