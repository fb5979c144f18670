from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from infra import rle

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=30))


@given(masks)
def test_a_mask_comes_back(mask: npt.NDArray[np.bool_]) -> None:
    counts = rle.encode(mask)
    np.testing.assert_array_equal(rle.decode(counts, *mask.shape), mask)
    assert rle.area(counts, *mask.shape) == mask.sum()
    assert rle.from_runs(rle.run_lengths(counts, *mask.shape), *mask.shape) == counts


@given(masks)
def test_the_box_is_tight(mask: npt.NDArray[np.bool_]) -> None:
    box = rle.bbox(rle.encode(mask), *mask.shape)
    if not mask.any():
        assert box == (0, 0, 0, 0)
        return
    rows, columns = np.nonzero(mask)
    height, width = int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1
    assert box == (columns.min(), rows.min(), width, height)


@given(masks, st.data())
def test_differing_pixels_are_counted(mask: npt.NDArray[np.bool_], data: st.DataObject) -> None:
    other = data.draw(arrays(np.bool_, mask.shape))
    counted = rle.num_different(rle.encode(mask), rle.encode(other), *mask.shape)
    assert counted == np.count_nonzero(mask != other)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=8))
def test_runs_parse_for_long_runs_too(lengths: list[int]) -> None:
    total = max(1, sum(lengths))
    lengths[-1] += total - sum(lengths)
    np.testing.assert_array_equal(
        rle.decode(rle.from_runs(lengths, 1, total), 1, total)[0],
        np.repeat(np.arange(len(lengths)) % 2 == 1, lengths),
    )


def test_runs_go_down_columns_and_start_with_background() -> None:
    mask = np.zeros((2, 3), bool)
    mask[0, 1] = mask[1, 0] = True  # pixels 1 and 2 in column order
    assert rle.run_lengths(rle.encode(mask), 2, 3).tolist() == [1, 2, 3]


@given(st.binary(max_size=40))
def test_bytes_that_are_no_encoding_never_reach_the_decoder(counts: bytes) -> None:
    try:
        lengths = rle.run_lengths(counts, 5, 7)
    except ValueError:
        return
    assert lengths.min() >= 0
    assert lengths.sum() == 35


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (b"", "without counts"),
        (b"\xff\xfe", "characters"),
        (b"o", "characters"),  # says that more follows, and nothing does
        (b"oooooooooo0", "more pixels than an image"),
        (rle.encode(np.ones((3, 3), bool)), "add up to 9 pixels, the image has 4 x 4"),
    ],
)
def test_a_wrong_encoding_says_what_is_wrong(counts: bytes, message: str) -> None:
    for read in (rle.decode, rle.area, rle.bbox):
        with pytest.raises(ValueError, match=message):
            read(counts, 4, 4)
    with pytest.raises(ValueError, match="add up to"):
        rle.from_runs([3, -1, 14], 4, 4)


@given(st.data())
def test_a_mask_is_replaced_inside_a_part_alone(data: st.DataObject) -> None:
    shape = data.draw(array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9))
    mask, other, where = (data.draw(arrays(np.bool_, shape)) for _ in range(3))
    replaced = rle.replaced(rle.encode(mask), rle.encode(other), rle.encode(where), *shape)
    assert replaced == rle.encode(np.where(where, other, mask))


@given(st.data())
def test_a_mask_without_others_has_none_of_their_pixels(data: st.DataObject) -> None:
    shape = data.draw(array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9))
    mask, *others = data.draw(st.lists(arrays(np.bool_, shape), min_size=1, max_size=4))
    expected = mask.copy()
    for other in others:
        expected &= ~other
    assert rle.without(rle.encode(mask), [rle.encode(other) for other in others], *shape) == rle.encode(
        expected
    )
