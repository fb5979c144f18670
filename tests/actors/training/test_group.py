"""Two workers of a training run: together they learn what one would."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

from actors.training.group import TrainGroup
from actors.training.job import TrainJob
from actors.training.loader import Share, training_batches
from actors.training.loop import _gradients, train
from mfp.models.lite0 import Lite0, Lite0Config
from mfp.training.step import GradientPass, Rounds
from tests.actors.two_workers import run_in_two_workers
from tests.training_jobs import ALONE, changed_job, small_job, train_to_the_end, write_bright_objects


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_bright_objects(str(tmp_path_factory.mktemp("training") / "dataset"))


def _network() -> Lite0:
    """Without what couples samples or differs by nature: batch statistics, which are a worker's own, and dropout."""
    torch.manual_seed(0)
    network = Lite0(Lite0Config(decoder_channels=16))
    for module in network.modules():
        if isinstance(module, nn.Dropout2d):
            module.p = 0.0
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.0
            module.register_forward_pre_hook(_with_running_statistics)
    return network


def _with_running_statistics(module: nn.Module, inputs: object) -> None:
    module.training = False


def _write_gradients(group: TrainGroup, job: TrainJob, out: str) -> None:
    """The gradients of one step, as worker 0 has them."""
    network = _network()
    gradient_pass = group.joined(GradientPass(network))
    batch = next(training_batches(job, Share(group.rank, group.size, 0), group.device))
    _gradients(
        job, group, 0, batch, Rounds(1, 3), network, gradient_pass, torch.amp.GradScaler("cpu", enabled=False)
    )
    if group.rank == 0:
        torch.save({name: value.grad for name, value in network.named_parameters()}, out)


@pytest.mark.parametrize(
    ("batch_size", "accumulate", "loss_rounds"), [(4, 1, "last"), (5, 2, "last"), (4, 1, "all")]
)
def test_two_workers_have_the_gradients_of_one_with_the_joint_batch(
    dataset: str, tmp_path: Path, batch_size: int, accumulate: int, loss_rounds: str
) -> None:
    """Also where they cannot share the batch out evenly, split their shares, or learn from every round."""
    job = small_job(dataset, tmp_path / "run", batch_size=batch_size, loss_rounds=loss_rounds)
    _write_gradients(ALONE, job, str(tmp_path / "one"))
    split = changed_job(job, accumulate=accumulate)
    run_in_two_workers(_write_gradients, tmp_path, split, str(tmp_path / "two"))
    one, two = torch.load(tmp_path / "one"), torch.load(tmp_path / "two")
    assert len(one) > 200
    scale = max(float(gradient.abs().max()) for gradient in one.values())
    for name in one:
        torch.testing.assert_close(two[name], one[name], rtol=1e-3, atol=1e-6 * scale, msg=name)


def test_two_workers_that_start_again_from_a_checkpoint_go_on_exactly(dataset: str, tmp_path: Path) -> None:
    undisturbed = small_job(dataset, tmp_path / "a", batch_size=4, steps=4)
    run_in_two_workers(train_to_the_end, tmp_path, undisturbed)
    (tmp_path / "rendezvous").unlink(missing_ok=True)
    disturbed = changed_job(undisturbed, out=str(tmp_path / "b"))
    run_in_two_workers(_train_until_two, tmp_path, disturbed)
    (tmp_path / "rendezvous").unlink(missing_ok=True)
    run_in_two_workers(train_to_the_end, tmp_path, disturbed)
    rows = [
        pq.read_table(tmp_path / run / "log" / "step-00000004.parquet")
        .select(["step", "loss", "iou"])
        .to_pylist()
        for run in ("a", "b")
    ]
    assert rows[0] == rows[1]
    assert [row["step"] for row in rows[0]] == [3, 4]


class _StoppedError(Exception):
    pass


def _train_until_two(group: TrainGroup, job: TrainJob) -> None:
    def stop(figures: Mapping[str, float]) -> None:
        raise _StoppedError  # at the first report, which comes with the checkpoint of step 2

    try:
        train(job, group, stop)
    except _StoppedError:
        return
