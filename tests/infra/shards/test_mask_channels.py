"""The values of a mask are those that its file stores, whatever decoders make of them."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from infra.errors import Reason, SampleError
from infra.shards.mask_channels import open_mask
from infra.shards.mask_image import MaskImage
from tests.infra.shards.tiff_factory import tiff_of

LABELS = np.zeros((8, 12), np.uint8)
LABELS[1:3, 1:4], LABELS[4:7, 1:4], LABELS[1:5, 6:10] = 1, 2, 3


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def shallow_png(values: npt.NDArray[np.uint8], bits: int) -> bytes:
    """A grey PNG of 1, 2 or 4 bits."""
    planes = np.unpackbits(values[:, :, None], axis=2)[:, :, 8 - bits :].reshape(len(values), -1)
    rows = b"".join(b"\0" + np.packbits(row).tobytes() for row in planes)
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], bits, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def pgm(values: npt.NDArray[Any], maxval: int, magic: str = "P5") -> bytes:
    header = f"{magic}\n{values.shape[1]} {values.shape[0]}\n{maxval}\n".encode()
    if magic == "P2":
        return header + b"\n".join(b" ".join(b"%d" % value for value in row) for row in values) + b"\n"
    return header + values.astype(">u2" if maxval > 255 else "u1").tobytes()


@pytest.mark.parametrize(
    "data",
    [
        *(pgm(LABELS, maxval, magic) for maxval in (3, 15, 255, 300, 65535) for magic in ("P2", "P5")),
        shallow_png(LABELS, 2),
        shallow_png(LABELS, 4),
        *(tiff_of(LABELS.astype(kind)) for kind in ("u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")),
        *(
            tiff_of(LABELS, bits=bits, photometric=0, stored=(1 << bits) - 1 - LABELS.astype(np.int64))
            for bits in (8, 12, 16, 32)
        ),
    ],
)
def test_labels_keep_their_names(data: bytes) -> None:
    channels = open_mask(data, "upright")
    assert channels.kind == "grey"
    np.testing.assert_array_equal(channels.values, LABELS)


def test_a_mask_of_values_that_nobody_reads_says_so() -> None:
    with pytest.raises(SampleError, match="floats of 16 bits: save it as PNG"):
        open_mask(tiff_of(LABELS.astype(np.float16)), "upright")


@pytest.mark.parametrize("orientation", [2, 3, 6, 8])
@pytest.mark.parametrize("kind", ["u1", "u2", "f8"])
def test_the_orientation_of_a_tiff_is_applied_or_left(orientation: int, kind: str) -> None:
    data = tiff_of(LABELS.astype(kind), extra=[(274, 3, 1, orientation)])
    np.testing.assert_array_equal(open_mask(data, "stored").values, LABELS)
    upright = {
        2: LABELS[:, ::-1],
        3: LABELS[::-1, ::-1],
        6: np.rot90(LABELS, -1),
        8: np.rot90(LABELS),
    }[orientation]
    channels = open_mask(data, "upright")
    np.testing.assert_array_equal(channels.values, upright)
    assert channels.alpha.shape == upright.shape


def encoded(values: npt.NDArray[Any]) -> bytes:
    return bytes(cv2.imencode(".png", values)[1].tobytes())


@pytest.mark.parametrize("colour", [(0, 0, 200), (3, 0, 0), (65535, 0, 0)])
def test_a_mask_image_of_a_shard_keeps_dark_colours_of_16_bits(colour: tuple[int, int, int]) -> None:
    values = np.where(LABELS[:, :, None] > 0, colour, 0).astype(np.uint16)
    np.testing.assert_array_equal(MaskImage(encoded(values)).pixels(), LABELS > 0)


def test_a_mask_image_of_two_dark_colours_is_refused() -> None:
    values = np.where(LABELS[:, :, None] > 1, (0, 0, 200), 0).astype(np.uint16)
    values[LABELS == 1] = (0, 100, 0)
    with pytest.raises(SampleError) as raised:
        MaskImage(encoded(values)).pixels()
    assert raised.value.reason is Reason.AMBIGUOUS_MASK


def test_grey_that_a_lossy_format_tinted_is_grey() -> None:
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    Image.fromarray(np.stack([noise] * 3, axis=2)).save(stream, "WEBP", quality=60)
    assert open_mask(stream.getvalue(), "upright").kind == "grey"


def test_grey_of_16_bits_with_transparency_keeps_small_values() -> None:
    opaque = np.full(LABELS.shape, 65535)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in np.stack([LABELS, opaque], axis=2))
    header = struct.pack(">IIBBBBB", LABELS.shape[1], LABELS.shape[0], 16, 4, 0, 0, 0)
    data = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    np.testing.assert_array_equal(open_mask(data, "upright").values, LABELS)
