from __future__ import annotations

import io
import pickle

import numpy as np
import pytest
from PIL import Image

from infra.errors import Reason, SampleError
from infra.shards import sample as sample_module
from infra.shards.image_file import decode_image, stored_image
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


def test_a_rotation_in_the_metadata_is_not_applied() -> None:
    image = Image.fromarray(random_pixels(8, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees to show
    stream = io.BytesIO()
    image.save(stream, "JPEG", exif=exif)
    assert decode_image(stream.getvalue()).shape == (8, 20, 3)
    assert decode_image(stream.getvalue(), 2).shape == (4, 10, 3)
    assert (stored_image(stream.getvalue()).height, stored_image(stream.getvalue()).width) == (8, 20)


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


@pytest.mark.parametrize("data", [b"", b"text", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"])
def test_bytes_that_are_no_image_say_so(data: bytes) -> None:
    for read in (stored_image, decode_image):
        with pytest.raises(SampleError, match="no image") as caught:
            read(data)
        assert caught.value.reason == Reason.UNDECODABLE_IMAGE


def test_an_image_over_the_limit_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample_module, "MAX_PIXELS", 99)
    with pytest.raises(SampleError, match="10 x 10 pixels; the limit is 99") as caught:
        decode_image(encoded(random_pixels(10, 10)))
    assert caught.value.reason == Reason.IMAGE_TOO_LARGE


def test_a_sample_error_survives_a_process_border() -> None:
    error = pickle.loads(pickle.dumps(SampleError(Reason.EMPTY_OBJECT, "detail")))
    assert (error.reason, error.detail) == (Reason.EMPTY_OBJECT, "detail")
