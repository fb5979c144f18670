"""lite0's paddings are constants without a changed bit."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from mfp.models.constant_padding import fix_paddings
from tests.mfp.network_factories import SMALL_CONFIGS, create_network, noise


@pytest.mark.parametrize("size", [(32, 32), (64, 96), (160, 32)])
def test_an_answer_stays_the_same_bit_for_bit(size: tuple[int, int]) -> None:
    network = create_network(SMALL_CONFIGS["lite0"]).eval()
    fixed = copy.deepcopy(network)
    assert fix_paddings(fixed) == 5, "of stride 2: the stem and four blocks"
    given = [noise(2, channels, *size, seed=channels) for channels in (3, 4, 5)]
    with torch.inference_mode():
        assert torch.equal(fixed(*given), network(*given))


def test_a_convolution_with_a_padding_of_its_own_is_left_alone() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1))
    assert fix_paddings(network) == 0
    assert isinstance(network[0], nn.Conv2d)
