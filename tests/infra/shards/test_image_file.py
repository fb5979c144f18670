from __future__ import annotations

import contextlib
import io
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from infra.errors import Reason, SampleError
from infra.shards import image_file
from infra.shards.image_file import decode_image, stored_image
from infra.shards.image_reading import ImageReading
from tests.infra.sample_factory import encoded, random_pixels


@pytest.mark.parametrize(("image_format", "extension"), [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp")])
def test_common_formats_keep_their_bytes(image_format: str, extension: str) -> None:
    data = encoded(random_pixels(5, 9), image_format)
    image = stored_image(data)
    assert (image.data, image.extension, image.height, image.width) == (data, extension, 5, 9)


@pytest.mark.parametrize("image_format", ["BMP", "TIFF", "PPM"])
def test_other_formats_become_png_with_the_same_pixels(image_format: str) -> None:
    pixels = random_pixels(5, 9)
    image = stored_image(encoded(pixels, image_format))
    assert image.extension == "png"
    np.testing.assert_array_equal(decode_image(image.data), pixels)


def test_pixels_are_rgb() -> None:
    pixels = random_pixels(7, 4)
    decoded = decode_image(encoded(pixels))
    assert decoded.flags["C_CONTIGUOUS"]
    np.testing.assert_array_equal(decoded, pixels)


# the stored pixels of an upright image, by the orientation that turns them back (EXIF 2.32, table 6)
STORED_FOR: dict[int, Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]]] = {
    1: lambda pixels: pixels,
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: np.rot90,
    7: lambda pixels: pixels.swapaxes(0, 1)[::-1, ::-1],
    8: lambda pixels: np.rot90(pixels, -1),
}


def with_orientation(upright: npt.NDArray[np.uint8], orientation: int, image_format: str) -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    exif[0x0112] = orientation
    stream = io.BytesIO()
    stored = np.ascontiguousarray(STORED_FOR[orientation](upright))
    options = (
        {"lossless": True} if image_format == "WEBP" else {"quality": 95} if image_format == "JPEG" else {}
    )
    Image.fromarray(stored).save(stream, image_format, exif=exif, **options)
    return stream.getvalue()


def four_quarters(height: int, width: int) -> npt.NDArray[np.uint8]:
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (250, 0, 0)
    pixels[: height // 2, width // 2 :] = (0, 250, 0)
    pixels[height // 2 :, : width // 2] = (0, 0, 250)
    return pixels


@pytest.mark.parametrize("orientation", STORED_FOR)
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_an_image_is_as_a_person_sees_it_whatever_its_orientation(
    orientation: int, image_format: str
) -> None:
    upright = four_quarters(16, 32)
    data = with_orientation(upright, orientation, image_format)
    image = stored_image(data)
    assert (image.height, image.width) == (16, 32)
    pixels = decode_image(image.data)
    np.testing.assert_allclose(pixels[4::8, 8::16], upright[4::8, 8::16], atol=10)
    assert decode_image(image.data, 2).shape == (8, 16, 3)
    assert image.is_turned == (orientation != 1)
    assert any("EXIF" in remark for remark in image.remarks) == (orientation != 1)


@pytest.mark.parametrize("orientation", STORED_FOR)
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_stored_pixels_stay_if_a_person_wants_them(orientation: int, image_format: str) -> None:
    upright = four_quarters(16, 32)
    stored = np.ascontiguousarray(STORED_FOR[orientation](upright))
    image = stored_image(with_orientation(upright, orientation, image_format), ImageReading("stored"))
    assert (image.height, image.width) == stored.shape[:2]
    assert not image.is_turned
    pixels = decode_image(image.data)  # as every reader of the shard sees them
    middle = (
        slice(stored.shape[0] // 4, None, stored.shape[0] // 2),
        slice(stored.shape[1] // 4, None, stored.shape[1] // 2),
    )
    np.testing.assert_allclose(pixels[middle], stored[middle], atol=10)
    if image_format == "JPEG":
        with Image.open(io.BytesIO(image.data)) as kept:
            assert kept.getexif().get(0x010F) == "a camera"


@given(cut=st.integers(0, 400), place=st.integers(0, 400), byte=st.integers(0, 255))
def test_damaged_exif_is_passed_over(cut: int, place: int, byte: int) -> None:
    data = bytearray(with_orientation(four_quarters(16, 32), 6, "JPEG"))
    start, end = (
        data.index(b"Exif") + 4,
        data.index(b"\xff\xdb"),
    )  # the block, before the tables and the pixels
    data[min(start + place, end - 1)] = byte
    for reading in (ImageReading("upright"), ImageReading("stored")):
        image = stored_image(bytes(data), reading)
        assert {image.height, image.width} == {16, 32}
        assert decode_image(image.data).shape == (image.height, image.width, 3)
        with contextlib.suppress(SampleError):  # if the header itself is cut off
            image = stored_image(bytes(data[: len(data) - cut]), reading)
            assert {image.height, image.width} == {16, 32}


def deep(values: npt.NDArray[np.uint16], container: str) -> bytes:
    if container == "PGM":
        return b"P5\n# a scan\n%d %d\n4095\n" % values.shape[::-1] + values.astype(">u2").tobytes()
    return bytes(cv2.imencode(container, values)[1].tobytes())


@pytest.mark.parametrize(
    ("container", "channels"), [(".png", 1), (".png", 3), (".tiff", 1), (".tiff", 3), ("PGM", 1)]
)
def test_12_bits_are_scaled_by_what_they_can_hold(container: str, channels: int) -> None:
    ramp = np.tile(np.linspace(0, 4080, 64).astype(np.uint16), (8, 1))
    values = ramp if channels == 1 else np.stack([ramp] * 3, axis=2)
    image = stored_image(deep(values, container))
    assert image.extension == "png"
    np.testing.assert_array_equal(decode_image(image.data)[:, :, 1], np.rint(ramp * (255 / 4095)))
    (remark,) = image.remarks
    assert "4095 is white" in remark


@pytest.mark.parametrize(
    ("values", "white", "expected"),
    [
        (np.array([[0, 255]], np.uint16), None, [0, 255]),  # 8 bits in 16
        (np.array([[0, 300]], np.uint16), None, [0, 150]),  # 9 bits: 511 is white
        (np.array([[0, 65535]], np.uint16), None, [0, 255]),
        (np.array([[0, 33000]], np.uint16), None, [0, 128]),
        (np.array([[0, 1000]], np.uint16), 1000, [0, 255]),
        (np.array([[500, 3000]], np.uint16), 1000, [128, 255]),  # what is whiter stays white
        (np.array([[0, 0.5]], np.float32), None, [0, 128]),
        (np.array([[0, 200]], np.float32), None, [0, 200]),
        (np.array([[np.nan, 1.0]], np.float32), None, [0, 255]),
        (np.array([[-100, 300]], np.float32), None, [0, 255]),
    ],
)
def test_deep_values_become_8_bits(
    values: npt.NDArray[np.generic], white: int | None, expected: list[int]
) -> None:
    data = bytes(cv2.imencode(".tiff", np.repeat(values, 4, axis=0))[1].tobytes())
    image = stored_image(data, ImageReading(white=white))
    assert decode_image(image.data)[0, :, 0].tolist() == expected
    assert any("white" in remark or "black" in remark for remark in image.remarks)


def test_a_pgm_of_another_range_is_scaled_by_its_header() -> None:
    image = stored_image(b"P5\n2 1\n100\n" + bytes([0, 100]))
    assert decode_image(image.data)[0, :, 0].tolist() == [0, 255]


def test_16_bits_in_a_shard_of_others_are_scaled_alike() -> None:
    ramp = np.tile(np.linspace(0, 4080, 64).astype(np.uint16), (8, 1))
    np.testing.assert_array_equal(decode_image(deep(ramp, ".png"))[:, :, 0], np.rint(ramp * (255 / 4095)))


def test_float_photographs_print_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    data = bytes(
        cv2.imencode(".tiff", np.random.default_rng(0).random((9, 9)).astype(np.float32))[1].tobytes()
    )
    stored_image(data)
    with pytest.raises(SampleError):
        stored_image(data[: len(data) // 2])
    assert capfd.readouterr() == ("", "")


def test_a_heic_photograph_is_read_if_its_plugin_is_installed() -> None:
    stream = io.BytesIO()
    Image.fromarray(four_quarters(64, 96)).save(stream, "HEIF", quality=95)
    image = stored_image(stream.getvalue())
    assert (image.extension, image.height, image.width) == ("png", 64, 96)
    assert np.abs(decode_image(image.data)[8, 8].astype(int) - (250, 0, 0)).max() <= 20


def test_transparency_and_further_frames_are_dropped_with_a_remark() -> None:
    see_through = Image.fromarray(random_pixels(4, 6)).convert("RGBA")
    see_through.putalpha(7)
    stream = io.BytesIO()
    see_through.save(stream, "PNG")
    assert stored_image(stream.getvalue()).remarks == ("transparency of images dropped",)
    pages = io.BytesIO()
    first = Image.fromarray(random_pixels(4, 6))
    first.save(pages, "TIFF", save_all=True, append_images=[Image.fromarray(random_pixels(4, 6, 1))])
    assert stored_image(pages.getvalue()).remarks == (
        "files of several frames or pages: the first was taken",
    )


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("reduction", [2, 4, 8])
@pytest.mark.parametrize(("height", "width"), [(64, 48), (61, 35), (3, 1)])
def test_a_reduced_image_has_a_pixel_for_every_block_its_mean(
    image_format: str, reduction: int, height: int, width: int
) -> None:
    slope = np.add.outer(2 * np.arange(height), np.arange(width))
    pixels = np.stack([slope, 200 - slope, np.full_like(slope, 90)], axis=2).astype(np.uint8)
    reduced = decode_image(encoded(pixels, image_format), reduction)
    assert reduced.shape == (-(-height // reduction), -(-width // reduction), 3)
    whole = height // reduction, width // reduction
    blocks = pixels[: whole[0] * reduction, : whole[1] * reduction].reshape(
        whole[0], reduction, whole[1], reduction, 3
    )
    means = blocks.mean(axis=(1, 3))
    tolerance = 0.5 if image_format == "PNG" else 12  # the others lose some of the colours
    assert np.abs(reduced[: whole[0], : whole[1]] - means).max(initial=0) <= tolerance


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "1", "I;16"])
def test_every_kind_of_png_becomes_three_channels(mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.full((4, 6), 0x80FF, np.uint16))
    else:
        image = Image.fromarray(random_pixels(4, 6)).convert(mode)
    stream = io.BytesIO()
    image.save(stream, "PNG")
    pixels = decode_image(stream.getvalue())
    assert pixels.shape == (4, 6, 3)
    if mode == "I;16":
        assert (pixels == 0x80).all()


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_an_image_that_is_cut_off_does_not_decode(image_format: str, kept: float) -> None:
    data = encoded(random_pixels(64, 64), image_format)
    with pytest.raises(SampleError) as caught:
        decode_image(data[: int(len(data) * kept)])
    assert caught.value.reason == Reason.UNDECODABLE_IMAGE


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "an empty file"),
        (b"text", "4 bytes that are no image"),
        (b"\x89PNG\r\n\x1a\n", "no image"),
        (b"\xff\xd8\xff", "a JPEG that is damaged"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "a Git LFS pointer"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
    ],
)
def test_bytes_that_are_no_image_say_what_they_are(data: bytes, what: str) -> None:
    for read in (stored_image, decode_image):
        with pytest.raises(SampleError, match=what) as caught:
            read(data)
        assert caught.value.reason == Reason.UNDECODABLE_IMAGE


def test_an_image_over_the_limit_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_file, "MAX_PIXELS", 99)
    with pytest.raises(SampleError, match="10 x 10 pixels; the limit is 99") as caught:
        decode_image(encoded(random_pixels(10, 10)))
    assert caught.value.reason == Reason.IMAGE_TOO_LARGE
