"""Options on their way to the jobs, which are replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

import pipelines.jobs.flywheel.flywheel
import pipelines.jobs.label
import pipelines.jobs.report
import pipelines.jobs.report_files
import pipelines.jobs.shard
import pipelines.jobs.train
import pipelines.views.report
from actors.specs.clicks import Clicks
from actors.specs.flywheel import FlywheelSpec, Thresholds
from actors.specs.label import LabelSpec, Limits, Part
from actors.specs.leaves import leaves_of, value_of
from actors.specs.model import ModelChoice
from actors.specs.shard import ShardSpec
from actors.specs.start import Start
from actors.specs.train import TrainSpec, Validating
from actors.specs.workers import FlywheelWorkers, Workers
from infra.click_logs.options import ClickLogOptions
from infra.layout_options import LayoutOptions
from infra.storage.options import StorageOptions
from mfp.engine_settings import EngineSettings
from pipelines.errors import OptionError
from pipelines.inputs.training_recipe import recipe
from pipelines.jobs.train import TrainingRun
from pipelines.progress_report import OnProgress, ProgressReport
from tests.pipelines.commands.replaced_jobs import mfp
from tests.specs import label_spec, train_spec


def test_options_left_out_are_the_defaults_of_the_job(labelled: list[LabelSpec]) -> None:
    assert mfp("label", "data", "--out", "run", "--model", "lite0").exit_code == 0
    assert mfp("evaluate", "data", "--out", "run", "--model", "lite0").exit_code == 0
    label, evaluate = labelled
    assert label == label_spec("data", "run", "lite0")
    assert evaluate.resolved() == label.resolved()


def test_every_option_of_label_reaches_the_job(labelled: list[LabelSpec]) -> None:
    line = (
        "label data --out run --model run://training --clicks logged:clicks.jsonl --max-clicks 7 --target-iou 0.8 "
        "--target-quality 0.7 --min-change 0.1 --final-masks masks:final --click-format table --click-units percent "
        "--click-column x=px --start masks:old --changes global "
        "--overlap exclude --start-mask-values binary --start-ignore-value 9 --start-object-values 1,3 "
        "--workers 2:4 --cpus-per-worker 2 --gpus-per-worker 0.5 --device cpu --batch-size 3 --precision bf16 "
        "--backend compile --flip off --no-zoom --zoom-size 320 --modulation release --seed 5 --max-errors 0.2 "
        "--ray-address auto --working-pixels 1000000 --storage-endpoint http://host:9000 --storage-region eu --follow "
        "--follow-if-better --keep-reviewed other"
    )
    result = mfp(*line.split())
    assert result.exit_code == 0, result.output
    assert labelled == [
        LabelSpec(
            dataset="data",
            out="run",
            model=ModelChoice("run://training", "release"),
            follow=True,
            follow_if_better=True,
            seed=5,
            keep_reviewed="other",
            limits=Limits(0.2, 1_000_000),
            clicks=Clicks("logged:clicks.jsonl", 7, 0.8, 0.7, 0.1, "masks:final"),
            log=ClickLogOptions(format="table", columns=("x=px",), units="percent"),
            start=Start(
                "masks:old",
                "global",
                overlap="exclude",
                masks=LayoutOptions(mask_values="binary", ignore_value=9, object_values="1,3"),
            ),
            workers=Workers("2:4", 2.0, 0.5, "auto"),
            network=EngineSettings(
                device="cpu",
                batch_size=3,
                precision="bf16",
                backend="compile",
                flip="off",
                zoom=False,
                zoom_size=320,
            ),
            storage=StorageOptions("http://host:9000", "eu"),
        )
    ]
    assert left_at_default(labelled[0]) == {
        *("part.index", "part.count"),  # a flywheel gives them
        *("model.options", "model.trust_model_code"),  # models of other packages have them
        *("start.damage_min_iou", "start.damage_max_iou", "start.damage_seed"),  # nothing is damaged
        "calibration",  # it is of one model, and this run follows several
        *(leaf.name for leaf in leaves_of(LabelSpec) if leaf.is_hidden),
    }


def test_a_calibration_reaches_the_job_and_does_not_go_with_models_that_change(
    labelled: list[LabelSpec],
) -> None:
    assert mfp("label", "data", "--out", "run", "--model", "lite0", "--calibration", "q.json").exit_code == 0
    assert labelled[0].calibration == "q.json"
    line = "label data --out run --model run://training --follow --calibration q.json"
    result = mfp(*line.split())
    assert result.exit_code == 2
    assert "leave one of both out" in " ".join(result.output.replace("│", " ").split())


def test_options_of_a_model_reach_the_job_one_by_one(labelled: list[LabelSpec]) -> None:
    line = "label data --out run --model isegm:/ritm --model-option zoom=4x4 --model-option a=b --trust-model-code"
    assert mfp(*line.split()).exit_code == 0
    assert labelled[0].model == ModelChoice("isegm:/ritm", options=("zoom=4x4", "a=b"), trust_model_code=True)
    result = mfp(*["label", "data", "--out", "run", "--model", "run://training", "--model-option", "a=b"])
    assert result.exit_code == 2
    assert "models of a training run take no options" in " ".join(result.output.replace("│", " ").split())


def left_at_default(spec: object) -> set[str]:
    return {leaf.name for leaf in leaves_of(type(spec)) if value_of(spec, leaf) == leaf.default}


def test_following_only_better_models_is_following(labelled: list[LabelSpec]) -> None:
    mfp("label", "data", "--out", "run", "--model", "run://training", "--follow-if-better")
    assert labelled[0].follows
    assert labelled[0].follow_if_better


def test_the_full_curve_does_not_stop_at_an_iou(labelled: list[LabelSpec]) -> None:
    mfp("evaluate", "data", "--out", "run", "--model", "lite0", "--full-curve")
    assert labelled[0].clicks == Clicks(max_clicks=20, target_iou="none")


def test_train_passes_its_options_and_names_the_model(
    not_looked_at: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[TrainSpec] = []

    def run_train(options: TrainSpec, on_progress: OnProgress) -> TrainingRun:
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
        train_spec(
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
            validation=Validating("held", 5, 6),
            checkpoint_every=3,
            keep=4,
            loader_workers=0,
            workers="1:2",
            cpus_per_worker=2.0,
            device="cpu",
            ray_address="auto",
            storage=StorageOptions("http://localhost:1", None),
        )
    ]


def test_every_option_of_the_flywheel_reaches_the_job(
    not_looked_at: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[FlywheelSpec] = []

    def run_flywheel(spec: FlywheelSpec, show: object) -> None:
        asked.append(spec)
        raise OptionError("enough")

    monkeypatch.setattr(pipelines.jobs.flywheel.flywheel, "run_flywheel", run_flywheel)
    line = (
        "flywheel photos --train-on seed --train-on more --evaluation val --out wheel --model lite0 --rounds 3 "
        "--clicks logged:c.jsonl --max-clicks 7 --target-iou 0.8 "
        "--min-quality 0.8 --min-iou 0.7 --min-area 9 --train-steps 9 --checkpoint-every 3 "
        "--recipe hrnet18 --crop-size 64 --batch-size 4 --rate 0.1 --learned-statistics --label-workers 2:4 "
        "--train-workers 3 --cpus-per-worker 2 --gpus-per-worker 0.5 --loader-workers 0 --device cpu "
        "--flip off --zoom-size 96 --seed 5 --ray-address auto --storage-endpoint http://host:9000"
    )
    assert "enough" in mfp(*line.split()).stderr
    (spec,) = asked
    assert spec == FlywheelSpec(
        unlabelled="photos",
        train_on=("seed", "more"),
        evaluation="val",
        out="wheel",
        model=ModelChoice("lite0"),
        rounds=3,
        clicks=Clicks("logged:c.jsonl", 7, 0.8),
        selection=Thresholds(0.8, 0.7, 9),
        train_steps=9,
        checkpoint_every=3,
        recipe=recipe("hrnet18", crop_size=(64, 64), batch_size=4, rate=0.1),
        frozen_statistics=False,
        workers=FlywheelWorkers("2:4", "3", 2.0, 0.5, 0, "auto"),
        network=EngineSettings(device="cpu", flip="off", zoom_size=96),
        seed=5,
        storage=StorageOptions("http://host:9000"),
    )


def test_a_flywheel_takes_the_recipe_of_its_model_and_keeps_its_statistics(
    not_looked_at: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[FlywheelSpec] = []
    monkeypatch.setattr(
        pipelines.jobs.flywheel.flywheel, "run_flywheel", lambda spec, show: asked.append(spec)
    )
    mfp(
        *[
            "flywheel",
            "photos",
            "--train-on",
            "seed",
            "--evaluation",
            "val",
            "--out",
            "wheel",
            "--model",
            "lite0",
        ]
    )
    assert asked[0].recipe == recipe("lite0")
    assert asked[0].frozen_statistics


def test_the_clicks_of_a_log_are_made_to_their_end_unless_limits_are_given(
    labelled: list[LabelSpec],
) -> None:
    line = ("label", "data", "--out", "run", "--model", "lite0", "--clicks", "logged:c.jsonl")
    for given in (
        (),
        ("--max-clicks", "2"),
        ("--target-iou", "0.5"),
        ("--max-clicks", "2", "--target-iou", "0.5"),
    ):
        assert mfp(*line, *given).exit_code == 0
    limits = [spec.resolved().clicks for spec in labelled]
    assert [(clicks.max_clicks, clicks.target_iou) for clicks in limits] == [
        ("all", "none"),
        (2, "none"),
        ("all", 0.5),
        (2, 0.5),
    ]


def test_a_tilde_is_the_home_folder_in_every_path(
    labelled: list[LabelSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/kim")
    line = "label ~/data --out ~/run --model run://~/training --clicks logged:~/clicks.jsonl"
    assert mfp(*line.split()).exit_code == 0
    (options,) = labelled
    assert (options.dataset, options.out) == ("/home/kim/data", "/home/kim/run")
    assert (options.model.name, options.clicks.source) == (
        "run:///home/kim/training",
        "logged:/home/kim/clicks.jsonl",
    )
    seen: list[ShardSpec] = []

    def run_shard(options: ShardSpec, on_progress: OnProgress) -> None:
        seen.append(options)
        raise OptionError("enough")

    monkeypatch.setattr(pipelines.jobs.shard, "run_shard", run_shard)
    mfp(*["shard", "~/photos", "~/shards", "--layout", "folder", "--split", "~/val.txt"])
    assert (seen[0].source, seen[0].destination, seen[0].reading.split) == (
        "/home/kim/photos",
        "/home/kim/shards",
        "/home/kim/val.txt",
    )


def test_a_configuration_file_reaches_settings_that_have_no_option(
    not_looked_at: None, labelled: list[LabelSpec], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "part.toml"
    config.write_text(
        'dataset = "data"\nout = "run"\nmodel.name = "lite0"\npart = { index = 1, count = 4 }\n'
    )
    result = mfp("label", "--config", str(config))
    assert result.exit_code == 0, result.output
    assert labelled[0].part == Part(1, 4)
    asked: list[FlywheelSpec] = []
    monkeypatch.setattr(
        pipelines.jobs.flywheel.flywheel, "run_flywheel", lambda spec, show: asked.append(spec)
    )
    config.write_text('recipe = { betas = [0.5, 0.9] }\nnetwork = { precision = "bf16", batch_size = 3 }\n')
    line = "flywheel photos --train-on seed --evaluation val --out wheel --model lite0 --batch-size 5"
    mfp(*line.split(), "--config", str(config))
    assert asked[0].recipe == recipe("lite0", betas=(0.5, 0.9), batch_size=5)
    assert asked[0].network == EngineSettings(precision="bf16", batch_size=3)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("isegm:/models/ritm", "isegm:/models/ritm"),
        ("isegm:~/ritm", "isegm:/home/me/ritm"),
        ("sam:facebook/sam2", "sam:facebook/sam2"),
        ("python:package.module:factory", "python:package.module:factory"),
        ("~/mine.safetensors", "/home/me/mine.safetensors"),
    ],
)
def test_what_stands_behind_a_models_name_may_be_a_path(
    labelled: list[LabelSpec], monkeypatch: pytest.MonkeyPatch, given: str, taken: str
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    result = mfp("label", "data", "--out", "run", "--model", given)
    assert result.exit_code == 0, result.output
    assert labelled[0].model.name == taken


@pytest.mark.parametrize("given", ["s3:/bucket/m.safetensors", "run:/training", "isegm:s3:/bucket/clone"])
def test_a_url_that_lost_a_slash_is_no_model(labelled: list[LabelSpec], given: str) -> None:
    result = mfp("label", "data", "--out", "run", "--model", given)
    assert result.exit_code == 2
    assert "is no URL, which has two slashes" in " ".join(result.output.replace("│", " ").split())


@pytest.mark.parametrize("command", ["label", "evaluate", "verify", "check-model", "flywheel"])
def test_a_file_says_nothing_of_trust(command: str, tmp_path: Path) -> None:
    config = tmp_path / "theirs.toml"
    config.write_text("trust_model_code = true\nmodel.trust_model_code = true\n")
    result = mfp(command, "x", "--config", str(config))
    assert result.exit_code == 2
    told = " ".join(result.output.replace("│", " ").split())
    assert "is not for a file, which may come from somebody else" in told or "is no setting" in told


def test_an_option_takes_back_what_a_file_has_said(labelled: list[LabelSpec], tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.write_text("follow = true\nfollow_if_better = true\nnetwork.flip = 'off'\n")
    line = "label data --out run --model run://training --no-follow --no-follow-if-better --flip on --config"
    assert mfp(*line.split(), str(config)).exit_code == 0
    assert (labelled[0].follows, labelled[0].network.flip) == (False, "on")


@pytest.mark.parametrize("setting", ["steps = 5", 'model = "vit_b"', "frozen_statistics = true"])
def test_what_a_flywheel_puts_aside_of_a_recipe_is_refused(
    not_looked_at: None, setting: str, tmp_path: Path
) -> None:
    config = tmp_path / "mine.toml"
    config.write_text(f"[recipe]\n{setting}\n")
    line = "flywheel photos --train-on seed --evaluation val --out wheel --model lite0 --config"
    result = mfp(*line.split(), str(config))
    assert result.exit_code == 1
    assert "says nothing of a flywheel: give " in result.stderr
