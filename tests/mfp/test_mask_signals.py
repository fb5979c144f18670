from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from mfp.click_model import CropBatch
from mfp.clicks import Click
from mfp.crop_runner import CropRunner
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings, Flip
from mfp.mask_signals import MapSignals, MaskSignals, PixelSums, ShiftedThresholds, agreement
from mfp.region import Region
from mfp.runner import Request
from tests.mfp.session_factories import RedChannelModel, TinyNetwork, create_image, create_sessions

HALF = ShiftedThresholds.about(0.5)


def signals_of(prob: NDArray[np.float32], threshold: float = 0.5) -> MapSignals:
    return PixelSums.of(prob, prob > np.float32(threshold), ShiftedThresholds.about(threshold)).signals(None)


def test_the_shifted_thresholds_lie_a_logit_beside_that_of_the_model() -> None:
    assert (HALF.low, HALF.high) == pytest.approx((0.2689414, 0.7310586))
    off_centre = ShiftedThresholds.about(0.49)
    assert off_centre.low < HALF.low
    assert off_centre.high < HALF.high


def test_signals_of_a_map_are_what_their_formulas_say() -> None:
    prob = np.array([[0.9, 0.6], [0.3, 0.1]], np.float32)
    signals = signals_of(prob)
    assert signals.expected_iou == pytest.approx(1.5 / (2 + 0.4))
    assert signals.margin == pytest.approx((0.8 + 0.2) / 2)
    assert signals.stability == pytest.approx(
        1 / 3
    )  # 0.9 above the high threshold; 0.9, 0.6, 0.3 above the low one
    assert signals.region_share == 0.5
    assert signals.flip_agreement is None


def test_a_sure_map_has_the_highest_signals_and_an_empty_mask_the_lowest() -> None:
    sure = np.zeros((4, 6), np.float32)
    sure[1:3, 2:5] = 1
    assert signals_of(sure) == MapSignals(1.0, 1.0, 1.0, None, 0.25)
    assert signals_of(np.full((4, 6), 0.2, np.float32)) == MapSignals(0.0, 0.0, 0.0, None, 0.0)


@pytest.mark.parametrize("threshold", [0.0, 0.49, 1.0])
@given(st.integers(0, 2**32 - 1))
def test_signals_lie_in_the_unit_interval_whatever_the_map_and_threshold(threshold: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    signals = signals_of((rng.random((5, 7)) ** rng.integers(1, 9)).astype(np.float32), threshold)
    for value in (signals.expected_iou, signals.margin, signals.stability, signals.region_share):
        assert 0 <= value <= 1


@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(0, 1))
def test_agreement_of_rounds_is_the_iou_of_their_masks(seed: int, before: float, after: float) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.random((6, 8)) < before, rng.random((6, 8)) < after
    signals = MaskSignals.of_round(
        MapSignals(0.5, 0.5, 0.5, None, 0.5),
        area_before=int(one.sum()),
        area_after=int(other.sum()),
        num_changed=int((one != other).sum()),
    )
    union = int((one | other).sum())
    assert signals.round_agreement == pytest.approx(int((one & other).sum()) / union if union else 1.0)
    assert signals.area_change == pytest.approx((other.sum() - one.sum()) / max(one.sum(), other.sum(), 1))


def test_two_empty_halves_agree_in_nothing() -> None:
    assert agreement(0, 0) == 0.0
    assert agreement(1, 4) == 0.25


def test_a_model_that_is_not_shown_mirror_images_has_no_agreement_of_halves() -> None:
    image, whole = create_image(0, 90, 120), Region(0, 89, 0, 119)
    flips: tuple[Flip, ...] = ("on", "auto", "off")
    for flip in flips:
        runner = CropRunner(TinyNetwork(), EngineSettings(flip=flip, zoom_size=64), "cpu")
        request = Request(runner.open(image), whole, (Click(30, 40, True),))
        (masks,) = runner.predict([request], runner.batch_key(whole))
        assert (masks.signals.flip_agreement is None) == (flip == "off")


class LeftHalfModel(RedChannelModel):
    """Answers with the left half of whatever it is shown."""

    def predict(self, batch: CropBatch) -> Tensor:
        logits = torch.full_like(batch.image[:, :1], -3.0)
        logits[..., : logits.shape[3] // 2] = 2.0
        return logits


@pytest.mark.parametrize(("model", "expected"), [(RedChannelModel(), 1.0), (LeftHalfModel(), 0.0)])
def test_halves_agree_as_much_as_the_masks_of_an_image_and_its_mirror_image(
    model: RedChannelModel, expected: float
) -> None:
    image = create_image(3, 64, 48)
    image[:16, :8, 0] = 255
    runner = CropRunner(model, EngineSettings(zoom_size=64), "cpu")
    request = Request(runner.open(image), Region(0, 63, 0, 47), (Click(31.5, 5, True),))
    (masks,) = runner.predict([request], (64, 48))
    assert masks.signals.flip_agreement == expected


def test_signals_do_not_depend_on_the_batch() -> None:
    by_size = []
    for batch_size in (1, 3, 8):
        engine = Engine(TinyNetwork(), EngineSettings(batch_size=batch_size, zoom_size=64))
        by_size.append(
            {done.key: [one.signals for one in done.clicks] for done in engine.run(create_sessions(8))}
        )
    assert by_size[0] == by_size[1] == by_size[2]
    assert any(one is not None and one.flip_agreement for of in by_size[0].values() for one in of)
