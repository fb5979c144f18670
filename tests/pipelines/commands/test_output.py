"""What a command prints of a job that ended well."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

import pipelines.flywheel.flywheel
import pipelines.label
import pipelines.report
import pipelines.report_files
import pipelines.shard
import pipelines.train
import pipelines.views.report
from infra.shards.manifest import DatasetManifest, ShardEntry
from pipelines.options import (
    LabelOptions,
    ShardOptions,
)
from pipelines.progress import OnProgress
from tests.pipelines.commands.replaced_jobs import mfp, summary


def test_evaluate_ends_with_the_figures(labelled: list[LabelOptions]) -> None:
    result = mfp("evaluate", "data", "--out", "run", "--model", "lite0")
    assert result.stdout.splitlines() == [
        "1,204 objects, 5,000 clicks, 0 quarantined in 12 shards (2 of them done before), 3 min 20 s: run",
        "the table",
    ]
    assert result.stderr == "evaluate: 0/1,204 objects, 0 quarantined\n"


def test_report_as_json_is_one_object_and_nothing_else(labelled: list[LabelOptions]) -> None:
    assert json.loads(mfp("report", "run", "--json").stdout) == {"objects": 1204}


def test_shard_tells_what_it_wrote(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_shard(options: ShardOptions, on_progress: OnProgress) -> DatasetManifest:
        assert options == ShardOptions("photos", "shards", "folder", 10, "instances", 255, "val")
        shards = (
            ShardEntry("a.tar", 100, samples=10, objects=12, quarantined=0),
            ShardEntry("b.tar", 9, 2, 3, "", 0),
        )
        return DatasetManifest("shards", shards, "f" * 64, "tar")

    monkeypatch.setattr(pipelines.shard, "run_shard", run_shard)
    line = "shard photos shards --layout folder --samples-per-shard 10 --mask-values instances"
    result = mfp(*line.split(), "--ignore-value", "255", "--split", "val")
    assert (result.exit_code, result.stdout) == (
        0,
        "12 samples with 15 objects in 2 shards, 0 quarantined: shards\n",
    )


def test_shards_that_another_run_has_won_are_named_and_are_no_failure(
    labelled: list[LabelOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = replace(summary(), lost_shards=3)
    monkeypatch.setattr(pipelines.label, "run_label", lambda options, on_progress: done)
    result = mfp("label", "data", "--out", "run", "--model", "lite0")
    assert result.exit_code == 0
    assert "in 12 shards (2 of them done before, 3 by another run meanwhile)," in result.stdout


def test_a_batch_that_the_gpu_could_not_hold_is_told(
    labelled: list[LabelOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    halved = replace(summary(), fitting_batch_size=4)
    monkeypatch.setattr(pipelines.label, "run_label", lambda options, on_progress: halved)
    result = mfp("label", "data", "--out", "run", "--model", "lite0", "--batch-size", "8")
    assert (result.exit_code, result.stderr) == (
        0,
        "mfp: the GPU's memory was too small for batches of 8: give --batch-size 4 the next time\n",
    )
