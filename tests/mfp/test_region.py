from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfp.clicks import Click
from mfp.region import Region, ZoomSettings, bounding_box, next_region
from tests.golden_pieces import GOLDEN_DIRECTORIES, zoom_cases
from tests.mfp.masks import masks

SMALL = ZoomSettings(min_size=10)


def rectangle(height: int, width: int, region: Region) -> npt.NDArray[np.bool_]:
    mask = np.zeros((height, width), np.bool_)
    mask[region.row_min : region.row_max + 1, region.col_min : region.col_max + 1] = True
    return mask


@pytest.mark.parametrize("directory", GOLDEN_DIRECTORIES)
def test_regions_equal_the_recorded_ones(directory: Path) -> None:
    cases = zoom_cases(directory)
    for case in cases:
        height, width = case.mask.shape
        region = next_region(None, bounding_box(case.mask), case.clicks, height, width, ZoomSettings())
        assert astuple(region) == case.bounds
    assert len(cases) == 20


def test_the_first_region_is_the_whole_image() -> None:
    empty = np.zeros((300, 500), np.bool_)
    region = next_region(None, bounding_box(empty), [Click(10, 10, True)], 300, 500, ZoomSettings())
    assert region == Region(0, 299, 0, 499)


def test_an_emptied_prediction_sends_the_region_back_to_the_whole_image() -> None:
    empty = np.zeros((300, 500), np.bool_)
    previous = Region(100, 199, 100, 299)
    region = next_region(previous, bounding_box(empty), [Click(150, 150, True)], 300, 500, SMALL)
    assert region == Region(0, 299, 0, 499)


def test_the_box_of_the_prediction_grows_by_the_expansion_around_its_centre() -> None:
    mask = rectangle(400, 600, Region(100, 199, 200, 399))
    region = next_region(None, bounding_box(mask), [], 400, 600, ZoomSettings(min_size=10))
    assert region == Region(
        80, 220, 160, 440
    )  # 1.4 x 100 around 149.5 and 1.4 x 200 around 299.5; halves to even


def test_a_small_object_gets_the_smallest_side_and_stays_inside_the_image() -> None:
    mask = rectangle(400, 600, Region(2, 5, 590, 595))
    assert next_region(None, bounding_box(mask), [], 400, 600, ZoomSettings()) == Region(0, 104, 492, 599)


def test_foreground_clicks_join_the_box_and_background_clicks_do_not() -> None:
    mask = rectangle(400, 600, Region(100, 199, 200, 399))
    settings = ZoomSettings(expansion=1.0, min_size=10)
    clicks = [Click(300, 300, True), Click(390, 590, False), Click(150, 450, True)]
    region = next_region(None, bounding_box(mask), clicks, 400, 600, settings)
    assert region == Region(100, 300, 200, 450)  # rows 100-300 and columns 200-450, halves to even


@pytest.mark.parametrize(
    ("click", "is_kept"),
    [
        (Click(50, 50, True), True),
        (Click(40, 40, True), True),
        (Click(79.5, 79.5, True), True),
        (Click(80, 50, True), False),
        (Click(50, 80, True), False),
        (Click(39, 50, True), False),
        (Click(80, 50, False), True),
        (Click(200, 200, False), True),
    ],
)
def test_a_region_is_kept_unless_a_foreground_click_lies_outside_or_on_its_last_row_or_column(
    click: Click, is_kept: bool
) -> None:
    previous = Region(40, 80, 40, 80)
    mask = rectangle(300, 300, Region(48, 72, 48, 72))
    assert (next_region(previous, bounding_box(mask), [click], 300, 300, SMALL) == previous) is is_kept


def test_a_region_is_left_once_the_product_of_the_overlaps_falls_below_the_share() -> None:
    mask = rectangle(400, 400, Region(100, 139, 100, 139))
    settings = ZoomSettings(expansion=1.0, min_size=1)
    fresh = next_region(None, bounding_box(mask), [], 400, 400, settings)
    assert fresh == Region(100, 140, 100, 140)  # 119.5 +- 20, halves to even: 41 pixels
    just_enough = Region(100, 140, 100, 181)  # 41 / 82
    assert next_region(just_enough, bounding_box(mask), [], 400, 400, settings) == just_enough
    too_little = Region(100, 140, 100, 182)  # 41 / 83
    assert next_region(too_little, bounding_box(mask), [], 400, 400, settings) == fresh
    both_axes = Region(100, 158, 100, 158)  # (41 / 59)^2 = 0.48
    assert next_region(both_axes, bounding_box(mask), [], 400, 400, settings) == fresh
    assert next_region(Region(200, 300, 100, 140), bounding_box(mask), [], 400, 400, settings) == fresh


@given(st.data())
def test_a_region_lies_inside_the_image_and_holds_prediction_and_foreground_clicks(
    data: st.DataObject,
) -> None:
    mask = data.draw(masks())
    height, width = mask.shape
    clicks = [
        Click(
            data.draw(st.integers(0, height - 1)),
            data.draw(st.integers(0, width - 1)),
            data.draw(st.booleans()),
        )
        for _ in range(data.draw(st.integers(0, 3)))
    ]
    settings = ZoomSettings(min_size=data.draw(st.sampled_from([1, 10, 200])))
    region = next_region(None, bounding_box(mask), clicks, height, width, settings)
    assert 0 <= region.row_min <= region.row_max < height
    assert 0 <= region.col_min <= region.col_max < width
    assert (
        region.height >= min(settings.min_size, height) or region.row_min == 0 or region.row_max == height - 1
    )
    held = rectangle(height, width, region)
    assert held[mask].all()
    assert all(held[click.pixel] for click in clicks if click.is_foreground)


def test_clicks_in_the_crop_scale_by_the_number_of_pixels_of_the_region() -> None:
    region = Region(10, 59, 20, 119)
    assert (region.height, region.width) == (50, 100)
    assert region.to_crop(Click(10, 20, True), 448, 448) == Click(0, 0, True)
    assert region.to_crop(Click(35, 95, False), 448, 400) == Click(224, 300, False)
    assert region.to_crop(Click(59, 119, True), 100, 100) == Click(98, 99, True)
    assert region.to_crop(Click(0, 10, False), 50, 100) == Click(-10, -10, False)


def test_clicks_on_the_whole_image_at_its_own_size_stay_where_they_are() -> None:
    click = Click(17.25, 3.5, False)
    assert Region(0, 99, 0, 49).to_crop(click, 100, 50) == click
