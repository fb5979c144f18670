from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from mfp.clicks import Click
from mfp.models.analytic import AnalyticClickModel
from mfp.network import ClickSettings
from mfp.predictor import CropRequest, Predictor, SessionMaps
from mfp.region import Region
from tests.mfp.session_factories import RedChannelNetwork, TinyNetwork, create_image, create_sessions

CPU = torch.device("cpu")
IMAGE = create_image(0, 90, 120)
WHOLE = Region(0, 89, 0, 119)
PART = Region(10, 49, 20, 99)
CLICKS = (Click(30, 40, True),)


def create_predictor(network: torch.nn.Module, flip: bool = True) -> Predictor:
    return Predictor(network, flip=flip, precision="fp32", device="cpu")  # type: ignore[arg-type]


def test_a_crop_is_the_bilinear_resize_of_the_region_in_unit_range() -> None:
    pixels = torch.from_numpy(IMAGE[10:50, 20:100].copy()).permute(2, 0, 1)[None].float() / 255
    expected = functional.interpolate(pixels, size=(64, 96), mode="bilinear", align_corners=True)
    torch.testing.assert_close(
        SessionMaps(IMAGE, CPU).image_crop(PART, (64, 96)), expected, rtol=0, atol=1e-6
    )


def test_the_image_is_resized_once_while_the_region_stays() -> None:
    maps = SessionMaps(IMAGE, CPU)
    crop = maps.image_crop(PART, (64, 96))
    assert maps.image_crop(PART, (64, 96)) is crop
    assert maps.image_crop(PART, (32, 64)).shape == (1, 3, 32, 64)
    assert not torch.equal(maps.image_crop(WHOLE, (64, 96)), crop)


def test_a_read_only_image_is_taken_as_it_is() -> None:
    image = IMAGE.copy()
    image.flags.writeable = False
    assert SessionMaps(image, CPU).image_crop(WHOLE, (90, 120)).shape == (1, 3, 90, 120)


def test_outside_the_region_probabilities_keep_their_values() -> None:
    maps = SessionMaps(IMAGE, CPU)
    assert not maps.probabilities().any()
    predictor = create_predictor(AnalyticClickModel())
    predictor.predict([CropRequest(maps, WHOLE, CLICKS)], (64, 64))
    before = maps.probabilities().copy()
    predictor.predict([CropRequest(maps, PART, (*CLICKS, Click(20, 70, False)))], (64, 64))
    inside = np.zeros((90, 120), np.bool_)
    inside[10:50, 20:100] = True
    changed = maps.probabilities() != before
    assert not changed[~inside].any()
    assert changed[inside].any()


def test_outside_the_region_probabilities_of_a_baseline_become_zero() -> None:
    maps, network = SessionMaps(IMAGE, CPU), AnalyticClickModel()
    network.click_settings = ClickSettings(keeps_outside=False)
    predictor = create_predictor(network)
    predictor.predict([CropRequest(maps, WHOLE, CLICKS)], (64, 64))
    assert (maps.probabilities() > 0).all()
    (masks,) = predictor.predict([CropRequest(maps, PART, CLICKS)], (64, 64))
    assert not masks.keeps_outside
    inside = np.zeros((90, 120), np.bool_)
    inside[10:50, 20:100] = True
    assert np.array_equal(maps.probabilities() > 0, inside)


def test_masks_are_the_thresholded_region_of_the_map() -> None:
    maps = SessionMaps(IMAGE, CPU)
    (masks,) = create_predictor(AnalyticClickModel()).predict([CropRequest(maps, PART, CLICKS)], (64, 64))
    assert np.array_equal(masks.mask, maps.probabilities()[10:50, 20:100] > 0.5)
    assert masks.zoom_mask is masks.mask


def test_zoom_keeps_its_own_threshold_where_the_model_has_another() -> None:
    image = np.full((20, 30, 3), 0.495 * 255, np.uint8)
    image[:10] = 200
    maps = SessionMaps(image, CPU)
    request = CropRequest(maps, Region(0, 19, 0, 29), CLICKS)
    (masks,) = create_predictor(RedChannelNetwork(threshold=0.49)).predict([request], (20, 30))
    assert masks.mask.all()
    assert np.array_equal(masks.zoom_mask, image[..., 0] == 200)


def test_flip_averages_the_logits_of_both_images() -> None:
    """The analytic model is blind to sides: its mirrored answer differs by the clicks' half-pixel shift alone."""
    straight, averaged = SessionMaps(IMAGE, CPU), SessionMaps(IMAGE, CPU)
    network = AnalyticClickModel()
    create_predictor(network, flip=False).predict([CropRequest(straight, WHOLE, CLICKS)], (90, 120))
    create_predictor(network).predict([CropRequest(averaged, WHOLE, CLICKS)], (90, 120))
    assert np.allclose(straight.probabilities(), averaged.probabilities(), atol=1e-6)


def test_flip_makes_a_network_treat_both_sides_alike() -> None:
    predictor = create_predictor(TinyNetwork())
    mirrored = np.ascontiguousarray(IMAGE[:, ::-1])
    one, other = SessionMaps(IMAGE, CPU), SessionMaps(mirrored, CPU)
    predictor.predict([CropRequest(one, WHOLE, CLICKS)], (96, 128))
    # The crop of a click at x is crop_w * x / width, its mirror image crop_w * (width - x) / width - 1.
    x = 120 - 40 - 120 / 128
    predictor.predict([CropRequest(other, WHOLE, (Click(30, x, True),))], (96, 128))
    assert np.allclose(one.probabilities(), other.probabilities()[:, ::-1], atol=1e-3)


class ModeProbe(AnalyticClickModel):
    """Notes in which mode it runs and how many rows it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[int] = []

    def forward_clicks(self, image: Tensor, prob: Tensor, clicks: Sequence[Sequence[Click]]) -> Tensor:
        assert torch.is_inference_mode_enabled()
        assert not self.training
        self.rows.append(len(clicks))
        return super().forward_clicks(image, prob, clicks)


def test_the_network_runs_once_and_in_inference_mode() -> None:
    network = ModeProbe()
    requests = [CropRequest(SessionMaps(IMAGE, CPU), WHOLE, CLICKS) for _ in range(3)]
    create_predictor(network).predict(requests, (32, 32))
    create_predictor(network, flip=False).predict(requests, (32, 32))
    assert network.rows == [6, 3]


@pytest.mark.parametrize("keeps_outside", [True, False])
def test_without_memory_for_the_answers_no_map_changes(
    keeps_outside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = AnalyticClickModel()
    network.click_settings = ClickSettings(keeps_outside=keeps_outside)
    predictor = create_predictor(network)
    maps = [SessionMaps(IMAGE, CPU) for _ in range(3)]
    predictor.predict([CropRequest(one, WHOLE, CLICKS) for one in maps], (64, 64))
    before = [one.probabilities().copy() for one in maps]
    requests = [CropRequest(one, PART, (*CLICKS, Click(20, 70, False))) for one in maps]
    room = SessionMaps.room

    def no_room(one: SessionMaps, *, keeps_outside: bool) -> Tensor:
        if one is maps[2]:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return room(one, keeps_outside=keeps_outside)

    with monkeypatch.context() as patch, pytest.raises(torch.OutOfMemoryError):
        patch.setattr(SessionMaps, "room", no_room)
        predictor.predict(requests, (64, 64))
    assert all(np.array_equal(one.probabilities(), was) for one, was in zip(maps, before, strict=True))
    predictor.predict(requests, (64, 64))
    assert not any(np.array_equal(one.probabilities(), was) for one, was in zip(maps, before, strict=True))


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_stays_close_to_float32(precision: str) -> None:
    maps = {}
    for name in ("fp32", precision):
        maps[name] = SessionMaps(IMAGE, CPU)
        predictor = Predictor(TinyNetwork(), flip=True, precision=name, device="cpu")  # type: ignore[arg-type]
        predictor.predict([CropRequest(maps[name], WHOLE, CLICKS)], (96, 128))
    difference = np.abs(maps["fp32"].probabilities() - maps[precision].probabilities())
    assert maps[precision].probabilities().dtype == np.float32
    assert 0 < difference.mean() < 0.05


def test_factories_make_sessions_of_several_crop_sizes() -> None:
    network = TinyNetwork()
    sizes = {
        network.crop_size(session.image.shape[0], session.image.shape[1], network.zoom_size)
        for session in create_sessions(5)
    }
    assert len(sizes) > 2
