"""What a command prints of a job that ended well."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

import pipelines.jobs.flywheel.flywheel
import pipelines.jobs.label
import pipelines.jobs.report
import pipelines.jobs.report_files
import pipelines.jobs.shard
import pipelines.jobs.train
import pipelines.views.report
from actors.specs.label import LabelSpec
from actors.specs.shard import ShardSpec
from infra.errors import Reason
from infra.layout_options import LayoutOptions
from infra.shards.image_reading import ImageReading
from infra.shards.manifest import DatasetManifest, ShardEntry
from pipelines.jobs.shard import ShardedSource
from pipelines.jobs.source_summary import QuarantineLine, SourceSummary, SummaryLine
from pipelines.progress_report import OnProgress
from tests.pipelines.commands.replaced_jobs import mfp, summary
from tests.specs import shard_spec


def test_evaluate_ends_with_the_figures(labelled: list[LabelSpec]) -> None:
    result = mfp("evaluate", "data", "--out", "run", "--model", "lite0")
    assert result.stdout.splitlines() == [
        "1,204 objects, 5,000 clicks, 0 quarantined in 12 shards (2 of them done before), 3 min 20 s: run",
        "the table",
    ]
    assert result.stderr == "evaluate: 0/1,204 objects, 0 quarantined\n"


def test_report_as_json_is_one_object_and_nothing_else(labelled: list[LabelSpec]) -> None:
    assert json.loads(mfp("report", "run", "--json").stdout) == {"objects": 1204}


def test_several_reports_as_json_are_one_list(labelled: list[LabelSpec]) -> None:
    assert json.loads(mfp("report", "run", "other", "--json").stdout) == [{"objects": 1204}] * 2


def test_a_page_is_told_by_its_place_and_no_table_is_printed(
    labelled: list[LabelSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[tuple[str, int]] = []

    def write_page(
        reported: object, url: str, storage: object, *, strips: int, trust_model_code: bool
    ) -> tuple[str, ...]:
        written.append((url, strips))
        return ("no film strips of run: its data set is gone",)

    monkeypatch.setattr(pipelines.jobs.report_files, "write_page", write_page)
    told = mfp("report", "run", "--html", "s3://bucket/page.html", "--strips", "3")
    assert told.stdout == "the page: s3://bucket/page.html\n"
    assert told.stderr == "mfp: no film strips of run: its data set is gone\n"
    assert written == [("s3://bucket/page.html", 3)]


SHARDED = ShardedSource(
    DatasetManifest(
        "shards",
        (ShardEntry("a.tar", 100, 10, 12, "", 2), ShardEntry("b.tar", 9, 2, 3, "", 1)),
        "f" * 64,
        "tar",
    ),
    SourceSummary(
        samples=12,
        objects=15,
        read=(SummaryLine("masks: values 0 and 255: what is not 0 is object", 12, ("a", "b", "c")),),
        left_out=(SummaryLine("masks without an image of their stem", 1, ("z",)),),
        doubts=(),
        quarantined=(QuarantineLine(Reason.MISSING_MASK, 3, (("k", "no mask with the stem k"),)),),
    ),
    "shards/preview.png",
)


def test_shard_tells_what_it_understood_and_what_it_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_shard(options: ShardSpec, on_progress: OnProgress) -> ShardedSource:
        reading = LayoutOptions(
            mask_values="instances",
            ignore_value=255,
            split="val",
            object_values="1-3",
            crowd="objects",
            images=ImageReading("stored", 4095),
        )
        assert options == shard_spec(
            "photos", "shards", "folder", samples_per_shard=10, reading=reading, preview=8
        )
        return SHARDED

    monkeypatch.setattr(pipelines.jobs.shard, "run_shard", run_shard)
    line = "shard photos shards --layout folder --samples-per-shard 10 --mask-values instances"
    line += " --ignore-value 255 --split val --object-values 1-3 --crowd objects --orientation stored"
    line += " --white 4095 --preview 8"
    result = mfp(*line.split())
    assert (result.exit_code, result.stdout.splitlines()) == (
        3,
        [
            "12 samples with 15 objects in 2 shards, 3 quarantined: shards",
            "understood",
            "       12  masks: values 0 and 255: what is not 0 is object (a, b, c, ...)",
            "left out",
            "        1  masks without an image of their stem (z)",
            "quarantined",
            "        3  missing_mask (k, ...)",
            "           k: no mask with the stem k",
            "preview: shards/preview.png",
        ],
    )
    as_json = mfp(*line.split(), "--json")
    assert json.loads(as_json.stdout) == SHARDED.to_json()


def test_shards_that_another_run_has_won_are_named_and_are_no_failure(
    labelled: list[LabelSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = replace(summary(), lost_shards=3)
    monkeypatch.setattr(pipelines.jobs.label, "run_label", lambda options, on_progress: done)
    result = mfp("label", "data", "--out", "run", "--model", "lite0")
    assert result.exit_code == 0
    assert "in 12 shards (2 of them done before, 3 by another run meanwhile)," in result.stdout


def test_a_batch_that_the_gpu_could_not_hold_is_told(
    labelled: list[LabelSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    halved = replace(summary(), fitting_batch_size=4)
    monkeypatch.setattr(pipelines.jobs.label, "run_label", lambda options, on_progress: halved)
    result = mfp("label", "data", "--out", "run", "--model", "lite0", "--batch-size", "8")
    assert (result.exit_code, result.stderr) == (
        0,
        "mfp: the GPU's memory was too small for batches of 8: give --batch-size 4 the next time\n",
    )
