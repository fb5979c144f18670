"""In which order the clicks of an object were made, and which of them in a row before anybody looked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infra.click_logs.log_part import LogPart, Order, place_in
from infra.errors import ClickLogError

# Since 1973, times since 1970 are at least this in milliseconds, microseconds and nanoseconds. In the next larger unit
# each is a time after the year 5000, and as a duration it is longer than three years.
_FIRST_OF_NEXT_UNIT = (1e11, 1e14, 1e17)


@dataclass(frozen=True, eq=False)
class OrderedClicks:
    """Rows sorted by sample, object and click, all (num_clicks,).

    rows: which row of the parts each one is. click_idx: as the log says, or from 0 within an object. look: from 0
    within an object, without gaps.
    """

    rows: npt.NDArray[np.intp]
    click_idx: npt.NDArray[np.int32]
    look: npt.NDArray[np.int32]


def order_clicks(
    parts: Sequence[LogPart],
    sample_codes: npt.NDArray[np.int32],
    object_codes: npt.NDArray[np.int32],
    name_of: Callable[[int], str],
) -> OrderedClicks:
    """Sort the clicks of all parts; codes are (num_clicks,), and `name_of` a row is its object for a person.

    Raises:
        ClickLogError: parts differ in what says the order, times are in different units, two clicks of an object
            are equal in the order, an object whose clicks nothing orders is in several files, or a look falls.

    """
    order, has_looks = _common(parts)
    value = np.concatenate([part.table.column("order").to_numpy() for part in parts])
    if order is Order.NUMBERS:
        _refuse_mixed_units(parts, value)
    rows = np.lexsort((value, object_codes, sample_codes))
    is_next = _continues(sample_codes[rows], object_codes[rows])
    if order is Order.FILE:
        _refuse_several_files(parts, rows, is_next, name_of)
    else:
        _refuse_equal(parts, rows, is_next, value, order, name_of)
    counted = _counted(is_next, np.ones(len(rows), np.bool_))
    click_idx = value[rows].astype(np.int32) if order is Order.CLICK_IDX else counted
    look = _looks(parts, rows, is_next, name_of) if has_looks else counted
    return OrderedClicks(rows, click_idx, look)


def _common(parts: Sequence[LogPart]) -> tuple[Order, bool]:
    first = parts[0]
    for part in parts:
        if part.order is not first.order:
            raise ClickLogError(
                f"{part.url} orders clicks by {part.order}, and {first.url} by {first.order}: give all files the same"
            )
        if part.has_looks != first.has_looks:
            has, has_not = (part, first) if part.has_looks else (first, part)
            raise ClickLogError(
                f"{has.url} has a column look, and {has_not.url} has none: give it to all files or none"
            )
    return first.order, first.has_looks


def _refuse_mixed_units(parts: Sequence[LogPart], value: npt.NDArray[np.float64]) -> None:
    unit = np.searchsorted(_FIRST_OF_NEXT_UNIT, value, side="right")
    if wrong := np.flatnonzero(unit != unit[0]).tolist():
        row = wrong[0]
        raise ClickLogError(
            f"{place_in(parts, row)}: the timestamp is {value[row]:.16g}, and {value[0]:.16g} in {place_in(parts, 0)}: "
            "they are in different units (seconds, milliseconds), so their order is open: write all times in one unit"
        )


def _continues(
    sample_codes: npt.NDArray[np.int32], object_codes: npt.NDArray[np.int32]
) -> npt.NDArray[np.bool_]:
    """Tell of each sorted row whether the one before is of the same object."""
    is_next = np.zeros(len(sample_codes), np.bool_)
    is_next[1:] = (np.diff(sample_codes) == 0) & (np.diff(object_codes) == 0)
    return is_next


def _counted(is_next: npt.NDArray[np.bool_], steps: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """Count the rows of each object at which something steps, from 0 at its first."""
    total = np.cumsum(steps & is_next)
    begins = np.maximum.accumulate(np.where(is_next, 0, np.arange(len(is_next))))
    return (total - total[begins]).astype(np.int32)


def _refuse_several_files(
    parts: Sequence[LogPart],
    rows: npt.NDArray[np.intp],
    is_next: npt.NDArray[np.bool_],
    name_of: Callable[[int], str],
) -> None:
    numbers = {url: number for number, url in enumerate(dict.fromkeys(part.url for part in parts))}
    of_row = np.repeat([numbers[part.url] for part in parts], [part.table.num_rows for part in parts])[rows]
    differs = np.zeros(len(rows), np.bool_)
    differs[1:] = np.diff(of_row) != 0
    if wrong := np.flatnonzero(differs & is_next).tolist():
        row, before = int(rows[wrong[0]]), int(rows[wrong[0] - 1])
        raise ClickLogError(
            f"{place_in(parts, row)}: a click on {name_of(row)}, which has others in {place_in(parts, before)}, and "
            "neither click_idx nor timestamp says which came first: add one of them, or keep an object in one file"
        )


def _refuse_equal(
    parts: Sequence[LogPart],
    rows: npt.NDArray[np.intp],
    is_next: npt.NDArray[np.bool_],
    value: npt.NDArray[np.float64],
    order: Order,
    name_of: Callable[[int], str],
) -> None:
    same = np.zeros(len(rows), np.bool_)
    same[1:] = np.diff(value[rows]) == 0
    if wrong := np.flatnonzero(same & is_next).tolist():
        # the sort is stable, so of two equal rows the one that was read first comes first
        row, before = int(rows[wrong[0]]), int(rows[wrong[0] - 1])
        if order is Order.CLICK_IDX:
            raise ClickLogError(
                f"{place_in(parts, row)}: click_idx {int(value[row])} of {name_of(row)} was there before, in "
                f"{place_in(parts, before)}: every click of an object needs an index of its own"
            )
        raise ClickLogError(
            f"{place_in(parts, row)}: the timestamp of a click on {name_of(row)} was there before, in "
            f"{place_in(parts, before)}: times must tell which click came first; add a column click_idx"
        )


def _looks(
    parts: Sequence[LogPart],
    rows: npt.NDArray[np.intp],
    is_next: npt.NDArray[np.bool_],
    name_of: Callable[[int], str],
) -> npt.NDArray[np.int32]:
    look = np.concatenate([part.table.column("look").to_numpy() for part in parts])[rows].astype(np.int64)
    change = np.diff(look, prepend=look[:1])
    if wrong := np.flatnonzero((change < 0) & is_next).tolist():
        row, before = int(rows[wrong[0]]), int(rows[wrong[0] - 1])
        raise ClickLogError(
            f"{place_in(parts, row)}: look is {look[wrong[0]]} for a click on {name_of(row)}, and "
            f"{look[wrong[0] - 1]} for the click before it, in {place_in(parts, before)}: looks must not fall along "
            "the clicks of an object"
        )
    return _counted(is_next, change > 0)
