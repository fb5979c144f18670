"""What the values of a mask file are taken to mean, for every way in which people save one."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from infra.errors import Reason, SampleError
from infra.layouts.mask_meaning import read_mask
from infra.layouts.mask_reading import MaskPixels, MaskReading
from infra.layouts.object_values import ObjectValues
from tests.infra.layouts.drawn_masks import (
    BINARY,
    BLACK,
    CUT_OUT,
    GREEN,
    HEIGHT,
    INSTANCES,
    OPAQUE,
    RED,
    WHITE,
    WIDTH,
    colours,
    deep_png,
    disk,
    grey,
    photograph,
    saved,
    soft,
    tiff,
    with_alpha,
    with_palette,
)
from tests.shared_data import SHARED, requires_shared

ONE_OBJECT: dict[str, Callable[[], bytes]] = {
    "grey 0 and 255": lambda: saved(grey()),
    "grey 0 and 1": lambda: saved(grey(value=1)),
    "one bit": lambda: saved(grey(), mode="1"),
    "one bit TIFF": lambda: saved(grey(), "TIFF", mode="1"),
    "BMP": lambda: saved(grey(), "BMP"),
    "GIF": lambda: saved(grey(), "GIF"),
    "16 bits": lambda: deep_png(np.where(disk(), 65535, 0).astype(np.uint16)),
    "16 bits with a small value": lambda: deep_png(np.where(disk(), 3, 0).astype(np.uint16)),
    "16-bit colours with a small value": lambda: deep_png(
        np.where(disk()[:, :, None], (0, 0, 7), 0).astype(np.uint16)
    ),
    "float 0 and 1": lambda: tiff(disk().astype(np.float32)),
    "float probabilities": lambda: tiff(cv2.GaussianBlur(disk().astype(np.float32), (0, 0), 1.0)),
    "white on black in colours": lambda: saved(colours(BLACK, WHITE)),
    "one colour on black": lambda: saved(colours(BLACK, RED)),
    "opaque colours": lambda: saved(with_alpha(colours(BLACK, RED), OPAQUE)),
    "palette": lambda: with_palette(disk().astype(np.uint8), [0, 0, 0, 255, 255, 255]),
    "palette of one colour": lambda: with_palette(disk().astype(np.uint8), [0, 0, 0, 0, 0, 0]),
    "palette with black behind white": lambda: with_palette(
        (~disk()).astype(np.uint8), [255, 255, 255, 0, 0, 0]
    ),
    "palette with colour before black": lambda: with_palette(
        np.where(disk(), 0, 2).astype(np.uint8), [255, 0, 0, 9, 9, 9, 0, 0, 0]
    ),
    "palette with a transparent index": lambda: with_palette(
        (~disk()).astype(np.uint8), [255, 0, 0, 0, 255, 0], transparency=1
    ),
    "palette of a soft mask": lambda: saved(soft(), mode="P"),
    "JPEG": lambda: saved(grey(), "JPEG", quality=80),
    "JPEG in colours": lambda: saved(colours(BLACK, WHITE), "JPEG", quality=80),
    "JPEG, red on black": lambda: saved(colours(BLACK, RED), "JPEG", quality=80),
    "lossy WebP": lambda: saved(colours(BLACK, WHITE), "WEBP", quality=70),
    "lossless WebP": lambda: saved(colours(BLACK, WHITE), "WEBP", lossless=True),
    "JPEG saved again as PNG": lambda: saved(
        np.asarray(Image.open(io.BytesIO(saved(grey(), "JPEG", quality=60))))
    ),
    "soft edges": lambda: saved(soft()),
    "soft edges in red": lambda: saved(np.stack([soft(), 0 * soft(), 0 * soft()], axis=2)),
    "soft edges, 16 bits": lambda: deep_png(soft().astype(np.uint16) * 257),
    "transparency, all black": lambda: saved(with_alpha(colours(BLACK, BLACK), CUT_OUT)),
    "transparency, all white": lambda: saved(with_alpha(colours(WHITE, WHITE), CUT_OUT)),
    "transparency of a photograph": lambda: saved(with_alpha(photograph(), CUT_OUT)),
    "a photograph that is cut out on black": lambda: saved(
        with_alpha(np.where(disk()[:, :, None], photograph(), 0).astype(np.uint8), CUT_OUT)
    ),
    "transparency of grey": lambda: saved(with_alpha(colours(WHITE, WHITE), CUT_OUT), mode="LA"),
    "transparency that agrees": lambda: saved(with_alpha(colours(BLACK, RED), CUT_OUT)),
    "transparency that is the same everywhere": lambda: saved(with_alpha(colours(BLACK, RED), 0 * OPAQUE)),
}


@pytest.mark.parametrize("way", ONE_OBJECT)
def test_one_object_is_found_however_it_was_saved(way: str) -> None:
    mask = read_mask(ONE_OBJECT[way](), BINARY)
    assert set(np.unique(mask.values)) == {0, 1}
    found = mask.values == 1
    # lossy and soft edges move by a pixel at most
    is_exact = not any(word in way for word in ("soft", "JPEG", "lossy WebP", "probabilities"))
    core = cv2.erode(disk().astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    hull = cv2.dilate(disk().astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    if is_exact:
        core = hull = disk()
    assert (found[core]).all()
    assert not (found & ~hull).any()
    assert mask.meaning
    assert not mask.ignored.any()


REFUSED: dict[str, tuple[Callable[[], bytes], MaskReading, str]] = {
    "two colours": (lambda: saved(colours(GREEN, RED)), BINARY, "none of them black"),
    "two greys": (lambda: saved(grey(100, 200)), BINARY, "values 100, 200, none of them 0"),
    "Oxford pets": (lambda: saved(grey(2, 1)), BINARY, "values 1, 2, none of them 0"),
    "palette without background": (
        lambda: with_palette(np.where(disk(), 1, 2).astype(np.uint8), [0, 0, 0, 255, 0, 0, 0, 255, 0]),
        BINARY,
        "palette indices 1, 2",
    ),
    "colours and transparency disagree": (
        lambda: saved(with_alpha(colours(RED, BLACK), CUT_OUT)),
        BINARY,
        "disagree",
    ),
    "a photograph": (lambda: saved(photograph()), BINARY, "as in a photograph"),
    "a JPEG photograph": (lambda: saved(photograph(), "JPEG"), BINARY, "as in a photograph"),
    "a lossy label map": (lambda: saved(grey(value=1), "JPEG"), BINARY, "too small|no object pixel"),
    "NaN": (lambda: tiff(np.where(disk(), np.nan, 0).astype(np.float32)), BINARY, "no numbers"),
    "instances in JPEG": (lambda: saved(grey(), "JPEG"), INSTANCES, "lossy JPEG"),
    "instances in lossy WebP": (lambda: saved(colours(BLACK, WHITE), "WEBP"), INSTANCES, "lossy WEBP"),
    "instances in colours": (lambda: saved(colours(BLACK, RED)), INSTANCES, "in colours"),
    "instances with soft edges, which only the layout has": (
        lambda: saved(soft()),
        MaskReading("instances", mask_values_are_told=False),
        "fade into each other",
    ),
    "instances in fractions": (lambda: tiff(disk().astype(np.float32) / 2), INSTANCES, "fractions"),
    "negative instances": (lambda: tiff(-1 * disk().astype(np.float32)), INSTANCES, "below 0"),
    "negative values": (lambda: tiff(-1 * disk().astype(np.float32)), BINARY, "below 0"),
    "instances that are transparent": (
        lambda: saved(with_alpha(colours(WHITE, WHITE), CUT_OUT)),
        INSTANCES,
        "transparent pixels",
    ),
    "a lossy file with a value that does not count": (
        lambda: saved(grey(), "JPEG"),
        MaskReading("binary", ignore_value=128),
        "no exact values",
    ),
    "colours that a lossy file cannot have": (
        lambda: saved(colours(BLACK, RED), "JPEG"),
        MaskReading(object_values=ObjectValues.parse("#c80000")),
        "no exact colours",
    ),
    "transparency that is not there": (
        lambda: saved(grey()),
        MaskReading(object_values=ObjectValues.parse("alpha")),
        "no transparency",
    ),
    "grey values of colours": (
        lambda: saved(colours(BLACK, RED)),
        MaskReading(object_values=ObjectValues.parse("255")),
        "in colours",
    ),
}


@pytest.mark.parametrize("way", REFUSED)
def test_a_mask_that_does_not_tell_is_refused_with_the_reason(way: str) -> None:
    make, reading, match = REFUSED[way]
    with pytest.raises(SampleError, match=match) as raised:
        mask = read_mask(make(), reading)
        if not mask.values.any():
            raise SampleError(Reason.AMBIGUOUS_MASK, "no object pixel")
    assert raised.value.reason is Reason.AMBIGUOUS_MASK
    assert "\n" not in raised.value.detail


TOLD: dict[str, tuple[Callable[[], bytes], str]] = {
    "an inverted mask": (lambda: saved(grey(255, 0)), "0"),
    "a class": (lambda: saved(grey(2, 1)), "1"),
    "a range": (lambda: saved(grey(40, 180)), "128-255"),
    "some values": (lambda: saved(grey(5, 7)), "3,7"),
    "a colour": (lambda: saved(colours(GREEN, RED)), "#c80000"),
    "a colour of a palette": (
        lambda: with_palette(np.where(disk(), 1, 2).astype(np.uint8), [0, 0, 0, 255, 0, 0, 0, 255, 0]),
        "#ff0000",
    ),
    "a palette index": (
        lambda: with_palette(np.where(disk(), 1, 2).astype(np.uint8), [0, 0, 0, 255, 0, 0, 0, 255, 0]),
        "1",
    ),
    "transparency that disagrees": (lambda: saved(with_alpha(colours(RED, BLACK), CUT_OUT)), "alpha"),
}


@pytest.mark.parametrize("way", TOLD)
def test_what_a_person_says_is_object_is_object(way: str) -> None:
    make, values = TOLD[way]
    mask = read_mask(make(), MaskReading(object_values=ObjectValues.parse(values)))
    np.testing.assert_array_equal(mask.values == 1, disk())
    assert values in mask.meaning


def test_values_that_are_told_choose_among_instances() -> None:
    values = np.zeros((HEIGHT, WIDTH), np.uint8)
    values[:10], values[20:30], values[40:50] = 1, 2, 9
    mask = read_mask(saved(values), MaskReading("instances", object_values=ObjectValues.parse("2-5,9")))
    np.testing.assert_array_equal(mask.values, np.where(np.isin(values, [2, 9]), values, 0))


def levels(*others: int) -> npt.NDArray[np.uint8]:
    values = grey()
    for number, value in enumerate(others):
        values[8 * number : 8 * number + 6, :10] = value
    return values


@pytest.mark.parametrize(
    ("make", "reading", "meaning"),
    [
        (lambda: saved(grey()), BINARY, "values 0 and 255: what is not 0 is object"),
        (lambda: saved(levels(1, 2, 3)), BINARY, "several values besides 0: all of them the one object"),
        (lambda: saved(levels(1, 2)), INSTANCES, "every value but 0 is an object of its own"),
        (lambda: saved(grey(), "JPEG"), BINARY, "lossy JPEG: object from half of 255 on"),
        (lambda: saved(soft()), BINARY, "soft edges: object from half of 255 on"),
        (
            ONE_OBJECT["palette with black behind white"],
            BINARY,
            "the palette index that is black or transparent",
        ),
        (ONE_OBJECT["transparency, all black"], BINARY, "what is opaque is object"),
    ],
)
def test_the_meaning_is_said(make: Callable[[], bytes], reading: MaskReading, meaning: str) -> None:
    assert meaning in read_mask(make(), reading).meaning


@pytest.mark.parametrize(
    ("make", "reading", "doubt"),
    [
        (lambda: saved(levels(128)), BINARY, "--ignore-value"),
        (lambda: saved(soft(12.0)), BINARY, "neither near 0 nor near the largest"),
        (lambda: saved(grey(3, 7)), INSTANCES, "without background"),
        (
            lambda: saved(grey(), "TIFF", save_all=True, append_images=[Image.fromarray(grey())]),
            BINARY,
            "several frames or pages",
        ),
    ],
)
def test_what_a_person_should_look_at_is_said(
    make: Callable[[], bytes], reading: MaskReading, doubt: str
) -> None:
    (said,) = read_mask(make(), reading).doubts
    assert doubt in said


def test_a_value_that_does_not_count_is_ignored() -> None:
    mask = read_mask(saved(levels(128)), MaskReading("binary", ignore_value=128))
    np.testing.assert_array_equal(mask.ignored, levels(128) == 128)
    np.testing.assert_array_equal(mask.values == 1, levels(128) == 255)
    assert mask.doubts == ()


def turned(way: int) -> npt.NDArray[np.uint8]:
    """The stored pixels of a mask that orientation 3 (half a turn) or 6 (a quarter) turns upright."""
    return np.ascontiguousarray(np.rot90(grey(), 2 if way == 3 else 1))


@pytest.mark.parametrize("way", [3, 6])
@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "TIFF"])
def test_an_orientation_of_the_mask_itself_is_applied_as_viewers_do(way: int, image_format: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = way
    data = saved(turned(way), image_format, exif=exif)
    found = read_mask(data, BINARY).values == 1
    assert np.count_nonzero(found != disk()) <= 0.05 * np.count_nonzero(disk())
    assert "turned upright by their own EXIF orientation" in read_mask(data, BINARY).meaning
    as_stored = read_mask(data, MaskReading(orientation="stored"))
    assert as_stored.values.shape == turned(way).shape
    assert "not applied" in as_stored.meaning


@given(
    values=arrays.arrays(np.uint8, (9, 7), elements=st.integers(0, 3)),
    image_format=st.sampled_from(["PNG", "BMP", "TIFF"]),
)
def test_instances_of_few_values_are_exactly_those_values(
    values: npt.NDArray[np.uint8], image_format: str
) -> None:
    mask = read_mask(saved(values, image_format), INSTANCES)
    np.testing.assert_array_equal(mask.values, values)


@given(values=arrays.arrays(np.uint8, (9, 7), elements=st.integers(0, 1)))
def test_the_order_of_a_palette_changes_nothing(values: npt.NDArray[np.uint8]) -> None:
    values[0, 0] = 0  # some background: without it, nothing tells a palette's colours
    usual = with_palette(values, [0, 0, 0, 255, 255, 255])
    swapped = with_palette(1 - values, [255, 255, 255, 0, 0, 0])
    both: list[MaskPixels] = [read_mask(data, BINARY) for data in (usual, swapped)]
    np.testing.assert_array_equal(both[0].values, both[1].values)


@pytest.mark.parametrize("text", ["", "white", "-1", "#ff00", "1-", "alpha,1"])
def test_object_values_that_are_none_are_refused_in_one_line(text: str) -> None:
    from infra.errors import LayoutError

    with pytest.raises(LayoutError, match="expected grey values") as raised:
        ObjectValues.parse(text)
    assert "\n" not in str(raised.value)


@given(
    ranges=st.lists(st.tuples(st.integers(0, 99), st.integers(100, 999)), min_size=1, max_size=3),
    colour=st.tuples(*[st.integers(0, 255)] * 3),
)
def test_object_values_are_written_as_they_are_read(
    ranges: list[tuple[int, int]], colour: tuple[int, int, int]
) -> None:
    values = ObjectValues(tuple(ranges), (colour,))
    assert ObjectValues.parse(str(values)) == values


@requires_shared
@pytest.mark.parametrize("folder", ["voc", "coco_minis", "ccp_clothes", "car_parts"])
def test_label_maps_of_real_sets_are_instances(folder: str) -> None:
    for path in sorted(Path(SHARED, "data", folder, "masks").glob("*.png"))[:60]:
        values = np.asarray(Image.open(path))
        mask = read_mask(
            path.read_bytes(), MaskReading("instances", ignore_value=255, mask_values_are_told=False)
        )
        np.testing.assert_array_equal(mask.values, np.where(values == 255, 0, values))


@requires_shared
@pytest.mark.parametrize("quality", [30, 75, 95])
def test_real_masks_that_were_saved_as_jpeg_keep_their_shape(quality: int) -> None:
    for path in sorted(Path(SHARED, "data/ecssd/masks").glob("*.png"))[:20]:
        truth = np.asarray(Image.open(path).convert("L")) > 0
        as_jpeg = saved(truth.astype(np.uint8) * 255, "JPEG", quality=quality)
        as_png_again = saved(np.asarray(Image.open(io.BytesIO(as_jpeg))))
        for data in (as_jpeg, as_png_again):
            found = read_mask(data, BINARY).values == 1
            assert (found & truth).sum() > 0.99 * (found | truth).sum()
