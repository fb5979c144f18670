"""Sessions that start from masks and boxes, with changes that stay local, and beside excluded pixels."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from torch import Tensor

from mfp.click_model import ClickModel, CropBatch, ModelTraits
from mfp.clicks import Click
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings
from mfp.errors import ClickModelError, ImageSizeError, StartError
from mfp.local_change import changed_part
from mfp.models.analytic import AnalyticClickModel
from mfp.region import Region, ZoomSettings, bounding_box, next_region
from mfp.session import FinishedSession, LoggedClicks, Mask, Session, SessionLimits, SimulatedClicks
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
from tests.mfp.click_models import CorrectingModel, GrowingModel
from tests.mfp.session_factories import (
    RedChannelModel,
    TinyNetwork,
    create_image,
    create_truth,
    outcomes,
    painted,
)

SIZE = 280, 400
IMAGE = create_image(1, *SIZE)
TRUTH = create_truth(1, *SIZE)
TO_THE_END = SessionLimits(max_clicks=4, target_iou=None)
MODELS: dict[str, Callable[[], ClickModel]] = {
    "tiny": TinyNetwork,
    "analytic": AnalyticClickModel,
    "session": lambda: CorrectingModel(max_sessions=3),
}


class RecordingModel(AnalyticClickModel):
    """Keeps what it was shown."""

    def __init__(self) -> None:
        self.batches: list[CropBatch] = []

    def predict(self, batch: CropBatch) -> Tensor:
        self.batches.append(batch)
        return super().predict(batch)


def engine_of(model: ClickModel, batch_size: int = 4) -> Engine:
    return Engine(model, EngineSettings(batch_size=batch_size, zoom_size=64, flip=False))


def moved(mask: Mask, down: int, right: int) -> Mask:
    return np.roll(mask, (down, right), (0, 1))


def start_mask(seed: int = 1) -> Mask:
    """The true object, some pixels off."""
    return moved(create_truth(seed, *SIZE) == 1, 10, 15)


def from_mask(
    mask: Mask, clicks: tuple[Click, ...], *, is_local: bool = True, excluded: Mask | None = None
) -> Session:
    return Session(
        "key",
        IMAGE,
        TRUTH,
        LoggedClicks(clicks),
        TO_THE_END,
        FromMask(mask),
        "local" if is_local else "global",
        excluded,
    )


def finished(model: ClickModel, session: Session) -> FinishedSession:
    (one,) = engine_of(model).run([session])
    return one


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
@pytest.mark.parametrize("seed", range(6))
def test_a_local_change_is_one_connected_part_that_holds_the_click(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = start_mask(seed)
    clicks = tuple(
        Click(float(rng.integers(SIZE[0])), float(rng.integers(SIZE[1])), bool(rng.integers(2)))
        for _ in range(4)
    )
    masks = [mask] + [
        finished(MODELS[name](), from_mask(mask, clicks[:num])).mask for num in range(1, len(clicks) + 1)
    ]
    records = finished(MODELS[name](), from_mask(mask, clicks)).clicks
    for before, after, click, record in zip(masks, masks[1:], clicks, records, strict=False):
        difference = before != after
        assert np.array_equal(changed_part(before, after, [click.pixel]), difference)
        assert record.changed_fraction == difference.mean()
        assert record.is_obeyed == (after[click.pixel] == click.is_foreground)


def test_a_click_that_the_network_does_not_follow_leaves_the_mask_as_it_is() -> None:
    """RedChannelModel answers with the red channel, whatever is clicked: it sees no object here, and no change."""

    class Deaf(RedChannelModel):
        def __init__(self) -> None:
            super().__init__()
            self.traits = ModelTraits(name="deaf", identity="deaf", starts_from_mask=True)

    truth = np.zeros(SIZE, np.int8)
    truth[20:60, 20:60] = 1
    mask = moved(truth == 1, 0, 30)
    click = Click(5, 5, True)  # background there, before and after
    session = Session(
        "key", painted(truth), None, LoggedClicks((click,)), TO_THE_END, FromMask(mask), "local"
    )
    one = finished(Deaf(), session)
    assert np.array_equal(one.mask, mask)
    assert [(r.is_obeyed, r.changed_fraction, r.area) for r in one.clicks] == [(False, 0.0, 1600)]


def test_a_global_change_is_what_the_network_answers() -> None:
    truth = np.zeros(SIZE, np.int8)
    truth[20:60, 20:60] = 1
    mask = moved(truth == 1, 100, 100)

    class Red(RedChannelModel):
        def __init__(self) -> None:
            super().__init__()
            self.traits = ModelTraits(name="red", identity="red", starts_from_mask=True)

    session = Session(
        "key", painted(truth), None, LoggedClicks((Click(30, 30, True),)), TO_THE_END, FromMask(mask)
    )
    region = finished(Red(), session).clicks[0].region
    seen = np.zeros(SIZE, np.bool_)
    region.window(seen)[:] = True
    assert np.array_equal(finished(Red(), session).mask, np.where(seen, truth == 1, mask))


@pytest.mark.parametrize("name", MODELS)
def test_the_map_after_a_local_change_is_the_mask_and_its_probabilities_elsewhere_stay(name: str) -> None:
    mask = start_mask()
    y, x = np.argwhere(mask)[mask.sum() // 2]
    click = Click(float(y), float(x), is_foreground=False)
    one = finished(MODELS[name](), from_mask(mask, (click,)))
    assert np.array_equal(one.prob > np.float32(one.threshold), one.mask)
    kept = one.mask == mask
    assert np.array_equal(one.prob[kept], FromMask(mask).probabilities(*SIZE)[kept])


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


def test_clicks_in_a_row_are_seen_together_and_make_one_mask() -> None:
    model = RecordingModel()
    clicks = (Click(50, 60, True), Click(90, 100, True), Click(10, 10, False))
    session = Session("key", IMAGE, TRUTH, LoggedClicks(clicks, looks=(0, 0, 1)), TO_THE_END)
    one = finished(model, session)
    assert [len(batch.clicks[0]) for batch in model.batches] == [2, 3]
    first, second, third = one.clicks
    assert [record.is_looked_at for record in one.clicks] == [False, True, True]
    assert (first.iou, first.area, first.changed_fraction, first.quality) == (0.0, 0, 0.0, None)
    assert second.area > 0
    assert third.click == clicks[2]


def test_a_limit_cuts_clicks_in_a_row() -> None:
    clicks = tuple(Click(10 * i, 10, True) for i in range(1, 6))
    limits = SessionLimits(max_clicks=3, target_iou=None)
    session = Session("key", IMAGE, None, LoggedClicks(clicks, looks=(0,) * 5), limits)
    one = finished(AnalyticClickModel(), session)
    assert (len(one.clicks), one.stop_reason) == (3, StopReason.MAX_CLICKS)


def test_a_session_ends_when_its_map_expects_the_target() -> None:
    session = Session("key", IMAGE, TRUTH, SimulatedClicks(), SessionLimits(target_iou=None, max_clicks=9))
    qualities = [record.quality or 0.0 for record in finished(AnalyticClickModel(), session).clicks]
    target = sorted(qualities)[3]
    limits = SessionLimits(target_iou=None, max_clicks=9, target_quality=target)
    one = finished(AnalyticClickModel(), Session("key", IMAGE, TRUTH, SimulatedClicks(), limits))
    assert one.stop_reason is StopReason.QUALITY_REACHED
    assert len(one.clicks) == next(i for i, quality in enumerate(qualities, 1) if quality >= target)
    assert one.quality == one.clicks[-1].quality
    assert (one.quality or 0.0) >= target


def test_a_session_ends_when_a_click_changes_next_to_nothing() -> None:
    click = Click(100, 100, True)
    limits = SessionLimits(target_iou=None, max_clicks=9, min_change=0.01)
    session = Session("key", IMAGE, None, LoggedClicks((click,) * 8), limits)
    one = finished(AnalyticClickModel(), session)
    assert one.stop_reason is StopReason.NO_CHANGE
    assert 1 < len(one.clicks) < 8
    changed = one.clicks[-1].changed_fraction * one.mask.size / one.clicks[-1].area
    assert changed < 0.01


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


def test_a_limit_without_truth_must_lie_in_the_unit_range() -> None:
    assert SessionLimits(target_quality=math.inf).target_quality == math.inf
    with pytest.raises(ValueError, match="must lie in"):
        SessionLimits(min_change=1.5)


def test_quality_is_of_the_region_that_the_network_saw() -> None:
    """Small probabilities elsewhere, which add up to more than a small object, are no statement about it."""
    mask = np.zeros((600, 600), np.bool_)
    mask[290:310, 290:310] = True
    click = Click(300, 300, True)
    image = np.zeros((600, 600, 3), np.uint8)
    image[mask] = 255
    session = Session("key", image, None, LoggedClicks((click,)), TO_THE_END, FromMask(mask), "local")
    one = finished(AnalyticClickModel(), session)
    region = one.clicks[0].region
    inside = float(region.window(one.prob).sum(where=region.window(one.mask), dtype=np.float64))
    outside = float(region.window(one.prob).sum(dtype=np.float64)) - inside
    assert region.height < 600
    assert one.quality == pytest.approx(inside / (one.mask.sum() + outside))


class Painted(RedChannelModel):
    """Answers with the red channel, whatever is clicked, and starts from masks."""

    def __init__(self, threshold: float = 0.5, *, keeps_outside: bool = True) -> None:
        super().__init__()
        self.traits = ModelTraits(
            name="painted",
            identity="painted",
            threshold=threshold,
            keeps_outside=keeps_outside,
            starts_from_mask=True,
        )


def test_clicks_in_a_row_change_the_parts_of_all_of_them() -> None:
    truth = np.zeros((100, 200), np.int8)
    truth[10:30, 10:30] = truth[60:80, 60:80] = truth[20:40, 150:170] = 1
    clicks = (Click(20, 20, True), Click(70, 70, True))
    start = FromMask(np.zeros(truth.shape, np.bool_))
    session = Session(
        "key", painted(truth), truth, LoggedClicks(clicks, looks=(0, 0)), TO_THE_END, start, "local"
    )
    expected = truth == 1
    expected[20:40, 150:170] = False
    assert np.array_equal(finished(Painted(), session).mask, expected)


def test_a_local_change_keeps_what_is_outside_the_region_whatever_the_model_does() -> None:
    truth = np.zeros((600, 600), np.int8)
    truth[20:40, 20:40] = 1
    mask = truth == 1
    mask[500:520, 500:520] = True  # far from the object, and from the second region
    clicks = (Click(30, 30, True), Click(510, 510, False), Click(25, 25, True), Click(26, 26, True))
    for keeps_outside in (True, False):
        model = Painted(keeps_outside=keeps_outside)
        session = Session(
            "key", painted(truth), None, LoggedClicks(clicks[:1]), TO_THE_END, FromMask(mask), "local"
        )
        assert np.array_equal(finished(model, session).mask, mask)
        session = Session(
            "key", painted(truth), None, LoggedClicks(clicks), TO_THE_END, FromMask(mask), "local"
        )
        assert np.array_equal(finished(model, session).mask, truth == 1)


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
