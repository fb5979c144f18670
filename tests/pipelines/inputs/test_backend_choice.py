"""`auto` is chosen once: by a trial that is remembered, or by the run that goes on."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch

from actors.click_models.model_ref import Formula, ModelRef, Weights
from actors.labelling.worker import WorkerResources
from mfp.backends import openvino
from mfp.backends.registry import BACKENDS
from mfp.engine_settings import EngineSettings
from mfp.model_file import model_from_bytes, model_id_of, model_to_bytes
from pipelines.errors import OptionError
from pipelines.inputs.backend_choice import ChosenBackend, choose_backend
from tests.model_files import small_model

ONE_CORE = WorkerResources(1.0)
AUTO = EngineSettings(zoom_size=64)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of what was tried, which is not there yet."""
    monkeypatch.setenv("MFP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "backends"


def small_lite0(seed: int = 1) -> ModelRef:
    data, model_id = small_model(seed)
    return ModelRef("small", model_id, Weights(data))


def chosen(
    settings: EngineSettings = AUTO, workers: WorkerResources = ONE_CORE, seed: int = 1
) -> ChosenBackend:
    return choose_backend(settings, small_lite0(seed), workers, "run", None)


def remembered(cache: Path) -> dict[str, Any]:
    (path,) = cache.iterdir()
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def remember(cache: Path, milliseconds: dict[str, float]) -> None:
    """Other times than those that were measured, in the one file."""
    (path,) = cache.iterdir()
    trials = [
        {"name": name, "seconds": time / 1000, "difference": 0.0} for name, time in milliseconds.items()
    ]
    path.write_text(json.dumps(remembered(cache) | {"trials": trials}))


def test_what_is_installed_is_tried_once_and_remembered_by_what_decides_it(cache: Path) -> None:
    threads = torch.get_num_threads()
    first = chosen()
    assert torch.get_num_threads() == threads
    found = remembered(cache)
    installed = [one for one in ("onnxruntime", "openvino") if BACKENDS[one].is_installed]
    assert [trial["name"] for trial in found["trials"]] == ["torch", *installed]
    assert set(found["of"]) == {
        "model",
        "zoom_size",
        "precision",
        "threads",
        "processor",
        "mfp-pipeline",
        "torch",
        *installed,
    }
    assert found["of"]["model"] == small_model(1)[1]
    assert (found["of"]["threads"], found["of"]["zoom_size"]) == ("1", "64")
    assert chosen() == first
    remember(cache, {"torch": 66.0, "onnxruntime": 43.0})
    assert chosen() == ChosenBackend(
        "onnxruntime", "backend onnxruntime: 43 ms for two crops, 66 ms by torch"
    )
    remember(cache, {"torch": 45.0, "onnxruntime": 43.0})
    assert chosen() == ChosenBackend("torch")


def test_another_model_crop_or_number_of_threads_is_tried_anew(cache: Path) -> None:
    chosen()
    chosen(workers=WorkerResources(1.5))  # one thread too
    assert len(list(cache.iterdir())) == 1
    chosen(workers=WorkerResources(2.0))
    chosen(seed=2)
    chosen(EngineSettings(zoom_size=96))
    assert len(list(cache.iterdir())) == 4


def test_a_damaged_file_is_made_anew(cache: Path) -> None:
    chosen()
    (path,) = cache.iterdir()
    path.write_text('{"of": {}, "trials": [{"name": "torch"}]}')
    chosen()
    assert remembered(cache)["trials"][0]["name"] == "torch"
    assert remembered(cache)["of"]["model"] == small_model(1)[1]


@pytest.mark.parametrize("names", [[], ["onnxruntime"], ["torch", "torch"]])
def test_a_file_without_what_the_others_are_compared_with_is_made_anew(cache: Path, names: list[str]) -> None:
    chosen()
    (path,) = cache.iterdir()
    trials = [{"name": name, "seconds": 1.0, "difference": 0.0} for name in names]
    path.write_text(json.dumps(remembered(cache) | {"trials": trials}))
    chosen()
    assert [trial["name"] for trial in remembered(cache)["trials"]].count("torch") == 1


def test_a_file_about_another_model_is_made_anew(cache: Path) -> None:
    chosen()
    (path,) = cache.iterdir()
    found = remembered(cache)
    path.write_text(json.dumps(found | {"of": found["of"] | {"model": "another"}}))
    chosen()
    assert remembered(cache)["of"] == found["of"]


def test_a_model_whose_logits_are_no_numbers_is_run_by_torch(cache: Path) -> None:
    network = model_from_bytes(small_model(1)[0])
    weights = {
        name: one * torch.nan if one.is_floating_point() else one
        for name, one in network.network.state_dict().items()
    }
    data = model_to_bytes(network.config, weights, {})
    model = ModelRef("small", model_id_of(data), Weights(data))
    assert choose_backend(AUTO, model, ONE_CORE, "run", None) == ChosenBackend("torch")
    assert [trial["name"] for trial in remembered(cache)["trials"]] == ["torch"]


def test_bf16_is_tried_by_what_runs_it_beside_torch_in_bf16(cache: Path) -> None:
    if not (BACKENDS["openvino"].is_installed and openvino.has_bf16()):
        pytest.skip("OpenVINO does not run bf16 here")
    chosen(EngineSettings(zoom_size=64, precision="bf16"))
    found = remembered(cache)
    assert [trial["name"] for trial in found["trials"]] == ["torch", "openvino"]
    assert found["of"]["precision"] == "bf16"
    assert 0 < found["trials"][1]["difference"] < 2 * found["trials"][0]["difference"] + 1e-4


def test_a_processor_without_bf16_runs_it_by_torch_and_does_not_go_on_with_what_openvino_began(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not BACKENDS["openvino"].is_installed:
        pytest.skip("openvino is not installed")
    monkeypatch.setattr(openvino, "has_bf16", lambda: False)
    in_bf16 = EngineSettings(zoom_size=64, precision="bf16")
    assert chosen(in_bf16) == ChosenBackend("torch")
    assert not cache.exists()
    with pytest.raises(
        OptionError, match=r"^run was begun with backend openvino: .* has no bf16 arithmetic; .*"
    ):
        choose_backend(in_bf16, small_lite0(), ONE_CORE, "run", "openvino")


def test_a_user_without_a_home_has_trials_among_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("MFP_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)  # whom no system knows
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    chosen()
    assert len(list((tmp_path / "mfp" / "backends").iterdir())) == 1


def test_without_a_place_to_remember_it_a_backend_is_chosen_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MFP_CACHE", str(tmp_path / "file" / "below"))
    assert chosen().name in BACKENDS
    assert "backends are tried again next time" in caplog.text


@pytest.mark.parametrize(
    ("settings", "model", "workers"),
    [
        (AUTO, ModelRef("analytic", "analytic", Formula()), ONE_CORE),
        (AUTO, small_lite0(), WorkerResources(1.0, 1.0)),
        (EngineSettings(zoom_size=64, precision="tf32"), small_lite0(), ONE_CORE),
    ],
)
def test_where_torch_alone_runs_a_model_nothing_is_tried(
    cache: Path, settings: EngineSettings, model: ModelRef, workers: WorkerResources
) -> None:
    assert choose_backend(settings, model, workers, "run", None) == ChosenBackend("torch")
    assert not cache.exists()


def test_a_run_that_goes_on_keeps_its_backend_whatever_would_be_chosen_now(cache: Path) -> None:
    chosen()
    remember(cache, {"torch": 10.0, "onnxruntime": 43.0})
    assert choose_backend(AUTO, small_lite0(), ONE_CORE, "run", "onnxruntime") == ChosenBackend("onnxruntime")
    remember(cache, {"torch": 66.0, "onnxruntime": 10.0})
    assert choose_backend(AUTO, small_lite0(), ONE_CORE, "run", "torch") == ChosenBackend("torch")


def test_a_run_whose_backend_cannot_go_on_here_is_refused_in_one_line() -> None:
    with pytest.raises(OptionError) as refused:
        choose_backend(AUTO, small_lite0(), WorkerResources(1.0, 1.0), "s3://bucket/run", "onnxruntime")
    assert str(refused.value) == (
        "s3://bucket/run was begun with backend onnxruntime: backend onnxruntime with precision fp32 on cuda: it runs "
        "fp32 on cpu alone; take device cpu and precision fp32, or backend torch in another directory"
    )


def test_a_backend_that_is_named_is_taken_or_refused(cache: Path) -> None:
    named = EngineSettings(backend="onnxruntime")
    assert chosen(named) == ChosenBackend("onnxruntime")
    with pytest.raises(OptionError, match=r"^backend onnxruntime with precision fp32 on cuda"):
        chosen(named, WorkerResources(1.0, 0.5))
    assert not cache.exists()
