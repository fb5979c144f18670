"""`mfp train`: a run that was stopped and taken up again equals one that was not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from infra import rle
from infra.errors import DatasetError, RunDirectoryError
from infra.manifest import load_manifest
from infra.sample import ObjectTruth, Sample, stored_image
from infra.shard_writer import write_dataset
from infra.storage import Storage
from mfp.errors import ModelError, TrainingError, WeightsError
from mfp.model_file import model_from_bytes
from mfp.training.augment import AugmentSettings
from mfp.training.checkpoint import Checkpoint
from pipelines.options import TrainOptions
from pipelines.train import TrainedStep, run_train
from pipelines.training_stream import StreamSettings, TrainingStream

NUM_SAMPLES = 13


def _sample(index: int, *, with_object: bool = True) -> Sample:
    import cv2

    rng = np.random.default_rng(index)
    image = rng.integers(0, 80, (70, 90, 3), np.uint8)
    mask = np.zeros((70, 90), np.bool_)
    top, left = rng.integers(5, 25, 2)
    mask[top : top + 35, left : left + 40] = True
    image[mask] += 120
    stored = stored_image(cv2.imencode(".png", image)[1].tobytes())
    objects = (ObjectTruth("1", rle.encode(mask)),) if with_object else ()
    return Sample(f"s/{index:03d}", stored.data, stored.extension, 70, 90, objects)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = str(tmp_path_factory.mktemp("training") / "dataset")
    write_dataset((_sample(index) for index in range(NUM_SAMPLES)), url, Storage(), samples_per_shard=5)
    return url


def _options(dataset: str, out: Path, steps: int) -> TrainOptions:
    return TrainOptions(
        datasets=(dataset,),
        out=str(out),
        steps=steps,
        crop_size=64,
        batch_size=2,
        checkpoint_every=2,
        num_loader_workers=0,
        device="cpu",
    )


def _weights(url: str) -> dict[str, torch.Tensor]:
    return model_from_bytes(Storage().read_bytes(url)).network.state_dict()


def test_a_resumed_run_ends_in_the_same_weights_as_an_undisturbed_one(dataset: str, tmp_path: Path) -> None:
    class KilledError(Exception):
        pass

    def kill_after_three(step: TrainedStep) -> None:
        if step.step == 3:
            raise KilledError

    undisturbed = run_train(_options(dataset, tmp_path / "a", 5))
    with pytest.raises(KilledError):
        run_train(_options(dataset, tmp_path / "b", 5), kill_after_three)
    seen: list[int] = []
    resumed = run_train(_options(dataset, tmp_path / "b", 5), lambda step: seen.append(step.step))
    assert seen == [3, 4, 5]  # from the checkpoint at step 2
    expected, actual = _weights(undisturbed.model_url), _weights(resumed.model_url)
    assert all(torch.equal(expected[name], actual[name]) for name in expected)
    losses = [
        pq.read_table(tmp_path / run / "log" / "step-00000004.parquet").column("loss").to_pylist()
        for run in ("a", "b")
    ]
    assert losses[0] == losses[1]


def test_only_the_last_two_checkpoints_are_kept(dataset: str, tmp_path: Path) -> None:
    run_train(_options(dataset, tmp_path, 6))
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == [
        "step-00000004.pt",
        "step-00000006.pt",
    ]


def test_a_model_file_can_be_the_start_of_another_run(dataset: str, tmp_path: Path) -> None:
    first = run_train(_options(dataset, tmp_path / "a", 1))
    options = _options(dataset, tmp_path / "b", 1)
    second = run_train(TrainOptions(**{**vars(options), "init": first.model_url}))
    assert not torch.equal(
        _weights(first.model_url)["head.weight"], _weights(second.model_url)["head.weight"]
    )


def _keys(stream: TrainingStream, count: int) -> list[str]:
    numbered = stream._numbered_samples(0)
    return [next(numbered)[1].key for _ in range(count)]


def _stream(dataset: str, seed: int, first_batch: int = 0) -> TrainingStream:
    storage = Storage()
    settings = StreamSettings(seed, 2, AugmentSettings(crop_size=64))
    return TrainingStream([load_manifest(storage, dataset)], storage, settings, first_batch)


def test_every_epoch_visits_each_sample_once_in_an_order_of_its_own(dataset: str) -> None:
    keys = _keys(_stream(dataset, 0), 2 * NUM_SAMPLES)
    first, second = keys[:NUM_SAMPLES], keys[NUM_SAMPLES:]
    assert sorted(first) == sorted(second) == [f"s/{index:03d}" for index in range(NUM_SAMPLES)]
    assert first != second
    assert _keys(_stream(dataset, 1), NUM_SAMPLES) != first


def test_a_stream_taken_up_at_a_batch_goes_on_as_if_it_had_never_stopped(dataset: str) -> None:
    whole = iter(_stream(dataset, 3))
    batches = [next(whole) for _ in range(10)]
    for first in (1, 7, 9):  # 7 and 9 lie in the second epoch
        batch = next(iter(_stream(dataset, 3, first)))
        assert torch.equal(batch.image, batches[first].image)
        assert torch.equal(batch.label, batches[first].label)


def test_data_without_objects_is_refused(tmp_path: Path) -> None:
    url = str(tmp_path / "dataset")
    write_dataset((_sample(0, with_object=False) for _ in range(1)), url, Storage(), samples_per_shard=5)
    with pytest.raises(TrainingError, match="training needs masks"):
        run_train(_options(url, tmp_path / "run", 1))


def test_a_run_taken_up_with_another_configuration_is_refused_and_more_steps_are_not(
    dataset: str, tmp_path: Path
) -> None:
    options = _options(dataset, tmp_path, 1)
    run_train(options)
    with pytest.raises(RunDirectoryError, match="seed is 0 there and 1 here"):
        run_train(TrainOptions(**{**vars(options), "seed": 1}))
    assert run_train(TrainOptions(**{**vars(options), "steps": 2})).steps == 2


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_gpu_that_is_not_there_is_refused_in_one_line(dataset: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no CUDA GPU on this machine"):
        run_train(TrainOptions(**{**vars(_options(dataset, tmp_path, 1)), "device": "cuda"}))


def test_data_whose_objects_are_all_too_small_ends_instead_of_searching_for_ever(
    dataset: str, tmp_path: Path
) -> None:
    storage = Storage()
    augment = AugmentSettings(crop_size=64, smallest_object=10_000)
    stream = TrainingStream([load_manifest(storage, dataset)], storage, StreamSettings(0, 2, augment))
    with pytest.raises(TrainingError, match="no object of 10000 pixels or more in a whole epoch"):
        next(iter(stream))


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_broken_shard_ends_training_in_one_line(tmp_path: Path, num_workers: int) -> None:
    url = str(tmp_path / "dataset")
    write_dataset((_sample(index) for index in range(2)), url, Storage())
    shard = tmp_path / "dataset" / "shard-000000.tar"
    shard.write_bytes(shard.read_bytes()[:1000])
    options = TrainOptions(**{**vars(_options(url, tmp_path / "run", 1)), "num_loader_workers": num_workers})
    with pytest.raises(DatasetError, match=r"shard-000000\.tar is broken") as caught:
        run_train(options)
    assert "Traceback" not in str(caught.value)


def test_fewer_steps_than_are_done_are_refused(dataset: str, tmp_path: Path) -> None:
    run_train(_options(dataset, tmp_path, 2))
    with pytest.raises(TrainingError, match="has done 2 steps, more than --steps 1"):
        run_train(_options(dataset, tmp_path, 1))


def test_a_checkpoint_that_does_not_fit_is_named(dataset: str, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoints" / "step-00000001.pt"
    checkpoint.parent.mkdir()
    for data in (b"garbage", Checkpoint(1, {}, {}, 1, {}).to_bytes()):
        checkpoint.write_bytes(data)
        with pytest.raises(TrainingError, match=r"step-00000001\.pt: checkpoint"):
            run_train(_options(dataset, tmp_path, 2))


def test_weights_that_are_none_are_named(dataset: str, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.safetensors"
    garbage.write_bytes(b"garbage")
    with pytest.raises(WeightsError, match=r"garbage\.safetensors: 7 bytes that are no model file"):
        run_train(TrainOptions(**{**vars(_options(dataset, tmp_path, 1)), "init": str(garbage)}))


def test_a_model_without_a_start_is_refused(dataset: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="choose lite0 or name weights"):
        run_train(TrainOptions(**{**vars(_options(dataset, tmp_path, 1)), "model": "vit"}))
