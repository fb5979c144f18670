"""Whether the values of a mask fade into each other, as shades of one object do, or number areas, as labels do."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

_Values: TypeAlias = npt.NDArray[Any]
_Bools: TypeAlias = npt.NDArray[np.bool_]

FULL_RANGES = (1.0, 255.0, 65535.0)
_FEWEST = 4  # of three values the middle one may be anything
_MANY = 8  # values that need not span a whole range to be shades
# measured on ECSSD and on label maps of VOC, COCO and clothes: masks blurred or scaled down have 0.97 and more
# between, a JPEG of quality 30 has 0.56 (better ones are told by their ends), label maps 0.30 and less; votes and
# posterised masks have 0.80 and more steps, label maps that are not numbered 0.66 and less
_BETWEEN_SHARE = 0.45
_BETWEEN_SHARE_OF_BLOCKS = 0.8  # of labels on a grid, three of five lie between their neighbours by chance
_STEP_SHARE = 0.75
_FLAT_SHARE = 0.2
_COARSE = 8  # steps of shades that were made few on purpose are wider


def fades(values: _Values, levels: _Values, ignored: _Bools, *, in_blocks: bool = True) -> bool:
    """Tell shades of one object by their places, from areas that are numbered.

    Shades lie between a darker and a brighter neighbour (soft edges), or near both ends of the range (what a lossy
    format leaves of two values).

    Args:
        values: (H, W), at least 0.
        levels: (N,) the values that occur, ascending.
        ignored: (H, W), pixels that do not count.
        in_blocks: also look at one pixel of each block, if pixels were enlarged to blocks.

    """
    if len(levels) < _FEWEST or (len(levels) <= _MANY and not _is_coarse(levels)):
        return False
    values = np.where(ignored, 0, values)
    return _is_shaded(values, _BETWEEN_SHARE) or (
        in_blocks and _is_shaded(_without_blocks(values), _BETWEEN_SHARE_OF_BLOCKS)
    )


def is_stepped(values: _Values, levels: _Values, ignored: _Bools) -> bool:
    """Tell votes and posterised masks: even steps, and most areas border on the next level. Arguments as above."""
    if len(levels) < _FEWEST or not _is_coarse(levels):
        return False
    idx = np.searchsorted(levels, np.where(ignored, levels[0], values))
    steps = np.concatenate([np.abs(np.diff(idx, axis=axis)).ravel() for axis in (0, 1)])
    num_steps = int(np.count_nonzero(steps))
    return int(np.count_nonzero(steps == 1)) >= _STEP_SHARE * max(num_steps, 1)


def are_numbered(levels: _Values) -> bool:
    """Tell whether levels are 0 to N or 1 to N without a gap, N not being the end of a range, as labels are."""
    if not len(levels):
        return False
    first, last = float(levels[0]), float(levels[-1])
    return first in {0.0, 1.0} and last - first == len(levels) - 1 and last not in FULL_RANGES[1:]


def _is_coarse(levels: _Values) -> bool:
    """Tell levels that span a whole range, or rise evenly by more than one: labels are rarely numbered so."""
    if float(levels[-1]) in FULL_RANGES:
        return True
    steps = np.diff(levels.astype(np.float64))
    return float(steps.min()) >= _COARSE and float(steps.max() - steps.min()) <= 1


def _is_shaded(values: _Values, between_share: float) -> bool:
    top = float(values.max())
    between_ends = (values > 0) & (values < top)
    middle = (values > 0.05 * top) & (values < 0.95 * top)
    if not middle.any():
        middle = between_ends
    lower, higher, flat = _neighbours(values)
    num_middle = np.count_nonzero(middle)
    if num_middle and np.count_nonzero(middle & lower & higher) >= between_share * num_middle:
        return True
    return _is_noise_at_both_ends(values, between_ends, flat)


def _is_noise_at_both_ends(values: _Values, between_ends: _Bools, flat: _Bools) -> bool:
    """Tell what a lossy format leaves of two values: no areas, and next to nothing far from both."""
    top = float(values.max())
    near_0 = between_ends & (values < 0.25 * top)
    near_top = between_ends & (values > 0.75 * top)
    if not near_0.any() or not near_top.any():
        return False
    count = np.count_nonzero(between_ends)
    num_far = count - np.count_nonzero(near_0) - np.count_nonzero(near_top)
    return bool(num_far <= 0.25 * count and np.count_nonzero(between_ends & flat) < _FLAT_SHARE * count)


def _neighbours(values: _Values) -> tuple[_Bools, _Bools, _Bools]:
    """Return (H, W) each: whether one of the four neighbours is lower, whether one is higher, whether all are equal."""
    lower, higher = np.zeros(values.shape, np.bool_), np.zeros(values.shape, np.bool_)
    for one, other in (
        (np.s_[1:, :], np.s_[:-1, :]),
        (np.s_[:-1, :], np.s_[1:, :]),
        (np.s_[:, 1:], np.s_[:, :-1]),
        (np.s_[:, :-1], np.s_[:, 1:]),
    ):
        lower[one] |= values[other] < values[one]
        higher[one] |= values[other] > values[one]
    return lower, higher, ~lower & ~higher


def _without_blocks(values: _Values) -> _Values:
    """Return one pixel of each block, if pixels were enlarged to blocks of at least 2 x 2; else the mask itself.

    Rows and columns that repeat the one before are left out, whatever the factor was.
    """
    rows = np.flatnonzero((values[1:] != values[:-1]).any(axis=1)) + 1
    cols = np.flatnonzero((values[:, 1:] != values[:, :-1]).any(axis=0)) + 1
    if min(np.diff(rows).min(initial=len(values)), np.diff(cols).min(initial=len(values[0]))) < 2:
        return values
    return np.asarray(values[np.ix_(np.append(0, rows), np.append(0, cols))])
