"""Labelling runs by a backend, on a real local Ray: rows, going on, checking."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from actors.click_models.model_ref import Formula, ModelRef
from actors.labelling.given import Given
from actors.labelling.job import LabelJob
from actors.labelling.worker import LabelWorker, WorkerResources, store
from actors.specs.label import LabelSpec
from actors.specs.verify import VerifySpec
from infra.errors import RunDirectoryError
from infra.runs.run_directory import RunDirectory
from infra.storage.files import Storage
from mfp.errors import BackendError
from pipelines.errors import persons_error
from pipelines.inputs.run_record import LabelRecord, read_record
from pipelines.jobs.label import run_label
from pipelines.jobs.replay import Replayer
from pipelines.jobs.verify import run_verify
from tests.actors.shapes import rows_of, write_shapes
from tests.model_files import small_model
from tests.pipelines.past_runs import label_here
from tests.specs import changed, label_record, label_spec

STORAGE = Storage()
NUM_SHARDS = 4

pytestmark = pytest.mark.usefixtures("same_threads")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """As the workers have."""
    torch.set_num_threads(1)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("MFP_CACHE", str(tmp_path / "cache"))
    yield tmp_path / "cache" / "backends"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("shapes"))
    return write_shapes(folder, STORAGE, num_samples=NUM_SHARDS, samples_per_shard=1).url


@pytest.fixture
def asked(dataset: str, tmp_path: Path) -> LabelSpec:
    model = tmp_path / "model.safetensors"
    model.write_bytes(small_model(3)[0])
    out = str(tmp_path / "run")
    return label_spec(dataset, out, str(model), device="cpu", max_clicks=3, zoom_size=64)


def recorded(run_url: str) -> LabelRecord:
    return read_record(LabelRecord, run_url, STORAGE)


def test_two_workers_by_onnxruntime_give_the_rows_of_one_process(ray_cluster: None, asked: LabelSpec) -> None:
    here = label_here(changed(asked, out=f"{asked.out}-here", backend="onnxruntime"))
    run_label(changed(asked, backend="onnxruntime", workers="2", cpus_per_worker=0.5))
    assert rows_of(RunDirectory(asked.out, STORAGE)) == rows_of(here)
    record = recorded(asked.out)
    assert record.spec.network.backend == "onnxruntime"
    assert {"torch", "onnxruntime"} <= set(record.versions)
    assert record.processor


def test_auto_is_written_down_as_what_it_chose_and_goes_on_so(
    ray_cluster: None, asked: LabelSpec, cache: Path
) -> None:
    notices: list[str] = []
    run_label(asked, lambda report: notices.append(report.notice))
    first = recorded(asked.out).spec.network.backend
    assert first != "auto"
    assert sum(notice.startswith(f"backend {first}") for notice in notices) == (first != "torch")
    (path,) = cache.iterdir()
    document = json.loads(path.read_text())
    slow, fast = ("torch", "onnxruntime") if first == "torch" else (first, "torch")
    trials = [
        {"name": slow, "seconds": 9.0, "difference": 0.0},
        {"name": fast, "seconds": 0.1, "difference": 0.0},
    ]
    path.write_text(json.dumps(document | {"trials": trials}))
    rows = rows_of(RunDirectory(asked.out, STORAGE))
    for commit in sorted(Path(asked.out, "commits").glob("*.json"))[:2]:
        commit.unlink()
    run_label(asked)
    assert recorded(asked.out).spec.network.backend == first
    assert rows_of(RunDirectory(asked.out, STORAGE)) == rows
    other = changed(asked, out=f"{asked.out}-other")
    run_label(other)
    assert recorded(other.out).spec.network.backend == fast


def test_a_run_goes_on_by_no_other_backend_that_is_named(asked: LabelSpec) -> None:
    label_here(changed(asked, backend="onnxruntime"), num_shards=1)
    with pytest.raises(
        RunDirectoryError, match=r'network\.backend is "onnxruntime" there and "torch" here: give the same'
    ):
        run_label(changed(asked, backend="torch"))


def test_a_finished_run_is_one_whatever_auto_would_choose(asked: LabelSpec, cache: Path) -> None:
    label_here(changed(asked, backend="onnxruntime"))
    assert run_label(asked).skipped_shards == NUM_SHARDS
    assert not cache.exists()


def test_a_backend_that_the_model_cannot_be_run_by_is_refused_before_anything_is_written(
    asked: LabelSpec,
) -> None:
    with pytest.raises(BackendError, match=r"^backend openvino: analytic is none of our own networks"):
        run_label(changed(asked, model="analytic", backend="openvino"))
    with pytest.raises(BackendError, match=r"^backend onnxruntime with precision bf16 on cpu"):
        run_label(changed(asked, backend="onnxruntime", precision="bf16"))
    assert not Path(asked.out).exists()


def test_a_worker_that_cannot_run_it_says_so_in_one_line(ray_cluster: None, asked: LabelSpec) -> None:
    import ray

    job = LabelJob(changed(asked, backend="onnxruntime"), asked.dataset)
    worker: Any = ray.remote(LabelWorker).remote(job, WorkerResources(0.25))
    with pytest.raises(BackendError) as refused:
        ray.get(worker.start.remote(store(ModelRef("analytic", "analytic", Formula())), Given()))
    ray.kill(worker)
    told = persons_error(refused.value)
    assert told is not None
    assert told.startswith("backend onnxruntime: ")
    assert told.endswith("take backend auto or torch")


def test_who_checks_a_run_is_told_what_the_backend_and_the_processor_can_promise(asked: LabelSpec) -> None:
    run = label_here(changed(asked, backend="onnxruntime"))
    found = run_verify(VerifySpec(run=asked.out, sample=1.0))
    assert found.is_good, found.findings
    assert found.num_same_clicks == len(found.redone) == found.objects > 0
    assert found.expected_sameness.endswith("rows are to be the same, bit for bit")
    by_torch = run_verify(VerifySpec(run=asked.out, sample=1.0, backend="torch", tolerance=0.01))
    assert by_torch.num_same_clicks == by_torch.objects
    record = recorded(asked.out)
    onnxruntime, version = record.versions["onnxruntime"], record.versions["torch"]
    assert by_torch.expected_sameness.startswith(
        f"the run began with onnxruntime {onnxruntime}, torch {version} on {record.processor}; labelled again with "
        f"torch {version} on {record.processor}: the last bit of a map may differ"
    )
    path = Path(asked.out, "run.json")
    path.write_text(
        json.dumps(json.loads(path.read_text()) | {"processor": "another"}),
    )
    elsewhere = run_verify(VerifySpec(run=run.url, sample=0.1))
    assert "torch " + version + " on another; labelled again" in elsewhere.expected_sameness


def test_a_check_by_a_backend_that_cannot_is_a_finding(asked: LabelSpec) -> None:
    label_here(changed(asked, backend="onnxruntime"))
    (finding,) = run_verify(VerifySpec(run=asked.out, device="cuda")).findings
    assert "not possible: backend onnxruntime with precision fp32 on cuda" in str(finding)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_check_on_a_gpu_that_is_not_there_is_a_finding(asked: LabelSpec) -> None:
    label_here(asked)
    (finding,) = run_verify(VerifySpec(run=asked.out, device="cuda")).findings
    assert "not possible: device cuda: PyTorch" in str(finding)


def test_pictures_are_made_by_torch_if_the_backend_of_the_run_is_not_here(asked: LabelSpec) -> None:
    run = label_here(asked)
    path = Path(asked.out, "run.json")
    document = json.loads(path.read_text())
    document["spec"]["network"] |= {"backend": "onnxruntime", "precision": "bf16"}  # which it does not run
    path.write_text(json.dumps(document))
    (names,) = [Replayer(run).objects_of("folder/shape-000")]
    (first, *_) = Replayer(run).replay(names)
    assert first.why_no_looks == ""
    assert len(first.looks) == len(first.clicks) > 0


def test_of_two_runs_that_begin_at_once_the_later_one_takes_what_the_earlier_chose(asked: LabelSpec) -> None:
    from pipelines.inputs.run_record import request_of

    def record(backend: str) -> LabelRecord:
        return label_record(changed(asked, backend=backend))

    run = RunDirectory(asked.out, STORAGE)
    run.open(request_of(record("onnxruntime")))
    run.open(request_of(record("torch"), keeps_backend=True))
    run.check(request_of(record("auto")))
    with pytest.raises(RunDirectoryError, match=r"network\.backend"):
        run.open(request_of(record("torch")))
    with pytest.raises(RunDirectoryError, match="seed is 0 there and 9 here"):
        run.check(request_of(replace(record("auto"), spec=changed(record("auto").spec, seed=9))))
