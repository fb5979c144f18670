"""Which values of a photograph of more than 8 bits are black and white."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

_Values: TypeAlias = npt.NDArray[Any]

AS_TOLD = "is white, as --white says"
# values that programs write for "no measurement", and nothing else in a photograph has
_SENTINELS = (-9999.0, -99999.0, -32768.0, float(np.finfo(np.float32).min))
_A_LITTLE_MORE = 2.0  # floats up to 1 that were interpolated or sharpened overshoot


@dataclass(frozen=True)
class WhitePoint:
    """What is black and what is white, pixels of no data, and the remark that says so.

    no_data: (H, W) bool, black whatever their value.
    """

    black: float
    white: float
    no_data: npt.NDArray[np.bool_]
    remark: str


def white_point_of(
    values: _Values, *, maxval: int | None, told: int | None, no_data_values: tuple[float, ...]
) -> WhitePoint:
    """Find the white point of a photograph.

    Args:
        values: (H, W, C), finite.
        maxval: what the header says is white, if it says so.
        told: what a person says is white.
        no_data_values: the values that the file says are no measurement.

    """
    no_data = _no_data(values, no_data_values)
    valid = values[~no_data] if no_data.any() else values
    largest = float(valid.max()) if valid.size else 0.0
    smallest = min(float(valid.min()), 0.0) if valid.size else 0.0
    black, white, remark = _range(values.dtype, smallest, largest, maxval, told)
    if no_data.any():
        remark += "; pixels of no data are black"
    return WhitePoint(black, white, no_data, remark)


def _range(
    dtype: np.dtype[Any], smallest: float, largest: float, maxval: int | None, told: int | None
) -> tuple[float, float, str]:
    kind = f"{dtype.itemsize * 8}-bit {'float ' if dtype.kind == 'f' else ''}images"
    if told is not None:
        return 0.0, float(told), f"{kind}: {told} {AS_TOLD}"
    if maxval is not None:
        return 0.0, float(maxval), f"{kind}: {maxval} is white, as their header says (--white)"
    if smallest < 0:
        return smallest, max(largest, smallest + 1), f"{kind} with values below 0: the smallest is black"
    if dtype.kind == "f" and largest <= _A_LITTLE_MORE:
        more = ", as is what is more" if largest > 1 else ""
        return 0.0, 1.0, f"{kind}: 1.0 is white{more} (--white)"
    white = 255.0
    while white < largest:
        white = 2 * white + 1
    return 0.0, white, f"{kind}: {white:.0f} is white, by their largest value (--white)"


def _no_data(values: _Values, named: tuple[float, ...]) -> npt.NDArray[np.bool_]:
    """Find pixels all of whose channels are a value that the file names, or a smallest one that programs use so."""
    smallest = float(values.min())
    usual = (smallest,) if smallest in _SENTINELS else ()
    found = np.zeros(values.shape[:2], np.bool_)
    for value in {*named, *usual}:
        found |= (values == np.asarray(value).astype(values.dtype)).all(axis=2)
    return found
