"""What a person sees of the command line: help, options, exit codes and errors; the jobs themselves are replaced."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from typer.testing import CliRunner, Result

import pipelines.flywheel.flywheel
import pipelines.label
import pipelines.report
import pipelines.report_files
import pipelines.shard
import pipelines.train
import pipelines.views.report
from infra.errors import StorageError
from infra.layouts import LAYOUTS
from infra.runs.set_aside import SetAsideShard
from infra.shards.manifest import DatasetManifest, ShardEntry
from infra.storage.files import StorageOptions
from mfp.errors import ModelError
from pipelines.cli import app
from pipelines.commands.options import LayoutName
from pipelines.errors import OptionError
from pipelines.label import RunSummary
from pipelines.options import (
    FlywheelOptions,
    Follow,
    LabelOptions,
    ShardOptions,
    Thresholds,
    TrainOptions,
    Workers,
)
from pipelines.progress import OnProgress, ProgressReport
from pipelines.train import TrainingRun

COMMANDS = (
    "shard",
    "label",
    "evaluate",
    "report",
    "verify",
    "train",
    "convert",
    "models",
    "flywheel",
    "submit",
    "jobs",
    "status",
    "logs",
    "stop",
)


def mfp(*args: str) -> Result:
    return CliRunner().invoke(app, list(args))


def summary(errors: int = 0) -> RunSummary:
    return RunSummary(objects=1204, clicks=5000, errors=errors, seconds=200.0, shards=12, skipped_shards=2)


@pytest.fixture
def labelled(monkeypatch: pytest.MonkeyPatch) -> list[LabelOptions]:
    """Options that reached the labelling job, which does nothing but report a summary."""
    seen: list[LabelOptions] = []

    def run_label(options: LabelOptions, on_progress: OnProgress) -> RunSummary:
        seen.append(options)
        on_progress(ProgressReport(0, 1204, quarantined=0))
        return summary()

    monkeypatch.setattr(pipelines.label, "run_label", run_label)
    report = SimpleNamespace(to_json=lambda: {"objects": 1204})
    monkeypatch.setattr(pipelines.report, "build_report", lambda run, storage: report)
    monkeypatch.setattr(pipelines.views.report, "ReportView", lambda report: "the table")
    monkeypatch.setattr(pipelines.report_files, "write_report", lambda report, storage: [])
    return seen


def failing(error: BaseException) -> Callable[..., Any]:
    def run(*args: object) -> None:
        raise error

    return run


def test_help_answers_within_half_a_second_without_torch_ray_or_arrow() -> None:
    code = (
        "import sys; sys.argv = ['mfp', '--help']\n"
        "from pipelines.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'ray', 'pyarrow', 'cv2', 'boto3', 'numpy', 'timm'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    seconds = []
    for _ in range(3):
        before = os.times()
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=120)
        after = os.times()
        # processor time: what a person waits for on a machine that is not busy with something else
        seconds.append(
            after.children_user + after.children_system - before.children_user - before.children_system
        )
    assert min(seconds) < 0.5


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    assert f" {command} " in mfp("--help").output
    result = mfp(command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_the_layouts_offered_are_the_layouts_there_are() -> None:
    assert set(get_args(LayoutName)) == set(LAYOUTS)


def test_options_left_out_are_the_defaults_of_the_job(labelled: list[LabelOptions]) -> None:
    assert mfp("label", "data", "--out", "run", "--model", "lite0").exit_code == 0
    assert mfp("evaluate", "data", "--out", "run", "--model", "lite0").exit_code == 0
    assert labelled == [LabelOptions(dataset="data", out="run", model="lite0")] * 2


def test_every_option_of_label_reaches_the_job(labelled: list[LabelOptions]) -> None:
    line = (
        "label data --out run --model m.safetensors --clicks logged:clicks.jsonl --max-clicks 7 --target-iou 0.8 "
        "--workers 2:4 --cpus-per-worker 2 --gpus-per-worker 0.5 --device cpu --batch-size 3 --precision bf16 "
        "--no-flip --no-zoom --zoom-size 320 --modulation release --seed 5 --max-errors 0.2 --ray-address auto "
        "--working-pixels 1000000 --storage-endpoint http://host:9000 --storage-region eu --follow"
    )
    result = mfp(*line.split())
    assert result.exit_code == 0, result.output
    (options,) = labelled
    defaults = LabelOptions(dataset="data", out="run", model="lite0")
    assert options.follow == Follow()
    assert options.workers == Workers(2, 4, 2.0, 0.5)
    assert (options.storage.endpoint, options.storage.region) == ("http://host:9000", "eu")
    left_at_default = {name for name, value in vars(options).items() if value == getattr(defaults, name)} - {
        "dataset",
        "out",
        "part",  # a round of the flywheel has one; the command has not
    }
    assert left_at_default == set()


def test_following_only_better_models_is_following(labelled: list[LabelOptions]) -> None:
    mfp("label", "data", "--out", "run", "--model", "run://training", "--follow-if-better")
    assert labelled[0].follow == Follow(if_better=True)


def test_the_full_curve_does_not_stop_at_an_iou(labelled: list[LabelOptions]) -> None:
    mfp("evaluate", "data", "--out", "run", "--model", "lite0", "--full-curve")
    assert labelled[0].target_iou is None


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


def test_train_passes_its_options_and_names_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[TrainOptions] = []

    def run_train(options: TrainOptions, on_progress: OnProgress) -> TrainingRun:
        seen.append(options)
        on_progress(ProgressReport(9, 9, note="loss 0.500, IoU 0.250"))
        return TrainingRun("run/models/00000009.safetensors", 9)

    monkeypatch.setattr(pipelines.train, "run_train", run_train)
    line = """train one two:3 --out run --recipe lite0 --model lite0 --steps 9 --init w.safetensors --crop-size 64x96
        --batch-size 2 --accumulate 2 --rate 1e-4 --backbone-rate 0.1 --clip 2 --average 0.5 --schedule stable
        --warm-up 7 --decay-steps 3 --precision bf16 --recursion-precision fp16 --no-recursive --no-modulated-map
        --no-late-fusion --loss-rounds all --frozen-statistics
        --checkpoint-every 3 --keep 4 --validate held --validate-every 5 --validate-samples 6 --workers 1:2
        --cpus-per-worker 2 --loader-workers 0 --device cpu --seed 4 --ray-address auto --storage-endpoint http://localhost:1"""
    result = mfp(*line.split())
    assert result.stdout == "9 steps: the model is run/models/00000009.safetensors\n"
    assert "train: 9/9 steps, loss 0.500, IoU 0.250" in result.stderr
    assert seen == [
        TrainOptions(
            datasets=("one", "two:3"),
            out="run",
            model="lite0",
            recipe="lite0",
            init="w.safetensors",
            seed=4,
            steps=9,
            crop_size=(64, 96),
            batch_size=2,
            accumulate=2,
            rate=1e-4,
            backbone_rate=0.1,
            clip=2.0,
            average=0.5,
            schedule="stable",
            warm_up=7,
            decay_steps=3,
            precision="bf16",
            recursion_precision="fp16",
            modulated_map=False,
            late_fusion=False,
            recursive=False,
            loss_rounds="all",
            frozen_statistics=True,
            validate="held",
            validate_every=5,
            validate_samples=6,
            checkpoint_every=3,
            checkpoints_kept=4,
            num_loader_workers=0,
            workers=Workers(1, 2, 2.0, 1.0),
            device="cpu",
            ray_address="auto",
            storage=StorageOptions("http://localhost:1", None),
        )
    ]


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
        "evaluate data --out run --model m --clicks simulated",
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
    ],
)
def test_wrong_usage_exits_with_2(line: str, labelled: list[LabelOptions]) -> None:
    result = mfp(*line.split())
    assert result.exit_code == 2, result.output
    assert "Usage:" in result.stderr
    assert labelled == []


def test_shards_that_another_run_has_won_are_named_and_are_no_failure(
    labelled: list[LabelOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = replace(summary(), lost_shards=3)
    monkeypatch.setattr(pipelines.label, "run_label", lambda options, on_progress: done)
    result = mfp("label", "data", "--out", "run", "--model", "lite0")
    assert result.exit_code == 0
    assert "in 12 shards (2 of them done before, 3 by another run meanwhile)," in result.stdout


def test_quarantined_samples_exit_with_3(
    labelled: list[LabelOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipelines.label, "run_label", lambda options, on_progress: summary(errors=3))
    result = mfp("label", "data", "--out", "run", "--model", "lite0")
    assert result.exit_code == 3
    assert "3 quarantined" in result.stdout


def test_shards_that_were_set_aside_are_listed_and_exit_with_3(
    labelled: list[LabelOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = (SetAsideShard("a.tar", 3, "its worker died"), SetAsideShard("b.tar", 3, "there is no such file"))
    monkeypatch.setattr(
        pipelines.label, "run_label", lambda options, on_progress: replace(summary(), set_aside=lost)
    )
    result = mfp("label", "data", "--out", "run", "--model", "lite0")
    assert result.exit_code == 3
    assert "in 12 shards, 2 of them set aside (2" in result.stdout
    assert result.stderr.splitlines() == [
        "mfp: shard a.tar was set aside after 3 tries: its worker died",
        "mfp: shard b.tar was set aside after 3 tries: there is no such file",
        "mfp: the same command tries them again",
    ]


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
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipelines.label, "run_label", failing(error))
    result = mfp("label", "data", "--out", "run", "--model", "lite9")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "mfp: model 'lite9' is unknown: choose lite0\n"


def test_a_defect_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipelines.label, "run_label", failing(ZeroDivisionError("defect")))
    result = mfp("label", "data", "--out", "run", "--model", "lite0")
    assert isinstance(result.exception, ZeroDivisionError)


def test_interrupting_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipelines.label, "run_label", failing(KeyboardInterrupt()))
    result = mfp("label", "data", "--out", "run", "--model", "lite0")
    assert result.exit_code == 130
    assert result.stderr == "mfp: interrupted; the same command goes on where it stopped\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("report {tmp}/nothing", "is no run directory"),
        ("label {tmp}/nothing --out {tmp}/run --model analytic", "no data set at"),
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


def test_the_module_runs_as_the_command_does() -> None:
    command = [sys.executable, "-m", "pipelines.cli", "label"]
    environment = os.environ | {"COLUMNS": "80"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=60)
    assert result.returncode == 2
    assert "Missing argument 'DATASET'" in result.stderr


def test_every_option_of_the_flywheel_reaches_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[FlywheelOptions] = []

    def run_flywheel(options: FlywheelOptions) -> None:
        asked.append(options)
        raise OptionError("enough")

    monkeypatch.setattr(pipelines.flywheel.flywheel, "run_flywheel", run_flywheel)
    line = (
        "flywheel photos --train-on seed --train-on more --evaluation val --out wheel --model m.safetensors --rounds 3 "
        "--clicks logged:c.jsonl --max-clicks 7 --min-quality 0.8 --min-iou 0.7 --train-steps 9 --checkpoint-every 3 "
        "--recipe lite0 --crop-size 64 --batch-size 4 --rate 0.1 --learned-statistics --label-workers 2:4 "
        "--train-workers 3 --cpus-per-worker 2 --gpus-per-worker 0.5 --loader-workers 0 --device cpu "
        "--no-flip --zoom-size 96 --seed 5 --ray-address auto --storage-endpoint http://host:9000"
    )
    assert "enough" in mfp(*line.split()).stderr
    (options,) = asked
    assert options.train_on == ("seed", "more")
    assert (options.label_workers, options.train_workers) == (
        Workers(2, 4, 2.0, 0.5),
        Workers(3, 3, 2.0, 0.5),
    )
    assert options.thresholds == Thresholds(quality=0.8, iou=0.7)
    defaults = FlywheelOptions("", (), "", "", "")
    assert [name for name, value in vars(options).items() if value == getattr(defaults, name)] == []
