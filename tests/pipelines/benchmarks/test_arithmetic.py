"""The arithmetic of a network is counted as one does by hand."""

from __future__ import annotations

import torch

from mfp.click_model import CropBatch
from mfp.clicks import Click
from pipelines.benchmarks.arithmetic import convolution_rate, operations
from tests.mfp.session_factories import TinyNetwork


def test_operations_are_two_for_each_weight_at_each_place_of_each_row() -> None:
    batch = CropBatch(
        image=torch.zeros(2, 3, 32, 64),
        prob=torch.full((2, 1, 32, 64), 0.5),
        has_prob=[True, True],
        clicks=[[Click(3, 4, True)], [Click(5, 6, True)]],
        features=[None, None],
    )
    weights = 3 * 16 * 49 + 4 * 16 * 49 + 5 * 16 * 9 + 32 * 16 * 25 + 16 * 9
    network = TinyNetwork().for_inference(torch.device("cpu"))
    assert operations(network, [batch]) == 2 * weights * 2 * 16 * 32
    assert operations(network, [batch, batch]) == 2 * operations(network, [batch])


def test_a_convolution_on_this_machine_has_a_rate() -> None:
    assert 1e9 < convolution_rate() < 1e14
