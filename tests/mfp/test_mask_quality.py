from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfp.mask_quality import EXPECTED_IOU, CalibratedQuality, features
from mfp.mask_signals import MaskSignals
from mfp.quality_figures import QualityFigures
from mfp.quality_fit import LabelledMasks

SIGNALS = MaskSignals(
    expected_iou=0.6,
    margin=0.9,
    stability=0.8,
    flip_agreement=0.7,
    region_share=0.25,
    round_agreement=0.5,
    area_change=-0.2,
)
UNIT = st.floats(0, 1)


def test_without_a_calibration_quality_is_what_the_probabilities_expect() -> None:
    assert EXPECTED_IOU.of(SIGNALS, 3) == 0.6


NOTHING = CalibratedQuality(*[0.0] * 10)


def test_a_calibrated_quality_is_the_logistic_function_of_weighted_features() -> None:
    quality = replace(
        NOTHING,
        intercept=-1.0,
        stability=2.0,
        region_share=0.5,
        area_change=3.0,
        log_num_clicks=0.25,
        first_click=1.0,
        no_flip=7.0,
    )
    later = 2 * math.log(0.8 / 0.2) + 0.5 * math.log(0.25) + 3 * -0.2 + 0.25 * math.log(4) - 1
    assert quality.of(SIGNALS, 4) == pytest.approx(1 / (1 + math.exp(-later)))
    first = 2 * math.log(0.8 / 0.2) + 0.5 * math.log(0.25) + 1.0 - 1
    assert quality.of(SIGNALS, 1) == pytest.approx(1 / (1 + math.exp(-first))), "before it there was no area"


def test_a_mask_without_a_mirror_image_has_a_weight_instead_of_an_agreement() -> None:
    quality = replace(NOTHING, flip_agreement=2.0, no_flip=0.5)
    with_flip = quality.of(SIGNALS, 2)
    assert with_flip == pytest.approx(1 / (1 + math.exp(-2 * math.log(0.7 / 0.3))))
    assert quality.of(replace(SIGNALS, flip_agreement=None), 2) == pytest.approx(1 / (1 + math.exp(-0.5)))


def test_weights_stand_in_the_order_of_the_features() -> None:
    for name, weight in (("round_agreement", 1.5), ("expected_iou", -0.5), ("first_click", 2.0)):
        quality = replace(NOTHING, **{name: weight})
        place = quality.weights.index(weight)
        total = weight * features(SIGNALS, 1)[place]
        assert quality.of(SIGNALS, 1) == pytest.approx(1 / (1 + math.exp(-total)))


@given(UNIT, UNIT, UNIT, st.none() | UNIT, UNIT, UNIT, st.integers(1, 50), st.floats(-50, 50))
def test_a_quality_lies_in_the_unit_interval_whatever_the_signals(
    expected: float,
    margin: float,
    stability: float,
    flip: float | None,
    share: float,
    rounds: float,
    num_clicks: int,
    weight: float,
) -> None:
    signals = MaskSignals(expected, margin, stability, flip, share, rounds, 0.0)
    assert 0 <= CalibratedQuality(*[weight] * 10).of(signals, num_clicks) <= 1


def labelled(num_images: int = 60, per_image: int = 20) -> LabelledMasks:
    """Masks whose IoU is about a logistic function of their stability; two in three were shown no mirror image."""
    rng = np.random.default_rng(5)
    number = num_images * per_image
    stability = rng.uniform(0.05, 0.95, number)
    iou = np.clip(stability + rng.normal(0, 0.05, number), 0, 1)
    signals = [
        replace(SIGNALS, stability=one, expected_iou=rng.random(), flip_agreement=None if place % 3 else 0.7)
        for place, one in enumerate(stability)
    ]
    return LabelledMasks.of(signals, [2] * number, iou.tolist(), [i % 10 for i in range(number)])


def test_a_fit_finds_the_weights_that_made_the_ious() -> None:
    quality = labelled().fit()
    assert quality.stability == pytest.approx(1.0, abs=0.1)
    assert quality.expected_iou == pytest.approx(0.0, abs=0.05)
    assert quality.round_agreement == 0.0, "the same for all masks: it says nothing"
    assert quality.of(replace(SIGNALS, stability=0.8), 2) == pytest.approx(0.8, abs=0.03)


def test_the_mean_quality_of_masks_is_their_mean_iou() -> None:
    masks = labelled()
    figures = QualityFigures.of(masks.cross_fitted(), masks.iou)
    assert masks.cross_fitted().mean() == pytest.approx(masks.iou.mean(), abs=0.003)
    assert figures.calibration_error < 0.03
    assert figures.spearman is not None and figures.spearman > 0.95


def test_a_mask_is_scored_by_a_fit_that_has_not_seen_its_image() -> None:
    masks = labelled()
    of_others = replace(masks, iou=np.where(masks.fold == 3, 1 - masks.iou, masks.iou))
    before, after = masks.cross_fitted(), of_others.cross_fitted()
    assert np.array_equal(before[masks.fold == 3], after[masks.fold == 3])
    assert not np.allclose(before[masks.fold != 3], after[masks.fold != 3])


def test_the_calibration_error_is_the_gap_of_each_tenth_by_its_share_of_the_masks() -> None:
    figures = QualityFigures.of(np.array([0.05, 0.55, 0.52, 1.0]), np.array([0.15, 0.45, 0.62, 0.9]))
    assert [(one.num_masks, round(one.quality, 3), round(one.iou, 3)) for one in figures.reliability] == [
        (1, 0.05, 0.15),
        (2, 0.535, 0.535),
        (1, 1.0, 0.9),
    ]
    assert figures.calibration_error == pytest.approx((0.1 + 0 + 0.1) / 4)
    assert figures.spearman == pytest.approx(0.8)


def test_there_is_no_rank_correlation_if_one_of_both_is_the_same_everywhere() -> None:
    assert QualityFigures.of(np.array([0.5, 0.5]), np.array([0.1, 0.9])).spearman is None
    assert QualityFigures.of(np.array([0.2, 0.5]), np.array([0.9, 0.9])).spearman is None
