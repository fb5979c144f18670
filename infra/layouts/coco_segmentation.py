"""The three ways in which COCO writes a mask: polygons, uncompressed RLE and compressed RLE."""

from __future__ import annotations

import ast
import math
import re
from dataclasses import dataclass

from pycocotools import mask as coco_mask

from infra import rle
from infra.errors import Reason, SampleError
from infra.layouts.coco_rings import Remark, Ring, rings_of
from infra.layouts.source_note import Topic

_PYTHON_BYTES = re.compile(r"""b(['"]).*\1""", re.DOTALL)
_AS_PYTHON_BYTES = "RLE counts written as Python prints bytes, b'...': what is between the quotes was taken"
_MOST_WRITTEN = 10**18
_AS_FRACTIONS = "RLE counts written with a fraction, such as 5.0: taken for whole numbers"


@dataclass(frozen=True)
class SegmentedMask:
    """Compressed counts over the whole image, and what is to be told of how they came about."""

    rle: bytes
    remarks: tuple[Remark, ...] = ()


def mask_of_segmentation(segmentation: object, height: int, width: int) -> SegmentedMask:
    """Turn the `segmentation` of an annotation into a mask of (height, width) pixels.

    Polygons are rings [x1, y1, x2, y2, ...] in pixels, rasterised by pycocotools; the mask is the union of all.

    Raises:
        SampleError: it is none of the three, does not fit an image of height x width, or covers no pixel.

    """
    mask = any_mask_of_segmentation(segmentation, height, width)
    if rle.area(mask.rle, height, width) == 0:
        raise SampleError(Reason.EMPTY_OBJECT, "the segmentation covers no pixel")
    return mask


def any_mask_of_segmentation(segmentation: object, height: int, width: int) -> SegmentedMask:
    """As `mask_of_segmentation`, for masks that may cover no pixel."""
    if isinstance(segmentation, list) and segmentation:
        rings, remarks = rings_of(segmentation, height, width)
        return SegmentedMask(_rasterised(rings, height, width), remarks)
    if isinstance(segmentation, dict):
        return _of_runs(segmentation.get("size"), segmentation.get("counts"), height, width)
    if segmentation is None or segmentation in ([], ""):
        raise SampleError(Reason.MISSING_MASK, "the annotation has no segmentation")
    raise SampleError(Reason.BAD_METADATA, "segmentation is neither a list of polygons nor an RLE")


def _rasterised(rings: list[Ring], height: int, width: int) -> bytes:
    # its stubs know lists of whole numbers only
    encoded = coco_mask.merge(coco_mask.frPyObjects(rings, height, width))  # type: ignore[arg-type]
    counts = encoded["counts"]
    return counts.encode("ascii") if isinstance(counts, str) else counts


def _of_runs(size: object, counts: object, height: int, width: int) -> SegmentedMask:
    _check_size(size, height, width)
    remarks: tuple[Remark, ...] = ()
    try:
        if isinstance(counts, str):
            if not counts.isascii():
                raise ValueError(_not_ascii(counts))
            if _PYTHON_BYTES.fullmatch(counts):
                counts = _between_quotes(counts)
                remarks = (Remark(Topic.READ, _AS_PYTHON_BYTES),)
            compressed = counts.encode("ascii")
            rle.run_lengths(compressed, height, width)
            return SegmentedMask(compressed, remarks)
        if isinstance(counts, list) and all(map(_is_run, counts)):
            _check_sum(counts, height, width)
            if any(type(run) is float for run in counts):
                remarks = (Remark(Topic.READ, _AS_FRACTIONS),)
            return SegmentedMask(rle.from_runs([int(run) for run in counts], height, width), remarks)
    except ValueError as error:
        raise SampleError(Reason.BAD_METADATA, str(error)) from None
    raise SampleError(
        Reason.BAD_METADATA,
        "the counts of an RLE are neither a text nor a list of run lengths, whole numbers from 0 on",
    )


def _check_size(size: object, height: int, width: int) -> None:
    if size == [height, width]:
        return
    text = f"the RLE has size {size}, the image has {height} x {width} pixels"
    if size == [width, height]:
        text = (
            f"the RLE has size {size}, and COCO has [height, width], which is {[height, width]} here: are the two "
            "swapped, or was the image turned since?"
        )
    raise SampleError(Reason.MASK_SIZE_MISMATCH, text)


def _between_quotes(text: str) -> str:
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, MemoryError) as error:
        raise ValueError(f"RLE counts that begin with b' are no bytes of Python: {error}") from None
    if not isinstance(value, bytes):
        return text
    decoded = value.decode("latin-1")  # each byte is a character, so that one that is not ASCII can be named
    if not decoded.isascii():
        raise ValueError(_not_ascii(decoded))
    return decoded


def _is_run(run: object) -> bool:
    if isinstance(run, bool) or not isinstance(run, int | float):
        return False
    return 0 <= run < math.inf and run == int(run)


def _check_sum(runs: list[int | float], height: int, width: int) -> None:
    # as Python's whole numbers: a foreign file may hold some that no array can
    total = sum(map(int, runs))
    if total != height * width:
        written = total if total < _MOST_WRITTEN else f"more than {_MOST_WRITTEN}"
        raise ValueError(
            f"run lengths add up to {written} pixels, the image has {height} x {width} ({height * width})"
        )


def _not_ascii(text: str) -> str:
    foreign = next(character for character in text if not character.isascii())
    return f"RLE counts hold {foreign!r}, a character that COCO's encoding does not use"
