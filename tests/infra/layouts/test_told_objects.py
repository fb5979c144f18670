"""What `--object-values` makes of masks whose values are not exact, and of values that are not there."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from infra.errors import LayoutError, Reason, SampleError
from infra.layout_options import LayoutOptions
from infra.layouts.mask_meaning import read_mask
from infra.layouts.mask_reading import MaskReading
from infra.layouts.object_values import ObjectValues
from tests.infra.layouts.drawn_masks import (
    BLACK,
    CUT_OUT,
    colours,
    deep_png,
    disk,
    grey,
    photograph,
    saved,
    soft,
    with_alpha,
)


def told(values: str) -> MaskReading:
    return MaskReading(object_values=ObjectValues.parse(values))


def iou(found: npt.NDArray[np.bool_]) -> float:
    return float(np.count_nonzero(found & disk()) / np.count_nonzero(found | disk()))


def again_as_png(data: bytes) -> bytes:
    return saved(np.asarray(Image.open(io.BytesIO(data)).convert("L")))


INVERTED, UPRIGHT = grey(255, 0), grey()
MOVED: dict[str, Callable[[npt.NDArray[np.uint8]], bytes]] = {
    "JPEG": lambda mask: saved(mask, "JPEG", quality=75),
    "JPEG in colours": lambda mask: saved(np.stack([mask] * 3, axis=2), "JPEG", quality=60),
    "lossy WebP": lambda mask: saved(np.stack([mask] * 3, axis=2), "WEBP", quality=60),
    "JPEG saved again as PNG": lambda mask: again_as_png(saved(mask, "JPEG", quality=60)),
    "JPEG saved again with a grey palette": lambda mask: saved(
        np.asarray(Image.open(io.BytesIO(saved(mask, "JPEG", quality=60)))), mode="P"
    ),
    "soft edges": lambda mask: saved(
        np.asarray(Image.fromarray(mask).resize((40, 30)).resize((80, 60), Image.Resampling.BICUBIC))
    ),
}


@pytest.mark.parametrize("way", MOVED)
@pytest.mark.parametrize(
    ("values", "mask"),
    [
        ("0", INVERTED),
        ("0-10", INVERTED),
        ("0-127", INVERTED),
        ("0-254", INVERTED),
        ("255", UPRIGHT),
        ("1-255", UPRIGHT),
        ("240-255", UPRIGHT),
        ("128-255", UPRIGHT),
    ],
)
def test_a_value_at_an_end_stands_for_its_half_if_compression_or_soft_edges_moved_it(
    way: str, values: str, mask: npt.NDArray[np.uint8]
) -> None:
    read = read_mask(MOVED[way](mask), told(values))
    assert iou(read.values == 1) > 0.97
    assert "stands for its half" in read.meaning
    assert values in read.meaning


@pytest.mark.parametrize("values", ["1", "100", "60-200", "0,100"])
def test_a_value_amid_the_range_of_a_lossy_mask_is_refused_with_the_remedy(values: str) -> None:
    with pytest.raises(SampleError, match="such as 128-255; or save the mask as PNG"):
        read_mask(saved(grey(), "JPEG"), told(values))


def test_exact_values_of_a_lossless_mask_stay_exact() -> None:
    mask = soft()
    read = read_mask(saved(mask), told("100-200"))
    np.testing.assert_array_equal(read.values == 1, (mask >= 100) & (mask <= 200))


def test_what_is_transparent_is_object_if_a_person_says_so() -> None:
    hole = saved(with_alpha(photograph(), 255 - CUT_OUT))
    np.testing.assert_array_equal(read_mask(hole, told("transparent")).values == 1, disk())
    assert "transparent is object" in read_mask(hole, told("transparent")).meaning
    np.testing.assert_array_equal(read_mask(hole, told("alpha")).values == 1, ~disk())


def test_objects_that_were_painted_faintly_are_a_word_on_transparency() -> None:
    faint = saved(with_alpha(photograph(), np.where(disk(), 102, 0)))
    for reading in (MaskReading(), told("alpha")):
        with pytest.raises(SampleError, match="the most opaque one has 102 of 255"):
            read_mask(faint, reading)


@pytest.mark.parametrize(
    ("make", "values", "present"),
    [
        (lambda: saved(grey()), "300", "it has 0, 255"),
        (lambda: saved(grey(value=1)), "255", "it has 0, 1"),
        (lambda: saved(colours(BLACK, (255, 0, 0))), "#00ff00", "other colours"),
    ],
)
def test_values_that_no_pixel_has_are_told_with_those_that_are_there(
    make: Callable[[], bytes], values: str, present: str
) -> None:
    with pytest.raises(SampleError, match=present) as raised:
        read_mask(make(), told(values))
    assert raised.value.reason is Reason.EMPTY_OBJECT


def test_colours_of_16_bits_are_named_as_those_of_8() -> None:
    red = np.where(disk()[:, :, None], (0, 0, 65535), (0, 65535, 0)).astype(np.uint16)  # blue first
    np.testing.assert_array_equal(read_mask(deep_png(red), told("#ff0000")).values == 1, disk())


def test_a_range_that_runs_backwards_is_refused() -> None:
    with pytest.raises(LayoutError, match="runs backwards, write 3-9"):
        ObjectValues.parse("9-3")


def options(values: str, **others: object) -> LayoutOptions:
    return LayoutOptions(object_values=values, **others)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "match"),
    [
        (options("1,255", ignore_value=255), "names 255, and --ignore-value 255"),
        (options("100-200", ignore_value=128), "names 128"),
        (options("#ffffff", ignore_value=255), "names 255"),
        (options("alpha", mask_values="instances"), "--mask-values binary"),
        (options("transparent", mask_values="instances"), "--mask-values binary"),
    ],
)
def test_options_that_contradict_each_other_are_refused(given: LayoutOptions, match: str) -> None:
    with pytest.raises(LayoutError, match=match):
        MaskReading.of(given, mask_values="binary")


def test_alpha_makes_no_instances_in_a_layout_that_has_them() -> None:
    with pytest.raises(LayoutError, match="makes one object"):
        MaskReading.of(options("alpha"), mask_values="instances")


def test_what_a_layout_ignores_yields_to_what_a_person_says_is_object() -> None:
    reading = MaskReading.of(options("255"), mask_values="binary", ignore_value=255)
    mask = read_mask(saved(grey()), reading)
    np.testing.assert_array_equal(mask.values == 1, disk())
    assert not mask.ignored.any()
