"""The labelling job on a real local Ray, which the tests of this file share."""

from __future__ import annotations

import json
import logging
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from actors.errors import ClusterError, TooManyErrorsError
from actors.labelling.hand_out import Assignment
from actors.labelling.worker import WorkerInfo
from actors.specs.label import LabelSpec
from infra.errors import RunDirectoryError
from infra.runs.commit import Unclicked
from infra.runs.run_directory import RunDirectory
from infra.shards.manifest import DatasetManifest
from infra.storage.files import Storage, join
from mfp.errors import ModelError, WeightsError
from mfp.model_file import model_to_bytes
from mfp.models.lite0 import Lite0Config
from mfp.models.registry import build_network
from pipelines.errors import OptionError
from pipelines.jobs.label import RunSummary, run_label
from pipelines.jobs.report import build_report
from pipelines.jobs.submit import run_progress
from pipelines.progress_report import ProgressReport
from tests.actors.shapes import LIMITS, ZOOM_SIZE, labeller, reader_of, rows_of, shape_sample, write_shapes
from tests.pipelines.past_runs import label_here
from tests.specs import changed, label_spec, replayed

STORAGE = Storage()
NUM_SHARDS = 6


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DatasetManifest:
    folder = str(tmp_path_factory.mktemp("shapes"))
    return write_shapes(folder, STORAGE, num_samples=2 * NUM_SHARDS, samples_per_shard=2)


@pytest.fixture(scope="module")
def undisturbed(
    dataset: DatasetManifest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[dict[str, object]]]:
    """The rows of the data set, made in this process without Ray."""
    run = RunDirectory(str(tmp_path_factory.mktemp("run")), STORAGE)
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the workers have: the number of threads decides the last bit of a map
    shards = labeller(run, reader_of(dataset, STORAGE))
    with ThreadPoolExecutor(2) as callers:
        list(callers.map(shards.label, [Assignment(shard, shard.name) for shard in dataset.shards]))
    shards.close()
    torch.set_num_threads(num_threads)
    return rows_of(run)


def options(dataset_url: str, out: str | Path, num_workers: int = 1) -> LabelSpec:
    """Options that give the rows of `undisturbed`."""
    return label_spec(
        dataset_url,
        str(out),
        "analytic",
        max_clicks=LIMITS.max_clicks,
        target_iou=LIMITS.target_iou,
        zoom_size=ZOOM_SIZE,
        workers=str(num_workers),
        device="cpu",
    )


def part_files(out: Path) -> set[str]:
    return {str(path.relative_to(out)) for path in out.glob("*/*.parquet")}


def test_two_workers_on_s3_give_the_rows_of_one_process(
    ray_cluster: None,
    s3_bucket: str,
    undisturbed: dict[str, list[dict[str, object]]],
) -> None:
    manifest = write_shapes(f"{s3_bucket}/data", STORAGE, num_samples=2 * NUM_SHARDS, samples_per_shard=2)
    reports: list[ProgressReport] = []
    summary = run_label(options(manifest.url, f"{s3_bucket}/run", num_workers=2), reports.append)
    run = RunDirectory(f"{s3_bucket}/run", STORAGE)
    assert rows_of(run) == undisturbed
    assert len(STORAGE.list(join(run.url, "masks"))) == NUM_SHARDS
    num_clicks = len(undisturbed["clicks"])
    assert summary == RunSummary(
        objects=len(undisturbed["masks"]),
        clicks=num_clicks,
        errors=0,
        seconds=summary.seconds,
        shards=NUM_SHARDS,
        skipped_shards=0,
    )
    assert reports[0] == ProgressReport(0, summary.objects, 0, 0, notice=reports[0].notice)
    assert reports[-1] == ProgressReport(summary.objects, summary.objects, num_clicks, 0)


def test_a_worker_killed_in_mid_run_leaves_the_rows_of_an_undisturbed_run(
    ray_cluster: None,
    tmp_path: Path,
    dataset: DatasetManifest,
    undisturbed: dict[str, list[dict[str, object]]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "actors.labelling.worker_pool")
    killed: list[int] = []

    def kill_the_one_that_got_the_newest_shard(report: ProgressReport) -> None:
        if killed or report.done == 0:
            return
        arguments = [record.args for record in caplog.records if isinstance(record.args, tuple)]
        worker_idx = [args[1] for args in arguments if len(args) == 3][-1]
        (info,) = (args[1] for args in arguments if len(args) == 2 and args[0] == worker_idx)
        assert isinstance(info, WorkerInfo)
        os.kill(info.pid, signal.SIGKILL)
        killed.append(info.pid)

    summary = run_label(options(dataset.url, tmp_path, num_workers=2), kill_the_one_that_got_the_newest_shard)
    assert killed
    assert [record.message for record in caplog.records if "failed: its worker died" in record.message]
    assert summary.objects == len(undisturbed["masks"])
    assert rows_of(RunDirectory(str(tmp_path), STORAGE)) == undisturbed
    assert len(part_files(tmp_path)) == 3 * NUM_SHARDS, "no part of a lost attempt stays"


def test_a_resumed_run_does_only_what_is_missing_and_refuses_another_configuration(
    ray_cluster: None,
    tmp_path: Path,
    dataset: DatasetManifest,
    undisturbed: dict[str, list[dict[str, object]]],
) -> None:
    asked = changed(options(dataset.url, tmp_path), workers="1:2", cpus_per_worker=0.5, batch_size=3)
    run_label(asked)
    before = part_files(tmp_path)
    for record in sorted(tmp_path.glob("commits/*.json"))[:2]:
        record.unlink()
    reports: list[ProgressReport] = []
    summary = run_label(changed(asked, batch_size=2, workers="1", cpus_per_worker=1.0), reports.append)
    assert (summary.shards, summary.skipped_shards) == (NUM_SHARDS, NUM_SHARDS - 2)
    assert summary.objects == len(undisturbed["masks"])
    assert 0 < reports[0].done < summary.objects
    assert len(before & part_files(tmp_path)) == 3 * (NUM_SHARDS - 2)
    assert len(part_files(tmp_path)) == 3 * NUM_SHARDS
    assert rows_of(RunDirectory(str(tmp_path), STORAGE)) == undisturbed
    with pytest.raises(RunDirectoryError, match=r"clicks\.max_clicks is 5 there and 7 here"):
        run_label(changed(asked, max_clicks=7))
    assert run_label(asked).skipped_shards == NUM_SHARDS, "a finished run is seen to be one without Ray"


def test_the_click_table_of_a_run_replays_to_its_masks(
    ray_cluster: None, tmp_path: Path, dataset: DatasetManifest
) -> None:
    first = options(dataset.url, tmp_path / "simulated")
    run_label(first)
    run_label(replayed(first, f"logged:{tmp_path / 'simulated'}", out=str(tmp_path / "logged")))
    masks = [
        RunDirectory(str(tmp_path / name), STORAGE)
        .read_masks(["sample_key", "object_id", "rle", "iou", "quality"])
        .sort_by([("sample_key", "ascending"), ("object_id", "ascending")])
        for name in ("simulated", "logged")
    ]
    assert masks[0].num_rows == dataset.num_objects
    assert masks[0] == masks[1]


def test_more_errors_than_allowed_end_the_run_with_the_reason(ray_cluster: None, tmp_path: Path) -> None:
    manifest = write_shapes(str(tmp_path / "data"), STORAGE, num_samples=8, broken=range(1, 5))
    asked = options(manifest.url, tmp_path / "run")
    with pytest.raises(TooManyErrorsError, match=r"undecodable_image \d.* --max-errors 0\.05 allows"):
        run_label(asked)
    summary = run_label(changed(asked, max_errors=0.9))
    assert summary.errors == 4
    errors = RunDirectory(str(tmp_path / "run"), STORAGE).read_errors()
    assert set(errors.column("reason").to_pylist()) == {"undecodable_image"}


def test_a_broken_shard_is_set_aside_until_it_is_mended(ray_cluster: None, tmp_path: Path) -> None:
    manifest = write_shapes(str(tmp_path / "data"), STORAGE, num_samples=6, samples_per_shard=2)
    broken = manifest.shards[1]
    shard = tmp_path / "data" / broken.name
    whole = shard.read_bytes()
    content = bytearray(whole)
    content[700] ^= 1
    shard.write_bytes(content)
    asked = options(manifest.url, tmp_path / "run")
    summary = run_label(asked)
    (set_aside,) = summary.set_aside
    assert (set_aside.shard, set_aside.tries) == (broken.name, 3)
    assert "does not have the checksum" in set_aside.reason
    assert manifest.num_objects is not None
    assert summary.objects == manifest.num_objects - (broken.objects or 0)
    assert build_report(asked.out, STORAGE).set_aside == (set_aside,)
    assert str(run_progress(asked.out, asked.storage)).startswith("2 of 3 shards committed, 1 set aside")
    shard.write_bytes(whole)
    summary = run_label(asked)
    assert (summary.set_aside, summary.objects) == ((), manifest.num_objects)
    assert list((tmp_path / "run" / "set_aside").iterdir()) == []


def test_a_run_without_any_usable_shard_says_so_of_each(ray_cluster: None, tmp_path: Path) -> None:
    manifest = write_shapes(str(tmp_path / "data"), STORAGE, num_samples=2, samples_per_shard=1)
    for shard in manifest.shards:
        (tmp_path / "data" / shard.name).write_bytes(b"")
    summary = run_label(options(manifest.url, tmp_path / "run"))
    assert (summary.objects, [shard.shard for shard in summary.set_aside]) == (
        0,
        [shard.name for shard in manifest.shards],
    )


def test_more_workers_than_the_machine_holds_are_refused_at_once(
    ray_cluster: None, tmp_path: Path, dataset: DatasetManifest
) -> None:
    asked = changed(options(dataset.url, tmp_path), workers="1000")
    with pytest.raises(ClusterError, match=r"1000 workers of 1 CPU each do not fit this machine"):
        run_label(asked)
    with pytest.raises(ClusterError, match=r"1 workers of 1 CPU and 1 GPU each do not fit"):
        run_label(changed(asked, workers="1", cpus_per_worker=1.0, device="cuda"))
    assert not Path(asked.out, "run.json").exists(), "which would bind the directory to these options"


def test_masks_are_needed_to_simulate_clicks(tmp_path: Path) -> None:
    manifest = write_shapes(str(tmp_path / "data"), STORAGE, with_truth=False)
    with pytest.raises(OptionError, match=r"has no object masks.*--clicks logged:URL"):
        run_label(options(manifest.url, tmp_path / "run"))
    (tmp_path / "data" / "dataset.json").unlink()
    with pytest.raises(OptionError, match="has no object masks"):
        run_label(options(manifest.url, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_what_decides_rows_cannot_change_when_a_run_goes_on_and_the_rest_can(
    tmp_path: Path, dataset: DatasetManifest
) -> None:
    asked = options(dataset.url, tmp_path)
    label_here(asked)
    later = changed(asked, batch_size=3, workers="1:2", cpus_per_worker=0.5, max_errors=0.5)
    assert run_label(later).skipped_shards == len(dataset.shards)
    with pytest.raises(
        RunDirectoryError,
        match=r"configuration: limits\.working_pixels is 16777216 there and 2000 here; network\.precision is "
        r"\"fp32\" there and \"bf16\" here; seed is 0 there and 9 here: give",
    ):
        run_label(changed(later, working_pixels=2000, precision="bf16", seed=9))


def test_a_model_that_nobody_knows_is_refused_before_anything_starts(
    tmp_path: Path, dataset: DatasetManifest
) -> None:
    with pytest.raises(
        ModelError, match=r"model 'lite9' is unknown \(did you mean lite0\?\); shipped are .*analytic"
    ):
        run_label(changed(options(dataset.url, tmp_path), model="lite9"))


def test_a_damaged_model_leaves_no_run_behind(tmp_path: Path, dataset: DatasetManifest) -> None:
    config = Lite0Config(decoder_channels=16)
    whole = model_to_bytes(config, build_network(config).state_dict(), {})
    model = tmp_path / "model.safetensors"
    model.write_bytes(whole[:-1000])
    asked = changed(options(dataset.url, tmp_path / "run"), model=str(model))
    with pytest.raises(WeightsError, match=r"model\.safetensors: model file cannot be read"):
        run_label(asked)
    assert list((tmp_path / "run").iterdir()) == [], "another model may be given for it"


def _log(tmp_path: Path, keys: list[str]) -> str:
    path = tmp_path / "clicks.jsonl"
    rows = [
        {"sample_key": key, "object_id": "1", "click_idx": 0, "y": 5, "x": 5, "is_foreground": True}
        for key in keys
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return f"logged:{path}"


def test_logged_clicks_of_unknown_samples_are_told_and_a_log_of_other_data_is_refused(
    ray_cluster: None, tmp_path: Path
) -> None:
    manifest = write_shapes(str(tmp_path / "data"), STORAGE, num_samples=2, with_truth=False)
    asked = options(manifest.url, tmp_path / "run")
    summary = run_label(replayed(asked, _log(tmp_path, ["folder/shape-000", "folder/shape-000.png"])))
    assert (summary.objects, summary.unknown_samples) == (1, ("folder/shape-000.png",))
    assert (summary.errors, summary.unclicked) == (0, Unclicked(samples=1))
    other = replayed(asked, _log(tmp_path, ["folder/shape-999"]), out=str(tmp_path / "other"))
    with pytest.raises(OptionError, match=r"none of the 1 sample keys .*'folder/shape-999'"):
        run_label(other)


def test_a_log_that_covers_a_tenth_of_the_data_labels_that_and_nothing_is_an_error(
    ray_cluster: None, tmp_path: Path
) -> None:
    manifest = write_shapes(str(tmp_path / "data"), STORAGE, num_samples=10, broken=range(1, 4))
    asked = replayed(
        options(manifest.url, tmp_path / "run"), _log(tmp_path, ["folder/shape-000"]), max_clicks=1
    )
    reports: list[ProgressReport] = []
    summary = run_label(asked, reports.append)
    assert (summary.objects, summary.clicks, summary.errors) == (1, 1, 0)
    num_others = len(shape_sample(0).objects) - 1
    assert summary.unclicked == Unclicked(samples=9, objects=num_others)
    assert reports[-1].total == 1
    assert build_report(asked.out, STORAGE).unclicked == summary.unclicked
