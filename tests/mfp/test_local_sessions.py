"""Sessions whose clicks change one connected part of a mask."""

from __future__ import annotations

import numpy as np
import pytest

from mfp.click_model import ModelTraits
from mfp.clicks import Click
from mfp.local_change import changed_part
from mfp.session import LoggedClicks, Session
from mfp.start import (
    FromMask,
)
from tests.mfp.session_factories import (
    RedChannelModel,
    painted,
)
from tests.mfp.started_sessions import (
    MODELS,
    SIZE,
    TO_THE_END,
    Painted,
    finished,
    from_mask,
    moved,
    start_mask,
)


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
