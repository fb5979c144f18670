"""Shades of one object, told from areas that are numbered."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from infra.errors import SampleError
from infra.layouts.mask_meaning import read_mask
from infra.layouts.mask_reading import MaskReading
from tests.infra.layouts.drawn_masks import (
    BINARY,
    HEIGHT,
    INSTANCES,
    WIDTH,
    deep_png,
    disk,
    grey,
    saved,
    soft,
)

USUAL_INSTANCES = MaskReading("instances", mask_values_are_told=False)
Values = npt.NDArray[Any]


def as_jpeg(mask: npt.NDArray[np.uint8], quality: int) -> npt.NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(saved(mask, "JPEG", quality=quality))))


def enlarged(mask: Values, rows: int, cols: int) -> Values:
    return mask.repeat(rows, axis=0).repeat(cols, axis=1)


def enlarged_to(mask: npt.NDArray[np.uint8], rows: int, cols: int, program: str) -> npt.NDArray[np.uint8]:
    if program == "OpenCV":
        return np.asarray(cv2.resize(mask, (cols, rows), interpolation=cv2.INTER_NEAREST), np.uint8)
    return np.asarray(Image.fromarray(mask).resize((cols, rows), Image.Resampling.NEAREST))


def posterised(num_levels: int, radius: float) -> npt.NDArray[np.uint8]:
    blurred = cv2.GaussianBlur(grey().astype(np.float64), (0, 0), radius)
    return (np.rint(blurred / 255 * (num_levels - 1)) * 255 // (num_levels - 1)).astype(np.uint8)


def votes(num_voters: int) -> npt.NDArray[np.uint8]:
    """Disks of voters who agree up to a few pixels."""
    rows, cols = np.mgrid[:HEIGHT, :WIDTH]
    radii = 16 + 1.5 * (np.arange(num_voters) - (num_voters - 1) / 2)
    counts = sum(((rows - 24) ** 2 + (cols - 50) ** 2 < radius**2).astype(int) for radius in radii)
    return np.asarray(np.rint(np.asarray(counts) * 255 / num_voters), np.uint8)


SHADES: dict[str, Callable[[], Values]] = {
    **{f"JPEG of quality {q} saved as PNG": partial(as_jpeg, grey(), q) for q in (50, 90, 98, 100)},
    **{
        f"JPEG enlarged {rows} x {cols}": partial(enlarged, as_jpeg(grey(), 75), rows, cols)
        for rows, cols in ((4, 4), (3, 5), (8, 8))
    },
    "JPEG enlarged and cropped amid a block": lambda: enlarged(as_jpeg(grey(), 75), 4, 4)[3:, 1:],
    **{
        f"JPEG enlarged to {rows} x {cols} by {program}": partial(
            enlarged_to, as_jpeg(grey(), 75), rows, cols, program
        )
        for rows, cols in ((210, 280), (401, 530))
        for program in ("OpenCV", "Pillow")
    },
    "soft edges enlarged": lambda: enlarged(soft(), 8, 8),
    "edges of 5 levels": lambda: cv2.resize(
        enlarged(grey(), 1, 1)[1:, 1:], (39, 29), interpolation=cv2.INTER_AREA
    ),
    **{f"{n} levels": partial(posterised, n, 2.0) for n in (4, 5, 8, 16)},
    **{f"votes of {n}": partial(votes, n) for n in (3, 4, 5, 7)},
}


@pytest.mark.parametrize("way", SHADES)
def test_shades_are_object_from_half_on(way: str) -> None:
    values = SHADES[way]()
    mask = read_mask(saved(values), BINARY)
    np.testing.assert_array_equal(mask.values == 1, values >= 127.5)
    assert "half of" in mask.meaning
    few = any(word in way for word in ("levels", "votes")) and "edges" not in way
    assert not few or mask.doubts or "soft edges" in mask.meaning


def red_of(values: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.stack([values, values // 8, 0 * values], axis=2)


@pytest.mark.parametrize("radius", [0.6, 1.0, 1.5])
@pytest.mark.parametrize("brightest", [255, 200, 90])
def test_soft_edges_in_colour_are_object_from_half_on(radius: float, brightest: int) -> None:
    soft_red = cv2.GaussianBlur(red_of(grey(value=brightest)), (0, 0), radius)
    mask = read_mask(saved(soft_red), BINARY)
    assert abs(int(mask.values.sum()) - int(disk().sum())) <= 0.03 * disk().sum()
    assert "half of" in mask.meaning


def lanes() -> Values:
    values = np.zeros((HEIGHT, WIDTH), np.uint8)
    for idx in range(12):
        values[:, 4 + 6 * idx : 6 + 6 * idx] = idx + 1
    return values


def cells(largest: int) -> Values:
    values = np.zeros((HEIGHT, WIDTH), np.int64)
    numbers = iter(np.linspace(1, largest, 240).astype(int))
    for row in range(0, HEIGHT, 5):
        for col in range(0, WIDTH, 4):
            values[row : row + 3, col : col + 3] = next(numbers)
    return values


@pytest.mark.parametrize(
    "values", [lanes(), cells(240), cells(60_000)], ids=["lanes", "cells", "spread cells"]
)
def test_thin_and_small_objects_are_instances(values: Values) -> None:
    data = deep_png(values.astype(np.uint16))
    for reading in (INSTANCES, USUAL_INSTANCES):
        mask = read_mask(data, reading)
        np.testing.assert_array_equal(mask.values, values)
        assert not any("fade" in doubt for doubt in mask.doubts)


def test_instances_that_a_person_asked_for_are_honoured_with_a_doubt_even_if_they_fade() -> None:
    mask = read_mask(saved(soft()), INSTANCES)
    np.testing.assert_array_equal(mask.values, soft())
    (doubt,) = mask.doubts
    assert "more than 50 values that fade into each other" in doubt
    with pytest.raises(SampleError, match="fade into each other"):
        read_mask(saved(soft()), USUAL_INSTANCES)


def areas(*values: int) -> npt.NDArray[np.uint8]:
    """Areas side by side on 0, one a value."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for number, value in enumerate(values):
        mask[10:50, 2 + 10 * number : 10 + 10 * number] = value
    return mask


@pytest.mark.parametrize("values", [(3, 7), (40, 250), (51, 153, 204), (85, 170, 255), (255, 17, 4, 99)])
def test_several_values_that_are_no_labels_raise_a_doubt(values: tuple[int, ...]) -> None:
    mask = read_mask(saved(areas(*values)), BINARY)
    np.testing.assert_array_equal(mask.values == 1, areas(*values) > 0)
    assert mask.doubts
    assert "--mask-values instances" in mask.doubts[0] or "--ignore-value" in mask.doubts[0]


def test_labels_from_1_on_raise_none() -> None:
    assert read_mask(saved(areas(1, 2, 3, 4)), BINARY).doubts == ()


def test_cells_that_touch_are_instances() -> None:
    values = np.arange(240).reshape(12, 20).repeat(3, axis=0).repeat(3, axis=1)
    mask = read_mask(deep_png(values.astype(np.uint16)), USUAL_INSTANCES)
    np.testing.assert_array_equal(mask.values, values)


@pytest.mark.parametrize("values", [(60, 200), (17, 99, 255)])
def test_shades_of_one_colour_and_of_a_grey_palette_raise_a_doubt(values: tuple[int, ...]) -> None:
    for data in (saved(red_of(areas(*values))), saved(areas(*values), mode="P")):
        mask = read_mask(data, BINARY)
        np.testing.assert_array_equal(mask.values == 1, areas(*values) > 0)
        assert mask.doubts
