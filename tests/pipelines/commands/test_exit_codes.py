"""What a command ends with when something is wrong: an exit code and a line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import pipelines.jobs.flywheel.flywheel
import pipelines.jobs.label
import pipelines.jobs.report
import pipelines.jobs.report_files
import pipelines.jobs.shard
import pipelines.jobs.train
import pipelines.views.report
from actors.specs.label import LabelSpec
from infra.errors import StorageError
from infra.runs.set_aside import SetAsideShard
from mfp.errors import ModelError
from tests.pipelines.commands.replaced_jobs import failing, mfp, summary


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "label",
        "label data --out run",
        "label data --out run --model m --workers 0",
        "label data --out run --model m --workers 4:2",
        "label data --out run --model m --workers many",
        "label data --out run --model m --clicks typed",
        "label data --out run --model m --clicks logged:",
        "label data --out run --model m --target-iou 1.5",
        "label data --out run --model m --precision fp8",
        "label data --out run --model m --max-clicks 0",
        "evaluate data --out run --model m --clicks logged:x.csv",
        "evaluate data --out run --model run://t --robustness",
        "evaluate data --out run --model m --draws 3",
        "evaluate data --out run --model m --robustness --clicks simulated:uniform",
        "evaluate data --out run --model m --robustness --realistic-user lazy?iou=0.8",
        "shard photos shards --layout shoebox",
        "train --out run",
        "flywheel photos --train-on seed --out wheel --model lite0",
        "flywheel photos --train-on seed --evaluation val --out wheel --model lite0 --rounds 0",
        "flywheel photos --train-on seed --evaluation val --out wheel --model lite0 --train-workers 0",
        "train data --out run --workers none",
        "train data --out run --crop-size large",
        "train data --out run --schedule sawtooth",
        "submit shard photos shards",
        "submit label data --out run",
        "submit label /data --out /run --model m --no-such-option",
        "report s3:/bucket/run",
        "label data --out gs:/bucket/run --model m",
        "label data --out run --model http:/host/m.safetensors",
        "label data --out run --model run:/training",
        "label data --out run --model m --clicks logged:s3:/bucket/clicks.jsonl",
        "shard s3:/bucket/photos shards --layout folder",
        "train data s3:/bucket/more:2 --out run",
        "convert m.pth s3:/bucket/m.safetensors",
        "compare run s3:/bucket/run",
        "verify s3:/bucket/run",
        "status s3:/bucket/run",
        "flywheel photos --train-on seed --train-on s3:/b/s --evaluation val --out wheel --model lite0",
        "report run --storage-endpoint http:/127.0.0.1:9000",
        "report run --storage-endpoint http://key:secret@127.0.0.1:9000",
        "report run --storage-endpoint http:/key:secret@127.0.0.1:9000",
        "report s3:/key:secret@bucket/run",
        "submit label /data --out /run --model lite0 --storage-endpoint http://key:secret@127.0.0.1:9000",
        "report ~nobody-of-that-name/run",
        "report file://tmp/run",
        "shard photos shards --layout folder --object-values some",
        "label data --out run --model lite0 --follow",
        "label data --out run --model lite0 --follow-if-better",
        "train data:0 --out run",
        "train data --out run --rate -1",
        "train data --out run --rate fast",
        "train data --out run --average 1",
        "train data --out run --rate nan",
    ],
)
def test_wrong_usage_exits_with_2(line: str, labelled: list[LabelSpec]) -> None:
    result = mfp(*line.split())
    assert result.exit_code == 2, result.output
    assert "Usage:" in result.stderr
    assert "secret" not in result.stderr
    assert labelled == []


def test_quarantined_samples_exit_with_3(labelled: list[LabelSpec], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipelines.jobs.label, "run_label", lambda options, on_progress: summary(errors=3))
    result = mfp("label", "data", "--out", "run", "--model", "lite0")
    assert result.exit_code == 3
    assert "3 quarantined" in result.stdout


def test_shards_that_were_set_aside_are_listed_and_exit_with_3(
    labelled: list[LabelSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = (SetAsideShard("a.tar", 3, "its worker died"), SetAsideShard("b.tar", 3, "there is no such file"))
    monkeypatch.setattr(
        pipelines.jobs.label, "run_label", lambda options, on_progress: replace(summary(), set_aside=lost)
    )
    result = mfp("label", "data", "--out", "run", "--model", "lite0")
    assert result.exit_code == 3
    assert "in 12 shards, 2 of them set aside (2" in result.stdout
    assert result.stderr.splitlines() == [
        "mfp: shard a.tar was set aside after 3 tries: its worker died",
        "mfp: shard b.tar was set aside after 3 tries: there is no such file",
        "mfp: the same command tries them again",
    ]


class WorkerError(Exception):
    """As Ray carries an exception over: the text is a traceback, `cause` is what was raised."""

    def __init__(self, cause: Exception) -> None:
        super().__init__("ray::LabelWorker.start()\n  File ...")
        self.cause = cause


@pytest.mark.parametrize(
    "error",
    [
        ModelError("model 'lite9' is unknown:\n  choose lite0"),
        StorageError("model 'lite9' is unknown: choose lite0"),
        WorkerError(ModelError("model 'lite9' is unknown: choose lite0")),
    ],
)
def test_a_persons_error_is_one_line_on_stderr_and_exits_with_1(
    error: Exception, not_looked_at: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipelines.jobs.label, "run_label", failing(error))
    result = mfp("label", "data", "--out", "run", "--model", "lite9")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "mfp: model 'lite9' is unknown: choose lite0\n"


def test_a_defect_keeps_its_traceback(not_looked_at: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipelines.jobs.label, "run_label", failing(ZeroDivisionError("defect")))
    result = mfp("label", "data", "--out", "run", "--model", "lite0")
    assert isinstance(result.exception, ZeroDivisionError)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("report {tmp}/nothing", "is no run directory"),
        ("label {tmp}/nothing --out {tmp}/run --model analytic", "no data set at"),
        ("evaluate {tmp} --out {tmp}/run --model lite00", "model 'lite00' is unknown (did you mean lite0?)"),
        ("evaluate {tmp} --out {tmp}/run --model {tmp}/gone.safetensors", "there is no such file"),
        ("evaluate {tmp} --out {tmp}/run --model {tmp}/m.pth", "there is no such file"),
        (
            "label {tmp} --out {tmp}/run --model lite0 --clicks logged:{tmp}/nope.jsonl",
            "no such file or folder",
        ),
        (
            "label {tmp}/x --out {tmp}/run --model run://{tmp}/gone",
            "gone is no run directory: it has no training.json",
        ),
        ("train {tmp} --out {tmp}/run --model resnt34", "(did you mean resnet34?)"),
        ("train {tmp} --out {tmp}/run --recipe lite1", "recipe 'lite1' does not exist (did you mean lite0?)"),
        ("train {tmp} --out {tmp}/run --recipe {tmp}/mine.toml", "there is no such file"),
        ("train {tmp} --out {tmp}/run --init {tmp}/gone.safetensors", "there is no such file"),
        ("train {tmp} --out {tmp}/run --validate {tmp}/gone", "no data set at"),
        (
            "flywheel {tmp} --train-on {tmp} --evaluation {tmp} --out {tmp}/w --model lite-0",
            "(did you mean lite0?)",
        ),
        (
            "flywheel {tmp} --train-on {tmp} --evaluation {tmp} --out {tmp}/w --model run://{tmp}",
            "a flywheel begins with one model",
        ),
        ("shard {tmp}/nothing {tmp}/shards --layout folder", "nothing"),
        ("train {tmp}/nothing --out {tmp}/run", "no data set at"),
        (
            "flywheel {tmp}/x --train-on {tmp}/y --evaluation {tmp}/z --out {tmp}/w --model lite0",
            "no data set at",
        ),
        ("status {tmp}/nothing", "is no run directory"),
        ("jobs --address http://127.0.0.1:1", "no Ray cluster answers at http://127.0.0.1:1"),
        ("jobs --address ftp://host", "is not the URL of a Ray dashboard"),
        ("submit label data --out /run --model lite0", "DATASET 'data' is a relative path"),
        (
            "submit flywheel /photos --train-on seed --evaluation /val --out /wheel --model lite0",
            "--train-on 'seed' is a relative path",
        ),
        (
            "submit flywheel /photos --train-on /seed --evaluation val --out /wheel --model lite0",
            "--evaluation 'val' is a relative path",
        ),
        (
            "submit flywheel photos --train-on /seed --evaluation /val --out /wheel --model lite0",
            "UNLABELLED 'photos' is a relative path",
        ),
        ("submit label /data --out /run --model nope", "model 'nope' is unknown"),
        (
            "submit label /data --out /run --model isegm:/ritm",
            "--model isegm:/ritm runs the code of that clone and of its pickled checkpoint in this process and on ",
        ),
        (
            "submit label /data --out /run --model theirs:7",
            "--model theirs:7 runs the code of a package that is not installed here in this process and on ",
        ),
        (
            "submit label /data --out /run --model isegm:/ritm --trust-model-code --model-option checkpoint=README.md",
            "--model-option 'README.md' is a relative path",
        ),
        (
            "submit label /data --out /run --model isegm:docs --trust-model-code",
            "--model 'docs' is a relative path",
        ),
        (
            "submit label /data --out /run --model theirs --trust-model-code --address http://127.0.0.1:1",
            "no Ray cluster answers",
        ),
        ("submit label /data --out /run --model run://training", "--model 'training' is a relative path"),
        (
            "submit label /data --out /run --model run:///x --address http://127.0.0.1:1",
            "no Ray cluster answers",
        ),
    ],
)
def test_common_mistakes_end_in_one_line(line: str, expected: str, tmp_path: Path) -> None:
    result = mfp(*line.format(tmp=tmp_path).split())
    assert result.exit_code == 1, result.output
    (message,) = result.stderr.splitlines()
    assert message.startswith("mfp: ")
    assert expected in message
