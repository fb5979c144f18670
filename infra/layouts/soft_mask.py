"""Masks whose values fade: soft edges, probabilities, and what a lossy format leaves of two values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from infra.errors import Reason, SampleError

_Values: TypeAlias = npt.NDArray[Any]

_FEW_LEVELS = 8  # a soft edge has more
# of the middle pixels; label maps of real sets have 0.35 and more, blurred and lossy masks 0.15 and less
_FLAT_SHARE = 0.2
_LEAST_LOSSY_RANGE = 32  # below it a lossy file keeps nothing of the values
_PHOTOGRAPH_SHARE = 1 / 3  # of all pixels in the middle of the range: no mask has that many
_UNSURE_SHARE = 0.2  # of the object's pixels
_UNSURE = "masks of which many pixels are neither near 0 nor near the largest value"


@dataclass(frozen=True)
class HalfOfRange:
    """Values from `threshold` on are object; `meaning` and `doubts` are sentences for people."""

    threshold: float
    meaning: str
    doubts: tuple[str, ...]


def is_soft(values: _Values, levels: _Values, ignored: npt.NDArray[np.bool_]) -> bool:
    """Tell edges that fade from areas that are numbered: fading pixels differ from their neighbours.

    Args:
        values: (H, W).
        levels: (N,) the values that occur, ascending.
        ignored: (H, W), pixels that do not count.

    """
    if len(levels) <= _FEW_LEVELS:
        return False
    top = float(levels[-1])
    middle = (values > 0.05 * top) & (values < 0.95 * top) & ~ignored
    if not middle.any():
        middle = (values > 0) & (values < top) & ~ignored
    flat = np.ones(values.shape, np.bool_)
    flat[1:] &= values[1:] == values[:-1]
    flat[:-1] &= values[1:] == values[:-1]
    flat[:, 1:] &= values[:, 1:] == values[:, :-1]
    flat[:, :-1] &= values[:, 1:] == values[:, :-1]
    return bool(np.count_nonzero(middle & flat) < _FLAT_SHARE * np.count_nonzero(middle))


def half_of_range(values: _Values, what: str, *, is_lossy: bool) -> HalfOfRange:
    """Return the threshold of a mask whose values fade: half of its range.

    The range ends at 1, 255 or the largest value, whichever the values need; that of a lossy file at its largest.

    Args:
        values: (H, W), 0 where pixels do not count.
        what: the kind of file, for the sentences.
        is_lossy: whether the file's format changes values.

    Raises:
        SampleError: the values are not those of one object: a photograph's, or too small to be told apart.

    """
    largest = float(values.max())
    if is_lossy and 0 < largest < _LEAST_LOSSY_RANGE:
        raise SampleError(
            Reason.AMBIGUOUS_MASK,
            f"{what}, whose largest value is {largest:g}: too small to tell object from compression; save it as PNG",
        )
    full = next((full for full in (1.0, 255.0) if largest <= full), largest)
    if is_lossy or largest < full / 2:
        full = largest
    middle = np.count_nonzero((values > full / 4) & (values < 3 * full / 4))
    if middle > _PHOTOGRAPH_SHARE * values.size or (largest > 0 and values.min() > full / 2):
        raise SampleError(
            Reason.AMBIGUOUS_MASK,
            f"{what}: {middle / values.size:.0%} of the pixels lie in the middle of the range, as in a photograph, "
            "or none is dark: this is no mask of one object; say what is object with --object-values",
        )
    threshold = full / 2 if largest > 0 else np.inf
    is_unsure = middle > _UNSURE_SHARE * max(int(np.count_nonzero(values >= threshold)), 1)
    half = f"half of {full:g}" if full in {1.0, 255.0} else "half of the largest value"
    return HalfOfRange(threshold, f"{what}: object from {half} on", (_UNSURE,) if is_unsure else ())
