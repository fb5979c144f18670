"""Formats that keep every pixel: Label Studio, CVAT, FiftyOne."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given

from infra.exports.format_names import FormatName
from tests.infra.exports.drawn_masks import masks_of_image
from tests.infra.exports.written import round_trip

EXACT: tuple[FormatName, ...] = ("label-studio", "cvat", "fiftyone")


@pytest.mark.parametrize("name", EXACT)
@given(masks=masks_of_image())
def test_masks_come_back_pixel_for_pixel(name: FormatName, masks: list[npt.NDArray[np.bool_]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = round_trip(Path(folder), name, masks)
    assert len(found) == len(masks)
    for mask, other in zip(masks, found, strict=True):
        np.testing.assert_array_equal(other, mask)
