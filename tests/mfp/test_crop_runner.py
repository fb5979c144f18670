from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mfp.click_model import CropBatch, CropModel, Image, ModelTraits
from mfp.clicks import Click
from mfp.crop_runner import CropRunner, OpenCrops
from mfp.engine_settings import EngineSettings, Flip, Precision
from mfp.errors import ClickModelError
from mfp.image_crops import CropSize, HostCrops
from mfp.models.analytic import AnalyticClickModel
from mfp.region import Region
from mfp.runner import Request
from mfp.session_maps import SessionMaps
from tests.mfp.session_factories import RedChannelModel, TinyNetwork, create_image, create_sessions

CPU = torch.device("cpu")
IMAGE = create_image(0, 90, 120)
WHOLE = Region(0, 89, 0, 119)
PART = Region(10, 49, 20, 99)
CLICKS = (Click(30, 40, True),)


def create_runner(model: CropModel, flip: Flip = "on", precision: Precision = "fp32") -> CropRunner:
    return CropRunner(model, EngineSettings(flip=flip, precision=precision), "cpu")


def create_analytic(*, keeps_outside: bool) -> AnalyticClickModel:
    class Analytic(AnalyticClickModel):
        @property
        def traits(self) -> ModelTraits:
            return replace(super().traits, keeps_outside=keeps_outside)

    return Analytic()


def test_a_crop_is_the_bilinear_resize_of_the_region_in_unit_range() -> None:
    pixels = torch.from_numpy(IMAGE[10:50, 20:100].copy()).permute(2, 0, 1)[None].float() / 255
    expected = functional.interpolate(pixels, size=(64, 96), mode="bilinear", align_corners=True)
    torch.testing.assert_close(
        SessionMaps(IMAGE, HostCrops(), CPU).image_crop(PART, (64, 96)), expected, rtol=0, atol=1e-6
    )


def test_the_image_is_resized_once_while_the_region_stays() -> None:
    maps = SessionMaps(IMAGE, HostCrops(), CPU)
    crop = maps.image_crop(PART, (64, 96))
    assert maps.image_crop(PART, (64, 96)) is crop
    assert maps.image_crop(PART, (32, 64)).shape == (1, 3, 32, 64)
    assert not torch.equal(maps.image_crop(WHOLE, (64, 96)), crop)


def test_a_read_only_image_is_taken_as_it_is() -> None:
    image = IMAGE.copy()
    image.flags.writeable = False
    assert SessionMaps(image, HostCrops(), CPU).image_crop(WHOLE, (90, 120)).shape == (1, 3, 90, 120)


def test_outside_the_region_probabilities_keep_their_values() -> None:
    runner = create_runner(AnalyticClickModel())
    session = runner.open(IMAGE)
    assert not runner.probabilities(session).any()
    runner.predict([Request(session, WHOLE, CLICKS)], (64, 64))
    before = runner.probabilities(session).copy()
    runner.predict([Request(session, PART, (*CLICKS, Click(20, 70, False)))], (64, 64))
    inside = np.zeros((90, 120), np.bool_)
    inside[10:50, 20:100] = True
    changed = runner.probabilities(session) != before
    assert not changed[~inside].any()
    assert changed[inside].any()


def test_outside_the_region_probabilities_of_a_baseline_become_zero() -> None:
    runner = create_runner(create_analytic(keeps_outside=False))
    session = runner.open(IMAGE)
    runner.predict([Request(session, WHOLE, CLICKS)], (64, 64))
    assert (runner.probabilities(session) > 0).all()
    (masks,) = runner.predict([Request(session, PART, CLICKS)], (64, 64))
    assert not masks.keeps_outside
    inside = np.zeros((90, 120), np.bool_)
    inside[10:50, 20:100] = True
    assert np.array_equal(runner.probabilities(session) > 0, inside)


def test_masks_are_the_thresholded_region_of_the_map() -> None:
    runner = create_runner(AnalyticClickModel())
    session = runner.open(IMAGE)
    (masks,) = runner.predict([Request(session, PART, CLICKS)], (64, 64))
    assert np.array_equal(masks.mask, runner.probabilities(session)[10:50, 20:100] > 0.5)
    assert masks.zoom_mask is masks.mask


def test_zoom_keeps_its_own_threshold_where_the_model_has_another() -> None:
    image = np.full((20, 30, 3), 0.495 * 255, np.uint8)
    image[:10] = 200
    runner = create_runner(RedChannelModel(threshold=0.49))
    (masks,) = runner.predict([Request(runner.open(image), Region(0, 19, 0, 29), CLICKS)], (20, 30))
    assert masks.mask.all()
    assert np.array_equal(masks.zoom_mask, image[..., 0] == 200)


def answer(runner: CropRunner, image: Image, clicks: Sequence[Click], size: CropSize) -> NDArray[np.float32]:
    """The map after one turn on the whole image."""
    session = runner.open(image)
    runner.predict([Request(session, WHOLE, clicks)], size)
    return runner.probabilities(session)


def test_flip_averages_the_logits_of_both_images() -> None:
    """The analytic model is blind to sides: its mirrored answer differs by the clicks' half-pixel shift alone."""
    straight = answer(create_runner(AnalyticClickModel(), flip="off"), IMAGE, CLICKS, (90, 120))
    averaged = answer(create_runner(AnalyticClickModel()), IMAGE, CLICKS, (90, 120))
    assert np.allclose(straight, averaged, atol=1e-6)


def test_flip_makes_a_network_treat_both_sides_alike() -> None:
    runner = create_runner(TinyNetwork())
    mirrored = np.ascontiguousarray(IMAGE[:, ::-1])
    # The crop of a click at x is crop_w * x / width, its mirror image crop_w * (width - x) / width - 1.
    x = 120 - 40 - 120 / 128
    one = answer(runner, IMAGE, CLICKS, (96, 128))
    other = answer(runner, mirrored, (Click(30, x, True),), (96, 128))
    assert np.allclose(one, other[:, ::-1], atol=1e-3)


class ModeProbe(AnalyticClickModel):
    """Notes in which mode it runs, how many rows it gets and which of them have a map."""

    def __init__(self) -> None:
        self.rows: list[list[bool]] = []

    def predict(self, batch: CropBatch) -> Tensor:
        assert torch.is_inference_mode_enabled()
        self.rows.append(list(batch.has_prob))
        return super().predict(batch)


def test_the_model_runs_once_and_in_inference_mode() -> None:
    rows: dict[Flip, int] = {"on": 6, "off": 3}
    for flip, num_rows in rows.items():
        model = ModeProbe()
        runner = create_runner(model, flip=flip)
        runner.predict([Request(runner.open(IMAGE), WHOLE, CLICKS) for _ in range(3)], (32, 32))
        assert model.rows == [[False] * num_rows]


def test_auto_averages_the_first_two_clicks_of_each_object_and_no_later_ones() -> None:
    """Three sessions of one batch at their first, second and third click: what each would get alone."""
    sequences = [tuple(Click(30 + 5 * k, 40, True) for k in range(count)) for count in (3, 1, 2)]
    flips: tuple[Flip, ...] = get_args(Flip)
    answers = {
        flip: [
            answer(create_runner(TinyNetwork(), flip=flip), IMAGE, clicks, (90, 120)) for clicks in sequences
        ]
        for flip in flips
    }
    assert not any(np.allclose(on, off) for on, off in zip(answers["on"], answers["off"], strict=True))
    assert all(map(np.array_equal, answers["auto"], [answers["off"][0], *answers["on"][1:]]))

    model = ModeProbe()
    runner = create_runner(model, flip="auto")
    sessions = [runner.open(IMAGE) for _ in sequences]
    runner.predict(
        [Request(one, WHOLE, clicks) for one, clicks in zip(sessions, sequences, strict=True)], (90, 120)
    )
    assert model.rows == [[False] * 5]
    alone = [
        answer(create_runner(AnalyticClickModel(), flip="auto"), IMAGE, clicks, (90, 120))
        for clicks in sequences
    ]
    assert all(map(np.allclose, map(runner.probabilities, sessions), alone))


def test_a_network_is_in_evaluation_mode() -> None:
    assert not create_runner(TinyNetwork().train()).model.training  # type: ignore[attr-defined]


def test_a_session_has_a_map_from_its_first_answer_on_however_many_clicks_it_began_with() -> None:
    model = ModeProbe()
    runner = create_runner(model)
    old, fresh = runner.open(IMAGE), runner.open(IMAGE)
    runner.predict([Request(old, WHOLE, CLICKS)], (32, 32))
    runner.predict([Request(old, WHOLE, CLICKS), Request(fresh, WHOLE, CLICKS * 2)], (32, 32))
    assert model.rows[1] == [True, False] * 2


@pytest.mark.parametrize("keeps_outside", [True, False])
def test_without_memory_for_the_answers_no_map_changes(
    keeps_outside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = create_runner(create_analytic(keeps_outside=keeps_outside))
    sessions = [runner.open(IMAGE) for _ in range(3)]
    runner.predict([Request(one, WHOLE, CLICKS) for one in sessions], (64, 64))
    before = [runner.probabilities(one).copy() for one in sessions]
    requests = [Request(one, PART, (*CLICKS, Click(20, 70, False))) for one in sessions]
    room = SessionMaps.room

    def no_room(one: SessionMaps, *, keeps_outside: bool) -> Tensor:
        if one is sessions[2].maps:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return room(one, keeps_outside=keeps_outside)

    def is_as_before(one: OpenCrops, was: NDArray[np.float32]) -> bool:
        return np.array_equal(runner.probabilities(one), was)

    with monkeypatch.context() as patch, pytest.raises(torch.OutOfMemoryError):
        patch.setattr(SessionMaps, "room", no_room)
        runner.predict(requests, (64, 64))
    assert all(map(is_as_before, sessions, before))
    runner.predict(requests, (64, 64))
    assert not any(map(is_as_before, sessions, before))


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_stays_close_to_float32(precision: Precision) -> None:
    full = answer(create_runner(TinyNetwork()), IMAGE, CLICKS, (96, 128))
    half = answer(create_runner(TinyNetwork(), precision=precision), IMAGE, CLICKS, (96, 128))
    assert half.dtype == np.float32
    assert 0 < np.abs(full - half).mean() < 0.05


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            lambda logits: logits[:, 0],
            r"tiny gave logits \(2, 64, 64\) float32: must be \(2, 1, 64, 64\)",
        ),
        (lambda logits: logits > 0, r"\(2, 1, 64, 64\) bool: must be"),
        (lambda logits: logits / 0, "NaN or infinite"),
        (lambda logits: logits.numpy(), r"gave a ndarray: must be a tensor \(2, 1, 64, 64\)"),
    ],
)
def test_an_answer_that_breaks_the_port_is_one_line_that_names_the_model(
    wrong: Callable[[Tensor], Tensor], message: str
) -> None:
    class Wrong(AnalyticClickModel):
        @property
        def traits(self) -> ModelTraits:
            return replace(super().traits, name="tiny")

        def predict(self, batch: CropBatch) -> Tensor:
            return wrong(super().predict(batch))

    runner = create_runner(Wrong())
    with pytest.raises(ClickModelError, match=message) as caught:
        runner.predict([Request(runner.open(IMAGE), WHOLE, CLICKS)], (64, 64))
    assert "\n" not in str(caught.value)


def test_factories_make_sessions_of_several_crop_sizes() -> None:
    network = TinyNetwork()
    sizes = {
        network.crop_size(session.image.shape[0], session.image.shape[1], network.zoom_size)
        for session in create_sessions(5)
    }
    assert len(sizes) > 2
