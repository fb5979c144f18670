"""The arithmetic of a network is counted as one does by hand."""

from __future__ import annotations

import torch
from torch import Tensor, nn

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


class WithAttention(TinyNetwork):
    """A network that attends over the pixels of its answer, each a token of one number."""

    def forward(self, image: Tensor, coordinates: Tensor, late: Tensor) -> Tensor:
        logits = super().forward(image, coordinates, late)
        tokens = logits.flatten(2).unsqueeze(3)
        attended = nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)
        return attended.squeeze(3).view_as(logits)


def test_attention_is_two_products_of_every_token_with_every_other() -> None:
    batch = CropBatch(
        image=torch.zeros(1, 3, 16, 32),
        prob=torch.full((1, 1, 16, 32), 0.5),
        has_prob=[True],
        clicks=[[Click(3, 4, True)]],
        features=[None],
    )
    attends, does_not = (
        operations(one.for_inference(torch.device("cpu")), [batch])
        for one in (WithAttention(), TinyNetwork())
    )
    assert attends - does_not == 2 * 2 * (16 * 32) ** 2


def test_a_convolution_on_this_machine_has_a_rate() -> None:
    assert 1e9 < convolution_rate() < 1e14
