"""Sessions that start from masks and boxes, and beside excluded pixels."""

from __future__ import annotations

import numpy as np
import pytest

from mfp.click_model import ModelTraits
from mfp.clicks import Click
from mfp.errors import ClickModelError, ImageSizeError, StartError
from mfp.models.analytic import AnalyticClickModel
from mfp.region import Region, ZoomSettings, bounding_box, next_region
from mfp.session import LoggedClicks, Session, SessionLimits, SimulatedClicks
from mfp.start import (
    FROM_NOTHING,
    INSIDE_BOX,
    LOCAL_CONFIDENCE,
    OUTSIDE_BOX,
    FromBox,
    FromMask,
    Start,
    box_in_image,
)
from mfp.stop_reason import StopReason
from tests.mfp.click_models import GrowingModel
from tests.mfp.session_factories import (
    RedChannelModel,
    TinyNetwork,
    outcomes,
)
from tests.mfp.started_sessions import (
    IMAGE,
    MODELS,
    SIZE,
    TO_THE_END,
    TRUTH,
    Painted,
    RecordingModel,
    engine_of,
    finished,
    from_mask,
    start_mask,
)


def test_a_start_mask_is_the_map_that_the_first_click_finds() -> None:
    model, mask = RecordingModel(), start_mask()
    y, x = np.argwhere(mask)[0]
    finished(model, from_mask(mask, (Click(float(y), float(x), is_foreground=True),)))
    (batch,) = model.batches
    assert list(batch.has_prob) == [True]
    assert batch.prob.max().item() == pytest.approx(LOCAL_CONFIDENCE)
    assert batch.prob.min().item() == pytest.approx(1 - LOCAL_CONFIDENCE)


def test_a_box_is_a_map_without_a_mask() -> None:
    model = RecordingModel()
    box = FromBox(Region(40, 200, 60, 300))
    one = finished(
        model, Session("key", IMAGE, None, LoggedClicks((Click(100, 150, True),)), TO_THE_END, box)
    )
    (batch,) = model.batches
    assert list(batch.has_prob) == [True]
    assert batch.prob.max().item() == pytest.approx(INSIDE_BOX)
    assert batch.prob.min().item() == pytest.approx(OUTSIDE_BOX)
    assert not (box.probabilities(*SIZE) > 0.5).any()
    assert (one.start, one.start_iou) == ("box", None)


def test_a_model_that_makes_its_first_map_itself_is_shown_none_for_a_box() -> None:
    box = FromBox(Region(40, 200, 60, 300))
    clicks = LoggedClicks((Click(100, 150, True),))
    for model in (RedChannelModel(), GrowingModel()):
        with_box = finished(model, Session("key", IMAGE, None, clicks, TO_THE_END, box))
        assert with_box.start == "box"
        assert len(with_box.clicks) == 1


@pytest.mark.parametrize("kind", ["mask", "box"])
def test_the_first_region_lies_around_the_start(kind: str) -> None:
    mask = start_mask()
    box = bounding_box(mask)
    assert box is not None
    start: Start = FromMask(mask) if kind == "mask" else FromBox(box)
    click = Click((box.row_min + box.row_max) // 2, (box.col_min + box.col_max) // 2, True)
    session = Session("key", IMAGE, None, LoggedClicks((click,)), TO_THE_END, start)
    (record,) = finished(AnalyticClickModel(), session).clicks
    assert record.region == next_region(None, box, [click], *SIZE, ZoomSettings())
    assert record.region.height < SIZE[0]


def test_an_object_whose_start_reaches_the_target_takes_no_click() -> None:
    session = Session("key", IMAGE, TRUTH, SimulatedClicks(), SessionLimits(), FromMask(TRUTH == 1))
    one = finished(TinyNetwork(), session)
    assert (one.clicks, one.stop_reason, one.start, one.start_iou, one.iou, one.quality) == (
        (),
        StopReason.TARGET_REACHED,
        "mask",
        1.0,
        1.0,
        None,
    )
    assert np.array_equal(one.mask, TRUTH == 1)
    assert np.array_equal(one.prob > one.threshold, one.mask)


def test_a_perfect_start_without_target_takes_no_click() -> None:
    limits = SessionLimits(target_iou=None)
    session = Session("key", IMAGE, TRUTH, SimulatedClicks(), limits, FromMask(TRUTH == 1))
    assert finished(TinyNetwork(), session).stop_reason is StopReason.PERFECT


def test_a_start_mask_without_clicks_is_the_mask_of_the_object() -> None:
    one = finished(TinyNetwork(), from_mask(start_mask(), ()))
    assert np.array_equal(one.mask, start_mask())
    assert (one.stop_reason, one.quality) == (StopReason.CLICKS_EXHAUSTED, None)


@pytest.mark.parametrize("name", MODELS)
def test_excluded_pixels_are_never_the_objects(name: str) -> None:
    excluded = np.zeros(SIZE, np.bool_)
    excluded[:, :200] = True
    session = Session(
        "key", IMAGE, TRUTH, SimulatedClicks(), TO_THE_END, FromMask(start_mask()), "global", excluded
    )
    one = finished(MODELS[name](), session)
    assert not (one.mask & excluded).any()
    assert one.clicks
    assert not any(excluded[record.click.pixel] for record in one.clicks)


def test_an_object_all_of_whose_pixels_are_excluded_is_finished() -> None:
    session = Session("key", IMAGE, TRUTH, SimulatedClicks(), TO_THE_END, excluded=np.ones(SIZE, np.bool_))
    one = finished(TinyNetwork(), session)
    assert (one.stop_reason, one.clicks, one.iou) == (StopReason.PERFECT, (), 0.0)


def test_sessions_of_every_start_do_not_depend_on_their_neighbours() -> None:
    box = bounding_box(TRUTH == 1)
    assert box is not None
    starts: list[Start] = [FROM_NOTHING, FromMask(start_mask()), FromBox(box), FromMask(start_mask(2))]
    for name, make in MODELS.items():
        sessions = [
            Session(
                index,
                IMAGE,
                TRUTH,
                SimulatedClicks(),
                TO_THE_END,
                start,
                "local" if isinstance(start, FromMask) else "global",
            )
            for index, start in enumerate(starts * 2)
        ]
        together = outcomes(engine_of(make()).run(sessions))
        alone: dict[object, object] = {}
        for session in sessions:
            alone |= outcomes(engine_of(make(), 1).run([session]))
        assert together == alone, name


def test_a_model_that_does_not_start_from_masks_says_so() -> None:
    with pytest.raises(StartError, match="red does not start from a mask"):
        finished(RedChannelModel(), from_mask(start_mask(), (Click(1, 1, True),)))
    with pytest.raises(StartError, match="growing does not start from a mask"):
        finished(GrowingModel(), from_mask(start_mask(), (Click(1, 1, True),)))


def test_a_session_model_that_promises_to_start_from_masks_needs_the_method() -> None:
    class Promising(GrowingModel):
        traits = ModelTraits(name="promising", identity="1", starts_from_mask=True)

    with pytest.raises(ClickModelError, match="has no method begin_from_mask"):
        engine_of(Promising())


@pytest.mark.parametrize("shape", [(279, 400), (400, 280)])
def test_a_start_of_another_size_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ImageSizeError, match="start mask"):
        from_mask(np.zeros(shape, np.bool_), ())
    with pytest.raises(ImageSizeError, match="excluded pixels"):
        from_mask(np.zeros(SIZE, np.bool_), (), excluded=np.zeros(shape, np.bool_))


@pytest.mark.parametrize(
    ("box", "region"),
    [
        ((2, 3, 4, 5), Region(3, 7, 2, 5)),
        ((2.5, 3.5, 1.0, 1.0), Region(3, 4, 2, 3)),
        ((-5, -5, 100, 100), Region(0, 19, 0, 29)),
        ((29.5, 0, 0.2, 0.2), Region(0, 0, 29, 29)),
    ],
)
def test_a_box_is_the_pixels_of_the_image_that_it_touches(
    box: tuple[float, float, float, float], region: Region
) -> None:
    assert box_in_image(*box, 20, 30) == region


@pytest.mark.parametrize("box", [(30, 0, 5, 5), (0, 20, 5, 5), (-6, 0, 6, 5)])
def test_a_box_outside_the_image_is_refused(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(StartError, match="lies outside the image of 20 x 30 pixels"):
        box_in_image(*box, 20, 30)


@pytest.mark.parametrize("threshold", [0.03, 0.05, 0.95, 0.97])
def test_a_threshold_that_would_not_show_the_start_is_refused(threshold: float) -> None:
    with pytest.raises(StartError, match="has the threshold"):
        finished(Painted(threshold), from_mask(start_mask(), (Click(1, 1, True),)))


def test_a_box_without_clicks_is_no_mask() -> None:
    box = FromBox(Region(40, 200, 60, 300))
    session = Session("key", IMAGE, None, LoggedClicks(()), TO_THE_END, box)
    one = finished(Painted(0.49), session)
    assert not one.mask.any()
    assert not (one.prob > one.threshold).any()
