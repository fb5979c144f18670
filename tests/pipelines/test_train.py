"""`mfp train`: a Ray Train job, and what it refuses before it starts one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from actors.errors import ClusterError
from actors.specs.model import ModelChoice
from actors.specs.train import TrainSpec, Validating
from actors.training.directory import TrainDirectory
from actors.training.job import TrainJob
from actors.training.start import check_passes
from infra.errors import RunDirectoryError, StorageError
from infra.published_models import model_url
from infra.runs.run_config import START_FILE, TRAINING_FILE
from infra.shards.shard_writer import write_dataset
from infra.storage.files import Storage
from infra.training_driver import DRIVER_FILE
from mfp.errors import ImageSizeError, ModelError, TrainingError, WeightsError
from mfp.model_file import model_id_of, model_to_bytes, read_header
from mfp.models.lite0 import Lite0Config
from mfp.models.registry import build_network
from mfp.models.vit import ViTConfig
from mfp.training.checkpoint import Checkpoint
from pipelines.errors import OptionError
from pipelines.first_look import look_at_training
from pipelines.inputs.model_source import find_model
from pipelines.inputs.run_record import TrainRecord, read_record
from pipelines.inputs.training_recipe import recipe
from pipelines.jobs.train import plan_training, run_train
from pipelines.progress_report import ProgressReport
from tests.specs import changed, train_spec
from tests.training_jobs import ALONE, SMALL, bright_object, train_to_the_end, write_bright_objects


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_bright_objects(str(tmp_path_factory.mktemp("training") / "dataset"))


def _options(dataset: str, out: Path, steps: int) -> TrainSpec:
    return train_spec(
        datasets=(dataset,),
        out=str(out),
        checkpoint_every=2,
        loader_workers=0,
        device="cpu",
        **{**SMALL, "steps": steps},
    )


def training_job(options: TrainSpec) -> TrainJob:
    """The job of a run that was begun."""
    planned = plan_training(options)
    planned.begin()
    return planned.job


def test_a_run_that_is_made_longer_goes_on_from_its_checkpoint(
    ray_cluster: None, dataset: str, tmp_path: Path
) -> None:
    train_to_the_end(ALONE, training_job(_options(dataset, tmp_path, 2)))
    assert read_header(Storage().read_bytes(model_url(str(tmp_path), 2)))["facts"]["steps"] == 2
    shown: list[ProgressReport] = []
    longer = run_train(_options(dataset, tmp_path, 3), shown.append)
    assert longer.model_url.endswith("00000003.safetensors")
    assert (shown[0].done, shown[0].note) == (2, "workers start")
    assert shown[-1].done == 3
    assert {report.total for report in shown} == {3}
    logged = sorted(path.name for path in (tmp_path / "log").iterdir())
    assert logged == ["step-00000002.parquet", "step-00000003.parquet"]


def test_statistics_are_kept_only_of_a_model_that_has_some(dataset: str, tmp_path: Path) -> None:
    asked = changed(_options(dataset, tmp_path / "run", 2), frozen_statistics=True)
    with pytest.raises(TrainingError, match="frozen_statistics without --init"):
        training_job(asked)
    assert not (tmp_path / "run").exists()


def test_data_without_objects_is_refused(tmp_path: Path) -> None:
    url = str(tmp_path / "dataset")
    write_dataset(
        (bright_object(0, with_object=False) for _ in range(1)), url, Storage(), samples_per_shard=5
    )
    with pytest.raises(TrainingError, match="training needs masks"):
        training_job(_options(url, tmp_path / "run", 1))


def test_data_whose_objects_are_all_too_small_is_refused(dataset: str, tmp_path: Path) -> None:
    path = tmp_path / "large.toml"
    text = Path("pipelines/recipes/lite0.toml").read_text()
    path.write_text(text.replace("smallest_object = 80", "smallest_object = 10000"))
    with pytest.raises(TrainingError, match="no object of 10000 pixels or more"):
        training_job(changed(_options(dataset, tmp_path / "run", 1), recipe=recipe(str(path))))


def test_a_run_taken_up_with_another_configuration_is_refused_and_more_steps_are_not(
    dataset: str, tmp_path: Path
) -> None:
    options = _options(dataset, tmp_path, 1)
    training_job(options)
    with pytest.raises(RunDirectoryError, match="seed is 0 there and 1 here"):
        training_job(changed(options, seed=1))
    with pytest.raises(RunDirectoryError, match=r"recipe\.rate is 0\.0005 there and 0\.001 here"):
        training_job(changed(options, rate=1e-3))
    assert training_job(changed(options, steps=2)).recipe.steps == 2


def test_a_training_json_that_no_training_has_written_is_refused_by_name(
    dataset: str, tmp_path: Path
) -> None:
    options = _options(dataset, tmp_path, 1)
    training_job(options)
    with pytest.raises(RunDirectoryError, match=r"recipe\.late_fusion is true there and false here"):
        training_job(changed(options, late_fusion=False))
    file = tmp_path / TRAINING_FILE
    written = json.loads(file.read_text())
    del written["spec"]["recipe"]["late_fusion"]
    file.write_text(json.dumps(written))
    with pytest.raises(RunDirectoryError, match=r"recipe\.late_fusion is absent there and true here"):
        training_job(options)
    with pytest.raises(
        RunDirectoryError, match=r"made: spec\.recipe\.late_fusion: is missing; restore the file"
    ):
        read_record(TrainRecord, str(tmp_path), Storage())


def test_compiling_without_a_compiler_is_refused_in_one_line(
    ray_cluster: None, dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(TrainingError, match=r"^--compile: program no-such-compiler is not here: .*leave the"):
        run_train(changed(_options(dataset, tmp_path, 1), device="cpu", compile=True))
    assert not (tmp_path / TRAINING_FILE).exists(), "which would bind the directory to these options"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_gpu_that_is_not_there_is_refused_in_one_line(
    ray_cluster: None, dataset: str, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="no CUDA GPU on this machine"):
        run_train(changed(_options(dataset, tmp_path, 1), device="cuda"))
    assert not (tmp_path / DRIVER_FILE).exists(), "a run that may be going on there is left alone"
    assert not (tmp_path / TRAINING_FILE).exists(), "which would bind the directory to these options"


def test_more_workers_than_the_machine_holds_leave_the_directory_free(
    ray_cluster: None, dataset: str, tmp_path: Path
) -> None:
    with pytest.raises(ClusterError, match="2 workers of 1000 CPU each do not fit this machine"):
        run_train(changed(_options(dataset, tmp_path, 1), workers="2", cpus_per_worker=1000.0))
    assert not (tmp_path / TRAINING_FILE).exists()


def test_fewer_steps_than_are_done_are_refused(dataset: str, tmp_path: Path) -> None:
    TrainDirectory(str(tmp_path), Storage(), 2).write_checkpoint(Checkpoint(2, {}, {}, 2, {}, {}))
    with pytest.raises(TrainingError, match="has done 2 steps, more than --steps 1"):
        run_train(_options(dataset, tmp_path, 1))


def test_a_model_that_has_no_recipe_is_refused(dataset: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"'vit' has no recipe \(did you mean vit_b\?\): choose from"):
        recipe(model="vit")
    with pytest.raises(ModelError, match="'vit' cannot be trained by name"):
        training_job(changed(_options(dataset, tmp_path, 1), model="vit"))


def test_more_workers_than_crops_are_refused(dataset: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="3 workers share a batch of 2 crops"):
        training_job(changed(_options(dataset, tmp_path, 1), workers="1:3", cpus_per_worker=1.0))


def test_a_run_goes_on_though_the_model_it_began_from_is_another_or_gone(
    dataset: str, tmp_path: Path
) -> None:
    init, other = tmp_path / "init.safetensors", find_model(ModelChoice("lite0"), Storage()).weights
    config = Lite0Config(decoder_channels=16)
    init.write_bytes(model_to_bytes(config, build_network(config).state_dict(), {}))
    began_from = init.read_bytes()
    asked = changed(_options(dataset, tmp_path / "run", 1), init=str(init))
    for change in (lambda: None, lambda: init.write_bytes(other), init.unlink):
        change()
        job = training_job(asked)
        assert job.init is not None
        assert Path(job.init).read_bytes() == began_from
    with pytest.raises(
        RunDirectoryError, match=r'init is .* there and null here; start is .* there and "fresh"'
    ):
        training_job(changed(asked, init=None))


def test_a_start_is_read_once_and_looked_for_only_if_the_run_has_no_copy(
    dataset: str, tmp_path: Path
) -> None:
    config, init = Lite0Config(), tmp_path / "init.safetensors"
    init.write_bytes(find_model(ModelChoice("lite0"), Storage()).weights)
    asked = changed(_options(dataset, tmp_path / "run", 1), init=str(init))
    kept = tmp_path / "run" / START_FILE
    kept.parent.mkdir()
    kept.write_bytes(b"of a run whose training.json is gone")
    planned = plan_training(asked)
    began_from = init.read_bytes()
    init.write_bytes(model_to_bytes(config, build_network(config).state_dict(), {}))
    planned.begin()
    assert kept.read_bytes() == began_from
    init.unlink()
    look_at_training(asked)
    plan_training(asked).begin()
    assert kept.read_bytes() == began_from
    with pytest.raises(StorageError, match=f"--init {init}: there is no such file"):
        look_at_training(changed(asked, out=str(tmp_path / "other")))
    init.write_bytes(b"no model")
    with pytest.raises(WeightsError, match=f"^{init}: "):
        plan_training(changed(asked, out=str(tmp_path / "other")))


def test_what_a_run_begins_from_is_known_by_its_content_wherever_it_lies(
    dataset: str, tmp_path: Path
) -> None:
    init, moved, other = (tmp_path / f"{name}.safetensors" for name in ("init", "moved", "other"))
    init.write_bytes(find_model(ModelChoice("lite0"), Storage()).weights)
    moved.write_bytes(init.read_bytes())
    config = Lite0Config()
    other.write_bytes(model_to_bytes(config, build_network(config).state_dict(), {}))
    asked = changed(_options(dataset, tmp_path / "run", 1), init=str(init))
    assert training_job(asked).init == training_job(changed(asked, init=str(moved))).init
    with pytest.raises(RunDirectoryError) as caught:
        training_job(changed(asked, init=str(other)))
    ids = [model_id_of(file.read_bytes()) for file in (init, other)]
    assert 'init.safetensors" there and ' in str(caught.value)
    assert 'other.safetensors" here; ' in str(caught.value)
    assert f'start.model_id is "{ids[0]}" there and "{ids[1]}" here' in str(caught.value)
    with pytest.raises(StorageError, match="there is no such file"):
        training_job(changed(asked, init=str(tmp_path / "gone.safetensors")))


def test_passes_that_a_network_cannot_make_are_refused_before_anything_is_written(
    dataset: str, tmp_path: Path
) -> None:
    asked = changed(_options(dataset, tmp_path / "run", 1), model="resnet34", batch_size=4)
    for wrong in (
        changed(asked, batch_size=1),
        changed(asked, accumulate=3),
        changed(asked, workers="1:4", cpus_per_worker=1.0),
    ):
        with pytest.raises(
            TrainingError, match=r"resnet34 cannot be trained on 1 crop of 64x64 pixels at a time"
        ):
            training_job(wrong)
    assert not (tmp_path / "run").exists()
    training_job(changed(asked, accumulate=2))
    windowed = ViTConfig(width=16, depth=8, num_heads=2, pyramid_widths=(4, 4, 8, 8), head_width=8)
    with pytest.raises(ImageSizeError, match="nearest to 100: 224"):
        check_passes(windowed, recipe("vit_b_sbd", crop_size=(100, 224)), 1)


def test_a_run_into_its_own_data_is_refused(dataset: str, tmp_path: Path) -> None:
    before = sorted(Path(dataset).iterdir())
    with pytest.raises(OptionError, match=r"is in the data set .*: give the run a folder outside it"):
        training_job(_options(dataset, Path(dataset), 1))
    assert sorted(Path(dataset).iterdir()) == before


def test_validation_on_training_data_is_refused(dataset: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="is the data set of --validate"):
        training_job(changed(_options(dataset, tmp_path, 1), validation=Validating(dataset)))
