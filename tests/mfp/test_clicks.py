from __future__ import annotations

import math

import pytest

from mfp.clicks import Click
from mfp.errors import ClickError


@pytest.mark.parametrize(("y", "x"), [(math.nan, 0.0), (0.0, math.inf), (-math.inf, 3.0)])
def test_coordinates_that_are_no_finite_numbers_are_refused(y: float, x: float) -> None:
    with pytest.raises(ClickError, match="finite"):
        Click(y, x, True)


def test_the_pixel_of_a_click_is_the_one_it_falls_on() -> None:
    assert Click(3.99, 4.0, True).pixel == (3, 4)
    assert Click(-0.77, 0.5, False).pixel == (-1, 0)


def test_mirroring_twice_gives_the_click_again() -> None:
    click = Click(3.0, 4.25, False)
    assert click.mirrored(10) == Click(3.0, 4.75, False)
    assert click.mirrored(10).mirrored(10) == click
