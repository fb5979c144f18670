from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mfp.clicks import Click
from mfp.disk_maps import disk_maps
from tests.golden_pieces import GOLDEN_DIRECTORIES, clicks_of_points


@pytest.mark.parametrize("directory", GOLDEN_DIRECTORIES)
def test_disks_equal_the_recorded_ones(directory: Path) -> None:
    pieces = np.load(directory / "training_pieces.npz")
    clicks = [clicks_of_points(points) for points in pieces["disk_points"]]
    recorded = torch.from_numpy(pieces["disk_maps"])
    assert torch.equal(disk_maps(clicks, recorded.shape[2], recorded.shape[3], radius=5), recorded)


@given(st.data())
def test_a_pixel_is_1_where_a_click_of_its_channel_lies_within_the_radius(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))
    coordinate = st.one_of(st.integers(-8, 48), st.integers(-80, 480).map(lambda tenth: tenth / 8))
    click = st.builds(Click, coordinate, coordinate, st.booleans())
    clicks = data.draw(st.lists(st.lists(click, max_size=4), min_size=1, max_size=3))
    radius = data.draw(st.sampled_from([1, 5, 7.5]))
    y, x = np.mgrid[:height, :width]
    expected = np.zeros((len(clicks), 2, height, width), np.float32)
    for sample, sequence in enumerate(clicks):
        for c in sequence:
            inside = (y - c.y) ** 2 + (x - c.x) ** 2 <= radius**2
            expected[sample, 0 if c.is_foreground else 1][inside] = 1
    maps = disk_maps(clicks, height, width, radius)
    assert maps.dtype == torch.float32
    np.testing.assert_array_equal(maps.numpy(), expected)


def test_no_clicks_give_empty_maps() -> None:
    assert not disk_maps([[], []], 8, 9).any()
    assert disk_maps([], 8, 9).shape == (0, 2, 8, 9)
