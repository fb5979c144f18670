"""The recursive step and what it draws."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from torch import Tensor

from mfp.clicks import Click
from mfp.loss import masked_cross_entropy, normalized_focal_loss
from mfp.models.lite0 import Lite0, Lite0Config
from mfp.network import ClickSettings, ModulatedNetwork
from mfp.training.averaging import WeightAverage
from mfp.training.click_sampling import first_click, next_training_click
from mfp.training.step import (
    MAX_ROUNDS,
    GradientPass,
    Rounds,
    StepFigures,
    StepSettings,
    TrainingBatch,
    accumulate_gradients,
    draw_num_rounds,
    draw_rounds,
)

SIDE = 64
LAST = StepSettings()


def _batch(size: int = 2) -> TrainingBatch:
    label = torch.zeros(size, 1, SIDE, SIDE, dtype=torch.int8)
    label[:, :, 16:48, 20:44] = 1
    label[:, :, :4] = -1
    image = torch.rand(size, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)) * 0.3
    return TrainingBatch(image + 0.6 * (label == 1), label, torch.ones(size))


def test_the_number_of_rounds_has_the_published_mean() -> None:
    rng = np.random.default_rng(0)
    draws = [draw_num_rounds(rng) for _ in range(20_000)]
    assert min(draws) == 1
    assert max(draws) == MAX_ROUNDS
    assert np.mean(draws) == pytest.approx(4.9, abs=0.1)


def _gradients(
    network: ModulatedNetwork,
    batch: TrainingBatch,
    rounds: Rounds,
    seed: int,
    settings: StepSettings = LAST,
) -> StepFigures:
    network.zero_grad()
    rngs = [np.random.default_rng((seed, row)) for row in range(len(batch.image))]
    return accumulate_gradients(
        GradientPass(network),
        network,
        batch,
        rounds,
        rngs,
        settings,
        lambda loss: (loss / len(rngs)).backward(),  # type: ignore[no-untyped-call]
    )


def test_a_few_steps_learn_one_batch() -> None:
    torch.manual_seed(0)
    network = Lite0(Lite0Config(decoder_channels=16))
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    losses = []
    for step in range(40):
        figures = _gradients(network, _batch(), Rounds(1, 1 + step % 2), step)
        optimizer.step()
        losses.append(figures.loss)
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])


def test_rounds_before_the_last_leave_no_trace_in_the_network() -> None:
    """BatchNorm statistics move once a step, however many rounds it had; the draw of clicks decides the rest."""
    moved = []
    for num_rounds in (1, 5):
        torch.manual_seed(0)
        network = Lite0(Lite0Config(decoder_channels=16))
        _gradients(network, _batch(), Rounds(1, num_rounds), 0)
        moved.append({int(value) for name, value in network.state_dict().items() if "num_batches" in name})
        assert network.training
    assert moved == [{1}, {1}]


def test_frozen_statistics_stay_and_all_weights_learn() -> None:
    torch.manual_seed(0)
    network = Lite0(Lite0Config(decoder_channels=16))
    before = {name: value.clone() for name, value in network.named_buffers()}
    frozen = StepSettings(frozen_statistics=True)
    _gradients(network, _batch(), Rounds(1, 2), 3, frozen)
    assert network.dropout.training, "the rest of the network is in train mode"
    assert all(torch.equal(value, before[name]) for name, value in network.named_buffers())
    assert [name for name, value in network.named_parameters() if value.grad is None] == []
    _gradients(network, _batch(), Rounds(1, 2), 3)
    assert not all(torch.equal(value, before[name]) for name, value in network.named_buffers())


def test_the_same_draws_give_the_same_loss_and_gradient() -> None:
    torch.manual_seed(0)
    network = Lite0(Lite0Config(decoder_channels=16))
    start = {name: value.clone() for name, value in network.state_dict().items()}
    results = []
    for _ in range(2):
        network.load_state_dict(start)
        torch.manual_seed(1)
        figures = _gradients(network, _batch(), Rounds(1, 4), 3)
        results.append((figures, network.head.weight.grad.clone()))  # type: ignore[union-attr]
    assert results[0][0] == results[1][0]
    assert torch.equal(results[0][1], results[1][1])


def test_every_parameter_takes_part_in_a_step() -> None:
    """So that DistributedDataParallel need not look for unused ones."""
    network = Lite0(Lite0Config(decoder_channels=16))
    _gradients(network, _batch(), Rounds(1, 2), 0)
    assert [name for name, value in network.named_parameters() if value.grad is None] == []


class _Recorder(ModulatedNetwork):
    """Answers every pass with its one weight, and notes in which mode and with how many clicks it was asked."""

    def __init__(self) -> None:
        super().__init__(ClickSettings())
        self.weight = torch.nn.Parameter(torch.tensor(0.5))
        self.passes: list[tuple[bool, int]] = []

    zoom_size = 64

    def crop_size(self, height: int, width: int, zoom_size: int) -> tuple[int, int]:
        raise NotImplementedError

    def forward_map(self, image: Tensor, prob: Tensor, clicks: Sequence[Sequence[Click]]) -> Tensor:
        self.passes.append((torch.is_grad_enabled(), len(clicks[0])))
        return self.weight * (1 + prob)

    def first_map(self, image: Tensor, clicks: Sequence[Sequence[Click]]) -> Tensor:
        self.passes.append((torch.is_grad_enabled(), len(clicks[0])))
        return torch.full((len(image), 1, *image.shape[-2:]), 0.25)

    def forward_training(
        self, image: Tensor, prob: Tensor, clicks: Sequence[Sequence[Click]]
    ) -> tuple[Tensor, Tensor | None]:
        logits = self.forward_map(image, prob, clicks)
        return logits, logits - 1.0


def test_the_loss_is_of_the_last_round_or_the_mean_of_all_with_the_auxiliary_head_at_two_fifths() -> None:
    batch, weight = _batch(1), torch.tensor(0.5)
    losses, prob = [], torch.full((1, 1, SIDE, SIDE), 0.25)
    for _ in range(3):
        logits = weight * (1 + prob)
        losses.append(
            normalized_focal_loss(logits, batch.label) + 0.4 * masked_cross_entropy(logits - 1.0, batch.label)
        )
        prob = torch.sigmoid(logits)
    last = _gradients(_Recorder(), batch, Rounds(1, 3), 0)
    every = _gradients(_Recorder(), batch, Rounds(1, 3), 0, StepSettings(loss_rounds="all"))
    assert last.loss == pytest.approx(float(losses[-1]))
    assert every.loss == pytest.approx(float(sum(losses)) / 3)


def test_gradients_are_taken_where_the_loss_is() -> None:
    expected = {"last": [False, False, False, True], "all": [False, True, True, True]}
    for loss_rounds, with_gradient in expected.items():
        network = _Recorder()
        _gradients(network, _batch(1), Rounds(1, 3), 0, StepSettings(loss_rounds=loss_rounds))  # type: ignore[arg-type]
        assert [passed[0] for passed in network.passes] == with_gradient
        assert [passed[1] for passed in network.passes] == [
            1,
            1,
            2,
            3,
        ]  # a click after each round but the last


def test_without_recursion_clicks_come_from_the_truth_at_once_and_at_most_three_rounds_follow() -> None:
    draws = [draw_rounds(np.random.default_rng(seed), recursive=False) for seed in range(500)]
    assert {draw.num_rounds for draw in draws} == {1, 2, 3, 4}
    assert max(draw.num_clicks for draw in draws) > 10
    network = _Recorder()
    _gradients(network, _batch(1), Rounds(num_clicks=6, num_rounds=2), 0)
    assert [passed[1] for passed in network.passes] == [6, 6, 7]
    recursive = [draw_rounds(np.random.default_rng(seed), recursive=True) for seed in range(500)]
    assert {draw.num_clicks for draw in recursive} == {1}


def test_a_weight_scales_a_samples_part_of_the_gradient() -> None:
    """On a network whose samples do not meet in a BatchNorm."""
    batch = _batch(2)
    gradients = []
    for weights in ([1.0, 0.0], [0.0, 1.0], [1.0, 3.0]):
        network = _Recorder()
        _gradients(network, replace(batch, weight=torch.tensor(weights)), Rounds(1, 1), 0)
        assert network.weight.grad is not None
        gradients.append(float(network.weight.grad))
    assert gradients[2] == pytest.approx(gradients[0] + 3 * gradients[1], rel=1e-5)


def test_draws_of_a_sample_do_not_depend_on_its_neighbours() -> None:
    """Parts of a batch, on whichever worker, get the clicks that the whole batch would have given them."""
    batch, network = _batch(3), _Recorder()
    seen: list[list[list[Click]]] = []

    def note(image: Tensor, prob: Tensor, clicks: list[list[Click]]) -> tuple[Tensor, None]:
        seen.append([list(sequence) for sequence in clicks])
        return network.forward_map(image, prob, clicks), None

    def play(part: TrainingBatch, rows: Sequence[int]) -> None:
        drawn = [np.random.default_rng(row) for row in rows]
        accumulate_gradients(note, network, part, Rounds(1, 3), drawn, StepSettings(), lambda _: None)

    play(batch, [0, 1, 2])
    play(batch.part(1, 2), [1])
    play(batch.part(0, 2), [0, 2])
    assert [seen[0][1]] == seen[1]
    assert [seen[0][0], seen[0][2]] == seen[2]


def test_threads_make_the_same_clicks() -> None:
    batch = _batch(5)
    rounds = Rounds(num_clicks=2, num_rounds=4)
    seen: list[list[list[Click]]] = []

    def note(image: Tensor, prob: Tensor, clicks: list[list[Click]]) -> tuple[Tensor, None]:
        seen.append([list(sequence) for sequence in clicks])
        return network.forward_map(image, prob, clicks), None

    network = _Recorder()
    with ThreadPoolExecutor(3) as pool:
        for sample_map in (map, pool.map):
            rngs = [np.random.default_rng(row) for row in range(5)]
            accumulate_gradients(
                note, network, batch, rounds, rngs, LAST, lambda _: None, sample_map=sample_map
            )
    assert len(seen[0]) == 5
    assert all(len(sequence) == 5 for sequence in seen[0])
    assert seen[0] == seen[1]


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
