from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfp.clicks import Click
from mfp.distance import object_distance
from mfp.training.click_sampling import first_click, first_click_candidates, next_training_click
from tests.golden_pieces import GOLDEN_DIRECTORIES
from tests.mfp.masks import masks, truths

NUM_RECORDED = 6


@pytest.mark.parametrize("directory", GOLDEN_DIRECTORIES)
@pytest.mark.parametrize("case", range(NUM_RECORDED))
def test_candidates_of_a_first_click_equal_the_recorded_ones(directory: Path, case: int) -> None:
    pieces = np.load(directory / "training_pieces.npz")
    candidates = first_click_candidates(pieces[f"first_mask_{case}"])
    np.testing.assert_array_equal(candidates, pieces[f"first_candidates_{case}"])


@given(masks())
def test_candidates_of_a_first_click_are_the_deep_pixels_of_the_object(mask: np.ndarray) -> None:
    candidates = first_click_candidates(mask)
    assert candidates.dtype == np.bool_
    assert not candidates[~mask].any()
    assert candidates.any() == mask.any()
    depth = object_distance(mask)
    if mask.any():
        assert depth[candidates].min() > depth.max() / 1.7
        assert depth[~candidates].max(initial=0) <= depth.max() / 1.7 * (1 + 1e-6)


@given(masks(), st.integers(0, 2**32 - 1))
def test_a_first_click_is_foreground_and_lies_on_the_object(mask: np.ndarray, seed: int) -> None:
    if not mask.any():
        return
    click = first_click(mask, np.random.default_rng(seed))
    assert click.is_foreground
    assert mask[click.pixel]


def test_nine_first_clicks_of_ten_keep_clear_of_thin_parts() -> None:
    mask = np.zeros((90, 310), np.bool_)
    mask[5:45, 5:45] = True  # 20 deep, 17 after three erosions
    mask[60:84, 5:305] = True  # 12 deep, more than 20 / 1.7; 9 after three erosions, less than 17 / 1.7
    candidates = first_click_candidates(mask)
    rng = np.random.default_rng(0)
    num_on_thin_part = sum(first_click(mask, rng).y >= 60 for _ in range(2_000))
    assert num_on_thin_part / 2_000 == pytest.approx(0.1 * candidates[60:].sum() / candidates.sum(), rel=0.3)


def test_a_mask_that_erosion_leaves_10_pixels_or_fewer_is_not_eroded() -> None:
    mask = np.zeros((40, 40), np.bool_)
    mask[10:19, 10:19] = True  # 9 pixels after three erosions
    rng = np.random.default_rng(0)
    assert {first_click(mask, rng).pixel for _ in range(300)} == {
        (int(y), int(x)) for y, x in np.argwhere(first_click_candidates(mask))
    }


@given(st.data())
def test_a_next_click_lies_in_the_deeper_error_past_half_its_depth(data: st.DataObject) -> None:
    label = data.draw(truths())
    predicted = data.draw(masks(label.shape))
    prob = np.where(predicted, 0.9, 0.1).astype(np.float32)
    missed = object_distance((label == 1) & ~predicted)
    surplus = object_distance((label == 0) & predicted)
    click = next_training_click(prob, label, np.random.default_rng(data.draw(st.integers(0, 99))))
    if click is None:
        assert missed.max() == surplus.max() == 0
        return
    assert click.is_foreground == (missed.max() > surplus.max())
    depth = missed if click.is_foreground else surplus
    assert depth[click.pixel] > depth.max() / 2


def test_the_prediction_is_cut_at_049() -> None:
    label = np.zeros((8, 8), np.int8)
    label[2:6, 2:6] = 1
    prob = np.where(label == 1, 0.495, 0.485).astype(np.float32)
    assert next_training_click(prob, label, np.random.default_rng(0)) is None


def test_the_same_seed_draws_the_same_clicks() -> None:
    mask = np.zeros((60, 60), np.bool_)
    mask[10:50, 5:45] = True

    def draw() -> list[Click]:
        rng = np.random.default_rng([7, 3])
        return [first_click(mask, rng) for _ in range(5)]

    assert draw() == draw()
