"""Between the pixels of an image and those it is worked on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.working_size import WORKING_PIXELS, WorkingSize
from mfp.clicks import Click

sizes = st.builds(WorkingSize, st.integers(1, 100), st.integers(1, 100), st.sampled_from([1, 2, 4, 8]))


@given(sizes, st.data())
def test_a_click_on_the_working_image_lies_in_the_image_and_comes_back(
    size: WorkingSize, data: st.DataObject
) -> None:
    height, width = size.shape
    click = Click(
        float(data.draw(st.integers(0, height - 1))), float(data.draw(st.integers(0, width - 1))), True
    )
    in_image = size.to_image(click)
    assert 0 <= in_image.y < size.height
    assert 0 <= in_image.x < size.width
    assert size.to_working(in_image) == click
    assert size.to_image(size.to_working(in_image)) == in_image


@given(sizes, st.floats(0, 0.999), st.floats(0, 0.999))
def test_any_click_in_the_image_lies_on_the_working_image(
    size: WorkingSize, down: float, right: float
) -> None:
    click = size.to_working(Click(down * size.height, right * size.width, False))
    assert 0 <= click.y < size.shape[0]
    assert 0 <= click.x < size.shape[1]


@given(sizes)
def test_all_working_rows_and_columns_are_all_of_the_image(size: WorkingSize) -> None:
    height, width = size.shape
    assert size.rows_in_image(0, height - 1) == (0, size.height - 1)
    assert size.columns_in_image(0, width - 1) == (0, size.width - 1)
    assert size.area_in_image(height * width) == size.height * size.width


def test_the_smallest_reduction_that_fits_is_taken() -> None:
    assert WorkingSize.of(4096, 4096, WORKING_PIXELS).reduction == 1
    assert WorkingSize.of(4096, 4097, WORKING_PIXELS).reduction == 2
    assert WorkingSize.of(10_000, 10_000, WORKING_PIXELS).shape == (2500, 2500)
    assert WorkingSize.of(100, 100, 1).reduction == 8
