"""Distance transforms and run-length encodings of masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from infra import rle
from mfp.distance import object_distance
from pipelines.benchmarks.pieces.piece import Choice, Function, Piece

Mask = NDArray[np.bool_]


def distances(masks: Sequence[Mask]) -> Piece:
    """Exact Euclidean distances inside a mask, with a border of zeros around the image."""
    return Piece(
        "distance transform of a mask",
        masks,
        Choice("ours (OpenCV in the bounding box)", lambda: object_distance),
        (
            Choice("OpenCV, whole image", lambda: _opencv),
            Choice("SciPy", _scipy),
            Choice("edt", _edt),
        ),
        lambda one, other: np.allclose(one, other, rtol=1e-5),
    )


def encoding(masks: Sequence[Mask]) -> Piece:
    """COCO's compressed counts of a mask."""
    return Piece(
        "RLE of a mask",
        masks,
        Choice("ours (pycocotools)", lambda: rle.encode),
        (Choice("NumPy's runs, pycocotools", _numpy_runs), Choice("faster-coco-eval", _faster_encode)),
        lambda one, other: one == other,
    )


def decoding(masks: Sequence[Mask]) -> Piece:
    """A mask of COCO's compressed counts."""
    return Piece(
        "mask of an RLE",
        [(rle.encode(mask), *mask.shape) for mask in masks],
        Choice("ours (NumPy, checked)", lambda: lambda encoded: rle.decode(*encoded)),
        (Choice("pycocotools", _pycocotools_decode), Choice("faster-coco-eval", _faster_decode)),
        np.array_equal,
    )


def _opencv(mask: Mask) -> Any:
    bordered = np.pad(mask.view(np.uint8), 1)
    return cv2.distanceTransform(bordered, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]


def _scipy() -> Function:
    from scipy.ndimage import distance_transform_edt

    return lambda mask: distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]


def _edt() -> Function:
    from edt import edt

    return lambda mask: edt(mask, black_border=True, parallel=1)


def _numpy_runs() -> Function:
    from pycocotools import mask as coco_mask

    def encode(mask: Mask) -> bytes:
        pixels = mask.T.reshape(-1)
        ends = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
        runs = np.diff(ends, prepend=0, append=pixels.size).tolist()
        uncompressed: Any = {"counts": [0, *runs] if pixels[0] else runs, "size": list(mask.shape)}
        compressed: Any = coco_mask.frPyObjects(uncompressed, *mask.shape)
        encoded: bytes = compressed["counts"]
        return encoded

    return encode


def _pycocotools_decode() -> Function:
    from pycocotools import mask as coco_mask

    def decode(encoded: tuple[bytes, int, int]) -> Any:
        counts: Any = {"counts": encoded[0], "size": encoded[1:]}
        return coco_mask.decode(counts).view(np.bool_)

    return decode


def _faster_encode() -> Function:
    from faster_coco_eval.core import mask as faster

    return lambda mask: faster.encode(np.asfortranarray(mask, np.uint8))["counts"]


def _faster_decode() -> Function:
    from faster_coco_eval.core import mask as faster

    return lambda encoded: faster.decode({"counts": encoded[0], "size": encoded[1:]}).astype(bool)
