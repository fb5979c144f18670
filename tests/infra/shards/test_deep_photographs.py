"""Photographs of more than 8 bits, of other ranges, and TIFF: as a person sees them."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from infra.errors import SampleError
from infra.shards.image_file import decode_image, stored_image
from infra.shards.image_reading import ImageReading
from tests.infra.shards.tiff_factory import tiff_of

RAMP = np.tile(np.linspace(0, 255, 32).astype(np.uint8), (8, 1))


def shown(data: bytes, reading: ImageReading | None = None) -> npt.NDArray[np.uint8]:
    """The green channel of what a shard keeps."""
    return decode_image(stored_image(data, reading or ImageReading()).data)[:, :, 1]


@pytest.mark.parametrize("magic", ["P2", "P3", "P5", "P6"])
@pytest.mark.parametrize("maxval", [1, 15, 100, 240, 1000, 65535])
def test_a_portable_map_is_scaled_once_by_its_header(magic: str, maxval: int) -> None:
    raw = np.rint(RAMP.astype(float) * maxval / 255).astype(int)
    values = raw if magic in {"P2", "P5"} else np.stack([raw] * 3, axis=2)
    header = f"{magic}\n{RAMP.shape[1]} {RAMP.shape[0]}\n{maxval}\n".encode()
    if magic in {"P2", "P3"}:
        body = b"\n".join(b" ".join(b"%d" % value for value in row.ravel()) for row in values) + b"\n"
    else:
        body = values.astype(">u2" if maxval > 255 else "u1").tobytes()
    np.testing.assert_allclose(shown(header + body), np.rint(raw * (255 / maxval)), atol=1)


@pytest.mark.parametrize("excess", [1.0000001, 1.02, 1.5])
def test_floats_a_little_above_1_leave_1_white(excess: float) -> None:
    values = (RAMP / 255).astype(np.float32)
    values[0, 0] = excess
    data = tiff_of(values)
    np.testing.assert_array_equal(shown(data)[1:], RAMP[1:])
    assert shown(data)[0, 0] == 255
    (remark,) = stored_image(data).remarks
    assert "1.0 is white, as is what is more" in remark


@pytest.mark.parametrize(
    ("value", "tag"),
    [(-9999, True), (-9999, False), (-1, True), (-32768, False), (-3.4028234663852886e38, False)],
)
def test_no_data_is_black_and_no_black_point(value: float, tag: bool) -> None:
    values = RAMP.astype(np.float32)
    values[0, :5] = value
    no_data = f"{value}\0".encode()
    data = tiff_of(values, extra=[(42113, 2, len(no_data), no_data)] if tag else [])
    found = shown(data)
    np.testing.assert_array_equal(found[1:], RAMP[1:])
    assert not found[0, :5].any()
    (remark,) = stored_image(data).remarks
    assert "no data are black" in remark


@pytest.mark.parametrize("bits", [8, 12, 16, 32])
def test_a_tiff_of_which_0_is_white_is_no_negative(bits: int) -> None:
    raw = RAMP.astype(np.int64) * ((1 << bits) - 1) // 255
    data = tiff_of(raw, bits=bits, photometric=0, stored=(1 << bits) - 1 - raw)
    np.testing.assert_allclose(shown(data), RAMP, atol=1)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "rgb"])
def test_an_orientation_of_a_tiff_is_applied_and_said_or_left(orientation: int, dtype: str) -> None:
    values: npt.NDArray[Any] = RAMP.copy()
    values[:, :3] = 0
    values[0] = 200
    expected = values
    if dtype == "u2":
        values = values.astype(np.uint16) * 257
    elif dtype == "f4":
        values = (values / 255).astype(np.float32)
    elif dtype == "rgb":
        values = np.stack([values] * 3, axis=2).astype(np.uint16) * 257
    data = tiff_of(values, extra=[(274, 3, 1, orientation)])
    image = stored_image(data)
    assert image.is_turned == (orientation != 1)
    assert any("turned upright" in remark for remark in image.remarks) == (orientation != 1)
    assert (image.height, image.width) == (expected.shape if orientation < 5 else expected.shape[::-1])
    as_stored = stored_image(data, ImageReading("stored"))
    assert not as_stored.is_turned
    np.testing.assert_allclose(decode_image(as_stored.data)[:, :, 1], expected, atol=1)
    turns: list[npt.NDArray[Any]] = [
        expected,
        expected[:, ::-1],
        expected[::-1, ::-1],
        expected[::-1],
        expected.T,
        np.rot90(expected, -1),
        expected.T[::-1, ::-1],
        np.rot90(expected),
    ]
    np.testing.assert_allclose(decode_image(image.data)[:, :, 1], turns[orientation - 1], atol=1)


def test_an_orientation_behind_the_pixels_of_a_png_is_applied() -> None:
    import io
    import zlib

    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(RAMP).save(stream, "PNG")
    png = stream.getvalue()
    exif = b"II*\0" + struct.pack("<IHHHIII", 8, 1, 0x0112, 3, 1, 6, 0)
    chunk = struct.pack(">I", len(exif)) + b"eXIf" + exif + struct.pack(">I", zlib.crc32(b"eXIf" + exif))
    late = png[:-12] + chunk + png[-12:]
    image = stored_image(late)
    assert (image.is_turned, image.height, image.width) == (True, 32, 8)
    np.testing.assert_array_equal(decode_image(image.data)[:, :, 1], np.rot90(RAMP, -1))


def test_a_tiff_of_values_that_nobody_reads_says_so() -> None:
    data = tiff_of(RAMP.astype(np.float16))
    with pytest.raises(SampleError, match="floats of 16 bits: save it as PNG"):
        stored_image(data)
