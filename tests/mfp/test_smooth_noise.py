from __future__ import annotations

import numpy as np
import pytest

from mfp.smooth_noise import smooth_noise
from mfp.users.draws import keyed_draw


def test_its_numbers_are_those_of_every_machine() -> None:
    field = smooth_noise(keyed_draw("test"), 30, 40, 7.5)
    assert [field[0, 0], field[29, 39], field[13, 20]] == [
        -0.13986930724427335,
        -0.46482251588863877,
        -0.2561324599939603,
    ]


@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0, 40.0, 1000.0])
def test_it_lies_between_minus_one_and_one(scale: float) -> None:
    field = smooth_noise(keyed_draw("test", "range"), 60, 70, scale)
    assert field.shape == (60, 70)
    assert np.abs(field).max() <= 1


def test_neighbours_differ_little_and_hills_are_as_wide_as_was_asked_for() -> None:
    field = smooth_noise(keyed_draw("test", "slope"), 400, 400, 20.0)
    assert field.std() > 0.2
    assert np.abs(np.diff(field, axis=0)).max() < 0.12
    assert np.abs(np.diff(field, axis=1)).max() < 0.12
    rows = field - field.mean(axis=0)
    far, near = (float((rows[:-step] * rows[step:]).mean() / (rows**2).mean()) for step in (60, 5))
    assert near > 0.8
    assert abs(far) < 0.2


def test_a_field_may_be_one_pixel() -> None:
    assert smooth_noise(keyed_draw("test"), 1, 1, 5.0).shape == (1, 1)
