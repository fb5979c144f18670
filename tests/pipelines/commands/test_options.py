"""Options on their way to the jobs, which are replaced."""

from __future__ import annotations

import pytest
from pipelines.options import (
    ALL_CLICKS,
    FlywheelOptions,
    Follow,
    LabelOptions,
    ShardOptions,
    Thresholds,
    TrainOptions,
    Workers,
)

import pipelines.jobs.flywheel.flywheel
import pipelines.jobs.label
import pipelines.jobs.report
import pipelines.jobs.report_files
import pipelines.jobs.shard
import pipelines.jobs.train
import pipelines.views.report
from infra.storage.options import StorageOptions
from pipelines.errors import OptionError
from pipelines.jobs.train import TrainingRun
from pipelines.progress import OnProgress, ProgressReport
from tests.pipelines.commands.replaced_jobs import mfp


def test_options_left_out_are_the_defaults_of_the_job(labelled: list[LabelOptions]) -> None:
    assert mfp("label", "data", "--out", "run", "--model", "lite0").exit_code == 0
    assert mfp("evaluate", "data", "--out", "run", "--model", "lite0").exit_code == 0
    assert labelled == [LabelOptions(dataset="data", out="run", model="lite0")] * 2


def test_every_option_of_label_reaches_the_job(labelled: list[LabelOptions]) -> None:
    line = (
        "label data --out run --model run://training --clicks logged:clicks.jsonl --max-clicks 7 --target-iou 0.8 "
        "--workers 2:4 --cpus-per-worker 2 --gpus-per-worker 0.5 --device cpu --batch-size 3 --precision bf16 "
        "--no-flip --no-zoom --zoom-size 320 --modulation release --seed 5 --max-errors 0.2 --ray-address auto "
        "--working-pixels 1000000 --storage-endpoint http://host:9000 --storage-region eu --follow"
    )
    result = mfp(*line.split())
    assert result.exit_code == 0, result.output
    (options,) = labelled
    defaults = LabelOptions(dataset="data", out="run", model="lite0")
    assert options.click_limits == (7, 0.8)
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


def test_train_passes_its_options_and_names_the_model(
    not_looked_at: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[TrainOptions] = []

    def run_train(options: TrainOptions, on_progress: OnProgress) -> TrainingRun:
        seen.append(options)
        on_progress(ProgressReport(9, 9, note="loss 0.500, IoU 0.250"))
        return TrainingRun("run/models/00000009.safetensors", 9)

    monkeypatch.setattr(pipelines.jobs.train, "run_train", run_train)
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


def test_every_option_of_the_flywheel_reaches_the_job(
    not_looked_at: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[FlywheelOptions] = []

    def run_flywheel(options: FlywheelOptions) -> None:
        asked.append(options)
        raise OptionError("enough")

    monkeypatch.setattr(pipelines.jobs.flywheel.flywheel, "run_flywheel", run_flywheel)
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


def test_the_clicks_of_a_log_are_made_to_their_end_unless_limits_are_given(
    labelled: list[LabelOptions],
) -> None:
    line = ("label", "data", "--out", "run", "--model", "lite0", "--clicks", "logged:c.jsonl")
    for given in (
        (),
        ("--max-clicks", "2"),
        ("--target-iou", "0.5"),
        ("--max-clicks", "2", "--target-iou", "0.5"),
    ):
        assert mfp(*line, *given).exit_code == 0
    assert [options.click_limits for options in labelled] == [
        (ALL_CLICKS, None),
        (2, None),
        (ALL_CLICKS, 0.5),
        (2, 0.5),
    ]


def test_a_tilde_is_the_home_folder_in_every_path(
    labelled: list[LabelOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/kim")
    line = "label ~/data --out ~/run --model run://~/training --clicks logged:~/clicks.jsonl"
    assert mfp(*line.split()).exit_code == 0
    (options,) = labelled
    assert (options.dataset, options.out) == ("/home/kim/data", "/home/kim/run")
    assert (options.model, options.clicks) == ("run:///home/kim/training", "logged:/home/kim/clicks.jsonl")
    seen: list[ShardOptions] = []

    def run_shard(options: ShardOptions, on_progress: OnProgress) -> None:
        seen.append(options)
        raise OptionError("enough")

    monkeypatch.setattr(pipelines.jobs.shard, "run_shard", run_shard)
    mfp(*["shard", "~/photos", "~/shards", "--layout", "folder", "--split", "~/val.txt"])
    assert (seen[0].source, seen[0].destination, seen[0].reading.split) == (
        "/home/kim/photos",
        "/home/kim/shards",
        "/home/kim/val.txt",
    )
