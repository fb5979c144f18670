"""Decoding a JPEG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from infra.shards.image_file import decode_image
from infra.shards.sample import Sample
from pipelines.benchmarks.pieces.piece import Choice, Function, Piece


def decoding(samples: Sequence[Sample]) -> Piece:
    """Ours finds out format, orientation and depth by Pillow first; the others take the bytes for a plain JPEG."""
    return Piece(
        "decode a JPEG",
        [sample.image_bytes for sample in samples if sample.extension == "jpg"],
        Choice("ours (Pillow's header, OpenCV)", lambda: decode_image),
        (
            Choice("OpenCV alone", lambda: _opencv),
            Choice("simplejpeg", _simplejpeg),
            Choice("PyTurboJPEG", _turbojpeg),
            Choice("torchcodec", _torchcodec),
        ),
        np.array_equal,
    )


def _opencv(data: bytes) -> Any:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)


def _simplejpeg() -> Function:
    import simplejpeg

    return lambda data: simplejpeg.decode_jpeg(data, colorspace="RGB", fastdct=False, fastupsample=False)


def _turbojpeg() -> Function:
    from turbojpeg import TJPF_RGB, TurboJPEG

    decoder = TurboJPEG()  # RuntimeError without the library of the system
    return lambda data: decoder.decode(data, pixel_format=TJPF_RGB)


def _torchcodec() -> Function:
    import torch
    from torchcodec.decoders import decode_jpeg

    return lambda data: (
        decode_jpeg(torch.frombuffer(bytearray(data), dtype=torch.uint8)).permute(1, 2, 0).numpy()
    )
