"""The recursive step and what it draws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from mfp.models.lite0 import Lite0, Lite0Config
from mfp.training.averaging import WeightAverage
from mfp.training.click_sampling import first_click, next_training_click
from mfp.training.schedule import WARM_UP_STEPS, cosine_factor
from mfp.training.step import MAX_ROUNDS, TrainingBatch, draw_num_rounds, recursive_step

SIDE = 64


def _batch(size: int = 2) -> TrainingBatch:
    label = torch.zeros(size, 1, SIDE, SIDE, dtype=torch.int8)
    label[:, :, 16:48, 20:44] = 1
    label[:, :, :4] = -1
    image = torch.rand(size, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)) * 0.3
    return TrainingBatch(image + 0.6 * (label == 1), label)


def test_the_number_of_rounds_has_the_published_mean() -> None:
    rng = np.random.default_rng(0)
    draws = [draw_num_rounds(rng) for _ in range(20_000)]
    assert min(draws) == 1
    assert max(draws) == MAX_ROUNDS
    assert np.mean(draws) == pytest.approx(4.9, abs=0.1)


def test_a_few_steps_learn_one_batch() -> None:
    torch.manual_seed(0)
    network = Lite0(Lite0Config(decoder_channels=16))
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    losses = []
    for step in range(40):
        result = recursive_step(network, _batch(), 1 + step % 2, np.random.default_rng(step))
        optimizer.zero_grad()
        result.loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(result.loss.detach()))
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])


def test_rounds_before_the_last_leave_no_trace_in_the_network() -> None:
    """BatchNorm statistics move once a step, however many rounds it had; the draw of clicks decides the rest."""
    moved = []
    for num_rounds in (1, 5):
        torch.manual_seed(0)
        network = Lite0(Lite0Config(decoder_channels=16))
        recursive_step(network, _batch(), num_rounds, np.random.default_rng(0))
        moved.append({int(value) for name, value in network.state_dict().items() if "num_batches" in name})
        assert network.training
    assert moved == [{1}, {1}]


def test_the_same_draws_give_the_same_loss_and_gradient() -> None:
    torch.manual_seed(0)
    network = Lite0(Lite0Config(decoder_channels=16))
    start = {name: value.clone() for name, value in network.state_dict().items()}
    results = []
    for _ in range(2):
        network.load_state_dict(start)
        network.zero_grad()
        torch.manual_seed(1)
        result = recursive_step(network, _batch(), 4, np.random.default_rng(3))
        result.loss.backward()  # type: ignore[no-untyped-call]
        results.append((float(result.loss.detach()), network.head.weight.grad.clone()))  # type: ignore[union-attr]
    assert results[0][0] == results[1][0]
    assert torch.equal(results[0][1], results[1][1])


@given(mask=hnp.arrays(np.bool_, (23, 31)), seed=st.integers(0, 2**32 - 1))
def test_a_first_click_falls_on_the_object(mask: NDArray[np.bool_], seed: int) -> None:
    mask[11, 5] = True
    click = first_click(mask, np.random.default_rng(seed))
    assert click.is_foreground
    assert mask[int(click.y), int(click.x)]


@given(
    prob=hnp.arrays(np.float32, (19, 23), elements=st.floats(0, 1, width=32)),
    label=hnp.arrays(np.int8, (19, 23), elements=st.integers(-1, 1)),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_next_click_falls_on_an_error_of_its_kind(
    prob: NDArray[np.float32], label: NDArray[np.int8], seed: int
) -> None:
    click = next_training_click(prob, label, np.random.default_rng(seed))
    wrong = ((label == 1) & (prob <= 0.49)) | ((label == 0) & (prob > 0.49))
    if click is None:
        assert not wrong.any()
    else:
        assert wrong[int(click.y), int(click.x)]
        assert (label[int(click.y), int(click.x)] == 1) == click.is_foreground


def test_the_rate_warms_up_and_ends_at_a_hundredth() -> None:
    factors = [cosine_factor(step, 1000) for step in range(1001)]
    assert factors[0] < 0.02
    assert max(factors) == factors[WARM_UP_STEPS - 1]
    assert factors[-1] == pytest.approx(0.01)


def test_the_average_follows_the_weights_and_copies_counters() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    average = WeightAverage(network, decay=0.5)
    with torch.no_grad():
        network[0].weight.fill_(1.0)  # type: ignore[operator]
    network[1].num_batches_tracked.fill_(3)  # type: ignore[operator]
    for _ in range(60):
        average.update(network)
    torch.testing.assert_close(average.tensors["0.weight"], torch.ones(2, 2))
    assert int(average.tensors["1.num_batches_tracked"]) == 3
