"""Masks between an image and its reduction: what strips of columns give is what whole arrays give."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from infra import reduced_rle, rle
from infra.reduced_rle import decode_reduced, encode_enlarged

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40))
maps = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9),
    elements=st.integers(0, 64).map(lambda number: number / 64),
)
reductions = st.sampled_from([1, 2, 4, 8])


@pytest.fixture(autouse=True)
def narrow_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that masks of a test have several strips."""
    monkeypatch.setattr(reduced_rle, "_COLUMNS_IN_STRIP", 3)


@given(masks, reductions)
def test_a_block_belongs_to_the_mask_if_at_least_half_of_its_pixels_do(
    mask: npt.NDArray[np.bool_], reduction: int
) -> None:
    height, width = mask.shape
    expected = np.array(
        [
            [
                2 * np.count_nonzero(block) >= block.size
                for left in range(0, width, reduction)
                for block in (mask[top : top + reduction, left : left + reduction],)
            ]
            for top in range(0, height, reduction)
        ]
    )
    np.testing.assert_array_equal(decode_reduced(rle.encode(mask), height, width, reduction), expected)


@given(maps, reductions, st.integers(0, 7), st.integers(0, 7), st.sampled_from([0.0, 0.25, 0.49, 0.5, 1.0]))
def test_an_enlarged_mask_is_where_the_bilinear_map_is_larger_than_the_threshold(
    prob: npt.NDArray[np.float32], reduction: int, cut_rows: int, cut_columns: int, threshold: float
) -> None:
    height = prob.shape[0] * reduction - cut_rows % reduction
    width = prob.shape[1] * reduction - cut_columns % reduction
    rows = (np.arange(height) + 0.5) / reduction - 0.5
    columns = (np.arange(width) + 0.5) / reduction - 0.5
    by_row = np.array([np.interp(rows, np.arange(len(line)), line) for line in prob.T.astype(np.float64)]).T
    enlarged = np.array([np.interp(columns, np.arange(len(line)), line) for line in by_row])
    counts = encode_enlarged(prob, threshold, height, width, reduction)
    # sixty-fourths, and weights that are powers of two, have no rounding
    np.testing.assert_array_equal(rle.decode(counts, height, width), enlarged > np.float32(threshold))
    assert counts == rle.encode(rle.decode(counts, height, width))


@given(masks)
def test_encodings_that_do_not_fit_are_refused(mask: npt.NDArray[np.bool_]) -> None:
    with pytest.raises(ValueError, match="RLE runs add up to"):
        decode_reduced(rle.encode(mask), mask.shape[0] + 1, mask.shape[1], 2)
